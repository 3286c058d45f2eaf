//! One SKU's inventory: counters that move only by typed movements, and the holds that own the moved units.
//!
//! ```text
//!   receive, adjust, return ──► available ──reserve──► reserved ──commit──► committed ──ship──► shipped
//!                                   ▲  ▲                  │  ▲                  │  ▲               │
//!                 write off, adjust ┘  └──────release─────┴──┼──────release─────┘  └────unship─────┘
//!                                                            └──────uncommit────┘
//!   available ◄──move──► safety stock ◄──move──► quality hold ◄──move──► available
//! ```
//!
//! Announced deliveries are promises beside the counters: they become units by being received.
//!
//! Invariants, checked at every event, live and in replay:
//! 1. `on_hand = available + reserved + committed + safety_stock + quality_hold`, where `on_hand` is
//!    the running sum of what movements brought in and took out.
//! 2. `reserved` and `committed` are the sums over all holds.
//! 3. No counter goes below zero: stock that is not there is never promised.
//! 4. No more units are returned than were shipped.
//! 5. Where units are counted by buyer, a buyer's account holds the sum over the buyer's holds.
//! 6. Where locations are told apart, invariants 1 and 3 hold at each of them, and the SKU's totals are the
//!    sums over them; a hold's parts sum to the hold, and all parts at a location to what is held there.
//!
//! 7. `backordered` and `preordered` are the sums over the queue, and what the holds wait for. They are demand:
//!    no units in the house. Whoever came first is filled first.
//!
//! Units lie at locations, and one actor decides for all of them: check and take are one message. Where
//! nobody says from which, the SKU's strategy does (`allocation`), and the events say what it chose.
//!
//! A hold belongs to one owner; release is idempotent per owner and gives back only what is recorded
//! as held. A cart's hold has a deadline, which activity moves on; an order's has none. An order that is
//! made of a cart takes over the cart's hold: one record releases the one and reserves the other, and the
//! order's hold remembers what the cart gets back if that is undone.

mod allocation;
mod apply;
mod buyers;
mod counters;
mod decide;
mod decide_step;
mod draft;
mod event;
mod hold_table;
mod holds;
mod kit;
mod location;
mod locations;
mod movement;
mod moves;
mod pages;
mod pass_on;
mod policy;
mod promise;
mod queue;
mod state;
mod takeover;
#[cfg(test)]
mod tests;

pub use allocation::{Allocate, Allocation, Shelf, Take};
pub use apply::apply;
pub use counters::{Counters, Place};
pub use decide::{Decision, decide, decide_expiry, decide_fill};
pub use decide_step::{StepDecision, decide_step};
pub use event::{Reason, ReleaseCause, StockEvent};
pub use holds::{Awaiting, Hold, HoldOwner, Part, Purchase};
pub use kit::{KitPart, KitProblem, SaleRule};
pub use location::LocationId;
pub use policy::{Backorder, LimitWindow, Preorder, PurchaseLimits, StockPolicy};
pub use promise::FILLS_MAX;
pub use queue::{Promise, Waiter};
pub use state::{Incoming, InvariantBroken, Inventory};
pub use takeover::TakeOver;
