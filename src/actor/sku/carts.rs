//! When the carts of one SKU lapse: derived from their holds, and made again when the engine is opened.
//!
//! The holds themselves say what has lapsed; this only finds them, the earliest first. A hold has one place
//! here however often it is extended, and the timers know the earliest alone. They are told when it becomes
//! earlier, and when the last one goes; where the earliest goes and later ones stay, the SKU is woken once
//! too early, finds nothing lapsed and arms the next.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::SkuState;
use crate::actor::core::Draft;
use crate::actor::timers::Timers;
use crate::domain::ids::{CartId, Principal, SkuId};
use crate::domain::inventory::{self, HoldOwner, Inventory, StockEvent};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::guard;

/// Carts that lapse at most for the sake of one request that lacks their units.
const MADE_ROOM_MAX: usize = 1_024;

/// Carts of one SKU that lapse, and the moment for which the timers are armed.
#[derive(Debug, Default)]
pub(crate) struct Carts {
    by_deadline: BTreeSet<(Timestamp, CartId)>,
    armed: Option<Timestamp>,
}

/// Carts that a record touches, with their deadlines before it.
pub(super) type Touched = SmallVec<[(CartId, Option<Timestamp>); 1]>;

impl Carts {
    /// The carts of a recovered inventory; arms the timers for the earliest.
    pub(crate) fn of(inventory: &Inventory, timers: &Timers) -> Self {
        let deadlines = inventory.deadlines().map(|(cart, deadline)| (deadline, cart));
        let mut carts = Self { by_deadline: deadlines.collect(), armed: None };
        carts.arm(&inventory.sku, timers);
        carts
    }

    fn first(&self) -> Option<Timestamp> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    /// The first cart that has lapsed at `now`.
    fn lapsed(&self, now: Timestamp) -> Option<&CartId> {
        self.by_deadline.first().filter(|(deadline, _)| *deadline <= now).map(|(_, cart)| cart)
    }

    /// Whose deadlines to look up before `events` are applied; nobody's where none can change.
    pub(super) fn touched(&self, inventory: &Inventory, events: &[StockEvent]) -> Touched {
        let mut touched = Touched::new();
        if self.by_deadline.is_empty() && events.iter().all(|event| event.deadline().is_none()) {
            return touched;
        }
        for event in events {
            if let Some((owner @ HoldOwner::Cart(cart), _)) = event.hold()
                && touched.iter().all(|(known, _)| known != cart)
            {
                touched.push((cart.clone(), inventory.hold(owner).and_then(|hold| hold.deadline)));
            }
        }
        touched
    }

    /// Takes over what has become of the touched carts.
    pub(super) fn follow(&mut self, touched: Touched, inventory: &Inventory, timers: &Timers) {
        if touched.is_empty() {
            return;
        }
        for (cart, before) in touched {
            let owner = HoldOwner::Cart(cart.clone());
            let deadline = inventory.hold(&owner).and_then(|hold| hold.deadline);
            if deadline == before {
                continue;
            }
            if let Some(before) = before {
                self.by_deadline.remove(&(before, cart.clone()));
            }
            if let Some(deadline) = deadline {
                self.by_deadline.insert((deadline, cart));
            }
        }
        self.arm(&inventory.sku, timers);
    }

    /// Arms the timers where they would wake the SKU too late, and disarms them where nobody waits.
    fn arm(&mut self, sku: &SkuId, timers: &Timers) {
        let first = self.first();
        let too_early = first.is_some() && self.armed <= first && self.armed.is_some();
        if !too_early {
            timers.rearm_carts(sku, self.armed, first);
            self.armed = first;
        }
    }
}

impl SkuState {
    /// The timer has fired: up to `carts_max` carts whose time is up lapse, and the timer is armed for the
    /// others. A parked SKU keeps the units and arms nothing; `unpark` does.
    pub(super) fn due(&mut self, carts_max: usize) {
        self.carts.armed = None;
        if self.inventory.parked.is_some() {
            return;
        }
        let now = self.core.clock.now();
        if self.lapse(now, carts_max, |_| false) > 0 {
            self.retry_waiting();
        }
        self.arm_carts();
    }

    pub(super) fn arm_carts(&mut self) {
        self.carts.arm(&self.inventory.sku, &self.core.timers);
    }

    /// Decides, and where that is refused for want of units or of room in a budget while carts have lapsed that
    /// the timers have not come to yet, lets as many of them lapse as it needs and decides again.
    pub(super) fn decide_on<T>(
        &mut self,
        now: Timestamp,
        decide: impl Fn(&Inventory) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let decided = guard::decide(|| decide(&self.inventory));
        let Err(refusal) = decided else { return decided };
        let may = self.carts.lapsed(now).is_some() && self.core.timers.may_lapse(now);
        let lapsed = match &refusal {
            Refusal::InsufficientStock { requested, .. } if may => {
                // The request's own cart counts as available to it: what others lack is at most this.
                let enough = |inventory: &Inventory| inventory.counters.available >= *requested;
                self.lapse(now, MADE_ROOM_MAX, enough)
            }
            Refusal::HoldBudgetExceeded { .. }
            | Refusal::PurchaseLimitExceeded { .. }
            | Refusal::BackorderLimitExceeded { .. }
            | Refusal::PreorderEnded { .. }
                if may =>
            {
                self.lapse(now, MADE_ROOM_MAX, |_| false)
            }
            _ => 0,
        };
        if lapsed == 0 { Err(refusal) } else { guard::decide(|| decide(&self.inventory)) }
    }

    /// Gives back what carts hold whose time is up at `now`, the earliest first, until that is enough or
    /// `max` have lapsed; answers how many did.
    fn lapse(&mut self, now: Timestamp, max: usize, enough: impl Fn(&Inventory) -> bool) -> usize {
        let mut lapsed = 0;
        while lapsed < max
            && !enough(&self.inventory)
            && let Some(cart) = self.carts.lapsed(now).cloned()
        {
            if !self.give_back_lapsed(&cart, now) {
                break;
            }
            lapsed += 1;
        }
        lapsed
    }

    /// Gives back what the cart holds, if its time is up; `true` when it did.
    fn give_back_lapsed(&mut self, cart: &CartId, now: Timestamp) -> bool {
        match guard::decide(|| inventory::decide_expiry(&self.inventory, cart, now)) {
            Ok(decision) if decision.events.is_empty() => false,
            Ok(decision) => {
                let mut draft = Draft::default();
                let record = self.record(decision.events, Some(Principal::SYSTEM), now);
                let filled = self.journal_and_apply(&mut draft, record);
                self.commit(draft);
                self.tell_all(&filled);
                self.inventory.parked.is_none()
            }
            // A parked SKU keeps the units: whoever unparks it finds them lapsed.
            Err(refusal) => {
                tracing::warn!(sku = %self.inventory.sku, %cart, %refusal, "not expired");
                false
            }
        }
    }

    /// Somebody asks for a cart to lapse. Early, late or twice makes no difference.
    pub(super) fn expire(&mut self, cart: &CartId) {
        let now = self.core.clock.now();
        if self.give_back_lapsed(cart, now) {
            self.retry_waiting();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::domain::inventory::{LocationId, apply};

    #[test]
    fn a_cart_that_is_extended_a_thousand_times_has_one_place() {
        let timers = Timers::new(None);
        let mut inventory = Inventory::new("a".parse().unwrap());
        let mut carts = Carts::default();
        let owner = HoldOwner::Cart("c".parse().unwrap());
        let at = Timestamp::from_millis;
        let mut happens = |carts: &mut Carts, event: StockEvent| {
            let touched = carts.touched(&inventory, std::slice::from_ref(&event));
            apply(&mut inventory, &event).unwrap();
            carts.follow(touched, &inventory, &timers);
            inventory.hold(&owner).unwrap_or_default()
        };
        happens(
            &mut carts,
            StockEvent::Received { quantity: 3, reason: "opening".into(), at: LocationId::MAIN },
        );
        let (owner, deadline) = (owner.clone(), Some(at(1)));
        let reserved = StockEvent::Reserved {
            owner: owner.clone(),
            quantity: 2,
            step: 0,
            deadline,
            purchase: None,
            at: LocationId::MAIN,
        };
        happens(&mut carts, reserved);
        for step in 2..=1_000 {
            happens(&mut carts, StockEvent::Extended { owner: owner.clone(), deadline: at(step) });
            assert_eq!((carts.by_deadline.len(), carts.first()), (1, Some(at(step))));
            assert_eq!(carts.armed, Some(at(1)), "the timers need not hear of it");
        }
        let committed =
            happens(&mut carts, StockEvent::Committed { owner, quantity: 2, step: 0, at: LocationId::MAIN });
        assert_eq!((committed.reserved, committed.committed, committed.deadline), (0, 2, None));
        assert_eq!((carts.by_deadline.len(), carts.armed), (0, None));
    }
}
