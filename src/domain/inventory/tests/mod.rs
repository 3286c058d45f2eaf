#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

//! Helpers: an inventory is built by the same decide and apply that the engine runs.

mod budgets;
mod carts;
mod commands;
mod locations;
mod queue;
mod random;
mod refusals;
mod steps;
mod supply;
mod table;

use super::*;
use crate::domain::command::{ReserveStock, SkuCommand, StepOp, StockStep};
use crate::domain::ids::{CartId, CustomerId, DeliveryId, OrderId, SkuId};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn sku() -> SkuId {
    SkuId::new("sku").unwrap()
}

fn cart(name: &str) -> CartId {
    CartId::new(name).unwrap()
}

fn owner() -> HoldOwner {
    HoldOwner::Cart(cart("c"))
}

fn order() -> HoldOwner {
    HoldOwner::Order(OrderId::new("o").unwrap())
}

fn step(number: u32, op: StepOp, quantity: u64) -> StockStep {
    let order = OrderId::new("o").unwrap();
    StockStep {
        order,
        number,
        op,
        quantity,
        buyer: None,
        cart: None,
        partial: false,
        from: None,
        may_wait: false,
        buyer_max: None,
        unpaid: None,
        heirs: Vec::new(),
    }
}

fn receive(quantity: u64) -> SkuCommand {
    SkuCommand::receive(quantity, "po")
}

fn reserve(quantity: u64, deadline: Option<u64>) -> SkuCommand {
    SkuCommand::Reserve(ReserveStock { deadline: deadline.map(at), ..ReserveStock::new(cart("c"), quantity) })
}

fn reserved(quantity: u64, deadline: Option<u64>) -> StockEvent {
    StockEvent::Reserved {
        owner: owner(),
        quantity,
        step: 0,
        deadline: deadline.map(at),
        purchase: None,
        at: LocationId::MAIN,
    }
}

fn released(reserved: u64, committed: u64, cause: ReleaseCause) -> StockEvent {
    StockEvent::Released { owner: owner(), reserved, committed, step: 0, cause, at: LocationId::MAIN }
}

/// Ten units and whatever `commands` make of them.
fn stocked(commands: &[SkuCommand]) -> Inventory {
    let mut inventory = Inventory::new(sku());
    run(&mut inventory, &receive(10));
    for command in commands {
        run(&mut inventory, command);
    }
    inventory
}

/// Decides and applies a command that must be accepted; checks the answer against the state.
fn run(inventory: &mut Inventory, command: &SkuCommand) -> Vec<StockEvent> {
    let decision = decide(inventory, command, NOW).unwrap();
    apply_all(inventory, &decision.events);
    assert_eq!(decision.answer.version, inventory.version);
    assert_eq!(decision.answer.available, inventory.counters.available);
    decision.events.into_vec()
}

/// Decides and applies a step that must be accepted.
fn run_step(inventory: &mut Inventory, step: &StockStep) -> Vec<StockEvent> {
    let decision = decide_step(inventory, step, false, NOW).unwrap();
    apply_all(inventory, &decision.events);
    decision.events.into_vec()
}

fn apply_all(inventory: &mut Inventory, events: &[StockEvent]) {
    for event in events {
        apply(inventory, event).unwrap();
        inventory.check_fully().unwrap();
    }
}
