//! Physical goods.

use super::super::{Action, Lifecycle, LifecycleId, State, View};

/// Physical goods: picked and packed before they leave, confirmed by the buyer or by time, completed when
/// the after-sales window ends, closed by hand.
#[rustfmt::skip]
pub(in super::super) static PHYSICAL: Lifecycle = Lifecycle {
    id: LifecycleId::PHYSICAL,
    name: "physical goods",
    initial: State::Created,
    terminal: &[State::Cancelled, State::Completed, State::Closed],
    rows: &[
        (State::Created,   Action::Reserve,     State::Reserved),  // deduction at placement
        (State::Created,   Action::Accept,      State::Accepted),  // deduction at payment
        (State::Created,   Action::Refuse,      State::Cancelled), // what was taken has been given back
        (State::Accepted,  Action::PayPart,     State::Accepted),
        (State::Accepted,  Action::Settle,      State::Paid),      // checked and taken at once
        (State::Accepted,  Action::Refuse,      State::Cancelled), // gone by then; the money is due back
        (State::Accepted,  Action::CancelPart,  State::Accepted),
        (State::Accepted,  Action::Cancel,      State::Cancelled),
        (State::Accepted,  Action::Expire,      State::Cancelled),
        (State::Accepted,  Action::Modify,      State::Accepted),
        (State::Accepted,  Action::Extend,      State::Accepted),
        (State::Accepted,  Action::Edit,        State::Accepted),
        (State::Reserved,  Action::PayPart,     State::Reserved),
        (State::Reserved,  Action::Settle,      State::Paid),      // stock becomes committed
        (State::Reserved,  Action::CancelPart,  State::Reserved),
        (State::Reserved,  Action::Cancel,      State::Cancelled), // what was paid is due back
        (State::Reserved,  Action::Expire,      State::Cancelled), // and the customer is told
        (State::Reserved,  Action::Modify,      State::Reserved),
        (State::Reserved,  Action::Extend,      State::Reserved),
        (State::Reserved,  Action::Edit,        State::Reserved),  // the difference is reserved or given back
        (State::Paid,      Action::PayPart,     State::Paid),      // late parts, duplicates
        (State::Paid,      Action::Pick,        State::Picking),
        (State::Paid,      Action::CancelPart,  State::Paid),
        (State::Paid,      Action::Cancel,      State::Cancelled),
        (State::Paid,      Action::Modify,      State::Paid),
        (State::Paid,      Action::Edit,        State::Paid),      // what is added waits to be paid for
        (State::Paid,      Action::Split,       State::Paid),
        (State::Picking,   Action::PayPart,     State::Picking),
        (State::Picking,   Action::Pack,        State::Packed),
        (State::Picking,   Action::CancelPart,  State::Picking),
        (State::Picking,   Action::Cancel,      State::Cancelled),
        (State::Picking,   Action::Modify,      State::Picking),
        (State::Picking,   Action::Split,       State::Picking),
        (State::Packed,    Action::PayPart,     State::Packed),
        (State::Packed,    Action::ShipPart,    State::Packed),
        (State::Packed,    Action::ShipAll,     State::Shipped),
        (State::Packed,    Action::DeliverPart, State::Packed),    // of what was shipped so far
        (State::Packed,    Action::CancelPart,  State::Packed),
        (State::Packed,    Action::CancelRest,  State::Shipped),   // the rest is under way
        (State::Packed,    Action::CancelLast,  State::Delivered), // the rest has arrived
        (State::Packed,    Action::Cancel,      State::Cancelled), // nothing has left yet
        (State::Packed,    Action::Modify,      State::Packed),    // until it is shipped
        (State::Packed,    Action::Split,       State::Packed),    // before anything leaves
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
        // state                   system                               merchant          buyer
        View::of(State::Created,   "its stock is being reserved",       "new",            "being placed"),
        View::of(State::Accepted,  "waits for payment, holds no stock", "unpaid",         "to be paid"),
        View::of(State::Reserved,  "waits for payment, stock reserved", "unpaid",         "to be paid"),
        View::of(State::Paid,      "stock committed",                   "to be picked",   "paid"),
        View::of(State::Picking,   "stock committed",                   "being picked",   "being prepared"),
        View::of(State::Packed,    "stock committed",                   "to be shipped",  "being prepared"),
        View::of(State::Shipped,   "stock has left",                    "under way",      "on its way"),
        View::of(State::Delivered, "waits for the confirmation",        "arrived",        "arrived, to be confirmed"),
        View::of(State::Confirmed, "waits for the end of after-sales",  "in after-sales", "received"),
        View::of(State::Completed, "done",                              "done",           "completed"),
        View::of(State::Cancelled, "called off, its stock is free",     "called off",     "cancelled"),
        View::of(State::Closed,    "closed by hand",                    "closed",         "closed"),
    ],
};
