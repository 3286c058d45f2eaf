//! Those who wait for units, in a running engine and after a crash.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::journal::{craft, write};
use common::*;
use earmark::domain::command::{StepOp, StockStep};
use earmark::domain::inventory::{self, FILLS_MAX, StockEvent};
use earmark::domain::record::{Record, SkuRecord};
use earmark::port::fs_sim::SimFs;
use earmark::{Backorder, Engine, HoldOwner, Inventory, SkuCommand, StockPolicy, Timestamp};
use smallvec::SmallVec;

const WAITERS: u32 = 1_000;
const AT: Timestamp = Timestamp::from_millis(5);

/// A SKU and the records that made it.
struct History {
    inventory: Inventory,
    records: Vec<SkuRecord>,
}

impl History {
    fn record(&mut self, events: SmallVec<[StockEvent; 1]>) {
        let version = self.inventory.version + events.len() as u64;
        let sku = self.inventory.sku.clone();
        let record = SkuRecord { sku, version, at: AT, by: None, events, mark: None };
        self.inventory.apply_record(&record).unwrap();
        self.records.push(record);
    }

    fn command(&mut self, command: &SkuCommand) {
        let decision = inventory::decide(&self.inventory, command, AT).unwrap();
        self.record(decision.events);
    }

    fn image(&self) -> SimFs {
        let records = self.records.iter().cloned().map(Record::Sku);
        write(&records.map(|record| craft(&record)).collect::<Vec<_>>())
    }
}

/// A thousand orders that wait for a unit each.
fn waiting() -> History {
    let mut history = History { inventory: Inventory::new(sku("a")), records: Vec::new() };
    history.command(&SkuCommand::receive(0, "listed"));
    let backorder = Some(Backorder { units_max: 2_000 });
    history.command(&SkuCommand::SetPolicy(Box::new(StockPolicy { backorder, ..StockPolicy::default() })));
    for number in 0..WAITERS {
        let step = StockStep {
            order: format!("o{number}").parse().unwrap(),
            number: 1,
            op: StepOp::Reserve,
            quantity: 1,
            buyer: None,
            cart: None,
            partial: false,
            from: None,
            may_wait: true,
            buyer_max: None,
            unpaid: None,
            heirs: Vec::new(),
        };
        let decision = inventory::decide_step(&history.inventory, &step, false, AT).unwrap();
        history.record(decision.events);
    }
    history
}

/// Waits until nobody is left who could be filled.
async fn all_filled(engine: &Engine) -> [u64; 3] {
    soon("filling", async {
        loop {
            let view = engine.sku(&sku("a")).view().await.unwrap().unwrap();
            if view.waiting == 0 || view.counters.available == 0 {
                return [view.counters.available, view.counters.reserved, view.counters.backordered];
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// Number of `Filled` events in each record that has any, in order of the journal, and the orders filled.
fn fills(engine: &Engine) -> (Vec<usize>, Vec<HoldOwner>) {
    let mut history = engine.subscribe(engine.start()).unwrap();
    let (mut records, mut owners) = (Vec::new(), Vec::new());
    while let Some(published) = history.try_next().unwrap() {
        let Record::Sku(record) = published.record else { continue };
        let before = owners.len();
        owners.extend(record.events.iter().filter_map(|event| match event {
            StockEvent::Filled { owner, .. } => Some(owner.clone()),
            _ => None,
        }));
        records.extend(Some(owners.len() - before).filter(|filled| *filled > 0));
    }
    (records, owners)
}

fn in_order_of_arrival() -> Vec<HoldOwner> {
    (0..WAITERS).map(|number| HoldOwner::Order(order(&format!("o{number}")))).collect()
}

const STEPS: [usize; 4] = [FILLS_MAX, FILLS_MAX, FILLS_MAX, 1_000 - 3 * FILLS_MAX];

#[tokio::test]
async fn a_receipt_fills_a_thousand_in_bounded_records_and_in_their_order() {
    let engine = sim::open(&waiting().image()).await;
    engine.sku(&sku("a")).receive(1_005, "delivery").await.unwrap();
    assert_eq!(all_filled(&engine).await, [5, 1_000, 0]);
    assert_eq!(fills(&engine), (STEPS.to_vec(), in_order_of_arrival()));
}

#[tokio::test]
async fn a_crash_between_two_records_is_no_end_to_filling() {
    for done in 1..STEPS.len() {
        let mut history = waiting();
        history.command(&SkuCommand::receive(1_005, "delivery"));
        for _ in 1..done {
            let decision = inventory::decide_fill(&history.inventory).unwrap();
            history.record(decision.events);
        }
        assert!(history.inventory.can_fill());
        let engine = sim::open(&history.image()).await;
        let cart_got_none = engine.stock(&sku("a"), reserve("c", 6)).await;
        assert_eq!(refusal(cart_got_none).code(), "INSUFFICIENT_STOCK", "there are five to spare");
        assert_eq!(all_filled(&engine).await, [5, 1_000, 0]);
        assert_eq!(
            fills(&engine),
            (STEPS.to_vec(), in_order_of_arrival()),
            "{done} records before the crash"
        );
        engine.stock(&sku("a"), reserve("c", 5)).await.unwrap();
    }
}

#[tokio::test]
async fn a_receipt_that_is_too_small_leaves_the_others_waiting() {
    let engine = sim::open(&waiting().image()).await;
    engine.sku(&sku("a")).receive(300, "delivery").await.unwrap();
    assert_eq!(all_filled(&engine).await, [0, 300, 700]);
    let first = in_order_of_arrival().into_iter().take(300).collect();
    assert_eq!(fills(&engine), (vec![FILLS_MAX, 300 - FILLS_MAX], first));
    assert_eq!(refusal(engine.stock(&sku("a"), reserve("c", 1)).await).code(), "INSUFFICIENT_STOCK");
}
