//! Random commands to a small shop: few SKUs with little stock, so that everybody stands in everybody's way.

use super::line::Trip;
use super::plan::{Step, What};
use crate::domain::command::{
    Amounts, CancelOrder, Command, DeliverOrder, LineQuantity, LineRequest, LineTags, PayOrder, PlaceOrder,
    ProgressOrder, ProgressStep, Request, ReserveStock, ScopedKey, Settlement, ShipOrder, SkuCommand,
};
use crate::domain::ids::{InvalidId, OrderId, SkuId};
use crate::domain::inventory::{Backorder, KitPart, LocationId, Place, StockPolicy};
use crate::domain::money::{Currency, Money};
use crate::domain::order::{Deduction, OrderType};
use crate::domain::time::Timestamp;
use crate::port::fs_sim::SplitMix;

/// The wall clock at the beginning of a schedule, in milliseconds.
pub(super) const BEGAN_MS: u64 = 1_800_000_000_000;

/// What is received. The first one is hot.
const SKUS: [&str; 4] = ["apple", "bread", "cheese", "dates"];
/// Sold as one, and consists of others.
const KIT: &str = "picnic";
pub(super) const PRICE: i64 = 1_000;

/// Keyed commands that may come again.
const REMEMBERED: usize = 24;

/// A shop that grows: the numbers of its orders and keys count up.
pub(super) struct Shop {
    random: SplitMix,
    orders: u64,
    keys: u64,
    /// Flows that were begun.
    trips: u64,
    given: Vec<Request<Command>>,
    /// What is left of a story, its next step last.
    story: Vec<What>,
}

pub(super) fn order_id(number: u64) -> Result<OrderId, InvalidId> {
    OrderId::new(format!("o{number}"))
}

impl Shop {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: SplitMix::new(seed),
            orders: 0,
            keys: 0,
            trips: 0,
            given: Vec::new(),
            story: Vec::new(),
        }
    }

    pub(super) fn below(&mut self, count: u64) -> u64 {
        self.random.below(count)
    }

    pub(super) fn one_in(&mut self, count: u64) -> bool {
        self.random.below(count) == 0
    }

    /// How many orders were placed.
    pub(super) const fn orders(&self) -> u64 {
        self.orders
    }

    /// A key that nobody has used.
    pub(super) fn key(&mut self) -> Result<ScopedKey, InvalidId> {
        self.keys += 1;
        Ok(ScopedKey { business: "shop".parse()?, key: format!("k{}", self.keys).parse()? })
    }

    fn sku(&mut self) -> Result<SkuId, InvalidId> {
        // Half of everything is about the first one.
        let at = self.random.below(8).saturating_sub(4) as usize;
        SkuId::new(SKUS.get(at).copied().unwrap_or("apple"))
    }

    /// The first step of the first life: stock, and rules for some of it.
    pub(super) fn opening(&mut self) -> Result<Vec<Step>, InvalidId> {
        let mut requests = Vec::new();
        for name in SKUS {
            let command = SkuCommand::receive(2 + self.random.below(12), "opening stock");
            requests.push(Command::Sku(SkuId::new(name)?, command).into());
            // Orders that lie at two places.
            if self.one_in(3) {
                let command = SkuCommand::receive(1 + self.random.below(4), "opening stock");
                let command = command.at(LocationId::new("north")?);
                requests.push(Command::Sku(SkuId::new(name)?, command).into());
            }
        }
        if self.one_in(2) {
            let backorder = Some(Backorder { units_max: 1 + self.random.below(6) });
            let policy = StockPolicy { backorder, ..StockPolicy::default() };
            requests.push(Command::Sku(SkuId::new("dates")?, SkuCommand::SetPolicy(Box::new(policy))).into());
        }
        if self.one_in(3) {
            let policy = StockPolicy { hold_budget_per_buyer: Some(3), ..StockPolicy::default() };
            requests.push(Command::Sku(SkuId::new("bread")?, SkuCommand::SetPolicy(Box::new(policy))).into());
        }
        if self.one_in(2) {
            let part = |name: &str, quantity| Ok(KitPart { sku: SkuId::new(name)?, quantity });
            let kit = Some(vec![part("apple", 2)?, part("cheese", 1)?]);
            let policy = StockPolicy { kit, ..StockPolicy::default() };
            requests.push(Command::Sku(SkuId::new(KIT)?, SkuCommand::receive(0, "made known")).into());
            requests.push(Command::Sku(SkuId::new(KIT)?, SkuCommand::SetPolicy(Box::new(policy))).into());
        }
        if self.one_in(3) {
            let policy = StockPolicy { deduction: Some(Deduction::AtPayment), ..StockPolicy::default() };
            requests
                .push(Command::Sku(SkuId::new("cheese")?, SkuCommand::SetPolicy(Box::new(policy))).into());
        }
        Ok(vec![Step { pause_ms: 0, what: What::Submit(requests) }])
    }

    /// Where units come in and go out: mostly in the one place that is there without saying so.
    fn place_of_units(&mut self) -> Result<LocationId, InvalidId> {
        if self.one_in(4) { LocationId::new("north") } else { Ok(LocationId::MAIN) }
    }

    /// What a client does next.
    pub(super) fn step(&mut self) -> Result<Step, InvalidId> {
        let pause_ms = if self.random.below(3) > 0 { 0 } else { self.random.below(9) };
        if self.story.is_empty() && self.one_in(9) {
            self.story = self.story()?;
            self.story.reverse();
        }
        if self.random.below(4) > 0
            && let Some(what) = self.story.pop()
        {
            return Ok(Step { pause_ms, what });
        }
        let what = match self.random.below(42) {
            0 | 1 => What::Snapshot,
            2 => What::ForgetKeys(self.random.below(60)),
            3 => What::ResumeTimers,
            4..=6 => What::ReadOrder(self.recent()?),
            7 | 8 => What::ReadSku(self.sku()?),
            40 => {
                let order = self.recent()?;
                self.edit(order)?
            }
            41 => What::SplitByLocation(self.recent()?),
            9..=12 => {
                let count = 2 + self.random.below(4);
                What::Submit((0..count).map(|_| self.request()).collect::<Result<_, _>>()?)
            }
            _ => What::Submit(vec![self.request()?]),
        };
        Ok(Step { pause_ms, what })
    }

    fn request(&mut self) -> Result<Request<Command>, InvalidId> {
        if !self.given.is_empty() && self.one_in(7) {
            let at = self.random.below(self.given.len() as u64) as usize;
            if let Some(again) = self.given.get(at) {
                return Ok(again.clone());
            }
        }
        let request = Request::from(self.command()?);
        if self.random.below(3) > 0 {
            return Ok(request);
        }
        let request = Request { key: Some(self.key()?), ..request };
        if self.given.len() == REMEMBERED {
            self.given.remove(0);
        }
        self.given.push(request.clone());
        Ok(request)
    }

    /// One of the orders placed last.
    fn recent(&mut self) -> Result<OrderId, InvalidId> {
        let back = self.random.below(5.min(self.orders.max(1)));
        let order = order_id(self.orders.saturating_sub(back).max(1))?;
        if self.one_in(5) { self.child_of(&order) } else { Ok(order) }
    }

    fn command(&mut self) -> Result<Command, InvalidId> {
        let amount = Money::new(PRICE * (1 + self.random.below(5) as i64), Currency::EUR);
        Ok(match self.random.below(26) {
            24 | 25 => {
                self.trips += 1;
                let quantity = 1 + self.random.below(2) as u32;
                Trip::new(self.trips, self.random.next_u64(), self.sku()?, quantity).begin()?.into()
            }
            20 => {
                let order = self.recent()?;
                self.ship_short(order).into()
            }
            21 => {
                let order = self.recent()?;
                self.cancel_part(order).into()
            }
            22 => {
                let order = self.recent()?;
                self.split(order).into()
            }
            0..=6 => self.place()?.into(),
            7..=9 => {
                let settlement = if self.one_in(2) { Settlement::Declared } else { Settlement::WhenCovered };
                PayOrder { settlement, ..PayOrder::new(self.recent()?, "card".parse()?, amount) }.into()
            }
            10 => ShipOrder { order: self.recent()?, lines: self.part() }.into(),
            11 => DeliverOrder::all(self.recent()?).into(),
            12 | 13 => {
                let lines = self.part();
                CancelOrder { order: self.recent()?, lines, reason: "changed my mind".into() }.into()
            }
            14 => {
                let steps =
                    [ProgressStep::Pick, ProgressStep::Pack, ProgressStep::Confirm, ProgressStep::Complete];
                let at = self.random.below(4) as usize;
                let step = steps.get(at).copied().unwrap_or(ProgressStep::Pick);
                ProgressOrder { order: self.recent()?, step }.into()
            }
            _ => Command::Sku(self.sku()?, self.stock()?),
        })
    }

    /// All lines of an order, or some units of its first.
    fn part(&mut self) -> Vec<LineQuantity> {
        if self.one_in(3) { vec![LineQuantity { line: 1, quantity: 1 }] } else { Vec::new() }
    }

    pub(super) fn line(&mut self) -> Result<LineRequest, InvalidId> {
        let quantity = 1 + self.random.below(3) as u32;
        let sku = if self.one_in(10) { SkuId::new(KIT)? } else { self.sku()? };
        let mut line = LineRequest::new(sku, quantity, i64::from(quantity) * PRICE);
        if self.one_in(3) {
            let Amounts { gross, discount, shipping } = self.amounts(quantity.into());
            (line.gross, line.discount, line.shipping) = (gross, discount, shipping);
        }
        if self.one_in(2) {
            line.seller = Some(format!("seller-{}", self.random.below(2)).parse()?);
        }
        if self.one_in(3) {
            let tags = LineTags {
                channel: Some("market".into()),
                constraint: self.one_in(2).then(|| "cold".into()),
            };
            line.tags = Some(Box::new(tags));
        }
        Ok(line)
    }

    pub(super) fn place(&mut self) -> Result<PlaceOrder, InvalidId> {
        self.orders += 1;
        let mut lines = Vec::new();
        for _ in 0..=self.random.below(3) {
            lines.push(self.line()?);
        }
        let mut place = PlaceOrder::new("shop".parse()?, Currency::EUR, lines);
        // Some take an id that is taken.
        let number = if self.one_in(20) { 1 + self.random.below(self.orders) } else { self.orders };
        place.order = if self.one_in(15) { None } else { Some(order_id(number)?) };
        let types = OrderType::ALL;
        let at = if self.one_in(2) { 1 } else { self.random.below(types.len() as u64) as usize };
        place.order_type = types.get(at).copied().unwrap_or_default();
        if self.one_in(3) {
            place.customer = Some(format!("buyer-{}", self.random.below(3)).parse()?);
        }
        if self.one_in(5) {
            place.cart = Some(format!("cart-{}", self.random.below(4)).parse()?);
        }
        place.allow_partial = self.one_in(6);
        place.may_wait = self.one_in(2);
        Ok(place)
    }

    fn stock(&mut self) -> Result<SkuCommand, InvalidId> {
        let cart = format!("cart-{}", self.random.below(4)).parse()?;
        let quantity = 1 + self.random.below(3);
        Ok(match self.random.below(14) {
            0..=4 => {
                let mut asked = ReserveStock::new(cart, quantity);
                if self.one_in(3) {
                    let after = BEGAN_MS + self.random.below(400);
                    asked = asked.until(Timestamp::from_millis(after));
                }
                if self.one_in(3) {
                    asked = asked.by(format!("buyer-{}", self.random.below(3)).parse()?);
                }
                asked.into()
            }
            5 | 6 => SkuCommand::Release { cart },
            7 => SkuCommand::Commit { cart },
            8 => SkuCommand::ship(cart, quantity),
            9 | 10 => SkuCommand::receive(2 * quantity, "delivery").at(self.place_of_units()?),
            11 => SkuCommand::return_to_stock(1, Place::Available, "came back"),
            12 => SkuCommand::write_off(1, Place::Available, "broken"),
            _ => SkuCommand::transfer(1, LocationId::MAIN, LocationId::new("north")?, "balance"),
        })
    }
}
