//! Virtual goods.

use super::super::{Action, Lifecycle, LifecycleId, State, View};

/// Virtual goods: handed over by the engine as soon as they are paid for, and shipped by nobody. PAID is passed
/// through, unless a SKU stands in the way.
#[rustfmt::skip]
pub(in super::super) static VIRTUAL: Lifecycle = Lifecycle {
    id: LifecycleId::VIRTUAL,
    name: "virtual goods",
    initial: State::Created,
    terminal: &[State::Cancelled, State::Completed, State::Closed],
    rows: &[
        (State::Created,   Action::Reserve,    State::Reserved),  // deduction at placement
        (State::Created,   Action::Accept,     State::Accepted),  // deduction at payment
        (State::Created,   Action::Refuse,     State::Cancelled), // what was taken has been given back
        (State::Accepted,  Action::PayPart,    State::Accepted),
        (State::Accepted,  Action::Settle,     State::Paid),      // checked and taken at once
        (State::Accepted,  Action::Refuse,     State::Cancelled), // gone by then; the money is due back
        (State::Accepted,  Action::CancelPart, State::Accepted),
        (State::Accepted,  Action::Cancel,     State::Cancelled), // what was paid is due back
        (State::Accepted,  Action::Expire,     State::Cancelled), // and the customer is told
        (State::Accepted,  Action::Modify,     State::Accepted),
        (State::Accepted,  Action::Extend,     State::Accepted),
        (State::Accepted,  Action::Edit,       State::Accepted),
        (State::Reserved,  Action::PayPart,    State::Reserved),
        (State::Reserved,  Action::Settle,     State::Paid),      // stock becomes committed
        (State::Reserved,  Action::CancelPart, State::Reserved),
        (State::Reserved,  Action::Cancel,     State::Cancelled), // what was paid is due back
        (State::Reserved,  Action::Expire,     State::Cancelled), // and the customer is told
        (State::Reserved,  Action::Modify,     State::Reserved),
        (State::Reserved,  Action::Extend,     State::Reserved),
        (State::Reserved,  Action::Edit,       State::Reserved),  // the difference is reserved or given back
        (State::Paid,      Action::PayPart,    State::Paid),      // late parts, duplicates
        (State::Paid,      Action::HandOver,   State::Delivered), // by itself, as soon as it is paid
        (State::Paid,      Action::CancelPart, State::Paid),      // where a SKU stood in the way of that
        (State::Paid,      Action::Cancel,     State::Cancelled),
        (State::Paid,      Action::Modify,     State::Paid),
        (State::Delivered, Action::PayPart,    State::Delivered),
        (State::Delivered, Action::Confirm,    State::Confirmed), // starts after-sales
        (State::Delivered, Action::Extend,     State::Delivered),
        (State::Confirmed, Action::PayPart,    State::Confirmed),
        (State::Confirmed, Action::Complete,   State::Completed), // ends after-sales
        (State::Confirmed, Action::Extend,     State::Confirmed),
        (State::Confirmed, Action::Close,      State::Closed),
        (State::Completed, Action::PayPart,    State::Completed),
        (State::Completed, Action::Close,      State::Closed),
        (State::Cancelled, Action::PayLate,    State::Cancelled), // the money is due back
        (State::Cancelled, Action::Revive,     State::Reserved),  // or the stock is still there
        (State::Cancelled, Action::Close,      State::Closed),
    ],
    views: &[
        // state                   system                               merchant             buyer
        View::of(State::Created,   "its stock is being reserved",       "new",               "being placed"),
        View::of(State::Accepted,  "waits for payment, holds no stock", "unpaid",            "to be paid"),
        View::of(State::Reserved,  "waits for payment, stock reserved", "unpaid",            "to be paid"),
        View::of(State::Paid,      "is being handed over",              "being handed over", "paid"),
        View::of(State::Delivered, "waits for the confirmation",        "handed over",       "ready to be used"),
        View::of(State::Confirmed, "waits for the end of after-sales",  "in after-sales",    "received"),
        View::of(State::Completed, "done",                              "done",              "completed"),
        View::of(State::Cancelled, "called off, its stock is free",     "called off",        "cancelled"),
        View::of(State::Closed,    "closed by hand",                    "closed",            "closed"),
    ],
};
