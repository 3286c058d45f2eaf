//! Memberships.

use super::super::{Action, Lifecycle, LifecycleId, State, View};

/// Memberships: active from the payment on for a period that their terms fix, and over when it has passed. Nothing is
/// shipped: the units stay committed while it is active, so that a refund gives them back, and leave stock at its end.
#[rustfmt::skip]
pub(in super::super) static MEMBERSHIP: Lifecycle = Lifecycle {
    id: LifecycleId::MEMBERSHIP,
    name: "membership",
    initial: State::Created,
    terminal: &[State::Cancelled, State::Completed, State::Closed],
    rows: &[
        (State::Created,   Action::Reserve,    State::Reserved),  // deduction at placement
        (State::Created,   Action::Accept,     State::Accepted),  // deduction at payment
        (State::Created,   Action::Refuse,     State::Cancelled), // what was taken has been given back
        (State::Accepted,  Action::PayPart,    State::Accepted),
        (State::Accepted,  Action::Settle,     State::Active),    // checked and taken at once
        (State::Accepted,  Action::Refuse,     State::Cancelled), // gone by then; the money is due back
        (State::Accepted,  Action::CancelPart, State::Accepted),
        (State::Accepted,  Action::Cancel,     State::Cancelled), // what was paid is due back
        (State::Accepted,  Action::Expire,     State::Cancelled), // and the customer is told
        (State::Accepted,  Action::Extend,     State::Accepted),
        (State::Accepted,  Action::Edit,       State::Accepted),
        (State::Reserved,  Action::PayPart,    State::Reserved),
        (State::Reserved,  Action::Settle,     State::Active),    // stock becomes committed
        (State::Reserved,  Action::CancelPart, State::Reserved),
        (State::Reserved,  Action::Cancel,     State::Cancelled), // what was paid is due back
        (State::Reserved,  Action::Expire,     State::Cancelled), // and the customer is told
        (State::Reserved,  Action::Extend,     State::Reserved),
        (State::Reserved,  Action::Edit,       State::Reserved),  // the difference is reserved or given back
        (State::Active,    Action::PayPart,    State::Active),    // duplicates
        (State::Active,    Action::HandOver,   State::Completed), // the period is over, or ended by hand
        (State::Active,    Action::CancelPart, State::Active),    // some of several places
        (State::Active,    Action::Cancel,     State::Cancelled), // what was paid is due back
        (State::Active,    Action::Extend,     State::Active),    // the period is prolonged
        (State::Completed, Action::PayPart,    State::Completed),
        (State::Completed, Action::Close,      State::Closed),
        (State::Cancelled, Action::PayLate,    State::Cancelled), // the money is due back
        (State::Cancelled, Action::Revive,     State::Reserved),  // or the stock is still there
        (State::Cancelled, Action::Close,      State::Closed),
    ],
    views: &[
        // state                   system                               merchant      buyer
        View::of(State::Created,   "its stock is being reserved",       "new",        "being placed"),
        View::of(State::Accepted,  "waits for payment, holds no stock", "unpaid",     "to be paid"),
        View::of(State::Reserved,  "waits for payment, stock reserved", "unpaid",     "to be paid"),
        View::of(State::Active,    "waits for the end of the period",   "running",    "active"),
        View::of(State::Completed, "the period is over",                "done",       "ended"),
        View::of(State::Cancelled, "called off, its stock is free",     "called off", "cancelled"),
        View::of(State::Closed,    "closed by hand",                    "closed",     "closed"),
    ],
};
