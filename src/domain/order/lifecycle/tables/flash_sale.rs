//! Flash sales.

use super::super::{Action, Lifecycle, LifecycleId, State, View};

/// Flash sales: the stock falls at placement and nowhere else, and the time to pay is neither put off nor given again:
/// others wait for the units. What is paid goes the way of physical goods.
#[rustfmt::skip]
pub(in super::super) static FLASH_SALE: Lifecycle = Lifecycle {
    id: LifecycleId::FLASH_SALE,
    name: "flash sale",
    initial: State::Created,
    terminal: &[State::Cancelled, State::Completed, State::Closed],
    rows: &[
        (State::Created,   Action::Reserve,     State::Reserved),  // deduction at placement
        (State::Created,   Action::Refuse,      State::Cancelled), // what was taken has been given back
        (State::Reserved,  Action::PayPart,     State::Reserved),
        (State::Reserved,  Action::Settle,      State::Paid),      // stock becomes committed
        (State::Reserved,  Action::CancelPart,  State::Reserved),
        (State::Reserved,  Action::Cancel,      State::Cancelled), // what was paid is due back
        (State::Reserved,  Action::Expire,      State::Cancelled), // and the customer is told
        (State::Reserved,  Action::Modify,      State::Reserved),
        (State::Reserved,  Action::Edit,        State::Reserved),  // units are given up, and none added
        (State::Paid,      Action::PayPart,     State::Paid),      // late parts, duplicates
        (State::Paid,      Action::Pick,        State::Picking),
        (State::Paid,      Action::CancelPart,  State::Paid),
        (State::Paid,      Action::Cancel,      State::Cancelled), // nothing has left yet
        (State::Paid,      Action::Modify,      State::Paid),
        (State::Paid,      Action::Edit,        State::Paid),
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
        (State::Cancelled, Action::Close,       State::Closed),
    ],
    views: &[
        // state                   system                                 merchant          buyer
        View::of(State::Created,   "its stock is being reserved",         "new",            "being placed"),
        View::of(State::Reserved,  "waits for payment, for a short time", "unpaid",         "to be paid at once"),
        View::of(State::Paid,      "stock committed",                     "to be picked",   "paid"),
        View::of(State::Picking,   "stock committed",                     "being picked",   "being prepared"),
        View::of(State::Packed,    "stock committed",                     "to be shipped",  "being prepared"),
        View::of(State::Shipped,   "stock has left",                      "under way",      "on its way"),
        View::of(State::Delivered, "waits for the confirmation",          "arrived",        "arrived, to be confirmed"),
        View::of(State::Confirmed, "waits for the end of after-sales",    "in after-sales", "received"),
        View::of(State::Completed, "done",                                "done",           "completed"),
        View::of(State::Cancelled, "called off, its stock is free",       "called off",     "cancelled"),
        View::of(State::Closed,    "closed by hand",                      "closed",         "closed"),
    ],
};
