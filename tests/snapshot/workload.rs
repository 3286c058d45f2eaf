//! Random commands to a small shop.

use earmark::port::fs_sim::SplitMix;
use earmark::{
    Command, DeliverOrder, Engine, OrderType, PlaceOrder, Request, RetireOrder, ShipOrder, SkuCommand,
};

use crate::common::{business, cancellation, cart, key, order, payment, placement, receive, reserve, sku};

pub const SKUS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A shop that grows: the numbers of its orders count up.
pub struct Shop {
    pub random: SplitMix,
    orders: u64,
    keys: u64,
}

impl Shop {
    pub fn new(seed: u64) -> Self {
        Self { random: SplitMix::new(seed), orders: 0, keys: 0 }
    }

    pub async fn stock(&mut self, engine: &Engine) {
        for name in SKUS {
            receive(engine, name, 20 + self.random.below(200)).await;
        }
    }

    fn place(&mut self) -> PlaceOrder {
        self.orders += 1;
        let first = self.random.below(5) as usize;
        let lines: Vec<_> = (0..=self.random.below(3) as usize)
            .map(|n| (SKUS[(first + n) % 5], 1 + self.random.below(3) as u32))
            .collect();
        let mut place = placement(&format!("o{}", self.orders), &lines);
        if self.random.below(2) == 0 {
            place.order_type = OrderType::Physical;
        }
        if self.random.below(3) == 0 {
            place.customer = Some(format!("buyer-{}", self.random.below(7)).parse().unwrap());
        }
        if self.random.below(6) == 0 {
            place.order = None;
        }
        place
    }

    fn command(&mut self) -> Command {
        let id = format!("o{}", 1 + self.random.below(self.orders.max(1)));
        let name = SKUS[self.random.below(5) as usize];
        match self.random.below(14) {
            0..5 => self.place().into(),
            5 | 6 => payment(&id, 1_000 * (1 + self.random.below(8) as i64)).into(),
            7 => ShipOrder::all(order(&id)).into(),
            8 => DeliverOrder::all(order(&id)).into(),
            9 => cancellation(&id, &[]).into(),
            10 | 11 => {
                let refunded = self.random.below(3) == 0;
                RetireOrder { order: order(&id), refunded }.into()
            }
            12 => {
                let cart = format!("cart-{}", self.random.below(5));
                Command::Sku(sku(name), reserve(&cart, 1 + self.random.below(4)))
            }
            _ if self.random.below(2) == 0 => {
                let cart = cart(&format!("cart-{}", self.random.below(5)));
                Command::Sku(sku(name), SkuCommand::Release { cart })
            }
            _ => Command::Sku(sku(name), SkuCommand::receive(3, "delivery")),
        }
    }

    /// Commands to be given side by side; some under keys, some of these a second time.
    pub fn step(&mut self) -> Vec<Request<Command>> {
        let mut step = Vec::new();
        for _ in 0..=self.random.below(6) {
            let request = Request::from(self.command());
            if self.random.below(3) > 0 {
                step.push(request);
                continue;
            }
            self.keys += 1;
            let request = request.with_key(business(), key(&format!("k{}", self.keys)));
            if self.random.below(4) == 0 {
                step.push(request.clone());
            }
            step.push(request);
        }
        step
    }
}
