//! Lifecycles: (state, action) → state, one row a line, checked when the table is loaded.
//!
//! A lifecycle has an id that goes into the journal with every order, so that an order keeps the rules
//! it was placed under. A changed table gets a new id; old ones stay.

mod draw;
mod tables;
mod view;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use tables::ALL;
pub use view::View;

/// The states an order can be in. A lifecycle uses a subset of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Placed; its stock is being reserved.
    Created,
    /// All of its stock is reserved; it waits for payment.
    Reserved,
    /// Settled; its stock is committed.
    Paid,
    /// Every unit that was not called off has left the house.
    Shipped,
    /// Every unit that was not called off has reached the buyer.
    Fulfilled,
    /// Called off, or refused at placement; its stock is free again.
    Cancelled,
    /// Placed with its stock to be taken at payment; it waits for that.
    Accepted,
    /// Its goods are being fetched.
    Picking,
    /// Its goods are ready to leave.
    Packed,
    /// Every unit that was not called off has reached the buyer, who has not confirmed it yet.
    Delivered,
    /// The buyer has confirmed the receipt, or time has; he may still complain.
    Confirmed,
    /// The after-sales window is over.
    Completed,
    /// Closed by hand; nothing more will happen.
    Closed,
    /// Settled; some of its units are still to come.
    Awaiting,
    /// Paid for a period that has not passed.
    Active,
}

/// What can happen to an order. Which actions a state allows is the lifecycle's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// Every SKU granted its part.
    Reserve,
    /// A SKU refused its part.
    Refuse,
    /// A payment that does not settle the order.
    PayPart,
    /// The payment that settles the order.
    Settle,
    /// Some units leave, others stay.
    ShipPart,
    /// The last units leave.
    ShipAll,
    /// Some units arrive, others are under way or still here.
    DeliverPart,
    /// The last units arrive.
    DeliverAll,
    /// Some units are called off, and others are still to be shipped.
    CancelPart,
    /// The units not yet shipped are called off; what is left is under way.
    CancelRest,
    /// The units not yet shipped are called off; what is left has arrived.
    CancelLast,
    /// Every unit is called off.
    Cancel,
    /// Nothing is reserved at placement.
    Accept,
    /// It was not paid in time.
    Expire,
    /// A payment after the order was cancelled.
    PayLate,
    /// A late payment finds the stock still there.
    Revive,
    /// The goods are fetched.
    Pick,
    /// The goods are packed.
    Pack,
    /// The buyer confirms the receipt.
    Confirm,
    /// The after-sales window ends.
    Complete,
    /// An operator closes the order.
    Close,
    /// Address or contact change.
    Modify,
    /// More time is given.
    Extend,
    /// The payment that settles an order some of whose units are still to come.
    SettleAhead,
    /// Nothing is waited for any more: the last unit has come, or was called off.
    Fill,
    /// Its units leave stock and are the buyer's, without a shipment.
    HandOver,
    /// Lines or amounts change.
    Edit,
    /// The order becomes several.
    Split,
}

impl State {
    /// The state's name as it is shown and written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Reserved => "RESERVED",
            Self::Paid => "PAID",
            Self::Shipped => "SHIPPED",
            Self::Fulfilled => "FULFILLED",
            Self::Cancelled => "CANCELLED",
            Self::Accepted => "ACCEPTED",
            Self::Picking => "PICKING",
            Self::Packed => "PACKED",
            Self::Delivered => "DELIVERED",
            Self::Confirmed => "CONFIRMED",
            Self::Completed => "COMPLETED",
            Self::Closed => "CLOSED",
            Self::Awaiting => "AWAITING",
            Self::Active => "ACTIVE",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reserve => "be reserved",
            Self::Refuse => "be refused",
            Self::PayPart | Self::PayLate => "be paid",
            Self::Settle | Self::SettleAhead => "be settled",
            Self::ShipPart | Self::ShipAll => "be shipped",
            Self::DeliverPart | Self::DeliverAll => "be delivered",
            Self::CancelPart | Self::CancelRest | Self::CancelLast | Self::Cancel => "be cancelled",
            Self::Accept => "be accepted",
            Self::Expire => "time out",
            Self::Revive => "be revived",
            Self::Pick => "be picked",
            Self::Pack => "be packed",
            Self::Confirm => "be confirmed",
            Self::Complete => "be completed",
            Self::Close => "be closed",
            Self::Modify => "be modified",
            Self::Extend => "be given more time",
            Self::Fill => "be filled",
            Self::HandOver => "be handed over",
            Self::Edit => "be edited",
            Self::Split => "be split",
        })
    }
}

/// Identifies one version of one lifecycle, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LifecycleId(pub u16);

impl LifecycleId {
    /// The simple lifecycle, version 1.
    pub const SIMPLE: Self = Self(1);
    /// The lifecycle of physical goods, version 1.
    pub const PHYSICAL: Self = Self(2);
    /// The lifecycle of virtual goods, version 1.
    pub const VIRTUAL: Self = Self(3);
    /// The lifecycle of flash sales, version 1.
    pub const FLASH_SALE: Self = Self(4);
    /// The lifecycle of preorders, version 1.
    pub const PREORDER: Self = Self(5);
    /// The lifecycle of memberships, version 1.
    pub const MEMBERSHIP: Self = Self(6);
    /// An earlier version of physical goods, in tests.
    #[cfg(test)]
    pub(crate) const EARLIER_PHYSICAL: Self = Self(u16::MAX);
}

/// One arrow of a lifecycle.
type Row = (State, Action, State);

/// A lifecycle: its arrows, where it starts and where it may end.
#[derive(Debug)]
pub struct Lifecycle {
    /// The id that orders carry.
    pub id: LifecycleId,
    /// The name that people see.
    pub name: &'static str,
    /// The arrows.
    pub rows: &'static [Row],
    /// The state of an order that was just placed.
    pub initial: State,
    /// States in which an order may stay for good: it holds no stock there.
    pub terminal: &'static [State],
    /// What people see in each state.
    pub views: &'static [View],
}

/// What is wrong with a lifecycle's table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LifecycleError {
    /// Two rows answer the same state and action.
    #[error("lifecycle {lifecycle}: {state} has two rows for {action:?}")]
    Ambiguous {
        /// Name of the lifecycle.
        lifecycle: &'static str,
        /// The state.
        state: State,
        /// The action.
        action: Action,
    },
    /// No path leads from the initial state to this one.
    #[error("lifecycle {lifecycle}: {state} cannot be reached")]
    Unreachable {
        /// Name of the lifecycle.
        lifecycle: &'static str,
        /// The state.
        state: State,
    },
    /// No path leads from this state to a terminal one.
    #[error("lifecycle {lifecycle}: nothing leads out of {state} to an end")]
    Trap {
        /// Name of the lifecycle.
        lifecycle: &'static str,
        /// The state.
        state: State,
    },
    /// Nobody said what people see in this state, or it was said twice.
    #[error("lifecycle {lifecycle}: {state} has {rows} rows of views; it needs one")]
    Views {
        /// Name of the lifecycle.
        lifecycle: &'static str,
        /// The state.
        state: State,
        /// How many rows it has.
        rows: usize,
    },
    /// An order carries a lifecycle that this build does not have.
    #[error("lifecycle {0} is unknown to this build")]
    Unknown(u16),
}

impl Lifecycle {
    /// The lifecycle an order carries; `None` for an id that this build does not know.
    #[must_use]
    pub fn of(id: LifecycleId) -> Option<&'static Self> {
        ALL.iter().find(|l| l.id == id).copied()
    }

    /// Every lifecycle this build knows.
    #[must_use]
    pub fn all() -> &'static [&'static Self] {
        ALL
    }

    /// Where `action` leads from `state`; `None` when the table has no such row.
    #[must_use]
    pub fn next(&self, state: State, action: Action) -> Option<State> {
        self.rows.iter().find(|(from, by, _)| *from == state && *by == action).map(|(_, _, to)| *to)
    }

    /// What people see of an order in `state`; `None` for a state that the lifecycle does not have.
    #[must_use]
    pub fn view(&self, state: State) -> Option<View> {
        self.views.iter().find(|view| view.state == state).copied()
    }

    /// Whether an order in `state` is finished.
    #[must_use]
    pub fn is_terminal(&self, state: State) -> bool {
        self.terminal.contains(&state)
    }

    /// Checks the table: one row for a state and action, every state reachable, an end in reach of every state,
    /// and one row of views for each. The engine runs it at open.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), LifecycleError> {
        let lifecycle = self.name;
        let mut seen = BTreeSet::new();
        for (state, action, _) in self.rows {
            if !seen.insert((*state, *action)) {
                return Err(LifecycleError::Ambiguous { lifecycle, state: *state, action: *action });
            }
        }
        let forward = self.closure([self.initial], |(from, _, to)| (*from, *to));
        let backward = self.closure(self.terminal.iter().copied(), |(from, _, to)| (*to, *from));
        for state in self.states() {
            if !forward.contains(&state) {
                return Err(LifecycleError::Unreachable { lifecycle, state });
            }
            if !backward.contains(&state) {
                return Err(LifecycleError::Trap { lifecycle, state });
            }
        }
        for state in self.states().into_iter().chain(self.views.iter().map(|view| view.state)) {
            let rows = self.views.iter().filter(|view| view.state == state).count();
            if rows != 1 || !forward.contains(&state) {
                return Err(LifecycleError::Views { lifecycle, state, rows });
            }
        }
        Ok(())
    }

    /// Number of states that an order in `state` can still come to, that one included: of two orders the one with
    /// more before it is behind.
    pub(super) fn ahead_of(&self, state: State) -> usize {
        self.closure([state], |(from, _, to)| (*from, *to)).len()
    }

    /// The states that the table uses.
    #[must_use]
    pub fn states(&self) -> BTreeSet<State> {
        let ends = self.terminal.iter().copied().chain([self.initial]);
        self.rows.iter().flat_map(|(from, _, to)| [*from, *to]).chain(ends).collect()
    }

    /// The states that can be reached from `start` along the arrows as `arrow` reads them.
    fn closure(
        &self,
        start: impl IntoIterator<Item = State>,
        arrow: impl Fn(&Row) -> (State, State),
    ) -> BTreeSet<State> {
        let mut reached: BTreeSet<State> = start.into_iter().collect();
        loop {
            let before = reached.len();
            for (from, to) in self.rows.iter().map(&arrow) {
                if reached.contains(&from) {
                    reached.insert(to);
                }
            }
            if reached.len() == before {
                return reached;
            }
        }
    }
}

#[cfg(test)]
mod tests;
