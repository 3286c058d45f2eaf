//! Business lines as their customers live through them: the three of the example, and a fourth one that no file of the
//! project knows of, in one engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../../examples/lines/flash_sale.rs"]
mod flash_sale;
#[path = "../../examples/lines/membership.rs"]
mod membership;
#[path = "../../examples/lines/supermarket.rs"]
mod supermarket;

mod bindery;
mod club;
mod crashes;
mod fourth;
mod market;
mod panics;
mod shop;
mod standard;

use std::sync::Arc;
use std::time::Duration;

use earmark::flow::{BusinessLine, OrderContext, Standard, scene_of};
use earmark::port::ManualClock;
use earmark::port::fs_sim::SimFs;
use earmark::{
    BeginFlow, Config, Currency, Delivery, Engine, Error, FlowDone, LineRequest, Money, OrderType, PayOrder,
    PlaceOrder, Refusal, State, Timestamp,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use common::{look, order, receive, sim, sku};

/// What is outside of the engine, and outlives it.
struct Town {
    clock: Arc<ManualClock>,
    store: Arc<supermarket::Store>,
    van: Arc<dyn supermarket::Fees>,
    risk: Arc<dyn flash_sale::Risk>,
    doors: Arc<membership::Doors>,
    entitlements: Arc<dyn membership::Entitlements>,
    press: Arc<bindery::Bookings>,
}

impl Town {
    fn new() -> Self {
        let (store, doors) = (Arc::<supermarket::Store>::default(), Arc::<membership::Doors>::default());
        let van = supermarket::Supermarket::new(store.clone()).van;
        Self {
            clock: Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000))),
            store,
            van,
            risk: Arc::new(flash_sale::ByName),
            entitlements: doors.clone(),
            doors,
            press: Arc::default(),
        }
    }

    fn lines(&self) -> Vec<Arc<dyn BusinessLine>> {
        vec![
            Arc::new(Standard),
            Arc::new(supermarket::Supermarket { store: self.store.clone(), van: self.van.clone() }),
            Arc::new(flash_sale::FlashSale { risk: self.risk.clone() }),
            Arc::new(membership::Membership { entitlements: self.entitlements.clone() }),
        ]
    }

    async fn open(&self, fs: &SimFs) -> Engine {
        self.open_with(fs, self.lines()).await
    }

    async fn open_with(&self, fs: &SimFs, lines: Vec<Arc<dyn BusinessLine>>) -> Engine {
        Engine::open(Config { lines, clock: self.clock.clone(), ..sim::config(fs) }).await.unwrap()
    }

    async fn stocked(&self) -> Engine {
        let engine = self.open(&SimFs::new()).await;
        for name in ["milk", "bread", "voucher", "console", "card"] {
            receive(&engine, name, 10).await;
        }
        engine
    }

    /// Lets time pass, and the timers do what is due then.
    async fn pass(&self, millis: u64) {
        self.clock.advance(millis);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A business line as its customers see it.
#[derive(Clone, Copy)]
struct Line {
    business: &'static str,
    order_type: OrderType,
}

const MARKET: Line = Line { business: "supermarket", order_type: OrderType::Physical };
const VOUCHERS: Line = Line { business: "supermarket", order_type: OrderType::Virtual };
const SHOP: Line = Line { business: "flash-shop", order_type: OrderType::FlashSale };
const CLUB: Line = Line { business: "club", order_type: OrderType::Membership };

impl Line {
    /// An order at 10.00 a unit.
    fn order(self, id: &str, buyer: &str, lines: &[(&str, u32)]) -> PlaceOrder {
        let lines = lines.iter().map(|(name, n)| LineRequest::new(sku(name), *n, i64::from(*n) * 1_000));
        let place = PlaceOrder::new(self.business.parse().unwrap(), Currency::EUR, lines.collect());
        let delivery = Some(Delivery { address: "1 High Street".into(), contact: buyer.into() });
        let place = PlaceOrder { customer: Some(buyer.parse().unwrap()), delivery, ..place };
        place.with_id(order(id)).of_type(self.order_type)
    }

    async fn run<C>(self, engine: &Engine, chain: &str, context: C) -> Result<FlowDone<C>, Error>
    where
        C: Serialize + DeserializeOwned + Clone + AsMut<OrderContext>,
    {
        let begin = BeginFlow::new(self.business.parse().unwrap(), chain, &context).unwrap();
        let mut begin = begin.for_scene(scene_of(self.order_type));
        let mut wanted = context;
        let OrderContext { order, place, pay, .. } = wanted.as_mut();
        begin.customer = place.as_ref().and_then(|place| place.customer.clone());
        begin.order = order.clone().or_else(|| pay.as_ref().map(|pay| pay.order.clone()));
        engine.run_flow(begin).await
    }

    async fn submit(self, engine: &Engine, place: PlaceOrder) -> Result<FlowDone<OrderContext>, Error> {
        self.run(engine, "submit", OrderContext::placing(place)).await
    }

    async fn pay(self, engine: &Engine, id: &str, minor: i64) -> Result<FlowDone<OrderContext>, Error> {
        let pay = PayOrder::new(order(id), "card".parse().unwrap(), Money::new(minor, Currency::EUR));
        self.run(engine, "pay", OrderContext::paying(pay)).await
    }

    async fn about(self, engine: &Engine, chain: &str, id: &str) -> Result<FlowDone<OrderContext>, Error> {
        self.run(engine, chain, OrderContext::about(order(id))).await
    }

    /// Whose chain it was that ran under this name: the line that its rules are of.
    async fn ran_by(self, engine: &Engine, chain: &str) -> String {
        let scene = scene_of(self.order_type);
        let views = engine.chains();
        let is_it = |view: &&earmark::ChainView| {
            view.business.as_str() == self.business && view.scene == scene && view.chain == chain
        };
        let ran: Vec<_> = views.iter().filter(is_it).collect();
        assert_eq!(ran.len(), 1, "{chain}: {ran:?}");
        engine.cut().await.unwrap().works.rules[&ran[0].rules].business.to_string()
    }
}

/// The node at which a flow failed, and what it said.
#[track_caller]
fn failed<C: std::fmt::Debug>(result: Result<FlowDone<C>, Error>) -> (String, String) {
    match result {
        Err(Error::Refused(Refusal::FlowFailed { node, message, .. })) => {
            (node.to_string(), message.to_string())
        }
        other => panic!("no failure: {other:?}"),
    }
}

async fn state(engine: &Engine, id: &str) -> State {
    look(engine, id).await.state
}

/// No flow is left, the books are right, and the same comes out of the journal.
async fn ends_sound(engine: Engine) {
    let cut = engine.cut().await.unwrap();
    assert_eq!((cut.violations, cut.works.flows.len()), (Vec::<String>::new(), 0));
    engine.close().await.unwrap();
}
