//! A split that a crash cuts anywhere loses and doubles no unit and no cent.

use earmark::port::fs_sim::SimFs;
use earmark::{Command, Cut, Request, SkuCommand, SplitBy, SplitOrder};

use super::split::three_lines;
use crate::common::journal::{parked, read, write};
use crate::common::sim::open;
use crate::common::*;

fn script() -> Vec<Request<Command>> {
    let keyed = |name: &str, command: Command| Request::from(command).with_key(business(), key(name));
    let received = |name, units| Command::Sku(sku(name), SkuCommand::receive(units, "opening stock"));
    let split = |id: &str, by| Command::from(SplitOrder { order: order(id), by });
    vec![
        keyed("1", received("a", 5)),
        keyed("2", received("b", 5)),
        keyed("3", received("c", 5)),
        keyed("4", three_lines("o").into()),
        keyed("5", payment("o", 4_000).into()),
        keyed("6", cancellation("o", &[(2, 1)]).into()),
        keyed("7", split("o", SplitBy::Seller)),
        keyed("8", shipment("o/1", &[(1, 1)]).into()),
        keyed("9", cancellation("o/2", &[(1, 1)]).into()),
        keyed("10", split("o/2", SplitBy::Seller)),
        keyed("11", shipment("o/1", &[]).into()),
    ]
}

/// Units and money over the parent and its children: nothing is lost, nothing there twice.
fn assert_conserved(cut: &Cut, what: &str) {
    assert_eq!(cut.violations, Vec::<String>::new(), "{what}");
    assert!(cut.orders.iter().all(|order| order.pending.is_none()), "{what}");
    for parent in cut.orders.iter().filter(|order| order.is_split()) {
        let children: Vec<_> = cut.orders.iter().filter(|o| o.parent() == Some(&parent.id)).collect();
        assert_eq!(children.len(), parent.children().len(), "{what}");
        for child in &children {
            let known = parent.children().iter().find(|known| known.news.child == child.id).unwrap();
            assert_eq!(Some(&known.news), child.news().as_ref(), "{what}");
        }
        let paid: i64 = children.iter().map(|child| child.paid).sum();
        let family = parent.family.as_ref().unwrap();
        assert_eq!((parent.paid, paid + family.refunded), (4_000, 4_000), "{what}");
        for (line, number) in parent.lines.iter().zip(1..) {
            let lines = parent.children().iter().flat_map(|child| &child.lines);
            let given: u32 = lines.filter(|part| part.line == number).map(|part| part.quantity).sum();
            let called_off = family.called_off[number as usize - 1];
            assert_eq!(line.counters.ordered, given + called_off, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_split_cut_behind_any_record_is_whole_or_not_begun_and_ends_the_same() {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    let mut answers = Vec::new();
    for request in script() {
        answers.push(engine.submit::<Command>(request).await);
        engine.cut().await.unwrap();
    }
    assert_eq!(answers[9].as_ref().unwrap_err().code(), "CANNOT_SPLIT");
    let whole = engine.cut().await.unwrap();
    assert_conserved(&whole, "whole");
    engine.close().await.unwrap();
    let records = read(&fs);
    assert!(records.len() > 30, "{}", records.len());
    for length in 0..=records.len() {
        let what = format!("behind record {length}");
        let image = write(&records[..length]);
        let engine = open(&image).await;
        assert_eq!(engine.recovery().parked, 0, "{what}");
        assert_conserved(&engine.cut().await.unwrap(), &what);
        for (request, answer) in script().into_iter().zip(&answers) {
            let again = engine.submit::<Command>(request).await;
            assert_eq!(again, *answer, "{what}");
            engine.cut().await.unwrap();
        }
        let cut = engine.cut().await.unwrap();
        assert_conserved(&cut, &what);
        let of = |cut: &Cut| {
            cut.orders.iter().map(|o| (o.id.clone(), o.lines.clone(), o.due, o.paid)).collect::<Vec<_>>()
        };
        assert_eq!(of(&cut), of(&whole), "{what}");
        engine.close().await.unwrap();
        let again = open(&image.crash()).await.cut().await.unwrap();
        assert_eq!(again.hash, cut.hash, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_split_that_a_sku_refuses_is_undone_at_the_others_and_can_be_asked_for_again() {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    for request in script().into_iter().take(6) {
        engine.submit::<Command>(request).await.unwrap();
    }
    engine.close().await.unwrap();
    let entity = earmark::EntityId::Sku(sku("b"));
    let mut records = read(&fs);
    records.push(parked(entity.clone(), Some("looked at")));
    let engine = open(&write(&records)).await;
    let parent = engine.order(&order("o"));
    let before = engine.cut().await.unwrap();
    assert_eq!(refusal(parent.split(SplitBy::Seller).await).code(), "PARKED");
    let undone = engine.cut().await.unwrap();
    for (one, other) in before.skus.iter().zip(&undone.skus) {
        assert_eq!((one.counters, one.hold_count()), (other.counters, other.hold_count()));
    }
    engine.unpark(&entity, "me".parse().unwrap()).await.unwrap();
    assert_sound(&engine).await;
    parent.split(SplitBy::Seller).await.unwrap();
    assert_conserved(&engine.cut().await.unwrap(), "split at the second attempt");
}
