//! The engine without tokio.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{cart, folder, key, order, placement, sku};
use earmark::blocking::Engine;
use earmark::flow::{BusinessLine, OrderContext, Standard};
use earmark::{BeginFlow, Config, Currency, Error, Money, OrderQuery, Request, State};

#[test]
fn many_threads_share_a_blocking_engine_and_sell_what_there_is() {
    let folder = folder();
    let engine = Engine::open(common::config(&folder)).unwrap();
    engine.sku(&sku("a")).receive(10, "opening").unwrap();
    let mut history = engine.subscribe(engine.end()).unwrap();
    let sold: usize = std::thread::scope(|scope| {
        let buyers: Vec<_> = (0..16)
            .map(|number| {
                let engine = &engine;
                scope.spawn(move || engine.place(placement(&format!("o-{number}"), &[("a", 1)])).is_ok())
            })
            .collect();
        buyers.into_iter().map(|buyer| usize::from(buyer.join().unwrap())).sum()
    });
    assert_eq!(sold, 10);
    assert!(history.next().unwrap().is_some());
    assert_eq!(engine.order_counts().unwrap().in_state(State::Reserved), 10);
    let first = engine.orders(&OrderQuery::of(State::Reserved), None, 1).unwrap().items.remove(0);
    let handle = engine.order(&first.order).by("till".parse().unwrap());
    assert_eq!(
        handle.pay("cash".parse().unwrap(), Money::new(1_000, Currency::EUR)).unwrap().state,
        State::Paid
    );
    assert_eq!(handle.timeline().unwrap().entries.len(), 5);
    let hash = engine.cut().unwrap().hash;
    engine.close().unwrap();
    assert_eq!(handle.view(), Err(Error::Closed));
    drop((handle, history));

    let engine = Engine::open(common::config(&folder)).unwrap();
    assert_eq!(engine.cut().unwrap().hash, hash);
    let again = Request::from(placement("o-0", &[("a", 1)])).with_key(common::business(), key("k"));
    assert!(engine.place_all([again]).unwrap().remove(0).is_err());
    engine.sku(&sku("a")).release(cart("nobody")).unwrap();
}

#[test]
fn threads_have_a_named_lock_one_at_a_time() {
    let engine = Engine::open(Config::in_memory()).unwrap();
    let lock = engine.lock(&"report".parse().unwrap());
    let (inside, minute) = (std::sync::Mutex::new(0), std::time::Duration::from_secs(60));
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (lock, inside) = (&lock, &inside);
            scope.spawn(move || {
                for _ in 0..10 {
                    let guard = lock.acquire(format!("t{number}").parse().unwrap(), minute).unwrap();
                    let mut last = inside.try_lock().unwrap();
                    assert!(*last < guard.fencing());
                    *last = guard.fencing();
                    drop(last);
                    guard.release().unwrap();
                }
            });
        }
    });
    let mut held = lock.try_acquire("a".parse().unwrap(), minute).unwrap();
    assert_eq!((held.fencing(), held.owner().as_str()), (81, "a"));
    let until = held.until();
    assert!(held.extend(minute * 2).unwrap() > until && held.until() > until);
    assert_eq!(lock.try_acquire("b".parse().unwrap(), minute).unwrap_err().code(), "LOCK_HELD");
    let soon = std::time::Duration::from_millis(1);
    assert_eq!(lock.acquire_within("b".parse().unwrap(), minute, soon).unwrap_err().code(), "LOCK_HELD");
    drop(held);
    // The drop gives it back behind the scenes; whoever waits gets it.
    lock.by("till".parse().unwrap()).acquire("b".parse().unwrap(), minute).unwrap().release().unwrap();
    assert_eq!(engine.lock(&"report".parse().unwrap()).view().unwrap().unwrap().lease, None);
}

#[tokio::test]
async fn a_blocking_call_inside_a_runtime_is_refused_and_nothing_is_done() {
    assert_eq!(Engine::open(Config::in_memory()).unwrap_err().code(), "INSIDE_RUNTIME");
    let made = std::thread::spawn(|| {
        let engine = Engine::open(Config::in_memory()).unwrap();
        engine.sku(&sku("a")).receive(1, "opening").unwrap();
        engine
    });
    let engine = made.join().unwrap();
    assert_eq!(engine.place(placement("o", &[("a", 1)])), Err(Error::InsideRuntime));
    assert_eq!(engine.order(&order("o")).view(), Err(Error::InsideRuntime));
    let other = engine.clone();
    let found = std::thread::spawn(move || other.order(&order("o")).view()).join().unwrap();
    assert_eq!(found, Ok(None));
    // The last handle may go inside a runtime.
    drop(engine);
}

#[test]
fn a_flow_is_run_and_looked_at_without_a_runtime() {
    let lines: Vec<std::sync::Arc<dyn BusinessLine>> = vec![std::sync::Arc::new(Standard)];
    let engine = Engine::open(Config { lines, ..Config::in_memory() }).unwrap();
    engine.sku(&sku("a")).receive(1, "opening").unwrap();
    let context = OrderContext::placing(placement("o", &[("a", 1)]));
    let begin = || BeginFlow::new(common::business(), "submit", &context).unwrap();
    let done = engine.run_flow::<OrderContext>(begin()).unwrap();
    assert_eq!(done.order, Some(order("o")));
    assert_eq!(engine.run_flow::<OrderContext>(begin()).unwrap_err().code(), "FLOW_FAILED");
    assert_eq!(engine.flows().unwrap(), []);
    let node = engine.chains().remove(0).nodes.remove(0);
    assert_eq!((node.node.as_str(), node.processed, node.failed), ("place-order", 2, 1));
    assert!(engine.flow_timeline(done.flow, 0, 100).unwrap().entries.len() > 3);
    assert!(engine.rules_of(&"default".parse().unwrap()).is_some());
    engine.close().unwrap();
}
