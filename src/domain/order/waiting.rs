//! Units that an order waits for. They are promised by a SKU that sells more than it has, and filled when it
//! has them. Pure.
//!
//! A SKU tells how many units it has filled for an order in all, a number that only grows; the order moves
//! what is new from `backordered` to what is held, in the order of its lines. News can come late: a
//! cancellation may have given up the units before it knew that they were there. A SKU gives back what waits
//! before what is held, and so does the order, over all of its lines of that SKU: where a line gives up units
//! that are held while another one waits, the other one gets them. So both come to the same numbers whichever
//! way round they learn of each other.

use std::collections::BTreeMap;

use smallvec::smallvec;

use super::decide::Events;
use super::event::{Filled, OrderEvent};
use super::lifecycle::{Action, State};
use super::state::{Order, OrderBroken};
use crate::domain::command::LineQuantity;
use crate::domain::ids::SkuId;
use crate::domain::time::Timestamp;

/// What the order makes of a SKU's news that it has filled so many units for it in all; nothing where that is
/// known, or nothing waits any more.
#[must_use]
pub fn decide_filled(order: &Order, filled: &Filled) -> Events {
    let known = order.filled.iter().find(|known| known.sku == filled.sku).map_or(0, |known| known.units);
    let mut left = filled.units.saturating_sub(known);
    let mut lines = Vec::new();
    for (line, number) in order.lines.iter().zip(1..).filter(|(line, _)| line.sku == filled.sku) {
        let waiting = line.counters.backordered;
        let quantity = u32::try_from(left).map_or(waiting, |left| left.min(waiting));
        left -= u64::from(quantity);
        if quantity > 0 {
            lines.push(LineQuantity { line: number, quantity });
        }
    }
    if lines.is_empty() || order.pending.is_some() {
        return Events::new();
    }
    smallvec![OrderEvent::Filled { filled: filled.clone(), lines }]
}

impl Order {
    /// Units that the order waits for, by line.
    #[must_use]
    pub fn backordered(&self) -> Vec<LineQuantity> {
        let parts = self.lines.iter().zip(1..);
        let parts = parts.map(|(line, n)| LineQuantity { line: n, quantity: line.counters.backordered });
        parts.filter(|part| part.quantity > 0).collect()
    }

    /// Whether the order waits for any unit.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.lines.iter().any(|line| line.counters.backordered > 0)
    }

    /// Whether what is filled is paid for already.
    pub(super) fn is_settled(&self) -> bool {
        !matches!(self.state, State::Created | State::Accepted | State::Reserved | State::Cancelled)
    }

    pub(super) fn wait_for(&mut self, lines: &[LineQuantity], filled: &[Filled]) -> Result<(), OrderBroken> {
        filled.iter().for_each(|filled| self.note(filled));
        self.each_part(lines, |c, units| {
            c.backordered = c.backordered.checked_add(units)?;
            Some(())
        })
    }

    pub(super) fn fill(&mut self, filled: &Filled, lines: &[LineQuantity]) -> Result<(), OrderBroken> {
        let settled = self.is_settled();
        self.note(filled);
        self.each_part(lines, |c, units| {
            c.backordered = c.backordered.checked_sub(units)?;
            let held = if settled { &mut c.committed } else { &mut c.reserved };
            *held = held.checked_add(units)?;
            Some(())
        })
    }

    /// Moves an order on that is paid for and waits for nothing any more, whatever brought that about.
    pub(super) fn note_filled(&mut self, at: Timestamp) -> Result<(), OrderBroken> {
        if self.state == State::Awaiting && !self.waits() { self.go(Action::Fill, at) } else { Ok(()) }
    }

    fn note(&mut self, filled: &Filled) {
        match self.filled.iter_mut().find(|known| known.sku == filled.sku) {
            Some(known) => known.units = known.units.max(filled.units),
            None => self.filled.push(filled.clone()),
        }
    }

    /// Lets the lines that still wait have held units that others of the same SKU have given up: `before` is
    /// what lines held when those were called off.
    pub(super) fn pass_on(&mut self, before: &[(u32, u32)]) {
        let mut freed = BTreeMap::<SkuId, (u32, u32)>::new();
        for (line, (reserved, committed)) in self.lines.iter().zip(before) {
            let freed = freed.entry(line.sku.clone()).or_default();
            freed.0 = freed.0.saturating_add(reserved.saturating_sub(line.counters.reserved));
            freed.1 = freed.1.saturating_add(committed.saturating_sub(line.counters.committed));
        }
        for line in &mut self.lines {
            let (Some(freed), c) = (freed.get_mut(&line.sku), &mut line.counters) else { continue };
            let reserved = freed.0.min(c.backordered);
            let committed = freed.1.min(c.backordered - reserved);
            (freed.0, freed.1) = (freed.0 - reserved, freed.1 - committed);
            c.backordered -= reserved + committed;
            c.reserved += reserved;
            c.committed += committed;
        }
    }
}
