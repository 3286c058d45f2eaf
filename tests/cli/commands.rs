//! Each command on a sound folder: its text, its JSON, its exit code.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::shop::{SMALL_ORDERS, day};
use crate::tool::{command, fine, image, json, lines, on, run, segments};

#[track_caller]
pub fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn verify_finds_nothing_wrong_with_what_the_engine_wrote() {
    let day = day();
    let folder = day.folder.path();
    assert!(segments(folder).len() >= 3, "the day does not fill several segments");
    let found = json(folder, "verify *");
    assert_eq!((&found["ok"], &found["sealed"]), (&json!(true), &json!(true)));
    assert_eq!(found["state_hash"], json!(day.cut.hash.to_string()));
    assert_eq!(found["last_sequence"], json!(day.cut.sequence - 1));
    assert_eq!(found["records"], found["last_sequence"]);
    let kinds = found["kinds"].as_object().unwrap();
    let sum: u64 = kinds.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(json!(sum), found["records"]);
    assert_eq!(
        (found["orders"].as_u64(), found["skus"].as_u64()),
        (Some(u64::from(SMALL_ORDERS) + 3), Some(2))
    );
    assert_eq!(
        (&found["findings"], &found["cut"], &found["in_use"]),
        (&json!([]), &Value::Null, &json!(false))
    );
    let hash = day.cut.hash.to_string();
    says(&fine(folder, "verify *"), &["OK: nothing is wrong", "sealed", &hash, "303 orders, 2 SKUs"]);
}

#[test]
fn the_state_is_the_one_that_the_engine_had() {
    let day = day();
    let folder = day.folder.path();
    let state = json(folder, "state *");
    assert_eq!(state["state_hash"], json!(day.cut.hash.to_string()));
    assert_eq!(state["sequence"], json!(day.cut.sequence - 1));
    assert_eq!(state["orders_by_state"], json!({"RESERVED": SMALL_ORDERS, "SHIPPED": 1, "CANCELLED": 2}));
    assert_eq!(
        state["businesses"],
        json!({"shop": {"RESERVED": SMALL_ORDERS, "SHIPPED": 1, "CANCELLED": 2}})
    );
    let stock = &state["stock"];
    assert_eq!(
        [&stock["received"], &stock["shipped"], &stock["reserved"], &stock["on_hand"]],
        [&json!(1_010), &json!(3), &json!(SMALL_ORDERS + 6), &json!(1_007)]
    );
    says(&fine(folder, "state *"), &["303: 300 RESERVED", "1,007 = ", "1,010 received, 3 shipped"]);
}

#[test]
fn the_state_at_a_sequence_or_a_time_is_the_one_of_then() {
    let day = day();
    let folder = day.folder.path();
    let empty = json(folder, "state * --at 0");
    assert_eq!(
        (&empty["orders"], &empty["sequence"], &empty["committed_at"]),
        (&json!(0), &json!(0), &Value::Null)
    );
    let records = lines(folder, "dump *");
    // Behind each record the state is that of a journal that ends with it: the same as by the time of its
    // batch, where the batch ends there and the next one was committed later.
    let mut compared = 0;
    for pair in records.windows(2).step_by(29) {
        let at_sequence = json(folder, &format!("state * --at {}", pair[0]["sequence"]));
        assert_eq!(at_sequence["sequence"], pair[0]["sequence"]);
        if pair[0]["committed_at"].as_str() < pair[1]["committed_at"].as_str() {
            let time = pair[0]["committed_at"].as_str().unwrap();
            assert_eq!(json(folder, &format!("state * --at {time}")), at_sequence);
            compared += 1;
        }
    }
    assert!(compared > 0, "no record was the last of its millisecond");
    let last = records.last().unwrap()["sequence"].as_u64().unwrap();
    assert_eq!(json(folder, &format!("state * --at {last}"))["state_hash"], json!(day.cut.hash.to_string()));
    let ahead = on(folder, &format!("state * --at {}", last + 1));
    assert_eq!((ahead.code, ahead.out.as_str()), (2, ""));
    says(&ahead.err, &["there is no record", &last.to_string()]);
}

#[test]
fn an_order_is_shown_with_everything_that_happened_to_it() {
    let day = day();
    let folder = day.folder.path();
    let shown = json(folder, "inspect * order o-1");
    let order = day.cut.orders.iter().find(|order| order.id.as_str() == "o-1").unwrap();
    assert_eq!(shown["order"], serde_json::to_value(order).unwrap());
    let history = shown["history"].as_array().unwrap();
    assert_eq!(json!(history.len()), shown["history_total"]);
    assert_eq!(history[0]["words"], json!("Placed at shop: 2 × lamp, 1 × chair, for 30.00 EUR."));
    assert_eq!(history.last().unwrap()["words"], json!("The shipment left the house."));
    let text = fine(folder, "inspect * order o-1");
    says(
        &text,
        &[
            "Order o-1 is SHIPPED",
            "2 × lamp, 20.00 EUR: 2 shipped",
            "30.00 EUR paid",
            "Paid; its stock is committed.",
        ],
    );
    says(&fine(folder, "inspect * order 4711"), &["is CANCELLED", "INSUFFICIENT_STOCK", "(by web)"]);
}

#[test]
fn a_sku_is_shown_with_its_holders_and_the_last_of_its_history() {
    let day = day();
    let folder = day.folder.path();
    let shown = json(folder, "inspect * sku lamp");
    assert_eq!(
        shown["holders"],
        json!([{"kind": "cart", "id": "cart-1", "reserved": 6, "committed": 0, "until": null}])
    );
    assert_eq!(shown["sku"]["counters"]["available"], json!(2));
    says(&fine(folder, "inspect * sku lamp"), &["lamp has 2 available", "cart cart-1: 6 reserved"]);
    let chair = json(folder, "inspect * sku chair --last 4");
    assert_eq!(
        (chair["history"].as_array().unwrap().len(), chair["holders"].as_array().unwrap().len()),
        (4, 4)
    );
    assert!(chair["history_total"].as_u64().unwrap() > u64::from(SMALL_ORDERS));
    let all = json(folder, "inspect * sku chair --last 0");
    assert_eq!(json!(all["history"].as_array().unwrap().len()), chair["history_total"]);
    says(
        &fine(folder, "inspect * sku chair --last 4"),
        &["Held by 300 owners; the 4 largest", "the last 4 of"],
    );
}

#[test]
fn a_named_lock_is_shown_with_who_had_it() {
    let day = day();
    let folder = day.folder.path();
    let shown = json(folder, "inspect * lock report");
    assert_eq!(shown["lock"], serde_json::to_value(day.cut.works.locks.values().next().unwrap()).unwrap());
    assert_eq!((&shown["lock"]["fencing"], &shown["history_total"]), (&json!(1), &json!(2)));
    says(
        &fine(folder, "inspect * lock report"),
        &["Lock report is free", "1 is the last number", "Given to worker-1 until", "(by cron)"],
    );
    let ran = on(folder, "inspect * lock reprt");
    assert_eq!(ran.code, 1);
    says(&ran.err, &["there is no lock reprt", "Like it: report"]);
    assert_eq!(lines(folder, "dump * --kind lock").len(), 2);
}

#[test]
fn an_unknown_id_is_told_with_ids_that_are_like_it() {
    let day = day();
    let folder = day.folder.path();
    let ran = on(folder, "inspect * order 471");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    says(&ran.err, &["there is no order 471", "Like it: 4711"]);
    assert_eq!(on(folder, "why * small-301").code, 1);
    let ran = on(folder, "inspect * sku Lamp --json");
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&found["found"], &found["near"]), (&json!(false), &json!(["lamp"])));
}

#[test]
fn why_tells_in_one_answer_what_was_short_and_who_had_it() {
    let day = day();
    let folder = day.folder.path();
    let why = json(folder, "why * 4711");
    assert_eq!((&why["state"], &why["code"]), (&json!("CANCELLED"), &json!("INSUFFICIENT_STOCK")));
    let shortage = &why["shortage"];
    assert_eq!((&shortage["sku"], &shortage["requested"]), (&json!("lamp"), &json!(5)));
    assert_eq!(shortage["then"]["counters"]["available"], json!(2));
    assert_eq!(shortage["holders_then"][0]["id"], json!("cart-1"));
    says(
        &fine(folder, "why * 4711"),
        &[
            "Order 4711 was refused",
            "lamp has 2 available; 5 were asked for",
            "INSUFFICIENT_STOCK",
            "cart cart-1: 6 reserved",
            "by web",
        ],
    );
    says(&fine(folder, "why * o-1"), &["o-1 was not refused: it is SHIPPED"]);
}

#[test]
fn a_dump_has_every_record_in_order_or_the_part_asked_for() {
    let day = day();
    let folder = day.folder.path();
    let records = lines(folder, "dump *");
    let sequences: Vec<_> = records.iter().map(|record| record["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..day.cut.sequence).collect::<Vec<_>>());
    for (from, to) in [(1, 1), (7, 20), (500, 501), (sequences.len(), sequences.len())] {
        let part = lines(folder, &format!("dump * --from {from} --to {to}"));
        assert_eq!(part, records[from - 1..to]);
    }
    for kind in ["order", "sku", "command", "refusal", "park", "keys_forgotten"] {
        let wanted: Vec<_> = records.iter().filter(|record| record["kind"] == kind).cloned().collect();
        assert_eq!(lines(folder, &format!("dump * --kind {kind}")), wanted);
    }
    assert_eq!(on(folder, "dump * --from 9 --to 8").code, 2);
}

#[test]
fn dumped_entities_are_those_of_the_engine() {
    let day = day();
    let folder = day.folder.path();
    let orders: Vec<_> =
        day.cut.orders.iter().map(|order| json!({"kind": "order", "order": order})).collect();
    let skus: Vec<_> = day.cut.skus.iter().map(|sku| json!({"kind": "sku", "sku": sku})).collect();
    assert_eq!(lines(folder, "dump * --entities --kind order"), orders);
    assert_eq!(lines(folder, "dump * --entities"), [skus, orders].concat());
    assert_eq!(lines(folder, "dump * --entities --to 0"), Vec::<Value>::new());
    assert_eq!(on(folder, "dump * --entities --kind park").code, 2);
}

#[test]
fn the_page_of_lifecycles_shows_what_the_command_prints() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/lifecycles.md")).unwrap();
    for name in ["simple", "physical", "virtual", "flash", "preorder", "membership"] {
        let views = run(&["draw", name, "--format", "views"]).out;
        assert!(
            page.contains(&format!("\n{views}\n")),
            "docs/lifecycles.md differs from `earmark draw {name} --format views`:\n{views}"
        );
        let drawn = run(&["draw", name]).out;
        assert!(
            page.contains(&format!("```mermaid\n{drawn}```\n")),
            "docs/lifecycles.md differs from `earmark draw {name}`:\n{drawn}"
        );
    }
}

#[test]
fn lifecycles_are_drawn_and_completions_written_without_a_folder() {
    let drawn = run(&["draw", "physical"]);
    assert_eq!(drawn.code, 0);
    says(&drawn.out, &["stateDiagram-v2", "RESERVED --> PAID: Settle"]);
    let dot = run(&["draw", "--format", "dot", "--json"]);
    let dot: Value = serde_json::from_str(&dot.out).unwrap();
    says(dot["drawing"].as_str().unwrap(), &["digraph \"simple\"", "RESERVED -> PAID"]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]);
        assert_eq!(script.code, 0);
        says(&script.out, &["earmark", "verify", "inspect"]);
    }
}

#[test]
fn no_command_changes_a_byte_or_a_time_or_makes_a_file() {
    let day = day();
    let folder = day.folder.path();
    // A copy of the segments alone is a journal too; nothing may be added to it, a lock least of all.
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "seg") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let before = image(folder);
    for line in [
        "verify *",
        "state *",
        "state * --at 17",
        "inspect * order o-1",
        "inspect * sku lamp",
        "why * 4711",
        "dump *",
        "dump * --entities",
    ] {
        fine(folder, line);
        assert!(image(folder) == before, "`earmark {line}` changed the folder");
    }
}

#[test]
fn exit_codes_tell_wrong_arguments_from_folders_that_cannot_be_read() {
    let empty = tempfile::tempdir().unwrap();
    let missing = empty.path().join("nowhere");
    for command in ["verify *", "state *", "inspect * order a", "why * a", "dump *", "dump * --entities"] {
        let ran = on(&missing, command);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{command}");
        says(&ran.err, &["there is no folder", "nowhere"]);
        let ran = on(empty.path(), command);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{command}");
        says(&ran.err, &["holds no journal"]);
        let ran = on(empty.path(), &format!("{command} --json"));
        let error: Value = serde_json::from_str(&ran.err).unwrap();
        assert_eq!((ran.code, &error["exit_code"]), (3, &json!(3)), "{command}");
    }
    assert!(!missing.exists());
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
    for wrong in [
        vec![],
        vec!["nothing"],
        vec!["verify"],
        vec!["state", "x", "--at", "yesterday"],
        vec!["inspect", "x", "cart", "a"],
        vec!["draw", "digital"],
        vec!["dump", "x", "--kind", "all"],
    ] {
        assert_eq!(run(&wrong).code, 2, "{wrong:?}");
    }
    let control = run(&["inspect", empty.path().to_str().unwrap(), "order", "a\tb"]);
    assert_eq!(control.code, 2);
    for fine in [vec!["--help"], vec!["--version"], vec!["verify", "--help"]] {
        assert_eq!(run(&fine).code, 0, "{fine:?}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_a_dump_without_a_word() {
    let day = day();
    let mut child = command()
        .args(["dump".as_ref(), day.folder.path().as_os_str()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("{\"sequence\":1,"), "{first}");
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error_and_not_a_panic() {
    let day = day();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = command().args(["dump".as_ref(), day.folder.path().as_os_str()]).stdout(full).output().unwrap();
    assert_eq!(ran.status.code(), Some(3));
    says(&String::from_utf8(ran.stderr).unwrap(), &["standard output cannot be written"]);
}
