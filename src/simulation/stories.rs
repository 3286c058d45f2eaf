//! What is done with one order from its placement on: it is paid, changed, split, sent in part, given up in part.
//!
//! Single commands at random seldom get that far; others come in between all the same, because clients take their
//! steps side by side and deal with the same few orders.

use super::plan::{Edited, What};
use super::workload::{PRICE, Shop, order_id};
use crate::domain::command::{
    Amounts, CancelOrder, Command, EditChange, LineQuantity, PayOrder, ProgressOrder, ProgressStep, Request,
    Settlement, ShipShort, SplitBy, SplitOrder,
};
use crate::domain::ids::{InvalidId, OrderId};
use crate::domain::money::{Currency, Money};
use crate::domain::order::OrderType;

/// More than any order costs.
const ENOUGH: i64 = 40 * PRICE;

impl Shop {
    /// The steps of a story, one after another.
    pub(super) fn story(&mut self) -> Result<Vec<What>, InvalidId> {
        let mut place = self.place()?;
        let id = order_id(self.orders())?;
        place.order = Some(id.clone());
        place.cart = None;
        place.order_type = if self.one_in(3) { OrderType::Physical } else { OrderType::Simple };
        let is_physical = place.order_type == OrderType::Physical;
        let mut story = vec![submit(place)];
        if self.one_in(2) {
            story.push(self.edit(id.clone())?);
        }
        if !self.one_in(4) {
            story.push(submit(self.pay(id.clone())?));
        }
        if self.one_in(2) {
            story.push(self.edit(id.clone())?);
        }
        let mut sent = id.clone();
        if self.one_in(2) {
            story.push(if self.one_in(3) {
                What::SplitByLocation(id.clone())
            } else {
                submit(self.split(id.clone()))
            });
            sent = self.child_of(&id)?;
            if self.one_in(2) {
                story.push(self.edit(sent.clone())?);
            }
        }
        if is_physical {
            for step in [ProgressStep::Pick, ProgressStep::Pack] {
                story.push(submit(ProgressOrder { order: sent.clone(), step }));
            }
        }
        if self.one_in(2) {
            story.push(submit(self.cancel_part(sent.clone())));
        }
        if self.one_in(2) {
            story.push(submit(self.ship_short(sent)));
        }
        Ok(story)
    }

    fn pay(&mut self, order: OrderId) -> Result<PayOrder, InvalidId> {
        let minor = if self.one_in(3) { PRICE } else { ENOUGH };
        let settlement = if self.one_in(2) { Settlement::Declared } else { Settlement::WhenCovered };
        Ok(PayOrder { settlement, ..PayOrder::new(order, "card".parse()?, Money::new(minor, Currency::EUR)) })
    }

    /// One of the children that an order has, if it was split.
    pub(super) fn child_of(&mut self, order: &OrderId) -> Result<OrderId, InvalidId> {
        OrderId::new(format!("{order}/{}", 1 + self.below(2)))
    }

    fn units(&mut self) -> Vec<LineQuantity> {
        vec![LineQuantity { line: 1 + self.below(2) as u32, quantity: 1 + self.below(2) as u32 }]
    }

    pub(super) fn ship_short(&mut self, order: OrderId) -> ShipShort {
        let missing = if self.one_in(3) { self.units() } else { Vec::new() };
        ShipShort { order, lines: self.units(), missing, reason: "not found".into() }
    }

    pub(super) fn cancel_part(&mut self, order: OrderId) -> CancelOrder {
        CancelOrder { order, lines: self.units(), reason: "one less".into() }
    }

    pub(super) fn split(&mut self, order: OrderId) -> SplitOrder {
        let by = match self.below(5) {
            0 | 1 => SplitBy::Seller,
            2 => SplitBy::Channel,
            3 => SplitBy::Constraint,
            _ => SplitBy::Groups(vec![self.units()]),
        };
        SplitOrder { order, by }
    }

    pub(super) fn amounts(&mut self, units: u64) -> Amounts {
        let gross = units as i64 * (PRICE + self.below(7) as i64);
        Amounts { gross, discount: self.below(60) as i64, shipping: self.below(50) as i64 }
    }

    fn change(&mut self) -> Result<EditChange, InvalidId> {
        let (line, units) = (1 + self.below(2) as u32, 1 + self.below(2));
        let quantity = units as u32;
        Ok(match self.below(6) {
            0 | 1 => EditChange::AddUnits { line, quantity, amounts: self.amounts(units) },
            2 | 3 => EditChange::TakeUnits { line, quantity },
            4 => EditChange::RemoveLine { line },
            _ => EditChange::AddLine(self.line()?),
        })
    }

    /// An edit, a third of them of amounts alone.
    pub(super) fn edit(&mut self, order: OrderId) -> Result<What, InvalidId> {
        let mut changes = Vec::new();
        if self.one_in(3) {
            changes.push(self.reprice());
        } else {
            for _ in 0..=self.below(2) {
                changes.push(self.change()?);
            }
            if self.one_in(4) {
                changes.push(self.reprice());
            }
        }
        let then = match self.below(10) {
            0 => Edited::Outdated,
            1 => Edited::Declined,
            2 => Edited::Left,
            3 => Edited::AcceptedTwice,
            _ => Edited::Accepted,
        };
        let think_ms = if self.one_in(3) { self.below(6) } else { 0 };
        let key = if self.one_in(3) { Some(self.key()?) } else { None };
        Ok(What::Edit { order, changes, think_ms, then, key })
    }

    fn reprice(&mut self) -> EditChange {
        let line = 1 + self.below(2) as u32;
        EditChange::Reprice { line, amounts: self.amounts(2) }
    }
}

fn submit(command: impl Into<Command>) -> What {
    What::Submit(vec![Request::from(command.into())])
}
