//! A shop whose orders are edited, sent short, given up in part and split, with a crash behind every record and at
//! every operation of the file system.

use std::sync::Arc;

use earmark::domain::order::{Line, OrderEvent};
use earmark::domain::record::OrderRecord;
use earmark::port::fs_sim::SimFs;
use earmark::replay::{Folder, verify};
use earmark::{
    AcceptEdit, Amounts, Answer, Command, Cut, DeclineEdit, EditChange, Engine, Error, LineRequest, LineTags,
    LocationId, Order, PlaceOrder, Refusal, Request, ShipShort, SkuCommand, SplitBy, SplitOrder, StageEdit,
};

use crate::common::journal::{Raw, read, write};
use crate::common::sim::{FOLDER, open, try_open};
use crate::common::{business, cancellation, key, order, parts, payment, placement, shipment, sku};

fn receive(name: &str, quantity: u64) -> Command {
    Command::Sku(sku(name), SkuCommand::receive(quantity, "delivery"))
}

fn stage(id: &str, changes: Vec<EditChange>) -> Command {
    StageEdit { order: order(id), changes }.into()
}

fn accept(id: &str, version: u64) -> Command {
    AcceptEdit { order: order(id), version }.into()
}

fn short(id: &str, lines: &[(u32, u32)]) -> Command {
    let (lines, missing) = (parts(lines), Vec::new());
    ShipShort { order: order(id), lines, missing, reason: "not found".into() }.into()
}

fn split(id: &str, by: SplitBy) -> Command {
    SplitOrder { order: order(id), by }.into()
}

fn more(line: u32, quantity: u32) -> EditChange {
    EditChange::AddUnits { line, quantity, amounts: Amounts::of(i64::from(quantity) * 1_000) }
}

/// Sold by two, and over two channels.
fn mixed(id: &str, lines: &[(&str, u32)]) -> PlaceOrder {
    let mut placed = placement(id, lines);
    for (line, number) in placed.lines.iter_mut().zip(1..) {
        line.seller = Some(format!("seller-{}", number % 2).parse().unwrap());
        let channel = (number < 3).then(|| "market".into());
        line.tags = Some(Box::new(LineTags { channel, constraint: None }));
        (line.discount, line.shipping) = (10 * number, 7);
    }
    placed
}

/// Commands one after another, each under a key of its own.
fn script() -> Vec<Request<Command>> {
    let reprice = |line, gross| EditChange::Reprice { line, amounts: Amounts::of(gross) };
    let new = || EditChange::AddLine(LineRequest::new(sku("c"), 1, 500));
    let north = LocationId::new("north").unwrap();
    let commands: Vec<Command> = vec![
        receive("a", 20),
        receive("b", 20),
        receive("c", 5),
        Command::Sku(sku("d"), SkuCommand::receive(1, "delivery")),
        Command::Sku(sku("d"), SkuCommand::receive(2, "delivery").at(north.clone())),
        // An order that waits to be paid: more of one line, less of the other, and a new one.
        placement("o1", &[("a", 2), ("b", 3)]).into(),
        stage("o1", vec![more(1, 2), EditChange::TakeUnits { line: 2, quantity: 1 }, new()]),
        accept("o1", 2),
        accept("o1", 3),
        // Amounts alone, declined and accepted.
        stage("o1", vec![reprice(2, 1_500)]),
        DeclineEdit { order: order("o1"), version: 7 }.into(),
        stage("o1", vec![reprice(2, 1_501)]),
        accept("o1", 9),
        // More than there is: the edit stays staged, and is replaced.
        stage("o1", vec![more(3, 50)]),
        accept("o1", 11),
        // Paid between the preview and the decision.
        stage("o1", vec![reprice(1, 3_999)]),
        payment("o1", 6_001).into(),
        accept("o1", 14),
        stage("o1", vec![more(1, 1), EditChange::RemoveLine { line: 3 }]),
        accept("o1", 18),
        payment("o1", 500).into(),
        cancellation("o1", &[(2, 1)]).into(),
        short("o1", &[(1, 3)]),
        // By seller; the children go their own ways.
        mixed("o2", &[("a", 2), ("b", 3), ("c", 1)]).into(),
        payment("o2", 6_100).into(),
        cancellation("o2", &[(2, 1)]).into(),
        split("o2", SplitBy::Seller),
        stage("o2/1", vec![reprice(1, 1_999)]),
        accept("o2/1", 2),
        cancellation("o2/1", &[(1, 1)]).into(),
        stage("o2/1", vec![more(2, 2), new()]),
        accept("o2/1", 6),
        short("o2/2", &[(1, 1)]),
        shipment("o2/1", &[]).into(),
        // By channel, and by location.
        mixed("o3", &[("a", 1), ("b", 1), ("c", 1)]).into(),
        payment("o3", 3_000).into(),
        split("o3", SplitBy::Channel),
        placement("o4", &[("d", 3)]).into(),
        payment("o4", 3_000).into(),
        split("o4", SplitBy::Located(vec![(LocationId::MAIN, parts(&[(1, 1)])), (north, parts(&[(1, 2)]))])),
        short("o4/2", &[(1, 1)]),
    ];
    let keyed = |(command, number): (Command, u32)| {
        Request::from(command).with_key(business(), key(&format!("k{number}")))
    };
    commands.into_iter().zip(1..).map(keyed).collect()
}

async fn ask(engine: &Engine, request: &Request<Command>) -> Result<Answer, Error> {
    let answer = engine.submit::<Command>(request.clone()).await;
    // Children tell their parents what became of them before the next one asks.
    engine.cut().await?;
    answer
}

/// Answers of the whole script, in an engine that nothing befalls.
async fn answers() -> (SimFs, Vec<Result<Answer, Refusal>>, Cut) {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    let mut answers = Vec::new();
    for request in script() {
        answers.push(ask(&engine, &request).await.map_err(|error| error.refusal().cloned().unwrap()));
    }
    let whole = engine.cut().await.unwrap();
    engine.close().await.unwrap();
    (fs, answers, whole)
}

/// What is so at any moment, however often the power went: units and money are there once, and a parent is its
/// children's sum.
fn assert_conserved(cut: &Cut, what: &str) {
    assert_eq!(cut.violations, Vec::<String>::new(), "{what}");
    for order in &cut.orders {
        assert!(order.pending.is_none(), "{what}: {} stands between two steps", order.id);
        let rest: i64 = order.lines.iter().map(|line| line.share_of_first(line.counters.ordered)).sum();
        let gone: i64 = order.lines.iter().map(|line| line.share_of_first(line.counters.cancelled)).sum();
        assert!(order.is_split() || order.due == rest - gone, "{what}: {} owes {}", order.id, order.due);
        assert!(order.refund_due <= order.paid, "{what}: {}", order.id);
    }
    for parent in cut.orders.iter().filter(|order| order.is_split()) {
        let children: Vec<&Order> = cut.orders.iter().filter(|o| o.parent() == Some(&parent.id)).collect();
        assert_eq!(children.len(), parent.children().len(), "{what}: children of {}", parent.id);
        let refunded = parent.family.as_ref().unwrap().refunded;
        let sum = |of: fn(&Order) -> i64| children.iter().map(|child| of(child)).sum::<i64>();
        assert_eq!(
            (parent.due, parent.paid, parent.refund_due),
            (sum(|o| o.due), sum(|o| o.paid) + refunded, sum(|o| o.refund_due) + refunded),
            "{what}: {}",
            parent.id
        );
        for (line, number) in parent.lines.iter().zip(1..) {
            let of_children = parent.children().iter().zip(&children);
            let given = of_children.flat_map(|(child, order)| child.lines.iter().zip(&order.lines));
            let given = given.filter(|(part, _)| part.line == number);
            let given: u32 = given.map(|(_, theirs)| theirs.counters.ordered).sum();
            let called_off = parent.family.as_ref().unwrap().called_off[number as usize - 1];
            assert_eq!(line.counters.ordered, given + called_off, "{what}: line {number} of {}", parent.id);
        }
    }
    let shipped = |order: &Order| order.lines.iter().map(|l| u64::from(l.counters.shipped)).sum::<u64>();
    let left: u64 = cut.orders.iter().filter(|order| !order.is_split()).map(shipped).sum();
    assert_eq!(cut.skus.iter().map(|sku| sku.counters.shipped).sum::<u64>(), left, "{what}: units that left");
}

/// What nobody who gives commands can tell apart.
fn essence(cut: &Cut) -> Vec<(earmark::OrderId, Vec<Line>, [i64; 3])> {
    let of =
        |order: &Order| (order.id.clone(), order.lines.clone(), [order.due, order.paid, order.refund_due]);
    cut.orders.iter().map(of).collect()
}

/// The event by which a record carries an edit out that asks no SKU for anything.
fn edits_amounts_alone(records: &[Raw]) -> bool {
    let Some(OrderRecord { order, events, .. }) = records.last().and_then(Raw::order) else { return false };
    let is_accepted = events.iter().any(|event| matches!(event, OrderEvent::EditAccepted { .. }));
    let before = records.iter().rev().skip(1).filter_map(Raw::order).find(|record| record.order == order);
    let asked = |event: &OrderEvent| matches!(event, OrderEvent::EditStarted | OrderEvent::EditReleasing);
    is_accepted && before.is_some_and(|before| !before.events.iter().any(asked))
}

#[tokio::test(start_paused = true)]
async fn changes_cut_behind_any_record_are_whole_or_not_begun_and_end_the_same() {
    let (fs, answers, whole) = answers().await;
    assert_conserved(&whole, "whole");
    let refused: Vec<_> =
        answers.iter().filter_map(|answer| answer.as_ref().err()).map(Refusal::code).collect();
    assert_eq!(refused, ["EDIT_OUTDATED", "INSUFFICIENT_STOCK", "EDIT_OUTDATED"]);
    let records = read(&fs);
    assert!(records.len() > 120, "{}", records.len());
    let (mut still, mut last): (u32, Option<Cut>) = (0, None);
    for length in 0..=records.len() {
        let what = format!("behind record {length}");
        let image = write(&records[..length]);
        let mut folder = Folder::open(Arc::new(image.kill()), FOLDER.as_ref()).unwrap();
        let found = verify(&mut folder, &mut |_| ()).unwrap().findings;
        assert_eq!(found, [], "{what}: at rest");
        let engine = open(&image).await;
        assert_eq!(engine.recovery().parked, 0, "{what}");
        let cut = engine.cut().await.unwrap();
        assert_conserved(&cut, &what);
        if edits_amounts_alone(&records[..length]) {
            assert_eq!(Some(cut.skus.clone()), last.map(|last| last.skus), "{what}: it moves stock");
            still += 1;
        }
        last = Some(cut);
        for (request, answer) in script().iter().zip(&answers) {
            let again = ask(&engine, request).await.map_err(|error| error.refusal().cloned().unwrap());
            assert_eq!(again, *answer, "{what}: {:?}", request.command);
        }
        let cut = engine.cut().await.unwrap();
        assert_conserved(&cut, &what);
        assert_eq!(essence(&cut), essence(&whole), "{what}");
        engine.close().await.unwrap();
        let again = open(&image.crash()).await.cut().await.unwrap();
        assert_eq!(again.hash, cut.hash, "{what}");
    }
    assert_eq!(still, 2, "edits of amounts alone");
}

#[tokio::test(start_paused = true)]
async fn changes_lose_and_double_nothing_when_the_power_goes_at_any_operation() {
    let (_, answers, whole) = answers().await;
    let mut cuts = 0;
    for operation in 1.. {
        let fs = SimFs::new();
        fs.power_off_at(operation);
        if let Ok(engine) = try_open(&fs).await {
            for request in script() {
                if ask(&engine, &request).await.is_err_and(|error| error.refusal().is_none()) {
                    break;
                }
            }
        }
        if !fs.injected().power_off {
            break;
        }
        cuts += 1;
        for (image, how) in [(fs.crash(), "cut"), (fs.kill(), "killed"), (fs.crash_torn(operation), "torn")] {
            let what = format!("{how} at operation {operation}");
            let engine = open(&image).await;
            assert_conserved(&engine.cut().await.unwrap(), &what);
            for (request, answer) in script().iter().zip(&answers) {
                let again = ask(&engine, request).await.map_err(|error| error.refusal().cloned().unwrap());
                assert_eq!(again, *answer, "{what}: {:?}", request.command);
            }
            assert_eq!(essence(&engine.cut().await.unwrap()), essence(&whole), "{what}");
        }
    }
    assert!(cuts > 60, "{cuts}");
}
