//! Refusals: the closed list of reasons for which a command is turned down.
//!
//! A refusal is a *decision*, not a failure: it is recorded with keyed commands, it carries the values
//! the caller needs to act on it, and its code is stable for good (docs/refusals.md lists them). Faults
//! of the machine (a full disk, a halted engine, overload) are [`crate::Error`]s, never refusals.

mod code;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::command::CONTEXT_BYTES_MAX;
use super::ids::{BusinessId, FlowId, LockOwner, SkuId};
use super::inventory::{KitProblem, LimitWindow, LocationId, Place, Promise};
use super::lock::LEASE_MS_MAX;
use super::money::Currency;
use super::order::{Action, EditProblem, SplitProblem, State};
use super::time::Timestamp;

/// The longest reason in words, in bytes of UTF-8. What is journaled has to fit a segment.
pub const REASON_BYTES_MAX: usize = 1_024;

/// Checks the length of a reason.
///
/// # Errors
/// [`Refusal::ReasonTooLong`].
pub(crate) fn check_reason(reason: &str) -> Result<(), Refusal> {
    if reason.len() > REASON_BYTES_MAX {
        return Err(Refusal::ReasonTooLong { bytes: reason.len() as u64 });
    }
    Ok(())
}

/// Why a command was refused. `code()` is stable; the text may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The SKU has fewer units available than were asked for.
    #[error("SKU {sku} has {available} available; {requested} were asked for")]
    InsufficientStock {
        /// The SKU that is short.
        sku: SkuId,
        /// Units asked for, summed over the order.
        requested: u64,
        /// Units available at the decision.
        available: u64,
    },
    /// The units asked for were held by orders still being placed, and stayed so through every retry.
    #[error("SKU {sku} is held by orders that are still being placed; try again")]
    Contended {
        /// The contended SKU.
        sku: SkuId,
    },
    /// Nothing was ever received for this SKU.
    #[error("SKU {sku} is unknown")]
    UnknownSku {
        /// The SKU as asked for.
        sku: SkuId,
    },
    /// No order has this id.
    #[error("the order is unknown")]
    UnknownOrder,
    /// The order id is taken by an earlier placement, accepted or refused.
    #[error("an order with this id exists already")]
    OrderExists,
    /// The order has no line.
    #[error("the order has no line")]
    NoLines,
    /// The order has more lines than the engine is configured to take.
    #[error("the order has {lines} lines; at most {max} are allowed")]
    TooManyLines {
        /// Lines in the order.
        lines: u64,
        /// The configured limit.
        max: u64,
    },
    /// A quantity that has to be positive is zero.
    #[error("the quantity of line {line} is not positive")]
    QuantityNotPositive {
        /// Number of the line, from 1; 0 where the command has no lines.
        line: u32,
    },
    /// A line's amounts make no sense: negative, or a discount above the gross.
    #[error("the amounts of line {line} are negative or its discount exceeds its gross")]
    InvalidAmount {
        /// Number of the line, from 1; 0 for a payment.
        line: u32,
    },
    /// The reason given in words is longer than [`REASON_BYTES_MAX`].
    #[error("the reason has {bytes} bytes; at most {REASON_BYTES_MAX} are allowed")]
    ReasonTooLong {
        /// Its length in bytes of UTF-8.
        bytes: u64,
    },
    /// A sum does not fit its type.
    #[error("a sum of quantities or amounts is too large")]
    Overflow,
    /// An amount is in another currency than the order.
    #[error("the order is in {expected}; the amount is in {got}")]
    CurrencyMismatch {
        /// The order's currency.
        expected: Currency,
        /// The amount's currency.
        got: Currency,
    },
    /// The order's lifecycle has no such move.
    #[error("an order that is {state} cannot {action}")]
    WrongState {
        /// The order's state.
        state: State,
        /// The action asked for.
        action: Action,
    },
    /// The order has no line of this number.
    #[error("the order has no line {line}")]
    UnknownLine {
        /// The number asked for, from 1.
        line: u32,
    },
    /// A line has fewer units left for this action than were asked for.
    #[error("line {line} has {left} units left to {action}; {requested} were asked for")]
    QuantityExceeded {
        /// Number of the line, from 1.
        line: u32,
        /// The action asked for.
        action: Action,
        /// Units asked for.
        requested: u64,
        /// Units for which it is still possible.
        left: u64,
    },
    /// A new deadline is not later than the present one, or there is none to put off.
    #[error("the new deadline is not later than the present one")]
    DeadlineNotLater,
    /// Nothing is left to ship, deliver or cancel.
    #[error("nothing is left to {action}")]
    NothingLeft {
        /// The action asked for.
        action: Action,
    },
    /// The order already has a payment with this id.
    #[error("the order already has a payment with this id")]
    DuplicatePayment,
    /// The SKU holds nothing for this owner.
    #[error("SKU {sku} holds nothing for this owner")]
    UnknownHold {
        /// The SKU asked.
        sku: SkuId,
    },
    /// The owner holds fewer units in the needed condition than were asked for.
    #[error("the hold on SKU {sku} has {held} units in that condition; {requested} were asked for")]
    HoldExceeded {
        /// The SKU asked.
        sku: SkuId,
        /// Units asked for.
        requested: u64,
        /// Units the owner holds in the needed condition.
        held: u64,
    },
    /// More units would be taken out of a place at a location than are there and held by nobody.
    #[error("SKU {sku} has {available} {place}{}; {requested} cannot be taken off", .at.words())]
    BelowZero {
        /// The SKU asked.
        sku: SkuId,
        /// Where units were to be taken.
        place: Place,
        /// At which location.
        at: LocationId,
        /// Units to take off.
        requested: u64,
        /// Units in that place.
        available: u64,
    },
    /// No such delivery is announced.
    #[error("no such delivery is announced for SKU {sku}")]
    UnknownDelivery {
        /// The SKU asked.
        sku: SkuId,
    },
    /// More units came back than were shipped.
    #[error("SKU {sku} has {shipped} units shipped; {requested} cannot come back")]
    ReturnExceedsShipped {
        /// The SKU asked.
        sku: SkuId,
        /// Units said to come back.
        requested: u64,
        /// Units shipped and not yet returned.
        shipped: u64,
    },
    /// An invariant of this entity was found broken; it is parked until an operator has looked at it.
    #[error("parked: {reason}")]
    Parked {
        /// What was found.
        reason: SmolStr,
    },
    /// Unpark was asked for an entity that is not parked.
    #[error("not parked")]
    NotParked,
    /// The entity's decision code panicked; nothing was changed.
    #[error("the decision failed: {reason}")]
    DecisionPanicked {
        /// The panic's message.
        reason: SmolStr,
    },
    /// The buyer would hold more units at a time than the SKU's policy allows.
    #[error("a buyer may hold {limit} units of SKU {sku}; {used} are held and {requested} were asked for")]
    HoldBudgetExceeded {
        /// The SKU asked.
        sku: SkuId,
        /// Units that one buyer may hold.
        limit: u64,
        /// Units the buyer holds besides those asked for.
        used: u64,
        /// Units asked for.
        requested: u64,
    },
    /// The buyer would take more units than the SKU's policy allows within a span of time.
    #[error(
        "a buyer may take {limit} units of SKU {sku} {window}; {used} are taken and {requested} were asked for"
    )]
    PurchaseLimitExceeded {
        /// The SKU asked.
        sku: SkuId,
        /// The span of time.
        window: LimitWindow,
        /// Units that one buyer may take in it.
        limit: u64,
        /// Units the buyer has taken in it besides those asked for.
        used: u64,
        /// Units asked for.
        requested: u64,
    },
    /// The SKU is a kit, which has no stock of its own.
    #[error("SKU {sku} is a kit and has no stock of its own: its parts have")]
    IsKit {
        /// The kit.
        sku: SkuId,
    },
    /// The kit makes no sense.
    #[error("SKU {sku} cannot be such a kit: {problem}")]
    InvalidKit {
        /// The kit.
        sku: SkuId,
        /// What is wrong with it.
        problem: KitProblem,
    },
    /// The units are not there, and no more of them may be promised.
    #[error(
        "SKU {sku} takes a {promise} of {limit} units; {used} are waited for and {requested} more were asked for"
    )]
    BackorderLimitExceeded {
        /// The SKU asked.
        sku: SkuId,
        /// What they would be promised on.
        promise: Promise,
        /// Units that may be waited for at a time.
        limit: u64,
        /// Units that are waited for.
        used: u64,
        /// Units asked for beyond those available.
        requested: u64,
    },
    /// The units are not there, and preorders of them are no longer taken.
    #[error("preorders of SKU {sku} were taken until {} ms of engine time", .until.as_millis())]
    PreorderEnded {
        /// The SKU asked.
        sku: SkuId,
        /// The moment from which on they are not taken.
        until: Timestamp,
    },
    /// The order has left memory, and its id stays taken. Its history is in the journal.
    #[error(
        "the order was retired at {at}; its timeline and `earmark inspect` tell what happened to it, as far back as the journal reaches"
    )]
    OrderRetired {
        /// Engine time of the retirement.
        at: Timestamp,
    },
    /// Something is left to do about the order, so it cannot be retired.
    #[error("an order that is {state}, with {refund_due} minor units due back, cannot be retired")]
    OrderNotClosed {
        /// The order's state.
        state: State,
        /// What is to be paid back in all, in minor units.
        refund_due: i64,
    },
    /// Orders of this type, or under a limit for each buyer, need a named buyer.
    #[error("the order needs a named customer")]
    CustomerRequired,
    /// No rules have such a chain for the business line and the scene.
    #[error("business line {business} has no chain {chain} for {scene}, and neither has the default line")]
    UnknownChain {
        /// The business line.
        business: BusinessId,
        /// The scene.
        scene: SmolStr,
        /// The name of the chain.
        chain: SmolStr,
    },
    /// No flow of this number is under way.
    #[error("no flow of this number is under way")]
    UnknownFlow,
    /// A flow's node failed, and what had run before it was rolled back.
    #[error("flow {flow} failed at {node}: {message}")]
    FlowFailed {
        /// The flow.
        flow: FlowId,
        /// The name of the node.
        node: SmolStr,
        /// What the node said.
        message: SmolStr,
        /// The engine's refusal, where a command of the node was refused.
        refusal: Option<Box<Refusal>>,
    },
    /// A flow's context cannot be read as what its chain works on.
    #[error("the context is not one for chain {chain}: {problem}")]
    InvalidContext {
        /// The name of the chain.
        chain: SmolStr,
        /// What is wrong with it.
        problem: SmolStr,
    },
    /// The context of a flow is too long.
    #[error("the context has {bytes} bytes; at most {CONTEXT_BYTES_MAX} are allowed")]
    ContextTooLong {
        /// Its length in bytes.
        bytes: u64,
    },
    /// No step of the flow stands still, or none of this name.
    #[error("no such step of the flow stands still")]
    NothingStandsStill,
    /// More than one step of the flow stands still.
    #[error("more than one step of the flow stands still: name one")]
    StepNotNamed,
    /// The command was called off before it came: its flow has rolled it back.
    #[error("the command was called off before it came")]
    Annulled,
    /// No edit of the order is staged.
    #[error("no edit of the order is staged")]
    NoEdit,
    /// The order has changed since its edit was previewed.
    #[error("version {previewed} of the order was previewed; it is at version {version} now")]
    EditOutdated {
        /// The version that was previewed.
        previewed: u64,
        /// The order's version.
        version: u64,
    },
    /// The edit makes no sense.
    #[error("the edit cannot be made, at line {line}: {problem}")]
    InvalidEdit {
        /// Number of the line, from 1; 0 for the order as a whole.
        line: u32,
        /// What is wrong with it.
        problem: EditProblem,
    },
    /// The order cannot be split like that.
    #[error("the order cannot be split: {problem}")]
    CannotSplit {
        /// What stands in the way.
        problem: SplitProblem,
    },
    /// The order was split: its children have its units and its money.
    #[error("the order was split into {children} others; give the command to those")]
    OrderSplit {
        /// Number of its children.
        children: u64,
    },
    /// An id of this form is given to orders that are split off others.
    #[error("an id that ends in a slash and a number is that of an order that was split off another")]
    OrderIdReserved,
    /// Another one has the lock, and whoever asked would not wait for longer.
    #[error("the lock is held by {owner} until {until}")]
    LockHeld {
        /// Who has it.
        owner: LockOwner,
        /// The moment from which on it is free, unless its holder has it for longer then.
        until: Timestamp,
    },
    /// The number is not the one under which the lock is held: the lease was over, or the lock was given back.
    #[error("the lock is not held under number {fencing}; the last that was given is {last}")]
    LockLost {
        /// The number that was named.
        fencing: u64,
        /// The number that was given last; 0 before the first.
        last: u64,
    },
    /// No lease can be so short or so long.
    #[error("a lease of {lease_ms} ms cannot be given; it has 1 to {LEASE_MS_MAX} ms")]
    InvalidLease {
        /// The lease asked for, in milliseconds.
        lease_ms: u64,
    },
    /// So many wait for the lock that no more may.
    #[error("{waiting} wait for the lock, and no more may")]
    LockCrowded {
        /// Number of those who wait.
        waiting: u64,
    },
}
