//! The tables of the built-in lifecycles: one arrow a row.
//!
//! A table that journals refer to is never changed: a changed one gets a new id, and the old one stays.

use super::{Action, Lifecycle, LifecycleId, State};

/// CREATED → RESERVED → PAID → FULFILLED, CANCELLED where allowed; SHIPPED on the way; ACCEPTED in place of
/// RESERVED where the rules of all its SKUs leave their stock to the payment.
#[rustfmt::skip]
pub(super) static SIMPLE: Lifecycle = Lifecycle {
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
};

/// Physical goods: picked and packed before they leave, confirmed by the buyer or by time, completed when
/// the after-sales window ends, closed by hand.
#[rustfmt::skip]
pub(super) static PHYSICAL: Lifecycle = Lifecycle {
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
};

/// Every lifecycle that an order in some journal may carry.
pub(super) static ALL: &[&Lifecycle] = &[&SIMPLE, &PHYSICAL];
