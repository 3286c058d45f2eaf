//! The calls of a history, what came back, and how a call is made.

use earmark::{
    BusinessId, CancelOrder, CartId, Currency, DeliverOrder, Engine, Error, IdempotencyKey, LineRequest,
    Money, OrderId, PayOrder, PlaceOrder, Refusal, Request, ReserveStock, ShipOrder, SkuCommand, SkuId,
    State,
};
use serde::{Deserialize, Serialize};

/// The price of a unit in minor units.
const UNIT_PRICE: i64 = 100;

/// A call to one SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StockCall {
    Receive(u64),
    Reserve { cart: u8, quantity: u64 },
    Commit { cart: u8 },
    Release { cart: u8 },
    Ship { cart: u8, quantity: u64 },
    View,
}

/// A call to one order. All of it is paid, shipped, delivered or cancelled at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum OrderCall {
    Place(Vec<(u8, u32)>),
    Pay(Vec<(u8, u32)>),
    Ship,
    Deliver,
    Cancel,
    View,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Call {
    Stock { sku: u8, call: StockCall },
    Order { order: u32, call: OrderCall },
}

impl Call {
    /// Whether it asks for a change, so that it can have an idempotency key.
    pub(super) const fn changes(&self) -> bool {
        !matches!(self, Self::Stock { call: StockCall::View, .. } | Self::Order { call: OrderCall::View, .. })
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// The answer to a SKU's command.
    Stock { available: u64, held: u64, version: u64 },
    /// A SKU as it was seen: available, reserved, committed, shipped; and its version.
    Stocked { counters: [u64; 4], version: u64 },
    /// The state of an order, after a command or as it was seen.
    Order(State),
    /// There is no such SKU or order.
    Nothing,
    /// The code of a refusal; which SKU was short, and how many units it had.
    Refused { code: String, sku: Option<u8>, available: Option<u64> },
}

/// A call with what came back of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Event {
    /// Who called.
    pub(super) client: u32,
    /// The tick before the call.
    pub(super) called: i64,
    /// The tick after the answer, or that of the crash which the call did not live to see answered.
    pub(super) returned: i64,
    /// What was asked for.
    pub(super) call: Call,
    /// Under which idempotency key.
    pub(super) key: Option<u32>,
    /// What came back; `None` where the crash came first.
    pub(super) outcome: Option<Outcome>,
}

impl Event {
    /// Whether it was refused for units that an order had taken which was still being placed.
    pub(super) fn is_contended(&self) -> bool {
        matches!(&self.outcome, Some(Outcome::Refused { code, .. }) if code == "CONTENDED")
    }
}

fn sku_id(sku: u8) -> Result<SkuId, Error> {
    SkuId::new(format!("sku-{sku}")).map_err(wrong)
}

fn wrong(error: impl std::fmt::Display) -> Error {
    Error::Io { what: "making an id".to_owned(), detail: error.to_string() }
}

fn order_id(order: u32) -> Result<OrderId, Error> {
    OrderId::new(format!("order-{order}")).map_err(wrong)
}

fn cart_id(cart: u8) -> Result<CartId, Error> {
    CartId::new(format!("cart-{cart}")).map_err(wrong)
}

fn business() -> Result<BusinessId, Error> {
    BusinessId::new("shop").map_err(wrong)
}

/// Makes the call. `None` is what a crash leaves: nobody knows.
///
/// # Errors
/// Everything but an answer, a refusal, and what a crash leaves.
pub(super) async fn make(engine: &Engine, call: &Call, key: Option<u32>) -> Result<Option<Outcome>, Error> {
    let made = match call {
        Call::Stock { sku, call } => stock(engine, *sku, call, key).await,
        Call::Order { order, call } => order_call(engine, *order, call, key).await,
    };
    match made {
        Ok(outcome) => Ok(Some(outcome)),
        Err(Error::Refused(refusal)) => Ok(Some(refused(&refusal))),
        Err(Error::OutcomeUnknown | Error::Halted { .. } | Error::Closed) => Ok(None),
        Err(error) => Err(error),
    }
}

fn refused(refusal: &Refusal) -> Outcome {
    let (sku, available) = match refusal {
        Refusal::InsufficientStock { sku, available, .. } => {
            (sku.as_str().strip_prefix("sku-").and_then(|number| number.parse().ok()), Some(*available))
        }
        _ => (None, None),
    };
    Outcome::Refused { code: refusal.code().to_owned(), sku, available }
}

fn request<C>(command: C, key: Option<u32>) -> Result<Request<C>, Error> {
    let request = Request::from(command);
    Ok(match key {
        Some(key) => request.with_key(business()?, IdempotencyKey::new(format!("key-{key}")).map_err(wrong)?),
        None => request,
    })
}

async fn stock(engine: &Engine, sku: u8, call: &StockCall, key: Option<u32>) -> Result<Outcome, Error> {
    let id = sku_id(sku)?;
    let command = match call {
        StockCall::Receive(quantity) => SkuCommand::receive(*quantity, "delivery"),
        StockCall::Reserve { cart, quantity } => ReserveStock::new(cart_id(*cart)?, *quantity).into(),
        StockCall::Commit { cart } => SkuCommand::Commit { cart: cart_id(*cart)? },
        StockCall::Release { cart } => SkuCommand::Release { cart: cart_id(*cart)? },
        StockCall::Ship { cart, quantity } => SkuCommand::ship(cart_id(*cart)?, *quantity),
        StockCall::View => {
            return Ok(match engine.sku(&id).view().await? {
                None => Outcome::Nothing,
                Some(view) => {
                    let c = view.counters;
                    let counters = [c.available, c.reserved, c.committed, c.shipped];
                    Outcome::Stocked { counters, version: view.version }
                }
            });
        }
    };
    let answer = engine.stock(&id, request(command, key)?).await?;
    Ok(Outcome::Stock { available: answer.available, held: answer.held, version: answer.version })
}

fn price(lines: &[(u8, u32)]) -> i64 {
    lines.iter().map(|(_, quantity)| i64::from(*quantity) * UNIT_PRICE).sum()
}

fn placement(id: OrderId, lines: &[(u8, u32)]) -> Result<PlaceOrder, Error> {
    let lines = lines.iter().map(|line| {
        Ok::<_, Error>(LineRequest::new(sku_id(line.0)?, line.1, i64::from(line.1) * UNIT_PRICE))
    });
    Ok(PlaceOrder::new(business()?, Currency::EUR, lines.collect::<Result<_, _>>()?).with_id(id))
}

async fn order_call(
    engine: &Engine,
    order: u32,
    call: &OrderCall,
    key: Option<u32>,
) -> Result<Outcome, Error> {
    let id = order_id(order)?;
    let answer = match call {
        OrderCall::Place(lines) => engine.place(request(placement(id, lines)?, key)?).await?,
        OrderCall::Pay(lines) => {
            let amount = Money::new(price(lines), Currency::EUR);
            let pay = PayOrder::new(id, "card".parse().map_err(wrong)?, amount);
            engine.pay(request(pay, key)?).await?
        }
        OrderCall::Ship => engine.ship(request(ShipOrder { order: id, lines: Vec::new() }, key)?).await?,
        OrderCall::Deliver => {
            engine.deliver(request(DeliverOrder { order: id, lines: Vec::new() }, key)?).await?
        }
        OrderCall::Cancel => {
            let cancel = CancelOrder { order: id, lines: Vec::new(), reason: "not wanted".into() };
            engine.cancel(request(cancel, key)?).await?
        }
        OrderCall::View => {
            let seen = engine.order(&id).view().await?;
            return Ok(seen.map_or(Outcome::Nothing, |order| Outcome::Order(order.state)));
        }
    };
    Ok(Outcome::Order(answer.state))
}
