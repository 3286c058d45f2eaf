//! The journal ends behind any of its records.

use std::collections::BTreeMap;

use earmark::port::fs_sim::SimFs;
use earmark::{Command, State, replay};

use super::script::{Ledger, script};
use crate::common::journal::{read, write};
use crate::common::sim::open;

#[tokio::test(start_paused = true)]
async fn a_journal_cut_behind_any_record_opens_and_every_order_is_finished_or_undone() {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    assert!(Ledger::default().run(&engine).await.is_continue());
    engine.close().await.unwrap();
    let records = read(&fs);
    assert!(records.len() > 60, "{}", records.len());
    let (mut finished, mut undone) = (0, 0);
    for length in 0..=records.len() {
        let image = write(&records[..length]);
        let engine = open(&image).await;
        let report = engine.recovery().clone();
        (finished, undone) = (finished + report.finished, undone + report.undone);
        assert_eq!((report.records, report.parked), (length as u64, 0));
        let cut = engine.cut().await.unwrap();
        assert_eq!(cut.violations, Vec::<String>::new(), "behind record {length}");
        assert!(cut.orders.iter().all(|order| order.pending.is_none() && order.state != State::Created));
        // What a crash interrupted is answered by what the reconciler decided, and executed once.
        let mut orders: BTreeMap<_, _> =
            cut.orders.iter().map(|order| (order.id.clone(), order.version)).collect();
        for request in script().into_iter().flatten().filter(|request| request.key.is_some()) {
            let first = engine.submit::<Command>(request.clone()).await;
            let after = engine.cut().await.unwrap();
            assert_eq!(engine.submit::<Command>(request).await, first, "behind record {length}");
            assert_eq!(engine.cut().await.unwrap().hash, after.hash, "executed twice behind record {length}");
            orders = after.orders.iter().map(|order| (order.id.clone(), order.version)).collect();
        }
        let live = engine.cut().await.unwrap();
        assert_eq!(live.violations, Vec::<String>::new());
        assert_eq!(replay::audit(&live.skus, &live.orders), Vec::<String>::new());
        let (sequence, summary) = engine.summary().await.unwrap();
        assert_eq!((sequence, summary.hash), (live.sequence, live.hash), "behind record {length}");
        assert_eq!((summary.orders, summary.skus), (live.orders.len() as u64, live.skus.len() as u64));
        engine.close().await.unwrap();
        let again = open(&image.crash()).await.cut().await.unwrap();
        assert_eq!(again.hash, live.hash, "behind record {length}");
        assert_eq!(orders, again.orders.iter().map(|order| (order.id.clone(), order.version)).collect());
    }
    assert!(finished > 5, "{finished} finished, {undone} undone");
    assert!(undone > 0, "{finished} finished, {undone} undone");
}
