//! A process that is killed with SIGKILL while it sells and takes snapshots: what it acknowledged is there, and nothing twice.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test; the child speaks on stdout"
)]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::time::Duration;

use common::{assert_sound, cancellation, order, payment, placement, receive, seed, sku};
use earmark::port::fs_sim::SplitMix;
use earmark::{Config, Engine, Error, State};

const CHILD_FOLDER: &str = "EARMARK_KILL_CHILD";
const ROUNDS: u64 = 10;
const STOCK: u64 = 50_000;

fn config(folder: &Path) -> Config {
    Config { segment_bytes: 4 << 20, ..Config::new(folder) }
}

/// Not a test of its own: the process that is killed. It does nothing unless the test below starts it.
#[test]
fn a_child_sells_until_it_is_killed() {
    let Ok(folder) = std::env::var(CHILD_FOLDER) else { return };
    let (folder, round) = folder.rsplit_once('#').unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(sell(Path::new(folder), round));
}

async fn sell(folder: &Path, round: &str) {
    let engine = Engine::open(config(folder)).await.unwrap();
    say("open");
    let taker = engine.clone();
    tokio::spawn(async move {
        loop {
            taker.snapshot().await.unwrap();
            say("snapshot");
        }
    });
    let sellers = (0..8u64).map(|seller| {
        let (engine, round) = (engine.clone(), round.to_owned());
        tokio::spawn(async move {
            for n in 0.. {
                let id = format!("{round}-{seller}-{n}");
                match engine.place(placement(&id, &[("a", 1), ("b", 1)])).await {
                    Ok(_) => say(&format!("placed {id}")),
                    Err(Error::Refused(_)) => continue,
                    Err(error) => panic!("{error}"),
                }
                if n % 3 == 0 {
                    engine.pay(payment(&id, 2_000)).await.unwrap();
                    say(&format!("paid {id}"));
                } else if n % 3 == 1 {
                    engine.cancel(cancellation(&id, &[])).await.unwrap();
                    say(&format!("cancelled {id}"));
                }
            }
        })
    });
    for seller in sellers.collect::<Vec<_>>() {
        seller.await.unwrap();
    }
}

fn say(word: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "@{word}").unwrap();
    out.flush().unwrap();
}

/// Starts the child, lets it sell for a while, kills it; every whole line that it said.
fn killed(folder: &Path, round: u64, after: Duration) -> Vec<String> {
    let mut child: Child = Process::new(std::env::current_exe().unwrap())
        .args(["a_child_sells_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD_FOLDER, format!("{}#{round}", folder.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let (mut all, mut line) = (Vec::new(), String::new());
        while lines.read_line(&mut line).unwrap_or(0) > 0 {
            if let Some((_, word)) = line.strip_suffix('\n').and_then(|line| line.split_once('@')) {
                all.push(word.to_owned());
            }
            line.clear();
        }
        all
    });
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

async fn assert_nothing_lost(engine: &Engine, said: &BTreeSet<String>) {
    let cut = engine.cut().await.unwrap();
    for words in said.iter().filter(|words| words.contains(' ')) {
        let (what, id) = words.split_once(' ').unwrap();
        let found = cut.orders.iter().find(|found| found.id == order(id));
        let state = found.unwrap_or_else(|| panic!("{id} is gone")).state;
        match what {
            "placed" => assert!(state != State::Created, "{words}: {state}"),
            "paid" => assert_eq!(state, State::Paid, "{words}"),
            _ => assert_eq!(state, State::Cancelled, "{words}"),
        }
    }
    for name in ["a", "b"] {
        let counters = engine.sku(&sku(name)).view().await.unwrap().unwrap().counters;
        assert_eq!(counters.available + counters.reserved + counters.committed, STOCK);
    }
}

/// A copy of the folder without its snapshots.
fn journal_alone(folder: &Path) -> tempfile::TempDir {
    let copy = common::folder();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    copy
}

#[test]
fn ten_kills_at_random_moments_lose_nothing_that_was_acknowledged() {
    let mut random = SplitMix::new(seed(0x5eed));
    let folder = common::folder();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = Engine::open(config(folder.path())).await.unwrap();
        receive(&engine, "a", STOCK).await;
        receive(&engine, "b", STOCK).await;
        engine.close().await.unwrap();
    });
    let (mut said, mut loaded) = (BTreeSet::new(), 0);
    for round in 0..ROUNDS {
        let after = Duration::from_millis(30 + random.below(170));
        said.extend(killed(folder.path(), round, after));
        runtime.block_on(async {
            let engine = Engine::open(config(folder.path())).await.unwrap();
            assert_sound(&engine).await;
            assert_nothing_lost(&engine, &said).await;
            let live = engine.cut().await.unwrap().hash;
            engine.close().await.unwrap();
            let again = Engine::open(config(folder.path())).await.unwrap();
            assert_eq!(again.cut().await.unwrap().hash, live, "round {round}");
            loaded += usize::from(again.recovery().loaded.is_some());
            assert_eq!(again.recovery().refused, Vec::new(), "round {round}");
            again.close().await.unwrap();
            let alone = journal_alone(folder.path());
            let engine = Engine::open(config(alone.path())).await.unwrap();
            assert_eq!(engine.recovery().loaded, None);
            assert_eq!(engine.cut().await.unwrap().hash, live, "round {round}: from the journal alone");
        });
    }
    assert!(said.len() > 100 && loaded > 5, "{loaded} snapshots loaded; the child said only {said:?}");
}
