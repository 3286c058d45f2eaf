//! Simple orders.

use super::super::{Action, Lifecycle, LifecycleId, State, View};

/// CREATED → RESERVED → PAID → FULFILLED, CANCELLED where allowed; SHIPPED on the way; ACCEPTED in place of
/// RESERVED where the rules of all its SKUs leave their stock to the payment.
#[rustfmt::skip]
pub(in super::super) static SIMPLE: Lifecycle = Lifecycle {
    id: LifecycleId::SIMPLE,
    name: "simple",
    initial: State::Created,
    terminal: &[State::Fulfilled, State::Cancelled],
    rows: &[
        (State::Created,  Action::Reserve,     State::Reserved),  // all or nothing
        (State::Created,  Action::Refuse,      State::Cancelled), // what was taken has been given back
        (State::Created,  Action::Accept,      State::Accepted),  // the rules of its SKUs say: at payment
        (State::Accepted, Action::PayPart,     State::Accepted),
        (State::Accepted, Action::Settle,      State::Paid),      // checked and taken at once
        (State::Accepted, Action::Refuse,      State::Cancelled), // gone by then; the money is due back
        (State::Accepted, Action::CancelPart,  State::Accepted),
        (State::Accepted, Action::Cancel,      State::Cancelled),
        (State::Accepted, Action::Edit,        State::Accepted),
        (State::Reserved, Action::PayPart,     State::Reserved),  // parts may come in any number
        (State::Reserved, Action::Settle,      State::Paid),      // stock becomes committed
        (State::Reserved, Action::CancelPart,  State::Reserved),
        (State::Reserved, Action::Cancel,      State::Cancelled), // what was paid is due back
        (State::Reserved, Action::Edit,        State::Reserved),  // the difference is reserved or given back
        (State::Paid,     Action::PayPart,     State::Paid),      // late parts are recorded
        (State::Paid,     Action::ShipPart,    State::Paid),
        (State::Paid,     Action::ShipAll,     State::Shipped),
        (State::Paid,     Action::DeliverPart, State::Paid),      // of what was shipped so far
        (State::Paid,     Action::CancelPart,  State::Paid),
        (State::Paid,     Action::CancelRest,  State::Shipped),   // the rest is under way
        (State::Paid,     Action::CancelLast,  State::Fulfilled), // the rest has arrived
        (State::Paid,     Action::Cancel,      State::Cancelled), // nothing has left yet
        (State::Paid,     Action::Edit,        State::Paid),      // what is added waits to be paid for
        (State::Paid,     Action::Split,       State::Paid),      // before anything leaves
        (State::Shipped,  Action::DeliverPart, State::Shipped),
        (State::Shipped,  Action::DeliverAll,  State::Fulfilled),
    ],
    views: &[
        // state                   system                               merchant         buyer
        View::of(State::Created,   "its stock is being reserved",       "new",           "being placed"),
        View::of(State::Accepted,  "waits for payment, holds no stock", "unpaid",        "to be paid"),
        View::of(State::Reserved,  "waits for payment, stock reserved", "unpaid",        "to be paid"),
        View::of(State::Paid,      "stock committed",                   "to be shipped", "paid"),
        View::of(State::Shipped,   "stock has left",                    "under way",     "on its way"),
        View::of(State::Fulfilled, "done",                              "done",          "received"),
        View::of(State::Cancelled, "called off, its stock is free",     "called off",    "cancelled"),
    ],
};
