//! What a caller asks for: random commands to a shop with few SKUs. Each caller has orders and carts of its
//! own, so that its last answer about one of them is the truth; in the SKUs all of them meet.

use anyhow::Result;
use earmark::{
    Answer, CancelOrder, CartId, Command, Currency, DeliverOrder, IdempotencyKey, LineQuantity, LineRequest,
    Money, OrderAnswer, OrderId, PayOrder, PlaceOrder, Request, ReserveStock, ShipOrder, SkuCommand, SkuId,
};

use super::ledger::Ledger;
use super::{OPENING_STOCK, Plan};
use earmark::domain::command::Outcome;

const SKUS: [&str; 4] = ["apple", "bread", "cheese", "dates"];
const PRICE_MINOR: i64 = 1_000;

/// Orders that a caller goes on with.
const ORDERS_AT_HAND: usize = 12;

/// Keyed commands that a caller asks for again.
const KEYED_AT_HAND: usize = 12;

/// Makes the SKUs known and puts stock in.
pub(super) async fn open_shop(plan: &Plan, ledger: &mut Ledger) -> Result<()> {
    let engine = plan.open().await?;
    for (number, name) in (0u64..).zip(SKUS) {
        let receive = SkuCommand::receive(OPENING_STOCK, "opening stock");
        let request = Request::from(Command::Sku(SkuId::new(name)?, receive));
        ledger.asked(number, request.clone());
        let answer = engine.submit::<Command>(request).await?;
        ledger.answered(number, Ok(answer));
    }
    engine.close().await?;
    Ok(())
}

/// One of many callers.
pub(super) struct Caller {
    random: fastrand::Rng,
    name: String,
    made: u64,
    orders: Vec<OrderAnswer>,
    keyed: Vec<Request<Command>>,
}

impl Caller {
    pub(super) fn new(plan: &Plan, number: u64) -> Self {
        let seed = plan.seed.wrapping_mul(1_000_003).wrapping_add(u64::from(plan.round) * 1_009 + number);
        Self {
            random: fastrand::Rng::with_seed(seed),
            name: format!("r{}c{number}", plan.round),
            made: 0,
            orders: Vec::new(),
            keyed: Vec::new(),
        }
    }

    /// What is asked next: one command, or several at once to different entities.
    pub(super) fn next(&mut self) -> Result<Vec<Request<Command>>> {
        if self.random.u8(..20) == 0 {
            let count = self.random.u32(2..6);
            let mut batch = Vec::new();
            for _ in 0..count {
                // Side by side, two orders out of one cart: who of them got what it held, no answer tells.
                let placement = self.place(false)?;
                batch.push(self.request(placement)?);
            }
            let receipt = self.stock(SkuCommand::receive(5, "delivery"))?;
            batch.push(self.request(receipt)?);
            return Ok(batch);
        }
        if self.random.u8(..15) == 0
            && let Some(again) = self.random.choice(&self.keyed).cloned()
        {
            return Ok(vec![again]);
        }
        let command = self.command()?;
        Ok(vec![self.request(command)?])
    }

    /// The caller learns what became of what it asked for.
    pub(super) fn learn(&mut self, request: Request<Command>, outcome: &Outcome) {
        let is_again = self.keyed.contains(&request);
        if let (false, Ok(Answer::Order(answer))) = (is_again, outcome) {
            self.orders.retain(|order| order.order != answer.order);
            self.orders.push(answer.clone());
            if self.orders.len() > ORDERS_AT_HAND {
                self.orders.remove(0);
            }
        }
        if !is_again && request.key.is_some() {
            self.keyed.push(request);
            if self.keyed.len() > KEYED_AT_HAND {
                self.keyed.remove(0);
            }
        }
    }

    fn request(&mut self, command: Command) -> Result<Request<Command>> {
        let request = Request::from(command);
        if self.random.bool() {
            return Ok(request);
        }
        self.made += 1;
        let key = IdempotencyKey::new(format!("{}k{}", self.name, self.made))?;
        Ok(request.with_key("shop".parse()?, key))
    }

    fn sku(&mut self) -> Result<SkuId> {
        Ok(SkuId::new(self.random.choice(SKUS).unwrap_or("apple"))?)
    }

    fn stock(&mut self, command: SkuCommand) -> Result<Command> {
        Ok(Command::Sku(self.sku()?, command))
    }

    fn cart(&self) -> Result<CartId> {
        Ok(CartId::new(format!("{}-cart", self.name))?)
    }

    fn place(&mut self, may_be_a_cart: bool) -> Result<Command> {
        self.made += 1;
        let mut lines = Vec::new();
        for _ in 0..self.random.u32(1..4) {
            let quantity = self.random.u32(1..3);
            lines.push(LineRequest::new(self.sku()?, quantity, i64::from(quantity) * PRICE_MINOR));
        }
        let id = OrderId::new(format!("{}o{}", self.name, self.made))?;
        let mut order = PlaceOrder::new("shop".parse()?, Currency::EUR, lines).with_id(id);
        if may_be_a_cart && self.random.u8(..5) == 0 {
            order = order.from_cart(self.cart()?);
        }
        order.allow_partial = self.random.u8(..5) == 0;
        Ok(order.into())
    }

    fn some_units(&mut self) -> Vec<LineQuantity> {
        if self.random.bool() { vec![LineQuantity { line: 1, quantity: 1 }] } else { Vec::new() }
    }

    fn command(&mut self) -> Result<Command> {
        let draw = self.random.u8(..20);
        if (5..=13).contains(&draw)
            && let Some(OrderAnswer { order, due, .. }) = self.random.choice(&self.orders).cloned()
        {
            return Ok(match draw {
                5..=8 => PayOrder::new(order, "card".parse()?, Money::new(due, Currency::EUR)).into(),
                9 | 10 => ShipOrder { order, lines: self.some_units() }.into(),
                11 => DeliverOrder::all(order).into(),
                _ => CancelOrder { order, lines: self.some_units(), reason: "changed my mind".into() }.into(),
            });
        }
        let cart = self.cart()?;
        match draw {
            14 | 15 => {
                let quantity = self.random.u64(1..6);
                self.stock(ReserveStock::new(cart, quantity).into())
            }
            16 => self.stock(SkuCommand::Release { cart }),
            17 | 18 => {
                let quantity = self.random.u64(1..12);
                self.stock(SkuCommand::receive(quantity, "delivery"))
            }
            19 => self.stock(SkuCommand::write_off(1, earmark::Place::Available, "broken")),
            _ => self.place(true),
        }
    }
}
