//! What the commands say of orders that were retired.

use earmark::{Config, Cut, Engine, Retention};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{cancellation, folder, order, placement, receive};
use crate::shop::{block_on, config};
use crate::tool::{fine, json, lines, on};

/// A folder with an order that is there and one that was retired. With `dropped`, the journal has nothing of
/// either any more, but for two snapshots.
fn shop(dropped: bool) -> (TempDir, Cut) {
    let folder = folder();
    let cut = block_on(async {
        let config = Config { retention: Retention::ToOlderSnapshot, ..config(folder.path()) };
        let engine = Engine::open(config).await.unwrap();
        receive(&engine, "lamp", 10_000).await;
        engine.place(placement("stays", &[("lamp", 1)])).await.unwrap();
        engine.place(placement("gone", &[("lamp", 2)])).await.unwrap();
        engine.cancel(cancellation("gone", &[])).await.unwrap();
        engine.order(&order("gone")).by("clerk".parse().unwrap()).retire().await.unwrap();
        for part in 0..if dropped { 3 } else { 0 } {
            for number in 0..150 {
                engine.place(placement(&format!("o-{part}-{number}"), &[("lamp", 1)])).await.unwrap();
            }
            engine.snapshot().await.unwrap();
        }
        let cut = engine.cut().await.unwrap();
        engine.close().await.unwrap();
        cut
    });
    (folder, cut)
}

#[test]
fn a_retired_order_is_counted_apart_and_its_history_is_told() {
    let (folder, cut) = shop(false);
    let folder = folder.path();
    let at = cut.retired[0].at.to_string();
    let state = json(folder, "state *");
    assert_eq!((&state["orders"], &state["retired"]), (&json!(1), &json!(1)));
    assert_eq!(state["state_hash"], json!(cut.hash.to_string()));
    assert!(fine(folder, "state *").contains("retired     1 order"));
    let verified = json(folder, "verify *");
    assert_eq!(
        (&verified["ok"], &verified["orders"], &verified["retired"]),
        (&json!(true), &json!(1), &json!(1))
    );
    assert!(fine(folder, "verify *").contains("retired     1 order"));

    let shown = json(folder, "inspect * order gone");
    assert_eq!(shown["retired"], json!({"version": cut.retired[0].version, "at": at}));
    assert_eq!(shown["order"]["state"], json!("CANCELLED"));
    let text = fine(folder, "inspect * order gone");
    for part in
        [&format!("gone was retired at {at}"), "Order gone is CANCELLED", "(by clerk)", "Retired: it left"]
    {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let why = json(folder, "why * gone");
    assert_eq!((&why["retired"], &why["state"]), (&shown["retired"], &json!("CANCELLED")));
    assert!(fine(folder, "why * gone").contains("Until then it was CANCELLED."));
    assert_eq!(json(folder, "inspect * order stays")["retired"], Value::Null);

    let entities = lines(folder, "dump * --entities --kind order");
    assert_eq!(entities.len(), 2);
    assert_eq!(entities[1], json!({"kind": "retired_order", "order": cut.retired[0]}));
    let records = lines(folder, "dump * --kind order");
    assert_eq!(records.last().unwrap()["record"]["events"], json!(["Retired"]));
    // Before its retirement it is there.
    let before = records.last().unwrap()["sequence"].as_u64().unwrap() - 1;
    let then = json(folder, &format!("state * --at {before}"));
    assert_eq!((&then["orders"], &then["retired"]), (&json!(2), &json!(0)));
}

#[test]
fn where_the_journal_has_dropped_its_history_the_tombstone_and_the_first_record_are_told() {
    let (folder, cut) = shop(true);
    let folder = folder.path();
    let first = json(folder, "verify *")["first_sequence"].as_u64().unwrap();
    assert!(first > 10, "{first}");
    let shown = json(folder, "inspect * order gone");
    assert_eq!(
        (&shown["found"], &shown["history_total"], &shown["first_sequence"]),
        (&json!(true), &json!(0), &json!(first))
    );
    assert_eq!(shown["retired"]["version"], json!(cut.retired[0].version));
    assert_eq!(shown.get("order"), None);
    for command in ["inspect * order gone", "why * gone"] {
        let text = fine(folder, command);
        for part in [
            format!("The journal begins with record {first}"),
            "Order gone was retired at".to_owned(),
            "told by no record that is left".to_owned(),
        ] {
            assert!(text.contains(&part), "`{part}` is not in:\n{text}");
        }
    }
    let why = json(folder, "why * gone");
    assert_eq!((&why["state"], &why["retired"]), (&Value::Null, &shown["retired"]));
    assert_eq!(on(folder, "inspect * order never").code, 1);
}
