//! Why an order stands where it stands.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::timeline::{Happening, TimelineEntry};
use super::{Holder, SkuView};
use crate::domain::ids::{OrderId, SkuId};
use crate::domain::order::{Order, OrderEvent, State};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// Why an order was refused or stands where it stands, and who holds what it lacks. `Display` tells it in
/// plain sentences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The order.
    pub order: OrderId,
    /// Where it stands; `None` if there is no such order, or it was retired.
    pub state: Option<State>,
    /// When it was retired, if it was.
    pub retired_at: Option<Timestamp>,
    /// Why it is parked, if it is.
    pub parked: Option<smol_str::SmolStr>,
    /// Every refusal of it or of a command to it that is recorded, in order.
    pub refusals: Vec<TimelineEntry>,
    /// The last thing that happened to it.
    pub last: Option<TimelineEntry>,
    /// What it holds now, by SKU.
    pub holds: Vec<Held>,
    /// The SKU that the last refusal for want of stock was about, as it stands now.
    pub shortage: Option<Shortage>,
}

/// What an order holds of a SKU, summed over its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The SKU.
    pub sku: SkuId,
    /// Units held and not paid for.
    pub reserved: u64,
    /// Units held and paid for.
    pub committed: u64,
    /// Units it waits for.
    pub awaiting: u64,
}

/// A SKU that was short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// Units that the order asked for.
    pub requested: u64,
    /// Units that were available then.
    pub available_then: u64,
    /// The SKU now.
    pub now: SkuView,
    /// Some of those who hold units of it now; `SkuHandle::holders` has all of them.
    pub holders: Vec<Holder>,
}

impl Held {
    /// What the order's lines hold, sorted by SKU.
    pub(crate) fn of(order: &Order) -> Vec<Self> {
        let mut held = std::collections::BTreeMap::<&SkuId, [u64; 3]>::new();
        for line in order.lines.iter().filter(|line| line.counters.claimed() > 0) {
            for (sku, units) in line.claims() {
                let sums = held.entry(sku).or_default();
                sums.iter_mut().zip(units).for_each(|(sum, units)| *sum = sum.saturating_add(units));
            }
        }
        let made = |(sku, [reserved, committed, awaiting]): (&SkuId, [u64; 3])| Self {
            sku: sku.clone(),
            reserved,
            committed,
            awaiting,
        };
        held.into_iter().map(made).collect()
    }
}

/// The refusal that an entry tells of, if it does.
pub(crate) fn refusal_of(entry: &TimelineEntry) -> Option<&Refusal> {
    match &entry.what {
        Happening::Refused(refusal)
        | Happening::Order(
            OrderEvent::Refused { refusal }
            | OrderEvent::SettlementUndone { refusal, .. }
            | OrderEvent::ShipmentUndone { refusal },
        ) => Some(refusal),
        _ => None,
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.state, self.retired_at) {
            (Some(state), _) => writeln!(f, "Order {} is {state}.", self.order)?,
            (None, Some(at)) => writeln!(f, "Order {} was retired at {at}.", self.order)?,
            (None, None) => writeln!(f, "There is no order {}.", self.order)?,
        }
        if let Some(reason) = &self.parked {
            writeln!(f, "It is parked: {reason}.")?;
        }
        self.refusals.iter().try_for_each(|entry| writeln!(f, "{entry}"))?;
        for held in &self.holds {
            writeln!(
                f,
                "It holds {} reserved and {} committed of {}.",
                held.reserved, held.committed, held.sku
            )?;
            if held.awaiting > 0 {
                writeln!(f, "It waits for {} of {}.", held.awaiting, held.sku)?;
            }
        }
        if let Some(Shortage { requested, available_then, now, holders }) = &self.shortage {
            let (sku, available) = (&now.sku, now.counters.available);
            writeln!(
                f,
                "It asked for {requested} of {sku} when {available_then} were available; {available} are now."
            )?;
            for Holder { owner, hold } in holders {
                if hold.awaiting() > 0 {
                    writeln!(f, "{owner} waits for {} of it.", hold.awaiting())?;
                }
                for part in hold.parts() {
                    let (reserved, committed, at) = (part.reserved, part.committed, part.at.words());
                    writeln!(f, "{owner} holds {reserved} reserved and {committed} committed of it{at}.")?;
                }
            }
        }
        Ok(())
    }
}
