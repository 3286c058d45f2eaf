//! Whether a contender's answers were true.

use anyhow::Result;

use super::contender::{Answer, Books, Contender, Step, Tally};
use super::work::{AMPLE, Work};
use crate::report::Promise;

/// Asks twice for one order and once for one that cannot be had; then compares the books with the answers.
pub(super) async fn check<C: Contender>(
    contender: &C,
    work: &Work,
    tally: &Tally,
    refused: u64,
) -> Result<Vec<Promise>> {
    let extra = work.extra();
    let first = contender.ask(0, Step::Place, &extra).await?;
    if first == Answer::Done {
        tally.done(Step::Place);
    }
    // Whether a repetition is told as one is the contender's own way; the books must not show it.
    let again = contender.ask(0, Step::Place, &extra).await?;
    let impossible = contender.ask(0, Step::Place, &work.impossible()).await?;
    let books = contender.books().await?;
    let mut promises = compare(&books, work, tally.counts());
    promises.push(Promise::from_check("nothing that can be had was refused", refused == 0, || {
        format!("{refused} answers were refusals")
    }));
    let once = first == Answer::Done && again != Answer::Refused;
    promises.push(Promise::from_check("an order can be asked for again", once, || {
        format!("it was answered {first:?}, then {again:?}")
    }));
    promises.push(Promise::from_check(
        "a unit that is not there is refused",
        impossible == Answer::Refused,
        || format!("it was answered {impossible:?}"),
    ));
    Ok(promises)
}

/// Compares the books with what was answered, by steps.
fn compare(books: &Books, work: &Work, answered: [u64; 4]) -> Vec<Promise> {
    let [placed, paid, shipped, delivered] = answered;
    // What is left in each state; a life that ended early stays where it was.
    let states = [
        placed.checked_sub(paid),
        paid.checked_sub(shipped),
        shipped.checked_sub(delivered),
        Some(delivered),
    ];
    let orders = books.orders.map(Some) == states;
    let received = AMPLE * work.skus as u64;
    let accounted = books.available + books.held + books.shipped;
    let conserved = books.received == received && accounted == received;
    let units = books.held + books.shipped == placed && books.shipped == shipped;
    vec![
        Promise::from_check("as many orders as were granted, in their states", orders, || {
            format!("by the answers {states:?}, by the books {:?}", books.orders)
        }),
        Promise::from_check("as many units held and shipped as orders were granted", units, || {
            format!("{placed} placed, {shipped} shipped; {} held, {} shipped", books.held, books.shipped)
        }),
        Promise::from_check("stock conserved", conserved, || {
            format!("{received} came in, {accounted} are there")
        }),
        Promise::from_differences("stock conserved at every SKU", books.wrong.iter().cloned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::work::WorkloadName;
    use super::*;

    fn broken(books: &Books, answered: [u64; 4]) -> Vec<&'static str> {
        let work = Work::new(WorkloadName::Hot, 1).expect("a workload");
        let promises = compare(books, &work, answered);
        promises.iter().filter(|promise| !promise.is_kept()).map(|promise| promise.name).collect()
    }

    fn books() -> Books {
        Books {
            orders: [4, 3, 2, 1],
            received: AMPLE,
            available: AMPLE - 10,
            held: 7,
            shipped: 3,
            wrong: Vec::new(),
        }
    }

    #[test]
    fn books_that_agree_with_the_answers_break_nothing() {
        assert_eq!(broken(&books(), [10, 6, 3, 1]), Vec::<&str>::new());
    }

    #[test]
    fn a_lost_order_and_a_unit_sold_twice_are_both_found() {
        let lost = Books { orders: [3, 3, 2, 1], ..books() };
        assert_eq!(broken(&lost, [10, 6, 3, 1]), ["as many orders as were granted, in their states"]);
        let twice = Books { held: 6, ..books() };
        assert_eq!(
            broken(&twice, [10, 6, 3, 1]),
            ["as many units held and shipped as orders were granted", "stock conserved"]
        );
        let wrong = Books { wrong: vec!["SKU 0 has too few".to_owned()], ..books() };
        assert_eq!(broken(&wrong, [10, 6, 3, 1]), ["stock conserved at every SKU"]);
    }
}
