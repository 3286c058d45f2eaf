//! A line over a crash: its effects are done once, whatever is done again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use earmark::flow::{BoxFuture, NodeError};
use earmark::port::fs_sim::SimFs;
use earmark::{OrderId, State};

use crate::common::receive;
use crate::membership::{Doors, Entitlements};
use crate::{CLUB, Town, ends_sound, failed, state};

/// Doors whose letters take for ever until they are let go.
struct Slow(Arc<Doors>, AtomicBool);

impl Entitlements for Slow {
    fn grant<'a>(&'a self, key: &'a str, order: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>> {
        self.0.grant(key, order)
    }

    fn take_back<'a>(&'a self, key: &'a str, order: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>> {
        self.0.take_back(key, order)
    }

    fn revoke<'a>(&'a self, order: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>> {
        self.0.revoke(order)
    }

    fn welcome<'a>(&'a self, order: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>> {
        Box::pin(async move {
            while !self.1.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            self.0.welcome(order).await
        })
    }
}

async fn after_a_crash(fails: bool) {
    let mut town = Town::new();
    let slow = Arc::new(Slow(town.doors.clone(), AtomicBool::new(false)));
    town.entitlements = slow.clone();
    let fs = SimFs::new();
    let engine = town.open(&fs).await;
    receive(&engine, "card", 10).await;
    CLUB.submit(&engine, CLUB.order("o", "eve", &[("card", 1)])).await.unwrap();
    let paying = tokio::spawn({
        let engine = engine.clone();
        async move { CLUB.pay(&engine, "o", 1_000).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(town.doors.members(), 1);
    let image = fs.crash();
    paying.abort();
    engine.close().await.unwrap();
    slow.1.store(true, Ordering::Relaxed);
    town.doors.fail_post(fails);
    let engine = town.open(&image).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let expected = if fails { (State::Cancelled, 0) } else { (State::Active, 1) };
    assert_eq!((state(&engine, "o").await, town.doors.members()), expected, "fails: {fails}");
    if fails {
        let again = failed(CLUB.about(&engine, "fulfil", "o").await);
        assert_eq!(again.1, "order o is CANCELLED");
    }
    ends_sound(engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_member_who_was_let_in_before_a_crash_is_let_in_once_behind_it() {
    after_a_crash(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_member_who_was_let_in_before_a_crash_is_out_when_the_flow_fails_behind_it() {
    after_a_crash(true).await;
}
