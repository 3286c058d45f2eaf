//! A folder that a killed process left, and what the commands make of it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use earmark::{Engine, Error};
use serde_json::json;

use crate::common::{cancellation, folder, order, placement, receive, soon};
use crate::shop::{block_on, config};
use crate::tool::{json, on};

const CHILD_FOLDER: &str = "EARMARK_CLI_KILL_CHILD";

/// Orders that the child has placed before it is killed.
const PLACED: usize = 300;

/// Not a test of its own: the process that is killed. It does nothing unless the test below starts it.
#[test]
fn a_child_sells_and_retires_until_it_is_killed() {
    let Ok(folder) = std::env::var(CHILD_FOLDER) else { return };
    block_on(async {
        let engine = Engine::open(config(folder.as_ref())).await.unwrap();
        receive(&engine, "lamp", 1_000_000).await;
        let taker = engine.clone();
        tokio::spawn(async move { while taker.snapshot().await.is_ok() {} });
        for number in 0.. {
            sell(&engine, number).await.unwrap();
        }
    });
}

async fn sell(engine: &Engine, number: u64) -> Result<(), Error> {
    let id = format!("o-{number}");
    engine.place(placement(&id, &[("lamp", 1)])).await?;
    if number.is_multiple_of(2) {
        engine.cancel(cancellation(&id, &[])).await?;
        engine.order(&order(&id)).retire().await?;
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "@{id}").unwrap();
    out.flush().unwrap();
    Ok(())
}

/// Starts the child, and kills it with SIGKILL in the middle of its work; the orders that it told of.
fn killed(folder: &Path) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["killed::a_child_sells_and_retires_until_it_is_killed", "--exact", "--nocapture"])
        .env(CHILD_FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines.map_while(Result::ok).filter_map(|line| Some(line.split_once('@')?.1.to_owned()));
    let told: Vec<_> = told.take(PLACED).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(told.len(), PLACED, "the child ended by itself");
    told
}

#[test]
fn a_snapshot_of_what_a_killed_process_left_is_whole_and_nothing_it_said_is_lost() {
    let folder = folder();
    let told = killed(folder.path());
    let folder = folder.path();
    let before = json(folder, "verify *");
    assert_eq!((&before["ok"], &before["in_use"]), (&json!(true), &json!(false)));
    let taken = json(folder, "snapshot *");
    let found = json(folder, "verify *");
    assert_eq!((&found["ok"], &found["sealed"]), (&json!(true), &json!(true)));
    let newest = &found["snapshots"][0];
    assert_eq!((&newest["path"], &newest["state_hash"]), (&taken["path"], &found["state_hash"]));
    let (orders, retired) = (found["orders"].as_u64().unwrap(), found["retired"].as_u64().unwrap());
    assert_eq!(json!(orders + retired), taken["orders"]);
    assert!(
        orders >= PLACED as u64 / 2 && retired >= PLACED as u64 / 2,
        "{orders} orders, {retired} retired"
    );
    for id in told.iter().rev().take(2) {
        let shown = json(folder, &format!("inspect * order {id}"));
        let number: u64 = id.trim_start_matches("o-").parse().unwrap();
        assert_eq!(shown["retired"].is_null(), number % 2 == 1, "{id}");
    }
    // An engine goes on from there, to the same state.
    block_on(async {
        let engine = soon("opening", Engine::open(config(folder))).await.unwrap();
        assert_eq!(engine.recovery().retired, retired);
        assert_eq!(engine.cut().await.unwrap().hash.to_string(), found["state_hash"].as_str().unwrap());
        engine.close().await.unwrap();
    });
    assert_eq!(on(folder, "verify *").code, 0);
}
