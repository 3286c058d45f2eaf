//! Commands: what callers ask for. Verbs first; each is answered by an [`Answer`] or a refusal.
//!
//! A command is a plain value. It can carry an idempotency key and the name of whoever gave it: see
//! [`Request`].

mod changes;
mod flow;
mod later_life;
mod lock;
mod place;
mod step;
mod stock;

use serde::{Deserialize, Serialize};

pub use changes::{
    AcceptEdit, Amounts, DeclineEdit, EditChange, LineTags, ShipShort, SplitBy, SplitOrder, StageEdit,
};
pub use flow::{BeginFlow, CONTEXT_BYTES_MAX, FlowAnswer, FlowCommand, RemedyStep};
pub use later_life::{ChangeDelivery, CloseOrder, ExtendDeadline, ProgressOrder, ProgressStep, RetireOrder};
pub use lock::{AcquireLock, ExtendLock, LockAnswer, LockCommand, ReleaseLock};
pub use place::{LineRequest, PlaceOrder};

use crate::domain::ids::{
    BusinessId, FlowId, IdempotencyKey, OrderId, PaymentId, PaymentMethod, Principal, SkuId,
};
use crate::domain::inventory::Reason;
use crate::domain::money::Money;
use crate::domain::refusal::{Refusal, check_reason};

pub use step::{Grant, Heir, StepOp, StockStep};
pub use stock::{ReserveStock, SkuCommand, StockAnswer};

/// A command with everything that travels beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request<C> {
    /// What is asked for.
    pub command: C,
    /// Under which key it is executed at most once; `None` executes it every time it is submitted.
    pub key: Option<ScopedKey>,
    /// Who asks; recorded with the events.
    pub by: Option<Principal>,
}

impl<C> From<C> for Request<C> {
    fn from(command: C) -> Self {
        Self { command, key: None, by: None }
    }
}

impl<C> Request<C> {
    /// Executes the command at most once under `key` within `business`, over the whole engine.
    #[must_use]
    pub fn with_key(mut self, business: BusinessId, key: IdempotencyKey) -> Self {
        self.key = Some(ScopedKey { business, key });
        self
    }

    /// Records who gave the command.
    #[must_use]
    pub fn by(mut self, principal: Principal) -> Self {
        self.by = Some(principal);
        self
    }

    /// The same request around another command.
    pub(crate) fn map<D>(self, into: impl FnOnce(C) -> D) -> Request<D> {
        Request { command: into(self.command), key: self.key, by: self.by }
    }
}

/// An idempotency key with the business whose keys it is told apart from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ScopedKey {
    /// The scope of the key.
    pub business: BusinessId,
    /// The key, unique within its scope.
    pub key: IdempotencyKey,
}

/// A command to one entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// To one SKU's inventory.
    Sku(SkuId, SkuCommand),
    /// To one order. `None` asks the engine to make the id, which only a placement can.
    Order(Option<OrderId>, OrderCommand),
    /// To one flow. `None` asks the engine to number it, which only a beginning can.
    Flow(Option<FlowId>, FlowCommand),
    /// To one named lock.
    Lock(LockCommand),
}

impl From<PayOrder> for Command {
    fn from(command: PayOrder) -> Self {
        Self::Order(Some(command.order.clone()), OrderCommand::Pay(command))
    }
}

impl From<ShipOrder> for Command {
    fn from(command: ShipOrder) -> Self {
        Self::Order(Some(command.order.clone()), OrderCommand::Ship(command))
    }
}

impl From<DeliverOrder> for Command {
    fn from(command: DeliverOrder) -> Self {
        Self::Order(Some(command.order.clone()), OrderCommand::Deliver(command))
    }
}

impl From<CancelOrder> for Command {
    fn from(command: CancelOrder) -> Self {
        Self::Order(Some(command.order.clone()), OrderCommand::Cancel(command))
    }
}

impl Command {
    /// Checks that the command's records have a bounded size, whatever it asks for: `lines_max` lines at the
    /// most, which parts of a kit count as, and reasons of a bounded length. Done before anything of the command is recorded.
    ///
    /// # Errors
    /// [`Refusal::TooManyLines`] or [`Refusal::ReasonTooLong`].
    pub(crate) fn check_bounds(&self, lines_max: usize) -> Result<(), Refusal> {
        let (lines, reason) = match self {
            Self::Flow(_, command) => return command.check_bounds(),
            Self::Lock(command) => return command.check_bounds(),
            Self::Sku(_, SkuCommand::SetPolicy(policy)) => (policy.kit.as_ref().map_or(0, Vec::len), None),
            Self::Sku(_, command) => (0, command.reason()),
            Self::Order(_, OrderCommand::Place(place)) => {
                if let Some(delivery) = &place.delivery {
                    check_reason(&delivery.address)?;
                    check_reason(&delivery.contact)?;
                }
                let tags = place.lines.iter().filter_map(|line| line.tags.as_deref());
                let words = tags.flat_map(|tags| [&tags.channel, &tags.constraint]).flatten();
                words.into_iter().try_for_each(|word| check_reason(word))?;
                (place.lines.len(), None)
            }
            Self::Order(_, OrderCommand::StageEdit(stage)) => (stage.changes.len(), None),
            Self::Order(_, OrderCommand::Split(SplitOrder { by: SplitBy::Groups(groups), .. })) => {
                (groups.iter().map(Vec::len).sum(), None)
            }
            Self::Order(_, OrderCommand::Split(SplitOrder { by: SplitBy::Located(groups), .. })) => {
                (groups.iter().map(|(_, lines)| lines.len()).sum(), None)
            }
            Self::Order(_, OrderCommand::Pay(_) | OrderCommand::Split(_)) => (0, None),
            Self::Order(_, OrderCommand::Ship(ship)) => (ship.lines.len(), None),
            Self::Order(_, OrderCommand::Deliver(deliver)) => (deliver.lines.len(), None),
            Self::Order(_, OrderCommand::Cancel(cancel)) => (cancel.lines.len(), Some(&cancel.reason)),
            Self::Order(_, OrderCommand::ShipShort(short)) => {
                (short.lines.len().max(short.missing.len()), Some(&short.reason))
            }
            Self::Order(_, OrderCommand::Close(close)) => (0, Some(&close.reason)),
            Self::Order(_, OrderCommand::ChangeDelivery(change)) => {
                check_reason(&change.delivery.address)?;
                (0, Some(&change.delivery.contact))
            }
            Self::Order(
                _,
                OrderCommand::Progress(_)
                | OrderCommand::ExtendDeadline(_)
                | OrderCommand::Retire(_)
                | OrderCommand::AcceptEdit(_)
                | OrderCommand::DeclineEdit(_),
            ) => (0, None),
        };
        if lines > lines_max {
            return Err(Refusal::TooManyLines { lines: lines as u64, max: lines_max as u64 });
        }
        reason.map_or(Ok(()), |reason| check_reason(reason))
    }

    /// Whether the command undoes work rather than making new: it is taken while the disk is full, out of
    /// the reserve that is kept for it.
    #[must_use]
    pub const fn undoes(&self) -> bool {
        matches!(
            self,
            Self::Sku(_, SkuCommand::Release { .. })
                | Self::Order(_, OrderCommand::Cancel(_))
                | Self::Flow(_, FlowCommand::Remedy(_))
                | Self::Lock(LockCommand::Release(_))
        )
    }

    /// Whether the command makes something that stays in memory: it is turned down while the memory budget is
    /// used up.
    #[must_use]
    pub const fn grows(&self) -> bool {
        matches!(
            self,
            Self::Sku(_, SkuCommand::Reserve(_))
                | Self::Order(_, OrderCommand::Place(_))
                | Self::Flow(_, FlowCommand::Begin(_))
                | Self::Lock(LockCommand::Acquire(_))
        )
    }
}

/// A command to one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderCommand {
    /// Place the order and reserve its stock, all or nothing unless it allows a part.
    Place(PlaceOrder),
    /// A payment came in.
    Pay(PayOrder),
    /// Units leave the house.
    Ship(ShipOrder),
    /// Units reached the buyer.
    Deliver(DeliverOrder),
    /// Units, or the whole order, are called off.
    Cancel(CancelOrder),
    /// The order takes its next step on the way: picked, packed, confirmed, completed.
    Progress(ProgressOrder),
    /// Address or contact change.
    ChangeDelivery(ChangeDelivery),
    /// The moment that the order waits for is put off.
    ExtendDeadline(ExtendDeadline),
    /// An operator closes the order.
    Close(CloseOrder),
    /// The order leaves memory.
    Retire(RetireOrder),
    /// Some units leave the house, and others are called off.
    ShipShort(ShipShort),
    /// A change is prepared.
    StageEdit(StageEdit),
    /// The prepared change is carried out.
    AcceptEdit(AcceptEdit),
    /// The prepared change is dropped.
    DeclineEdit(DeclineEdit),
    /// The order becomes several.
    Split(SplitOrder),
}

/// Units of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineQuantity {
    /// Number of the line, from 1.
    pub line: u32,
    /// Units of it.
    pub quantity: u32,
}

/// When a payment settles the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Settlement {
    /// As soon as the payments cover what is due.
    #[default]
    WhenCovered,
    /// With this payment, whatever was paid: the caller declares the order paid.
    Declared,
    /// Not with this payment, even if it covers what is due: more parts follow.
    PartOnly,
}

/// Record a payment. What is paid over or under the due amount is recorded, not refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayOrder {
    /// The order paid for.
    pub order: OrderId,
    /// The payment's id, unique within the order; `None` numbers it.
    pub payment: Option<PaymentId>,
    /// How it was paid.
    pub method: PaymentMethod,
    /// The amount, not negative, in the order's currency.
    pub amount: Money,
    /// Whether it settles the order.
    pub settlement: Settlement,
}

/// Record that units left the house. Empty `lines` ships all that is committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipOrder {
    /// The order shipped.
    pub order: OrderId,
    /// Units by line; empty for all that is left.
    pub lines: Vec<LineQuantity>,
}

/// Record that units reached the buyer. Empty `lines` delivers all that is shipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverOrder {
    /// The order delivered.
    pub order: OrderId,
    /// Units by line; empty for all that is under way.
    pub lines: Vec<LineQuantity>,
}

/// Call off units that have not left the house. Empty `lines` calls off the whole order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelOrder {
    /// The order called off.
    pub order: OrderId,
    /// Units by line; empty for the whole order.
    pub lines: Vec<LineQuantity>,
    /// Why, in the caller's words.
    pub reason: Reason,
}

/// What an accepted command is answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// To a command to a SKU.
    Stock(StockAnswer),
    /// To a command to an order.
    Order(OrderAnswer),
    /// To a command to a flow.
    Flow(FlowAnswer),
    /// To a command to a named lock.
    Lock(LockAnswer),
}

/// The order after the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderAnswer {
    /// The order.
    pub order: OrderId,
    /// Its state.
    pub state: super::order::State,
    /// What is due in all, in minor units.
    pub due: i64,
    /// What was paid in all, in minor units.
    pub paid: i64,
    /// What is to be paid back in all, in minor units.
    pub refund_due: i64,
    /// Units that were not there when they were asked for, and were called off; only where the placement
    /// allowed it.
    pub missing: Vec<LineQuantity>,
    /// Units that the order waits for.
    pub backordered: Vec<LineQuantity>,
    /// The order's version after the command.
    pub version: u64,
}

/// The final word on a command: an answer, or a refusal.
pub type Outcome = Result<Answer, Refusal>;

impl PayOrder {
    /// A payment that settles the order as soon as what is due is covered.
    #[must_use]
    pub fn new(order: OrderId, method: PaymentMethod, amount: Money) -> Self {
        Self { order, payment: None, method, amount, settlement: Settlement::WhenCovered }
    }
}

impl ShipOrder {
    /// Ships all that is left of the order.
    #[must_use]
    pub fn all(order: OrderId) -> Self {
        Self { order, lines: Vec::new() }
    }
}

impl DeliverOrder {
    /// Delivers all that is under way.
    #[must_use]
    pub fn all(order: OrderId) -> Self {
        Self { order, lines: Vec::new() }
    }
}

impl CancelOrder {
    /// Calls off the whole order, or all that has not left the house.
    #[must_use]
    pub fn all(order: OrderId, reason: impl Into<Reason>) -> Self {
        Self { order, lines: Vec::new(), reason: reason.into() }
    }
}
