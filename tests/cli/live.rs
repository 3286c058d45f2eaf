//! Beside a running engine: what is durable can be read, and nobody is disturbed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use earmark::{Engine, Request};
use serde_json::json;

use crate::common::{folder, placement, receive};
use crate::shop::{block_on, config};
use crate::tool::{fine, json, lines, on};

#[test]
fn a_folder_in_use_is_read_up_to_what_is_durable() {
    let folder = folder();
    block_on(async {
        let engine = Engine::open(config(folder.path())).await.unwrap();
        receive(&engine, "lamp", 10).await;
        engine.place(placement("o-1", &[("lamp", 1)])).await.unwrap();
        let cut = engine.cut().await.unwrap();
        // An idle engine writes a seal, and then all of it is known to be durable.
        let path = folder.path().to_owned();
        let state = tokio::task::spawn_blocking(move || {
            (0..200)
                .map(|_| json(&path, "state *"))
                .find(|state| state["sequence"] == json!(cut.sequence - 1))
        });
        let state = state.await.unwrap().unwrap();
        assert_eq!((&state["in_use"], &state["withheld"]), (&json!(true), &json!(0)));
        assert_eq!(state["state_hash"], json!(cut.hash.to_string()));
        let path = folder.path().to_owned();
        let text = tokio::task::spawn_blocking(move || fine(&path, "verify *")).await.unwrap();
        assert!(text.contains("in use by an engine"), "{text}");
        engine.close().await.unwrap();
    });
}

#[test]
fn a_folder_whose_engine_takes_snapshots_is_never_called_wrong() {
    let folder = folder();
    block_on(async {
        let engine = Engine::open(config(folder.path())).await.unwrap();
        receive(&engine, "lamp", 1_000_000).await;
        engine.place(placement("first", &[("lamp", 1)])).await.unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (busy, done) = (engine.clone(), stop.clone());
        let load = tokio::spawn(async move {
            let mut taken = 0_u32;
            while !done.load(Ordering::Relaxed) {
                let orders = (0..20)
                    .map(|index| Request::from(placement(&format!("o-{taken}-{index}"), &[("lamp", 1)])));
                assert!(busy.place_all(orders).await.iter().all(Result::is_ok));
                busy.snapshot().await.unwrap();
                taken += 1;
            }
            taken
        });
        let path = folder.path().to_owned();
        let read = tokio::task::spawn_blocking(move || {
            for _ in 0..25 {
                let ran = on(&path, "verify *");
                assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
                assert!(ran.out.contains("in use by an engine"), "{}", ran.out);
                assert_eq!(json(&path, "inspect * order first")["order"]["state"], json!("RESERVED"));
                json(&path, "state *");
            }
        });
        read.await.unwrap();
        stop.store(true, Ordering::Relaxed);
        let taken = load.await.unwrap();
        assert!(taken > 20, "only {taken} snapshots were taken");
        engine.close().await.unwrap();
    });
}

#[test]
fn a_folder_under_load_is_never_called_damaged_and_its_records_stay() {
    let folder = folder();
    block_on(async {
        let engine = Engine::open(config(folder.path())).await.unwrap();
        receive(&engine, "lamp", 1_000_000_000).await;
        let stop = Arc::new(AtomicBool::new(false));
        let (busy, done) = (engine.clone(), stop.clone());
        let load = tokio::spawn(async move {
            let mut number = 0_u32;
            while !done.load(Ordering::Relaxed) {
                let orders = (0..50)
                    .map(|index| Request::from(placement(&format!("o-{number}-{index}"), &[("lamp", 1)])));
                let placed = busy.place_all(orders).await;
                assert!(
                    placed.iter().all(Result::is_ok),
                    "{:?}",
                    placed.iter().find(|answer| answer.is_err())
                );
                number += 1;
                // Readers read what there is: more than they can follow would only make them slow.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let path = folder.path().to_owned();
        let read = tokio::task::spawn_blocking(move || {
            let mut seen = 0;
            for _ in 0..12 {
                let found = json(&path, "verify *");
                assert_eq!(
                    (&found["ok"], &found["in_use"], &found["cut"]),
                    (&json!(true), &json!(true), &json!(null))
                );
                let last = found["last_sequence"].as_u64().unwrap();
                assert!(last >= seen, "{last} records where {seen} were read before");
                seen = last;
            }
            (seen, lines(&path, &format!("dump * --to {seen}")))
        });
        let (seen, live) = read.await.unwrap();
        assert!(seen > 100, "hardly anything was written: {seen}");
        stop.store(true, Ordering::Relaxed);
        load.await.unwrap();
        engine.close().await.unwrap();
        // What was shown beside the engine is what the journal holds for good.
        assert_eq!(live, lines(folder.path(), &format!("dump * --to {seen}")));
    });
}
