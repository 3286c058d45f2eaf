//! Earmark: an embedded, actor-based, in-memory order engine that never sells what it does not have.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use earmark::{Config, Engine, LineRequest, PlaceOrder, SkuCommand};
//!
//! let engine = Engine::open(Config::in_memory()).await?; // Config::new("folder") for one that lasts
//! let sku = "concert-2027-front-row".parse()?;
//! engine.stock(&sku, SkuCommand::receive(1, "opening")).await?;
//!
//! let order = |id: &str| -> Result<PlaceOrder, Box<dyn std::error::Error>> {
//!     let line = LineRequest::new(sku.clone(), 1, 8_900);
//!     Ok(PlaceOrder::new("box-office".parse()?, "EUR".parse()?, vec![line]).with_id(id.parse()?))
//! };
//! assert!(engine.place(order("4711")?).await.is_ok());
//! let refused = engine.place(order("4712")?).await.unwrap_err();
//! assert_eq!(refused.code(), "INSUFFICIENT_STOCK");
//! engine.close().await?;
//! # Ok(()) }
//! ```

// In the order in which data flows: what is decided, where it is written, how it comes back, who does it.
pub mod domain;
pub mod flow;
pub mod journal;
pub mod port;
pub mod replay;
pub mod snapshot;

pub mod blocking;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(any(test, feature = "simulation"))]
pub mod simulation;

mod actor;
mod config;
mod engine;
mod error;
mod guard;
mod outbox;
mod query;

pub use config::{Config, Driver, OnRecovery, RecordCommands, RecoveryPhase, RecoveryProgress, Retention};
pub use domain::command::{
    AcceptEdit, AcquireLock, Amounts, Answer, BeginFlow, CancelOrder, ChangeDelivery, CloseOrder, Command,
    DeclineEdit, DeliverOrder, EditChange, ExtendDeadline, ExtendLock, FlowAnswer, FlowCommand, LineQuantity,
    LineRequest, LineTags, LockAnswer, LockCommand, OrderAnswer, OrderCommand, PayOrder, PlaceOrder,
    ProgressOrder, ProgressStep, ReleaseLock, RemedyStep, Request, ReserveStock, RetireOrder, ScopedKey,
    Settlement, ShipOrder, ShipShort, SkuCommand, SplitBy, SplitOrder, StageEdit, StockAnswer,
};
pub use domain::flow::{Flow, Remedy};
pub use domain::ids::{
    BusinessId, CartId, CustomerId, DeliveryId, EntityId, FlowId, IdempotencyKey, LockName, LockOwner,
    OrderId, PaymentId, PaymentMethod, Principal, RulesId, SellerId, SkuId,
};
pub use domain::inventory::{
    Allocate, Allocation, Awaiting, Backorder, Counters, Hold, HoldOwner, Incoming, Inventory, KitPart,
    KitProblem, LimitWindow, LocationId, Part, Place, Preorder, Promise, PurchaseLimits, Shelf, StockPolicy,
    Take, Waiter,
};
pub use domain::lock::{Lease, Lock};
pub use domain::money::{Currency, Money};
pub use domain::order::{
    Child, Deduction, Delivery, EditPreview, LatePayment, Lifecycle, LifecycleId, Order, OrderType, SkuUnits,
    State, Terms, TermsByType, Tombstone, View, WhenShort,
};
pub use domain::record::Record;
pub use domain::refusal::Refusal;
pub use domain::time::Timestamp;
pub use engine::{
    ChainView, Cut, Engine, FlowDone, LoadedSnapshot, LockGuard, LockHandle, MemoryUse, NodeView,
    OrderHandle, RecoveryReport, RefusedSnapshot, SkuHandle, SnapshotReport,
};
pub use error::Error;
pub use journal::{Cursor, Durability, WritePath};
pub use outbox::{Published, Subscription};
pub use port::ids::IdScheme;
pub use query::{
    Actor, BusinessCounts, Explanation, Happening, Held, Holder, OrderCounts, OrderFilter, OrderQuery,
    OrderSummary, PAGE_ITEMS_MAX, Page, PageCursor, Shortage, SkuView, Timeline, TimelineEntry,
};
pub use replay::StateHash;
