//! `earmark crash-sweep`: a journal cut wherever a crash could have cut it, and journals of which it must complain.

use std::path::Path;
use std::sync::Arc;

use earmark::domain::order::OrderEvent;
use earmark::domain::record::OrderRecord;
use earmark::flow::{BusinessLine, OrderContext, Standard};
use earmark::journal::{Batch, CommitLog, FileLog, LogOptions, codec, record};
use earmark::port::fs::RealFs;
use earmark::{
    Amounts, BeginFlow, Config, Durability, EditChange, Engine, PlaceOrder, Retention, SplitBy, Timestamp,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::journal::placed;
use crate::common::{business, cancellation, folder, order, parts, payment, placement, receive};
use crate::shop::{block_on, config, day};
use crate::tool::{image, json, on, segments};

/// Buyers side by side, so that batches hold several records and orders several SKUs.
fn crowd(folder: &Path, config: Config) {
    block_on(async {
        let lines: Vec<Arc<dyn BusinessLine>> = vec![Arc::new(Standard)];
        let engine = Engine::open(Config { lines, ..config }).await.unwrap();
        receive(&engine, "a", 24).await;
        receive(&engine, "b", 12).await;
        let buyers = (0..16).map(|buyer| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let id = format!("o-{buyer}");
                // Some are refused.
                if engine.place(placement(&id, &[("a", 2), ("b", 1)])).await.is_ok() && buyer % 2 == 0 {
                    engine.pay(payment(&id, 3_000)).await.unwrap();
                    if buyer % 8 == 0 {
                        changed(&engine, &id).await;
                    }
                } else {
                    let _ = engine.cancel(cancellation(&id, &[])).await;
                }
            })
        });
        // Some go through flows, of which the last is refused and rolled back.
        let flows = (0..4).map(|buyer| tokio::spawn(flow(engine.clone(), format!("f-{}", buyer % 3))));
        for buyer in buyers.chain(flows).collect::<Vec<_>>() {
            buyer.await.unwrap();
        }
        if engine.recovery().records == 0 {
            engine.snapshot().await.unwrap();
            engine.place(placement("late", &[("b", 1)])).await.unwrap();
            engine.snapshot().await.unwrap();
        }
        engine.close().await.unwrap();
    });
    assert!(folder.exists());
}

/// An order is placed by a flow and paid by another one, if it is granted.
async fn flow(engine: Engine, id: String) {
    let place = OrderContext::placing(placement(&id, &[("a", 1)]));
    let begin = BeginFlow::new(business(), "submit", &place).unwrap();
    if engine.run_flow::<OrderContext>(begin).await.is_ok() {
        let pay = OrderContext::paying(payment(&id, 1_000));
        let begin = BeginFlow::new(business(), "pay", &pay).unwrap().about(order(&id));
        engine.run_flow::<OrderContext>(begin).await.unwrap();
    }
}

/// An order gives a unit up and gets another price, is split, and one of its children is sent short.
async fn changed(engine: &Engine, id: &str) {
    let order = engine.order(&order(id));
    let fewer = EditChange::TakeUnits { line: 1, quantity: 1 };
    let cheaper = EditChange::Reprice { line: 2, amounts: Amounts::of(900) };
    order.stage_edit(vec![fewer, cheaper]).await.unwrap();
    let preview = order.preview_edit().await.unwrap();
    assert_eq!(order.accept_edit(preview.version).await.unwrap().refund_due, 1_100);
    // Where another buyer has just given units back there is one more to be had.
    let more = EditChange::AddUnits { line: 2, quantity: 2, amounts: Amounts::of(1) };
    order.stage_edit(vec![more]).await.unwrap();
    let version = order.preview_edit().await.unwrap().version;
    if order.accept_edit(version).await.is_ok() {
        engine.pay(payment(id, 1)).await.unwrap();
    }
    order.split(SplitBy::Groups(vec![parts(&[(1, 1)])])).await.unwrap();
    let (one, other) = (format!("{id}/1"), format!("{id}/2"));
    engine.order(&self::order(&one)).ship(&[]).await.unwrap();
    engine.order(&self::order(&other)).ship_short(&parts(&[(1, 1)]), &[], "broken").await.unwrap();
}

/// What a sweep prints that finds nothing.
#[track_caller]
fn swept(folder: &Path, line: &str) -> Value {
    let ran = on(folder, line);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn a_journal_cut_anywhere_recovers_and_is_not_touched() {
    let day = folder();
    crowd(day.path(), config(day.path()));
    let before = image(day.path());
    let found = swept(day.path(), "crash-sweep * --json --records 400 --bytes 60");
    assert_eq!(image(day.path()), before);
    assert_eq!((&found["ok"], &found["findings_total"]), (&json!(true), &json!(0)), "{found}");
    // One cut before the first record, and one behind each.
    assert_eq!(found["record_cuts"].as_u64().unwrap(), found["records"].as_u64().unwrap() + 1);
    assert_eq!(found["byte_cuts"], json!(60), "{found}");
    assert!(found["finished"].as_u64().unwrap() > 0 && found["undone"].as_u64().unwrap() > 0, "{found}");
    let alone = swept(day.path(), "crash-sweep * --json --records 20 --bytes 0 --without-snapshots --jobs 1");
    assert_eq!((&alone["ok"], &alone["byte_cuts"]), (&json!(true), &json!(0)), "{alone}");
}

/// A folder whose journal begins late and ends with a snapshot.
fn begins_late() -> TempDir {
    let folder = folder();
    let config = Config { retention: Retention::ToOlderSnapshot, ..config(folder.path()) };
    block_on(async {
        let engine = Engine::open(config).await.unwrap();
        receive(&engine, "a", 10_000).await;
        for round in 0..4 {
            for number in 0..100 {
                engine.place(placement(&format!("o-{round}-{number}"), &[("a", 1)])).await.unwrap();
            }
            engine.snapshot().await.unwrap();
        }
        engine.close().await.unwrap();
    });
    folder
}

#[test]
fn a_journal_without_its_beginning_is_cut_behind_its_older_snapshot() {
    let folder = begins_late();
    let found = swept(folder.path(), "crash-sweep * --json --records 100 --bytes 0");
    assert_eq!(found["ok"], json!(true), "{found}");
    let cuts = found["record_cuts"].as_u64().unwrap();
    assert!(cuts >= 100 && cuts < found["records"].as_u64().unwrap(), "{found}");
}

/// An order of which the journal says that its stock is reserved, and no SKU knows of it.
fn order_without_stock(folder: &Path) {
    let place: PlaceOrder = placement("o-1", &[("lamp", 1)]);
    let events = [placed(&place), OrderEvent::Reserved];
    let at = Timestamp::from_millis(1);
    let body = OrderRecord {
        order: order("o-1"),
        version: 2,
        at,
        by: None,
        events: events.into_iter().collect(),
        mark: None,
    };
    let options =
        LogOptions { durability: Durability::Disk, segment_bytes: 32 << 10, ..LogOptions::default() };
    let mut log = FileLog::claim(Arc::new(RealFs), folder, options).unwrap().serve(at).unwrap();
    let mut payload = Vec::new();
    // The tag and version of a record of an order.
    record::push(&mut payload, 1, 1, |bytes| codec::encode_into(bytes, &body)).unwrap();
    log.append(Batch { count: 1, payload: &payload, at }).unwrap();
}

#[test]
fn a_state_that_does_not_hold_together_is_told_with_its_cut() {
    let folder = folder();
    order_without_stock(folder.path());
    let ran = on(folder.path(), "crash-sweep * --json");
    assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{}", ran.out);
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    let finding = &found["findings"][0];
    assert_eq!((&found["ok"], &finding["sequence"]), (&json!(false), &json!(1)), "{found}");
    assert!(finding["what"].as_str().unwrap().contains("o-1"), "{found}");
    assert!(on(folder.path(), "crash-sweep *").out.contains("WRONG: behind record 1"));
}

#[test]
fn a_damaged_journal_and_one_in_use_are_not_swept() {
    let day = day();
    let path = day.folder.path();
    block_on(async {
        let engine = Engine::open(config(path)).await.unwrap();
        let ran = on(path, "crash-sweep *");
        assert_eq!(ran.code, 5);
        assert!(ran.err.contains("in use"), "{}", ran.err);
        engine.close().await.unwrap();
    });
    let segment = segments(path)[1].clone();
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[4_096 + 100] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let ran = on(path, "crash-sweep *");
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("damaged"), "{}", ran.err);
}

/// A journal without its beginning whose last batch is the one that its newest snapshot rests on: what a kill
/// leaves right behind a snapshot.
#[test]
fn a_snapshot_at_the_very_end_of_a_journal_can_be_stood_upon() {
    let folder = begins_late();
    let whole = json(folder.path(), "state *");
    // The seal that closing wrote is taken off again: it is the last thing in the last segment.
    let segment = segments(folder.path()).pop().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[last] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let unsealed = json(folder.path(), "verify *");
    assert_eq!((&unsealed["sealed"], &unsealed["ok"]), (&json!(false), &json!(true)), "{unsealed}");
    let state = json(folder.path(), "state *");
    assert_eq!((&state["state_hash"], &state["sequence"]), (&whole["state_hash"], &whole["sequence"]));
}
