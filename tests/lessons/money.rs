//! Money that comes as it comes.

use std::collections::BTreeMap;
use std::sync::Arc;

use earmark::port::ManualClock;
use earmark::{Config, Engine, OrderType, PayOrder, Refusal, State, Timestamp};

use crate::common::*;
use crate::{each_seed, together};

// Lesson 6: late, duplicate, conflicting, short and excess money is normal, and nobody's money is lost.

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn money_that_comes_late_twice_or_in_the_wrong_amount_is_kept_or_due_back_to_the_cent() {
    each_seed(|mut random| async move {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
        let config = Config { clock: clock.clone(), clock_step_ms_max: None, ..Config::in_memory() };
        let engine = Engine::open(config).await.unwrap();
        receive(&engine, "a", 1_000).await;
        for number in 0..20 {
            let order = placement(&format!("o-{number}"), &[("a", 1)]).of_type(OrderType::Physical);
            engine.place(order).await.unwrap();
        }
        let mut sent: BTreeMap<String, i64> = BTreeMap::new();
        for late in [false, true] {
            let payments = (0..120).map(|n| {
                let id = format!("o-{}", n % 20);
                let amount = *random.choice(&[1, 400, 999, 1_000, 1_001, 5_000]).unwrap();
                let payment = PayOrder {
                    payment: Some(format!("{late}-{n}").parse().unwrap()),
                    ..payment(&id, amount)
                };
                (id, amount, payment)
            });
            let mut payments: Vec<_> = payments.collect();
            random.shuffle(&mut payments);
            payments.truncate(100);
            let calls = payments.into_iter().map(|(id, amount, payment)| {
                let engine = engine.clone();
                async move {
                    // The provider tells of each payment twice; the second is known by its id.
                    let [one, two] = [engine.pay(payment.clone()).await, engine.pay(payment).await];
                    assert_eq!(refusal(two), Refusal::DuplicatePayment);
                    one.unwrap();
                    (id, amount)
                }
            });
            for (id, amount) in together(calls.collect()).await {
                *sent.entry(id).or_default() += amount;
            }
            clock.advance(31 * 60 * 1_000);
        }
        for (id, sent) in sent {
            let order = look(&engine, &id).await;
            let kept = if order.state == State::Paid { 1_000 } else { 0 };
            assert!(matches!(order.state, State::Paid | State::Cancelled), "{id}: {}", order.state);
            assert_eq!((order.paid, order.paid - order.refund_due), (sent, kept), "{id}, {}", order.state);
        }
        assert_sound(&engine).await;
    })
    .await;
}
