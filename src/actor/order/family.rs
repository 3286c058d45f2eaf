//! How an order makes the children that it is split into, and how those tell it what becomes of them.

use super::{OrderEntity, OrderState};
use crate::actor::core::Draft;
use crate::actor::mailbox::Address;
use crate::actor::message::OrderMessage;
use crate::actor::registry::Absent;
#[cfg(any(test, feature = "simulation"))]
use crate::domain::ids::OrderId;
use crate::domain::order::{self, ChildNews, Order, OrderEvent, SplitOff};
use crate::domain::record::Record;
use crate::guard;
#[cfg(any(test, feature = "simulation"))]
use crate::port::chaos::{self, Sabotage};

impl OrderState {
    /// Asks the children of a split to come into being; `false` where none are to.
    pub(super) fn bear(&mut self, me: &Address<OrderEntity>) -> bool {
        let births = self.order.as_ref().map(Order::births).unwrap_or_default();
        let Some(run) = &mut self.run else { return false };
        if births.is_empty() {
            return false;
        }
        #[cfg(any(test, feature = "simulation"))]
        let births = cheated_if_broken(births);
        (run.bearing, run.waiting) = (true, births.len());
        for (child, split_off) in births {
            let message = OrderMessage::Bear(Box::new(split_off), me.clone());
            if self.core.orders.send(&self.core, &child, message, Absent::Create).is_err() {
                // The engine is going down; the next opening goes on here.
                tracing::warn!(order = %self.id, %child, "not made");
            }
        }
        true
    }

    /// A child is there.
    pub(super) fn born(&mut self, me: &Address<OrderEntity>) {
        let Some(run) = self.run.as_mut().filter(|run| run.bearing && run.waiting > 0) else { return };
        run.waiting -= 1;
        if run.waiting == 0 {
            self.go_forward(me);
        }
    }

    /// Comes into being; a child that is there already says so again.
    pub(super) fn be_born(&mut self, split_off: Box<SplitOff>, parent: &Address<OrderEntity>) {
        if self.order.is_none() && self.tombstone.is_none() {
            let events = [OrderEvent::SplitOff(split_off)].into_iter().collect();
            let record = self.record(events, None, self.core.clock.now());
            if let Err(reason) = guard::apply(|| Order::apply(&mut self.order, &record)) {
                // Its parent waits for it, and goes on when the next opening asks again.
                tracing::error!(order = %self.id, %reason, "a child that cannot be made");
                return;
            }
            let mut draft = Draft::default();
            draft.record(&Record::Order(record));
            self.commit(draft);
        }
        let _ = parent.send(OrderMessage::Born);
    }

    /// Tells the parent how the order stands. It may be told too often, or twice the same.
    pub(super) fn tell_parent(&self) {
        let Some(order) = &self.order else { return };
        let (Some(parent), Some(news)) = (order.parent(), order.news()) else { return };
        #[cfg(any(test, feature = "simulation"))]
        if chaos::is_broken(Sabotage::NewsLost) {
            return;
        }
        let message = OrderMessage::ChildNews(Box::new(news));
        // A parent that was retired follows nobody.
        let _ = self.core.orders.send(&self.core, parent, message, Absent::HandBack);
    }

    /// A child has changed. Late news, and news that is known, change nothing.
    pub(super) fn child_news(&mut self, news: &ChildNews) {
        let order = self.order.as_ref().filter(|order| order.parked.is_none());
        let events = order.map(|order| order::decide_news(order, news)).unwrap_or_default();
        if events.is_empty() {
            return;
        }
        let before = self.wakes_at();
        let record = self.record(events, None, self.core.clock.now());
        if let Err(reason) = guard::apply(|| Order::apply(&mut self.order, &record)) {
            return self.park(reason);
        }
        self.rearm(before);
        let mut draft = Draft::default();
        draft.record(&Record::Order(record));
        self.commit(draft);
    }

    /// Has the children tell again how they stand.
    pub(super) fn ask_children(&self) {
        let children = self.order.iter().flat_map(|order| order.children());
        for child in children {
            let _ = self.core.orders.send(
                &self.core,
                &child.news.child,
                OrderMessage::TellParent,
                Absent::HandBack,
            );
        }
    }
}

/// Sabotage: the first child gets less money than its part.
#[cfg(any(test, feature = "simulation"))]
fn cheated_if_broken(mut births: Vec<(OrderId, SplitOff)>) -> Vec<(OrderId, SplitOff)> {
    if let Some((_, first)) = births.first_mut().filter(|_| chaos::is_broken(Sabotage::SplitCheated)) {
        first.paid = first.paid.saturating_sub(1).max(0);
    }
    births
}
