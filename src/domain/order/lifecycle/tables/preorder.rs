//! Preorders.

use super::super::{Action, Lifecycle, LifecycleId, State, View};

/// Preorders: placed and paid before the units are there, as far as the policies of the SKUs promise them. They ship as
/// they are filled: AWAITING is paid for, and not all of it is here.
#[rustfmt::skip]
pub(in super::super) static PREORDER: Lifecycle = Lifecycle {
    id: LifecycleId::PREORDER,
    name: "preorder",
    initial: State::Created,
    terminal: &[State::Cancelled, State::Completed, State::Closed],
    rows: &[
        (State::Created,   Action::Reserve,     State::Reserved),  // deduction at placement
        (State::Created,   Action::Accept,      State::Accepted),  // deduction at payment
        (State::Created,   Action::Refuse,      State::Cancelled), // what was taken has been given back
        (State::Accepted,  Action::PayPart,     State::Accepted),
        (State::Accepted,  Action::Settle,      State::Paid),      // checked and taken at once
        (State::Accepted,  Action::SettleAhead, State::Awaiting),  // units are still to come
        (State::Accepted,  Action::Refuse,      State::Cancelled), // gone by then; the money is due back
        (State::Accepted,  Action::CancelPart,  State::Accepted),
        (State::Accepted,  Action::Cancel,      State::Cancelled), // what was paid is due back
        (State::Accepted,  Action::Expire,      State::Cancelled), // and the customer is told
        (State::Accepted,  Action::Modify,      State::Accepted),
        (State::Accepted,  Action::Extend,      State::Accepted),
        (State::Accepted,  Action::Edit,        State::Accepted),
        (State::Reserved,  Action::PayPart,     State::Reserved),
        (State::Reserved,  Action::Settle,      State::Paid),      // stock becomes committed
        (State::Reserved,  Action::SettleAhead, State::Awaiting),  // units are still to come
        (State::Reserved,  Action::CancelPart,  State::Reserved),
        (State::Reserved,  Action::Cancel,      State::Cancelled), // what was paid is due back
        (State::Reserved,  Action::Expire,      State::Cancelled), // and the customer is told
        (State::Reserved,  Action::Modify,      State::Reserved),
        (State::Reserved,  Action::Extend,      State::Reserved),
        (State::Reserved,  Action::Edit,        State::Reserved),  // where it does not wait for units
        (State::Awaiting,  Action::PayPart,     State::Awaiting),  // late parts, duplicates
        (State::Awaiting,  Action::ShipPart,    State::Awaiting),
        (State::Awaiting,  Action::Fill,        State::Paid),      // nothing is waited for any more
        (State::Awaiting,  Action::DeliverPart, State::Awaiting),  // of what was shipped so far
        (State::Awaiting,  Action::CancelPart,  State::Awaiting),
        (State::Awaiting,  Action::CancelRest,  State::Shipped),   // the rest is under way
        (State::Awaiting,  Action::CancelLast,  State::Delivered), // the rest has arrived
        (State::Awaiting,  Action::Cancel,      State::Cancelled), // nothing has left yet
        (State::Awaiting,  Action::Modify,      State::Awaiting),
        (State::Paid,      Action::PayPart,     State::Paid),      // late parts, duplicates
        (State::Paid,      Action::ShipPart,    State::Paid),
        (State::Paid,      Action::ShipAll,     State::Shipped),
        (State::Paid,      Action::DeliverPart, State::Paid),      // of what was shipped so far
        (State::Paid,      Action::CancelPart,  State::Paid),
        (State::Paid,      Action::CancelRest,  State::Shipped),   // the rest is under way
        (State::Paid,      Action::CancelLast,  State::Delivered), // the rest has arrived
        (State::Paid,      Action::Cancel,      State::Cancelled), // nothing has left yet
        (State::Paid,      Action::Modify,      State::Paid),
        (State::Paid,      Action::Edit,        State::Paid),      // what is added waits to be paid for
        (State::Paid,      Action::Split,       State::Paid),      // before anything leaves
        (State::Shipped,   Action::PayPart,     State::Shipped),
        (State::Shipped,   Action::DeliverPart, State::Shipped),
        (State::Shipped,   Action::DeliverAll,  State::Delivered),
        (State::Delivered, Action::PayPart,     State::Delivered),
        (State::Delivered, Action::Confirm,     State::Confirmed), // starts after-sales
        (State::Delivered, Action::Extend,      State::Delivered),
        (State::Confirmed, Action::PayPart,     State::Confirmed),
        (State::Confirmed, Action::Complete,    State::Completed), // ends after-sales
        (State::Confirmed, Action::Extend,      State::Confirmed),
        (State::Confirmed, Action::Close,       State::Closed),
        (State::Completed, Action::PayPart,     State::Completed),
        (State::Completed, Action::Close,       State::Closed),
        (State::Cancelled, Action::PayLate,     State::Cancelled), // the money is due back
        (State::Cancelled, Action::Revive,      State::Reserved),  // or the stock is still there
        (State::Cancelled, Action::Close,       State::Closed),
    ],
    views: &[
        // state                   system                                           merchant                       buyer
        View::of(State::Created,   "its stock is being reserved",                   "new",                         "being placed"),
        View::of(State::Accepted,  "waits for payment, has no place in the queue",  "unpaid",                      "to be paid"),
        View::of(State::Reserved,  "waits for payment, has its place in the queue", "unpaid",                      "to be paid"),
        View::of(State::Awaiting,  "waits for units that are paid for",             "to be shipped as units come", "paid, not all there yet"),
        View::of(State::Paid,      "stock committed",                               "to be shipped",               "paid"),
        View::of(State::Shipped,   "stock has left",                                "under way",                   "on its way"),
        View::of(State::Delivered, "waits for the confirmation",                    "arrived",                     "arrived, to be confirmed"),
        View::of(State::Confirmed, "waits for the end of after-sales",              "in after-sales",              "received"),
        View::of(State::Completed, "done",                                          "done",                        "completed"),
        View::of(State::Cancelled, "called off, its stock is free",                 "called off",                  "cancelled"),
        View::of(State::Closed,    "closed by hand",                                "closed",                      "closed"),
    ],
};
