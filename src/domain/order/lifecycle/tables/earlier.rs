//! Physical goods as an earlier version might have had them: for tests of orders that were placed under rules that
//! new orders no longer get. There is no picking, and the buyer cannot confirm.

use super::super::{Action, Lifecycle, LifecycleId, State, View};

#[rustfmt::skip]
pub(in super::super) static PHYSICAL: Lifecycle = Lifecycle {
    id: LifecycleId::EARLIER_PHYSICAL,
    name: "earlier physical goods",
    initial: State::Created,
    terminal: &[State::Cancelled, State::Completed],
    rows: &[
        (State::Created,   Action::Reserve,    State::Reserved),
        (State::Created,   Action::Refuse,     State::Cancelled),
        (State::Reserved,  Action::Settle,     State::Packed),
        (State::Reserved,  Action::Cancel,     State::Cancelled),
        (State::Packed,    Action::ShipAll,    State::Shipped),
        (State::Shipped,   Action::DeliverAll, State::Completed),
    ],
    views: &[
        View::of(State::Created,   "reserving", "new",        "being placed"),
        View::of(State::Reserved,  "waits",     "unpaid",     "to be paid"),
        View::of(State::Packed,    "committed", "to be sent", "paid"),
        View::of(State::Shipped,   "has left",  "under way",  "on its way"),
        View::of(State::Completed, "done",      "done",       "received"),
        View::of(State::Cancelled, "free",      "called off", "cancelled"),
    ],
};
