//! Orders of all types in one place: found by any combination of what they are, counted, and told of.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::sim::config;
use common::{cancellation, look, order, payment, receive, seed, sku};
use earmark::port::ManualClock;
use earmark::port::fs_sim::{SimFs, SplitMix};
use earmark::{
    Actor, Backorder, Config, Currency, Engine, Error, LineRequest, Order, OrderQuery, OrderType, PlaceOrder,
    Principal, ProgressOrder, ProgressStep, Refusal, Request, RetireOrder, ShipOrder, SkuCommand, State,
    StockPolicy, Timestamp,
};

const START: u64 = 1_000_000;

async fn open_at(fs: &SimFs, clock: &Arc<ManualClock>) -> Engine {
    let config = Config { clock: clock.clone(), clock_step_ms_max: None, ..config(fs) };
    Engine::open(config).await.unwrap()
}

fn name<T: TryFrom<&'static str, Error: std::fmt::Debug>>(
    names: &[&'static str],
    random: &mut SplitMix,
) -> T {
    T::try_from(names[random.below(names.len() as u64) as usize]).unwrap()
}

const CUSTOMERS: [&str; 4] = ["ada", "bob", "cyd", "nobody yet"];
const SELLERS: [&str; 4] = ["mill", "forge", "loom", "no seller yet"];
const BUSINESSES: [&str; 4] = ["north", "south", "west", "no shop yet"];

fn any_type(random: &mut SplitMix) -> OrderType {
    OrderType::ALL[random.below(OrderType::ALL.len() as u64) as usize]
}

fn any_state(random: &mut SplitMix) -> State {
    let states: Vec<_> =
        earmark::Lifecycle::all().iter().flat_map(|it| it.views.iter().map(|view| view.state)).collect();
    states[random.below(states.len() as u64) as usize]
}

fn placement(number: u64, random: &mut SplitMix) -> PlaceOrder {
    let lines = (0..=random.below(3)).map(|at| {
        let mut line = LineRequest::new(sku(["a", "b", "c"][at as usize]), 1, 1_000);
        line.seller = (random.below(3) > 0).then(|| name(&SELLERS[..3], random));
        line
    });
    let lines = lines.collect();
    let mut place = PlaceOrder::new(name(&BUSINESSES[..3], random), Currency::EUR, lines);
    place.order = Some(order(&format!("o-{number}")));
    place.order_type = any_type(random);
    place.customer = (place.order_type == OrderType::FlashSale || random.below(4) > 0)
        .then(|| name(&CUSTOMERS[..3], random));
    place
}

/// Something to an order, which may or may not be possible.
async fn bother(engine: &Engine, id: &str, random: &mut SplitMix) {
    let done = match random.below(6) {
        0 | 1 => engine.pay(payment(id, 1_000 * (1 + random.below(3) as i64))).await,
        2 => engine.ship(ShipOrder::all(order(id))).await,
        3 => engine.cancel(cancellation(id, &[])).await,
        4 => {
            let step = ProgressStep::Pick;
            let answer = engine.submit(ProgressOrder { order: order(id), step }).await;
            return assert!(!matches!(answer, Err(Error::OutcomeUnknown)), "{answer:?}");
        }
        _ => {
            let refunded = true;
            let answer = engine.submit(RetireOrder { order: order(id), refunded }).await;
            return assert!(!matches!(answer, Err(Error::OutcomeUnknown)), "{answer:?}");
        }
    };
    assert!(matches!(done, Ok(_) | Err(Error::Refused(_))), "{done:?}");
}

fn query(clock: u64, random: &mut SplitMix) -> OrderQuery {
    let mut query = OrderQuery::all();
    if random.below(3) == 0 {
        query.customer = Some(name(&CUSTOMERS, random));
    }
    if random.below(3) == 0 {
        query.seller = Some(name(&SELLERS, random));
    }
    if random.below(3) == 0 {
        query.business = Some(name(&BUSINESSES, random));
    }
    if random.below(3) == 0 {
        query.order_type = Some(any_type(random));
    }
    if random.below(3) == 0 {
        query.state = Some(any_state(random));
    }
    let mut moment = || Timestamp::from_millis(START + random.below(clock + 2 - START));
    let (first, second) = (moment(), moment());
    match random.below(4) {
        0 => query.placed_from(first),
        1 => query.placed_before(first),
        2 => query.placed_from(first.min(second)).placed_before(first.max(second)),
        _ => query,
    }
}

/// Whether an order belongs to a list, by looking at the order itself.
fn belongs(order: &Order, query: &OrderQuery) -> bool {
    let OrderQuery { customer, seller, business, order_type, state, placed_from, placed_before } = query;
    customer.as_ref().is_none_or(|it| order.customer.as_ref() == Some(it))
        && seller.as_ref().is_none_or(|it| order.lines.iter().any(|line| line.seller.as_ref() == Some(it)))
        && business.as_ref().is_none_or(|it| order.business == *it)
        && order_type.is_none_or(|it| order.lifecycle == it.lifecycle())
        && state.is_none_or(|it| order.state == it)
        && placed_from.is_none_or(|it| order.placed_at >= it)
        && placed_before.is_none_or(|it| order.placed_at < it)
}

/// The newest first: the numbers in the ids count up.
fn naive<'a>(orders: &'a [Order], query: &OrderQuery) -> Vec<&'a str> {
    let mut found: Vec<_> =
        orders.iter().filter(|order| belongs(order, query)).map(|it| it.id.as_str()).collect();
    found.sort_by_key(|id| std::cmp::Reverse(id[2..].parse::<u64>().unwrap()));
    found
}

async fn listed(engine: &Engine, query: &OrderQuery, limit: usize) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = engine.orders(query, after, limit).await.unwrap();
        assert!(page.items.len() <= limit);
        found.extend(page.items.into_iter().map(|item| item.order.to_string()));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

/// Counts as the orders themselves make them.
async fn assert_counts(engine: &Engine, orders: &[Order]) {
    let (mut states, mut types) = (BTreeMap::new(), BTreeMap::new());
    let mut businesses: BTreeMap<_, BTreeMap<State, u64>> = BTreeMap::new();
    for order in orders {
        *states.entry(order.state).or_insert(0) += 1;
        *businesses.entry(order.business.clone()).or_default().entry(order.state).or_insert(0) += 1;
        let of = OrderType::ALL.into_iter().find(|it| it.lifecycle() == order.lifecycle).unwrap();
        *types.entry(of).or_insert(0) += 1;
    }
    assert_eq!(engine.order_counts().await.unwrap().iter().collect::<BTreeMap<_, _>>(), states);
    assert_eq!(engine.order_counts_by_type().await.unwrap(), types);
    let counted = engine.businesses(None, 100).await.unwrap().items;
    let counted: BTreeMap<_, BTreeMap<_, _>> =
        counted.into_iter().map(|it| (it.business, it.counts.iter().collect())).collect();
    assert_eq!(counted, businesses);
}

#[tokio::test(start_paused = true)]
async fn every_list_has_the_orders_that_a_look_at_all_of_them_finds() {
    let mut random = SplitMix::new(seed(20_261_121));
    let (mut fs, clock) = (SimFs::new(), Arc::new(ManualClock::new(Timestamp::from_millis(START))));
    let mut engine = open_at(&fs, &clock).await;
    for name in ["a", "b", "c"] {
        receive(&engine, name, 150).await;
        let backorder = Some(Backorder { units_max: 20 });
        let policy = SkuCommand::SetPolicy(Box::new(StockPolicy { backorder, ..StockPolicy::default() }));
        engine.stock(&sku(name), policy).await.unwrap();
    }
    let (mut now, mut placed, mut found) = (START, 0, 0);
    for _ in 0..1_500 {
        match random.below(20) {
            0..5 => {
                let answer = engine.place(placement(placed, &mut random)).await;
                assert!(matches!(answer, Ok(_) | Err(Error::Refused(_))), "{answer:?}");
                placed += 1;
            }
            5..17 if placed > 0 => {
                let id = format!("o-{}", random.below(placed));
                bother(&engine, &id, &mut random).await;
            }
            17 => {
                let millis = random.below(200_000);
                clock.advance(millis);
                now += millis;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            18 if random.below(8) == 0 => {
                if random.below(2) == 0 {
                    engine.snapshot().await.unwrap();
                }
                engine.flush().await.unwrap();
                fs = fs.crash();
                engine = open_at(&fs, &clock).await;
            }
            _ => {
                let orders = engine.cut().await.unwrap().orders;
                for _ in 0..4 {
                    let (query, limit) = (query(now, &mut random), 1 + random.below(9) as usize);
                    let expected = naive(&orders, &query);
                    assert_eq!(listed(&engine, &query, limit).await, expected, "{query:?} by {limit}");
                    found += expected.len();
                }
                assert_counts(&engine, &orders).await;
            }
        }
    }
    assert!(placed > 250 && found > 1_000, "{placed} placed, {found} found");
}

#[tokio::test(start_paused = true)]
async fn a_timeline_says_who_did_what_and_why() {
    let (fs, clock) = (SimFs::new(), Arc::new(ManualClock::new(Timestamp::from_millis(START))));
    let engine = open_at(&fs, &clock).await;
    receive(&engine, "a", 9).await;
    let by = |name: &str| name.parse::<Principal>().unwrap();
    let goods = |id: &str| common::placement(id, &[("a", 1)]).of_type(OrderType::Physical);
    engine.place(Request::from(goods("o")).by(by("buyer:ada"))).await.unwrap();
    engine.order(&order("o")).by(by("merchant:mill")).cancel(&[], "sold at the counter").await.unwrap();
    engine.place(goods("late")).await.unwrap();
    clock.advance(24 * 3_600_000);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(look(&engine, "late").await.state, State::Cancelled);
    let told = async |id: &str| {
        let entries = engine.order(&order(id)).timeline().await.unwrap().entries;
        let told = entries.iter().map(|it| (it.actor(), it.what.reason().map(|reason| reason.to_string())));
        let mut told: Vec<_> = told.collect();
        told.dedup();
        told
    };
    let (buyer, merchant) = (Actor::Buyer("ada".into()), Actor::Merchant("mill".into()));
    let reason = Some("sold at the counter".to_owned());
    assert_eq!(told("o").await, [(buyer, None), (merchant.clone(), reason), (merchant, None)]);
    let late = told("late").await;
    assert_eq!(late[0], (Actor::Unnamed, None));
    assert!(late[1..].iter().all(|(actor, _)| *actor == Actor::System), "{late:?}");
    assert!(late.iter().any(|(_, reason)| reason.is_some()), "{late:?}");
    let short = common::placement("short", &[("a", 99)]);
    let refused: Refusal = common::refusal(engine.place(short).await);
    assert_eq!(told("short").await.last().unwrap(), &(Actor::Unnamed, Some(refused.to_string())));
}
