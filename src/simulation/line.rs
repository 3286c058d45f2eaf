//! A business line of the simulated world: its nodes place and pay orders, and do things outside of the engine that
//! no crash of the engine undoes. What goes wrong in a call follows from the luck of its trip, its node and how often it was called.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::life::World;
use super::workload::PRICE;
use crate::domain::command::{Answer, BeginFlow, CancelOrder, LineRequest, PayOrder, PlaceOrder};
use crate::domain::flow::NodeFailure;
use crate::domain::ids::{BusinessId, InvalidId, OrderId, SkuId};
use crate::domain::money::{Currency, Money};
use crate::domain::refusal::Refusal;
use crate::error::Error;
use crate::flow::{
    BusinessLine, Definition, DefinitionErrors, Node, NodeCall, NodeError, Plugins, Scope, SubChain,
};
use crate::port::fs_sim::SplitMix;

const FILE: &str = r#"
business = "shop"

[chains.default]
submit = ["look", "book", "place", ["charge", "notify"], "pack", "pay", "stamp"]
wrap = ["paper", "ribbon"]

[nodes]
look = { effect = "none" }
place = { effect = "engine" }
pay = { effect = "engine", retries = 1, backoff = "3ms" }
pack = { chain = "wrap", effect = "none" }
ribbon = { rollback_backoff = "2ms" }

[nodes.book]
after_crash = "resume"
retries = 2
backoff = "3ms"
rollback_backoff = "2ms"
timeout = "40ms"

[nodes.charge]
after_crash = "compensate"
rollback_retries = 1
rollback_backoff = "2ms"

[nodes.notify]
key = "node"
retries = 1
backoff = "2ms"

[nodes.stamp]
rollback_self = true
"#;

/// Nodes that act outside of the engine.
const OUTSIDE: [&str; 6] = ["book", "charge", "notify", "paper", "ribbon", "stamp"];

/// What the nodes share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Trip {
    /// Its number.
    trip: u64,
    /// What goes wrong on it follows from this.
    luck: u64,
    sku: SkuId,
    quantity: u32,
    /// Nodes that have run, those of the group apart.
    seen: Vec<SmolStr>,
    charged: bool,
    notified: bool,
}

impl Trip {
    /// A trip of this number.
    pub(super) const fn new(trip: u64, luck: u64, sku: SkuId, quantity: u32) -> Self {
        Self { trip, luck, sku, quantity, seen: Vec::new(), charged: false, notified: false }
    }

    fn order(&self) -> Result<OrderId, InvalidId> {
        OrderId::new(format!("f{}", self.trip))
    }

    /// A flow on this trip.
    pub(super) fn begin(&self) -> Result<BeginFlow, InvalidId> {
        let business: BusinessId = "shop".parse()?;
        let context = serde_json::to_string(self).unwrap_or_default().into();
        let (scene, chain) = ("default".into(), "submit".into());
        Ok(BeginFlow { business, scene, chain, order: None, customer: None, context })
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Well,
    Skips,
    Refused,
    Failed,
    /// Nobody knows, and it was not done.
    Lost,
    /// Nobody knows, and it was done.
    Unheard,
}

/// What becomes of a node's call number `called`, from 0, and how many milliseconds it takes.
fn fate(luck: u64, node: &str, way: &str, called: u64) -> (Fate, u64) {
    let name = format!("{node}/{way}");
    let mixed = name.bytes().fold(luck, |sum, byte| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
    let mut random = SplitMix::new(mixed ^ called << 48);
    let slow = random.below(100) < 25;
    let millis = if slow { 1 + random.below(8) } else { 0 };
    // What is tried again mostly works.
    let drawn = random.below(if called > 0 { 300 } else { 100 });
    let fate = match (way, drawn) {
        ("process", 0) => Fate::Skips,
        ("process", 1) | ("rollback", 17..=19) => Fate::Refused,
        ("process", 2..=4) | ("rollback", 0..=7) => Fate::Failed,
        ("process", 5..=6) | ("rollback", 8..=11) => Fate::Lost,
        ("process", 7..=8) | ("rollback", 12..=16) => Fate::Unheard,
        ("success" | "callback", 0..=4) => Fate::Failed,
        _ => Fate::Well,
    };
    (fate, millis)
}

/// The line, with the world in which it acts.
#[derive(Clone)]
pub(super) struct Line(pub(super) World);

impl Line {
    /// Does something outside or undoes it, well or not.
    async fn act(&self, trip: &Trip, call: &NodeCall, way: &str, does: impl Fn()) -> Result<(), NodeError> {
        let called = self.0.lock().outside.called(call.flow(), call.node(), way);
        let (fate, millis) = fate(trip.luck, call.node(), way, called);
        if millis > 0 {
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
        if matches!(fate, Fate::Well | Fate::Unheard) {
            does();
        }
        match fate {
            Fate::Well => Ok(()),
            Fate::Skips => Err(NodeError::skip("it is not needed")),
            Fate::Refused => Err(NodeError::refused("it cannot be")),
            Fate::Failed => Err(NodeError::failed("not this time")),
            Fate::Lost | Fate::Unheard => Err(NodeError::unknown("no answer")),
        }
    }
}

impl Node<Trip> for Line {
    async fn process(&self, trip: &mut Trip, call: &NodeCall) -> Result<(), NodeError> {
        match call.node() {
            "charge" => trip.charged = true,
            "notify" => trip.notified = true,
            node => trip.seen.push(node.into()),
        }
        let key = call.key();
        self.0.lock().outside.begins(call.flow(), call.node());
        // Who is asked twice for one thing says that it is done.
        if self.0.lock().outside.is_done(key) {
            return Ok(());
        }
        self.act(trip, call, "process", || self.0.lock().outside.done(call.flow(), call.node(), key)).await
    }

    async fn resume(&self, trip: &mut Trip, call: &NodeCall) -> Result<(), NodeError> {
        self.process(trip, call).await
    }

    async fn rollback(&self, trip: &mut Trip, _: &NodeFailure, call: &NodeCall) -> Result<(), NodeError> {
        self.0.lock().outside.rolls_back(call.flow(), call.node());
        let undo = || {
            let mut shared = self.0.lock();
            call.forward_keys().iter().for_each(|key| shared.outside.undone(call.flow(), call.node(), key));
        };
        self.act(trip, call, "rollback", undo).await
    }

    async fn success(&self, trip: &mut Trip, call: &NodeCall) -> Result<(), NodeError> {
        self.act(trip, call, "success", || ()).await
    }

    async fn callback(
        &self,
        trip: &mut Trip,
        _: Option<&NodeFailure>,
        call: &NodeCall,
    ) -> Result<(), NodeError> {
        self.act(trip, call, "callback", || ()).await
    }
}

/// Looks at the trip, and does nothing to the world.
struct Look;

impl Node<Trip> for Look {
    async fn process(&self, trip: &mut Trip, call: &NodeCall) -> Result<(), NodeError> {
        trip.seen.push(call.node().into());
        match fate(trip.luck, call.node(), "process", 0).0 {
            Fate::Skips => Err(NodeError::skip("nothing is wanted")),
            _ => Ok(()),
        }
    }
}

/// Places the trip's order; calls it off in a rollback.
struct Place;

impl Node<Trip> for Place {
    async fn process(&self, trip: &mut Trip, call: &NodeCall) -> Result<(), NodeError> {
        let line = LineRequest::new(trip.sku.clone(), trip.quantity, PRICE * i64::from(trip.quantity));
        let order = trip.order().map_err(wrong)?;
        let placed = PlaceOrder::new(call.business().clone(), Currency::EUR, vec![line]).with_id(order);
        call.submit_order(placed).await?;
        trip.seen.push(call.node().into());
        Ok(())
    }

    async fn rollback(&self, _: &mut Trip, _: &NodeFailure, call: &NodeCall) -> Result<(), NodeError> {
        for outcome in call.forward_outcomes(0).await? {
            let Ok(Answer::Order(placed)) = outcome else { continue };
            match call.submit_order(CancelOrder::all(placed.order, "the flow failed")).await {
                // It has gone its own way by a timer, and there is nothing to call off.
                Ok(_) | Err(Error::Refused(Refusal::WrongState { .. } | Refusal::NothingLeft { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Pays the trip's order. Money of an order that is called off later is due back by itself.
struct Pay;

impl Node<Trip> for Pay {
    async fn process(&self, trip: &mut Trip, call: &NodeCall) -> Result<(), NodeError> {
        let amount = Money::new(PRICE * i64::from(trip.quantity), Currency::EUR);
        let order = trip.order().map_err(wrong)?;
        call.submit_order(PayOrder::new(order, "card".parse().map_err(wrong)?, amount)).await?;
        trip.seen.push(call.node().into());
        Ok(())
    }
}

/// Carries the sub-chain.
struct Pack;

impl SubChain<Trip> for Pack {
    type Context = Trip;

    fn enter(&self, trip: &mut Trip, _: &NodeCall) -> Result<Trip, NodeError> {
        Ok(trip.clone())
    }

    fn leave(&self, trip: &mut Trip, sub: Trip, _: &NodeCall) -> Result<(), NodeError> {
        trip.seen = sub.seen;
        Ok(())
    }
}

fn wrong(error: impl std::fmt::Display) -> NodeError {
    NodeError::refused(error.to_string())
}

impl BusinessLine for Line {
    fn definition(&self) -> Result<Definition, DefinitionErrors> {
        Definition::parse("shop.toml", FILE)
    }

    fn provide(&self, plugins: Plugins) -> Plugins {
        let everywhere = Scope::everywhere();
        let plugins = plugins
            .node::<Trip>(&everywhere, "look", Look)
            .node::<Trip>(&everywhere, "place", Place)
            .node::<Trip>(&everywhere, "pay", Pay)
            .sub_chain::<Trip>(&everywhere, "pack", Pack);
        let add = |plugins: Plugins, name: &&str| plugins.node::<Trip>(&everywhere, name, self.clone());
        OUTSIDE.iter().fold(plugins, add)
    }
}
