//! A journal cut behind any of its records.

use earmark::port::fs_sim::SimFs;
use earmark::{Answer, Command, Engine, Error, Refusal, Request, replay};

use super::journal::{read, write};
use super::sim::open;

/// What a keyed command is answered, faults of the machine apart.
async fn ask(engine: &Engine, request: &Request<Command>) -> Result<Answer, Refusal> {
    match engine.submit::<Command>(request.clone()).await {
        Ok(answer) => Ok(answer),
        Err(Error::Refused(refusal)) => Err(refusal),
        Err(error) => panic!("{:?}: {error}", request.command),
    }
}

/// Runs keyed commands one after another, cuts the journal behind each of its records, opens it, and gives all
/// commands again: each is answered as it was, or would have been, and the end is the very same state. Answers
/// the number of records.
pub(crate) async fn cut_everywhere(script: &[Request<Command>]) -> usize {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    let mut answers = Vec::new();
    for request in script {
        assert!(request.key.is_some(), "only a keyed command can be given again: {:?}", request.command);
        answers.push(ask(&engine, request).await);
    }
    let whole = engine.cut().await.unwrap();
    assert_eq!(whole.violations, Vec::<String>::new());
    engine.close().await.unwrap();
    let records = read(&fs);
    for length in 0..=records.len() {
        let image = write(records.get(..length).unwrap());
        let engine = open(&image).await;
        assert_eq!(engine.recovery().parked, 0, "behind record {length}");
        let cut = engine.cut().await.unwrap();
        assert_eq!(cut.violations, Vec::<String>::new(), "behind record {length}");
        assert_eq!(replay::audit(&cut.skus, &cut.orders), Vec::<String>::new(), "behind record {length}");
        assert!(cut.orders.iter().all(|order| order.pending.is_none()), "behind record {length}");
        for (request, answer) in script.iter().zip(&answers) {
            let again = ask(&engine, request).await;
            assert_eq!(again, *answer, "behind record {length}: {:?}", request.command);
        }
        let cut = engine.cut().await.unwrap();
        assert_eq!(cut.violations, Vec::<String>::new(), "behind record {length}");
        assert_eq!(cut.orders, whole.orders, "behind record {length}");
        let summary = engine.summary().await.unwrap().1;
        assert_eq!(summary.hash, cut.hash, "behind record {length}");
        engine.close().await.unwrap();
        let again = open(&image.crash()).await.cut().await.unwrap();
        assert_eq!(again.hash, cut.hash, "behind record {length}");
    }
    records.len()
}
