//! When orders are retired: by the timers, at the first tick, and by hand.

use std::time::Duration;

use earmark::port::fs_sim::SimFs;
use earmark::{Config, Engine, OrderType, Refusal, State, Terms, TermsByType, Timestamp};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_closed_order_is_retired_at_its_tick_and_not_before() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open(&fs, &clock, Some(HOUR)).await;
    receive(&engine, "a", 9).await;
    fulfil(&engine, "done").await;
    engine.place(placement("open", &[("a", 1)])).await.unwrap();
    settle().await;
    assert_eq!(engine.timers_armed(), 1);
    clock.advance(HOUR - 1);
    settle().await;
    assert!(is_there(&engine, "done").await);
    clock.advance(1);
    settle().await;
    assert_eq!(refusal(engine.order(&order("done")).view().await), retired(START + HOUR));
    assert!(is_there(&engine, "open").await);
    assert_eq!(engine.timers_armed(), 0);
    let live = engine.cut().await.unwrap();
    assert_eq!(live.violations, Vec::<String>::new());
    let [left] = &live.retired[..] else { panic!("{:?}", live.retired) };
    assert_eq!((left.id.as_str(), left.at.as_millis()), ("done", START + HOUR));
    assert!(live.orders.iter().all(|found| found.id != left.id));
}

#[tokio::test(start_paused = true)]
async fn a_command_from_the_tick_on_finds_the_order_retired_before_any_timer_fires() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open(&fs, &clock, Some(HOUR)).await;
    receive(&engine, "a", 9).await;
    cancelled(&engine, "o").await;
    settle().await;
    clock.advance(HOUR - 1);
    assert_eq!(refusal(engine.place(placement("o", &[("a", 1)])).await), Refusal::OrderExists);
    clock.advance(1);
    assert_eq!(refusal(engine.place(placement("o", &[("a", 1)])).await), retired(START + HOUR));
}

#[tokio::test(start_paused = true)]
async fn by_default_orders_stay_and_a_setting_counts_for_those_closed_under_another() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open(&fs, &clock, None).await;
    receive(&engine, "a", 9).await;
    fulfil(&engine, "early").await;
    clock.advance(HOUR);
    fulfil(&engine, "late").await;
    settle().await;
    assert_eq!((engine.timers_armed(), is_there(&engine, "early").await), (0, true));
    engine.close().await.unwrap();
    // A setting that gives them more time, and one whose time is over for the first of them.
    let engine = open(&fs, &clock, Some(9 * HOUR)).await;
    settle().await;
    assert_eq!((engine.timers_armed(), is_there(&engine, "early").await), (2, true));
    engine.close().await.unwrap();
    let engine = open(&fs, &clock, Some(HOUR)).await;
    settle().await;
    assert_eq!((is_there(&engine, "early").await, is_there(&engine, "late").await), (false, true));
    let live = hash(&engine).await;
    engine.close().await.unwrap();
    let engine = open(&fs, &clock, None).await;
    assert_eq!(hash(&engine).await, live);
    assert_eq!((engine.recovery().orders, engine.recovery().retired), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn orders_whose_time_came_while_the_engine_was_down_are_retired_in_small_turns() {
    let (fs, clock) = (SimFs::new(), clock());
    let engine = open(&fs, &clock, Some(HOUR)).await;
    receive(&engine, "a", 1_000).await;
    for n in 0..600 {
        cancelled(&engine, &format!("o-{n}")).await;
    }
    let fs = fs.crash();
    drop(engine);
    clock.advance(2 * HOUR);
    let engine = open(&fs, &clock, Some(HOUR)).await;
    let mut seen = vec![engine.order_counts().await.unwrap().total()];
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        seen.push(engine.order_counts().await.unwrap().total());
    }
    assert!(seen.is_sorted_by(|before, after| before - after <= 256), "{seen:?}");
    let live = hash(&engine).await;
    assert_eq!(engine.order_counts().await.unwrap().total(), 0);
    engine.close().await.unwrap();
    let engine = open(&fs, &clock, Some(HOUR)).await;
    assert_eq!((hash(&engine).await, engine.recovery().retired), (live, 600));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_steps_too_far_retires_nobody_until_the_timers_are_resumed() {
    let (fs, clock) = (SimFs::new(), clock());
    let step = Some(60_000);
    let engine = Engine::open(Config { clock_step_ms_max: step, ..setting(&fs, &clock, Some(HOUR)) });
    let engine = engine.await.unwrap();
    receive(&engine, "a", 9).await;
    cancelled(&engine, "o").await;
    settle().await;
    clock.advance(2 * HOUR);
    // The command comes before the timers have looked at the clock, and must not outrun their halt.
    assert_eq!(refusal(engine.place(placement("o", &[("a", 1)])).await), Refusal::OrderExists);
    settle().await;
    assert!(engine.timers_halted() && is_there(&engine, "o").await);
    engine.resume_timers();
    settle().await;
    assert!(!is_there(&engine, "o").await);
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_a_closed_order_begins_its_time_anew_or_ends_it() {
    let (fs, clock) = (SimFs::new(), clock());
    let terms = Terms { pay_within_ms: Some(HOUR), ..Terms::physical() };
    let config = Config {
        terms: TermsByType { physical: terms, ..TermsByType::default() },
        ..setting(&fs, &clock, Some(HOUR))
    };
    let engine = Engine::open(config).await.unwrap();
    receive(&engine, "a", 9).await;
    let goods = placement("goods", &[("a", 1)]).of_type(OrderType::Physical);
    engine.place(goods).await.unwrap();
    clock.advance(HOUR);
    settle().await;
    assert_eq!(look(&engine, "goods").await.closed_at, Some(Timestamp::from_millis(START + HOUR)));
    clock.advance(HOUR / 2);
    // Late money is due back: as long as nobody has seen to it, the order stays.
    engine.pay(payment("goods", 1_000)).await.unwrap();
    assert_eq!(look(&engine, "goods").await.closed_at, None);
    clock.advance(9 * HOUR);
    settle().await;
    assert_eq!((look(&engine, "goods").await.state, engine.timers_armed()), (State::Cancelled, 0));
    engine.order(&order("goods")).close("paid back by bank transfer").await.unwrap();
    settle().await;
    clock.advance(HOUR - 1);
    settle().await;
    assert!(is_there(&engine, "goods").await);
    clock.advance(1);
    settle().await;
    assert!(!is_there(&engine, "goods").await);
}

#[tokio::test(start_paused = true)]
async fn a_parked_order_is_not_retired_before_it_is_unparked() {
    use common::journal::{happened, parked, placed, received};
    use earmark::domain::order::OrderEvent;
    let entity = earmark::EntityId::Order(order("o"));
    let place = placed(&placement("o", &[("a", 1)]));
    let refused = OrderEvent::Refused { refusal: Refusal::UnknownOrder };
    let records = [
        received(&sku("a"), 1),
        happened(&order("o"), 2, vec![place, refused]),
        parked(entity.clone(), Some("looked at")),
    ];
    let (fs, clock) = (common::journal::write(&records), clock());
    clock.advance(HOUR);
    let engine = open(&fs, &clock, Some(HOUR)).await;
    settle().await;
    assert!(is_there(&engine, "o").await);
    assert_eq!(refusal(engine.order(&order("o")).retire().await).code(), "PARKED");
    engine.unpark(&entity, "operator".parse().unwrap()).await.unwrap();
    settle().await;
    assert!(!is_there(&engine, "o").await);
    // What comes behind a retirement is a fault, and brings nobody back.
    let closed = OrderEvent::Closed { reason: "again".into() };
    let mut all = common::journal::read(&fs);
    all.push(happened(&order("o"), 4, vec![closed]));
    let engine = open(&common::journal::write(&all), &clock, None).await;
    assert!(!is_there(&engine, "o").await);
    assert_eq!(engine.cut().await.unwrap().violations, Vec::<String>::new());
}

#[tokio::test]
async fn a_period_of_nothing_is_refused_as_a_setting() {
    let error = Engine::open(Config { retire_after_ms: Some(0), ..Config::in_memory() }).await.unwrap_err();
    assert!(error.to_string().contains("retire_after_ms"), "{error}");
}
