//! Plugins that panic: their own flow fails, and nobody else's.

use std::sync::Arc;

use earmark::State;
use earmark::flow::{BoxFuture, NodeError, OrderContext};
use earmark::{CustomerId, OrderId};

use crate::common::stock;
use crate::membership::Entitlements;
use crate::supermarket::{Basket, Fees};
use crate::{CLUB, MARKET, SHOP, Town, ends_sound, failed, state};

struct Broken;

impl Fees for Broken {
    fn fee(&self, _: i64) -> i64 {
        panic!("no fee")
    }
}

impl crate::flash_sale::Risk for Broken {
    fn score<'a>(&'a self, buyer: &'a CustomerId) -> BoxFuture<'a, Result<u8, NodeError>> {
        Box::pin(async move { if buyer.as_str() == "ben" { panic!("no score") } else { Ok(0) } })
    }
}

impl Entitlements for Broken {
    fn grant<'a>(&'a self, _: &'a str, _: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>> {
        Box::pin(async {
            tokio::task::yield_now().await;
            panic!("no door")
        })
    }

    fn take_back<'a>(&'a self, _: &'a str, _: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>> {
        Box::pin(async { Ok(()) })
    }

    fn revoke<'a>(&'a self, _: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>> {
        Box::pin(async { Ok(()) })
    }

    fn welcome<'a>(&'a self, _: &'a OrderId) -> BoxFuture<'a, Result<(), NodeError>> {
        Box::pin(async { Ok(()) })
    }
}

fn basket(id: &str) -> Basket {
    Basket::new(OrderContext::placing(MARKET.order(id, "ann", &[("milk", 5)])), "monday")
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_panics_in_one_line_fails_its_own_flow_and_the_other_lines_go_on() {
    for broken in ["fees", "risk", "entitlements"] {
        let mut town = Town::new();
        match broken {
            "fees" => town.van = Arc::new(Broken),
            "risk" => town.risk = Arc::new(Broken),
            _ => town.entitlements = Arc::new(Broken),
        }
        let engine = town.stocked().await;
        CLUB.submit(&engine, CLUB.order("member", "eve", &[("card", 1)])).await.unwrap();
        let (basket, console) = (basket("basket"), SHOP.order("console", "ben", &[("console", 1)]));
        let (market, shop, club) = tokio::join!(
            MARKET.run(&engine, "submit", basket),
            SHOP.submit(&engine, console),
            CLUB.pay(&engine, "member", 1_000)
        );
        let results = [
            ("fees", market.map(|done| done.flow), ("add-fee", "it panicked: no fee")),
            ("risk", shop.map(|done| done.flow), ("check-risk", "it panicked: no score")),
            ("entitlements", club.map(|done| done.flow), ("grant", "it panicked: no door")),
        ];
        for (plugin, result, expected) in results {
            if plugin == broken {
                let error = result.unwrap_err().to_string();
                assert!(error.contains(expected.0) && error.contains(expected.1), "{error}");
            } else {
                result.unwrap();
            }
        }
        ends_sound(engine).await;
    }
}

#[tokio::test(start_paused = true)]
async fn behind_a_panic_all_is_undone_and_the_line_serves_the_next_one() {
    let mut town = Town::new();
    (town.risk, town.entitlements) = (Arc::new(Broken), Arc::new(Broken));
    let engine = town.stocked().await;
    for round in 0..3 {
        let ben = SHOP.order(&format!("ben-{round}"), "ben", &[("console", 1)]);
        assert_eq!(failed(SHOP.submit(&engine, ben).await).0, "check-risk");
        let dora = format!("dora-{round}");
        SHOP.submit(&engine, SHOP.order(&dora, &dora, &[("console", 1)])).await.unwrap();
    }
    CLUB.submit(&engine, CLUB.order("member", "eve", &[("card", 1)])).await.unwrap();
    assert_eq!(failed(CLUB.pay(&engine, "member", 1_000).await).0, "grant");
    assert_eq!(state(&engine, "member").await, State::Cancelled);
    assert_eq!(stock(&engine, "console").await, [7, 3, 0, 0]);
    assert_eq!(stock(&engine, "card").await, [10, 0, 0, 0]);
    ends_sound(engine).await;
}
