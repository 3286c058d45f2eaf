//! An order: lines with counters, payments, shipments, and a lifecycle that is a table.
//!
//! The order's actor is the coordinator of a saga: an action that moves stock begins with an event that
//! is in the journal before any SKU is asked (`…Started`, or `Placed`), and ends with one that says how it
//! came out. In between the order has a [`Pending`] saga; after a crash that is what the reconciler
//! drives to its end, through the very same steps.
//!
//! ```text
//!   Placed ──reserve at every SKU──► Reserved            or, when one refuses: release ──► Refused
//!                                    (behind FellShort where the order is content with a part, and
//!                                    Backordered where it waits for units: Filled when they have come)
//!   SettlementStarted ──commit─────► Settled             or: uncommit ──► SettlementUndone
//!   ShipmentStarted ──ship─────────► Shipped             or: unship ──► ShipmentUndone
//!   ShortShipmentStarted ──ship────► Shipped, CancellationStarted
//!   CancellationStarted ──release──► Cancelled           (a release is not undone: it is tried until done)
//!   RevivalStarted ──reserve───────► Revived             or: release ──► RevivalUndone
//!   HandOverStarted ──ship─────────► HandedOver          or: unship ──► HandOverUndone
//! ```
//!
//! An order's last event is `Retired`: what remains of it then is a [`Tombstone`].

mod apply;
mod decide;
mod due;
mod edit;
mod effects;
mod event;
mod hand_over;
mod lifecycle;
mod line;
mod problem;
mod retire;
mod saga;
mod sale;
mod short;
mod split;
mod state;
mod terms;
#[cfg(test)]
mod tests;
mod waiting;

pub use decide::{Limits, decide, decide_place};
pub use due::decide_due;
pub use edit::{EditPreview, LineEdit, SkuUnits, StagedEdit, decide_stage, preview};
pub use event::{Filled, OrderEvent, PlacedLine};
pub use lifecycle::{Action, Lifecycle, LifecycleError, LifecycleId, State, View};
pub use line::{Line, LineCounters};
pub use problem::{EditProblem, SplitProblem};
pub use retire::{Tombstone, decide_retirement};
pub use saga::{Demand, Plan, SagaEnd, Short, finish};
pub use sale::SaleRules;
pub(crate) use split::is_derived;
pub use split::{Child, ChildNews, Family, Portion, SplitOff, decide_news};
pub use state::{KeyClaim, Order, OrderBroken, Payment, Pending, PendingKind, Shipment};
pub use terms::{
    Deadline, DeadlineKind, Deduction, Delivery, LatePayment, Notice, OrderType, RefundCause, Terms,
    TermsByType, WhenShort,
};
pub use waiting::decide_filled;
