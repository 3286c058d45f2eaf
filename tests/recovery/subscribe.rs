//! What subscribers are told, and where they may begin.

use earmark::domain::record::Record;
use earmark::journal::LogError;
use earmark::port::fs_sim::SimFs;
use earmark::{Cursor, Error, Subscription};

use crate::common::sim::open;
use crate::common::*;

/// The record in a few words.
fn words(record: &Record) -> String {
    let debug = match record {
        Record::Order(r) => format!("{}: {:?}", r.order, r.events),
        Record::Sku(r) => format!("{}: {:?}", r.sku, r.events),
        other => format!("{other:?}"),
    };
    let end = debug.find([' ', '{']).and_then(|at| debug[at + 1..].find([' ', ']']).map(|n| at + 1 + n));
    debug[..end.unwrap_or(debug.len())].replace(": [", " ")
}

fn drain(subscription: &mut Subscription) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(published) = subscription.try_next().unwrap() {
        assert_eq!(published.next.sequence, published.sequence + 1);
        all.push(words(&published.record));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_sees_the_exact_sequence_of_what_happened_and_goes_on_after_a_restart() {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    let mut subscription = engine.subscribe(engine.start()).unwrap();
    receive(&engine, "a", 2).await;
    receive(&engine, "b", 1).await;
    engine.place(placement("o", &[("b", 1), ("a", 1)])).await.unwrap();
    refusal(engine.place(placement("p", &[("a", 1), ("b", 1)])).await);
    let first = ["a Received", "b Received", "o Placed", "a Reserved", "b Reserved", "o Reserved"];
    let second = ["p Placed", "a Reserved", "a Released", "p Refused"];
    assert_eq!(drain(&mut subscription), [&first[..], &second[..]].concat());
    let cursor = subscription.cursor();
    assert_eq!(cursor.sequence, 11);
    engine.close().await.unwrap();

    let engine = open(&fs.crash()).await;
    let mut subscription = engine.subscribe(cursor).unwrap();
    assert_eq!(drain(&mut subscription), Vec::<String>::new());
    engine.pay(payment("o", 2_000)).await.unwrap();
    let next = subscription.next().await.unwrap().unwrap();
    assert_eq!((next.sequence, words(&next.record)), (11, "o PaymentRecorded".to_owned()));
    assert_eq!(drain(&mut subscription), ["a Committed", "b Committed", "o Settled"]);
    let whole = drain(&mut engine.subscribe(engine.start()).unwrap());
    assert_eq!(whole.len(), 14);
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_the_journal_cannot_serve_is_an_error() {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    receive(&engine, "a", 2).await;
    let end = engine.end();
    let at = |epoch, sequence| match engine.subscribe(Cursor { epoch, sequence }).map(|_| ()) {
        Err(Error::Journal(error)) => error,
        other => panic!("{other:?}"),
    };
    assert!(matches!(at(end.epoch, end.sequence + 1), LogError::Ahead { asked: 3, end: 2 }));
    assert!(matches!(at(end.epoch + 1, end.sequence), LogError::WrongEpoch { .. }));
    assert!(matches!(at(0, end.sequence), LogError::WrongEpoch { .. }));
    assert!(engine.subscribe(end).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_never_sees_what_is_not_durable() {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    receive(&engine, "a", 2).await;
    let mut subscription = engine.subscribe(engine.start()).unwrap();
    fs.fail_sync(1);
    engine.stock(&sku("a"), reserve("c", 1)).await.unwrap_err();
    assert_eq!(drain(&mut subscription), ["a Received"]);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_ends_when_the_engine_is_gone() {
    let engine = open(&SimFs::new()).await;
    receive(&engine, "a", 2).await;
    let mut subscription = engine.subscribe(engine.start()).unwrap();
    engine.close().await.unwrap();
    assert!(subscription.next().await.unwrap().is_some());
    assert!(soon("the end", subscription.next()).await.unwrap().is_none());
}
