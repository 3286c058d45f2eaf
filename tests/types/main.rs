//! Orders of each type as their users live through them: forward, called off, timed out, over a restart, and with
//! the journal cut behind any of its records.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod changes;
mod flash_sale;
mod membership;
mod preorder;
mod terms;
mod virtual_goods;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use earmark::domain::command::ProgressOrder;
use earmark::port::ManualClock;
use earmark::port::fs_sim::SimFs;
use earmark::{Config, Engine, OrderType, PlaceOrder, ProgressStep, State, TermsByType, Timestamp};

/// An engine on a simulated file system, under a clock that the test moves.
struct Shop {
    fs: SimFs,
    clock: Arc<ManualClock>,
    engine: Engine,
}

impl Shop {
    async fn open() -> Self {
        Self::under(TermsByType::default()).await
    }

    async fn under(terms: TermsByType) -> Self {
        let (fs, clock) = (SimFs::new(), Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000))));
        let engine = Engine::open(settings(&fs, &clock, terms)).await.unwrap();
        Self { fs, clock, engine }
    }

    /// The same folder, opened again behind a crash, perhaps under other terms.
    async fn crash(self, terms: TermsByType) -> Self {
        let Self { fs, clock, engine } = self;
        let fs = fs.crash();
        drop(engine);
        let engine = Engine::open(settings(&fs, &clock, terms)).await.unwrap();
        Self { fs, clock, engine }
    }

    /// Lets time pass, and the timers do what is due then.
    async fn pass(&self, millis: u64) {
        self.clock.advance(millis);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    async fn state(&self, id: &str) -> State {
        look(&self.engine, id).await.state
    }

    async fn step(&self, id: &str, step: ProgressStep) -> State {
        let command = ProgressOrder { order: order(id), step };
        match self.engine.submit(command).await.unwrap() {
            earmark::Answer::Order(answer) => answer.state,
            other => panic!("an order answers: {other:?}"),
        }
    }

    /// Invariants hold, and the journal tells the same as the engine.
    async fn ends_sound(self) {
        let live = self.engine.cut().await.unwrap();
        assert_eq!(live.violations, Vec::<String>::new());
        self.engine.close().await.unwrap();
        let again = Engine::open(settings(&self.fs, &self.clock, TermsByType::default())).await.unwrap();
        assert_eq!(again.cut().await.unwrap().hash, live.hash);
    }
}

fn settings(fs: &SimFs, clock: &Arc<ManualClock>, terms: TermsByType) -> Config {
    Config { clock: clock.clone(), terms, clock_step_ms_max: None, ..sim::config(fs) }
}

/// An order of a type by Alice.
fn bought(order_type: OrderType, id: &str, lines: &[(&str, u32)]) -> PlaceOrder {
    placement(id, lines).of_type(order_type).by_customer("alice".parse().unwrap())
}
