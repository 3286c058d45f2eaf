//! Syncs that fail and disks that fill up under a running engine.

use earmark::port::fs_sim::SimFs;
use earmark::{CancelOrder, Config, Engine, Error, Request, SkuCommand, State};

use crate::common::sim::{config, open};
use crate::common::*;

#[tokio::test(start_paused = true)]
async fn a_failed_sync_halts_the_engine_and_opening_again_finds_out_what_happened() {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    receive(&engine, "a", 5).await;
    fs.fail_sync(1);
    let both = [placement("o", &[("a", 1)]), placement("p", &[("a", 1)])].map(Into::into);
    let answers = engine.place_all(both).await;
    assert_eq!(answers, vec![Err(Error::OutcomeUnknown), Err(Error::OutcomeUnknown)]);
    for code in [
        engine.place(placement("q", &[("a", 1)])).await.unwrap_err().code(),
        engine.cancel(CancelOrder::all(order("o"), "r")).await.unwrap_err().code(),
        engine.sku(&sku("a")).view().await.unwrap_err().code(),
        engine.order(&order("o")).view().await.unwrap_err().code(),
        engine.flush().await.unwrap_err().code(),
    ] {
        assert_eq!(code, "HALTED");
    }
    assert!(matches!(soon("close", engine.close()).await, Err(Error::Halted { .. })));
    for image in [fs.crash(), fs.kill(), fs.crash_torn(1), fs.crash_torn(2)] {
        let engine = open(&image).await;
        assert_sound(&engine).await;
        let counters = engine.sku(&sku("a")).view().await.unwrap().unwrap().counters;
        assert_eq!(counters.available + counters.reserved, 5);
        engine.close().await.unwrap();
    }
}

/// The placement is durable, its stock is not: after the next open it goes on. So nobody was told that
/// nothing was done.
#[tokio::test(start_paused = true)]
async fn a_saga_that_a_failed_commit_cuts_in_two_has_an_unknown_outcome() {
    for nth in 1..=6 {
        let fs = SimFs::new();
        let engine = open(&fs).await;
        for name in ["a", "b", "c"] {
            receive(&engine, name, 5).await;
        }
        fs.fail_sync(nth);
        let placed = engine.place(placement("o", &[("a", 1), ("b", 1), ("c", 1)])).await;
        drop(engine);
        let image = fs.crash();
        let engine = open(&image).await;
        let found = engine.order(&order("o")).view().await.unwrap();
        match placed {
            Ok(answer) => assert_eq!(found.unwrap().answer(), answer),
            Err(error) => assert_eq!(error, Error::OutcomeUnknown, "sync {nth}: {found:?}"),
        }
        assert_sound(&engine).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sold_out_answer_does_not_outlive_the_reservation_it_rests_on() {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    receive(&engine, "a", 1).await;
    fs.fail_sync(1);
    let both = ["c", "d"].map(|cart| (sku("a"), reserve(cart, 1).into()));
    let answers = engine.stock_all(both).await;
    assert_eq!(answers, vec![Err(Error::OutcomeUnknown), Err(Error::OutcomeUnknown)]);
    let engine = open(&fs.crash()).await;
    assert_eq!(stock(&engine, "a").await, [1, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_query_does_not_show_what_is_not_durable() {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    receive(&engine, "a", 1).await;
    fs.fail_sync(1);
    let name = sku("a");
    let (reserved, shown) = tokio::join!(engine.stock(&name, reserve("c", 1)), async {
        tokio::task::yield_now().await;
        engine.sku(&name).view().await
    });
    assert_eq!(reserved, Err(Error::OutcomeUnknown));
    assert!(matches!(shown, Err(Error::Halted { .. })), "{shown:?}");
}

/// Fills the disk and takes orders until the engine says so.
async fn fill(fs: &SimFs, engine: &Engine) -> u32 {
    fs.set_capacity(Some(fs.used_bytes()));
    for n in 0..1_000 {
        match engine.place(placement(&format!("o-{n}"), &[("a", 1)])).await {
            Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
            Err(Error::DiskFull) => return n,
            Err(error) => panic!("order {n}: {error}"),
        }
    }
    panic!("the disk never was full");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_new_work_undoes_old_and_comes_back() {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    receive(&engine, "a", 1_000).await;
    engine.stock(&sku("a"), reserve("c", 7)).await.unwrap();
    let placed = fill(&fs, &engine).await;
    assert!(placed > 10, "{placed}");
    let receive_more = SkuCommand::receive(1, "r");
    assert_eq!(engine.stock(&sku("a"), receive_more).await, Err(Error::DiskFull));
    assert_eq!(engine.pay(payment("o-0", 1_000)).await, Err(Error::DiskFull));
    assert_eq!(engine.cancel(cancellation("o-0", &[])).await.unwrap().state, State::Cancelled);
    engine.stock(&sku("a"), SkuCommand::Release { cart: cart("c") }).await.unwrap();
    assert_eq!(look(&engine, "o-1").await.state, State::Reserved);
    assert_eq!(stock(&engine, "a").await, [1_001 - u64::from(placed), u64::from(placed) - 1, 0, 0]);
    fs.set_capacity(None);
    for _ in 0..100 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    engine.place(placement("again", &[("a", 1)])).await.unwrap();
    assert_sound(&engine).await;
    let live = engine.cut().await.unwrap();
    engine.close().await.unwrap();
    assert_eq!(open(&fs.crash()).await.cut().await.unwrap().hash, live.hash);
}

/// Commands that waited for their turn while the disk filled up are new work like any other.
#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_those_too_who_were_waiting_for_a_permit() {
    let fs = SimFs::new();
    let engine = Engine::open(Config { commands_in_flight_max: 1, ..config(&fs) }).await.unwrap();
    receive(&engine, "a", 1_000).await;
    fs.set_capacity(Some(fs.used_bytes()));
    let calls: Vec<_> = (0..1_000)
        .map(|n| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.place(placement(&format!("o-{n}"), &[("a", 1)])).await })
        })
        .collect();
    let mut refused = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => {}
            Err(Error::DiskFull) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 100, "{refused}");
    assert_eq!(engine.cancel(cancellation("o-0", &[])).await.unwrap().state, State::Cancelled);
}

/// Releases under keys of `padding` bytes and more, with a pause behind each in which the idle writer wants
/// to write a seal, until the reserve is gone.
async fn release_until_the_reserve_is_gone(padding: usize) {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    receive(&engine, "a", 1_000).await;
    fill(&fs, &engine).await;
    for n in 0..2_000 {
        let release = Request::from(SkuCommand::Release { cart: cart("nobody") });
        let release = release.with_key(business(), key(&format!("{n:0width$}", width = padding)));
        match engine.stock(&sku("a"), release).await {
            Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
            // A batch found no room, which is another matter: the actors are ahead of the journal then.
            Err(Error::OutcomeUnknown) => return,
            Err(error) => panic!("release {n}, padding {padding}: {error}"),
        }
    }
    panic!("the reserve never was gone");
}

#[tokio::test(start_paused = true)]
async fn a_seal_for_which_there_is_no_room_does_not_halt_the_engine() {
    for padding in (4..100).step_by(4) {
        release_until_the_reserve_is_gone(padding).await;
    }
}
