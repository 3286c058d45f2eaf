//! A limit: the same decisions in a hash map behind a mutex. Nothing of it survives anything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;

use super::contender::{Answer, Books, Contender, Step};
use super::work::{AMPLE, Draft, Work};

#[derive(Clone, Copy, Default)]
struct Stock {
    received: u64,
    available: u64,
    held: u64,
    shipped: u64,
}

#[derive(Default)]
struct Shop {
    stock: Vec<Stock>,
    /// The last step of each order.
    orders: HashMap<String, Step>,
}

/// A shop in memory.
#[derive(Clone)]
pub(super) struct Map(Arc<Mutex<Shop>>);

impl Map {
    pub(super) fn new(work: &Work) -> Self {
        let full = Stock { received: AMPLE, available: AMPLE, ..Stock::default() };
        let mut stock = vec![full; work.skus];
        stock.push(Stock::default());
        Self(Arc::new(Mutex::new(Shop { stock, orders: HashMap::new() })))
    }
}

impl Shop {
    fn ask(&mut self, step: Step, draft: &Draft) -> Answer {
        let Some(stock) = self.stock.get_mut(draft.sku) else { return Answer::Refused };
        let before = match step {
            Step::Place => {
                if self.orders.contains_key(&draft.id) {
                    return Answer::Already;
                }
                if stock.available == 0 {
                    return Answer::Refused;
                }
                stock.available -= 1;
                stock.held += 1;
                self.orders.insert(draft.id.clone(), Step::Place);
                return Answer::Done;
            }
            Step::Pay => Step::Place,
            Step::Ship => Step::Pay,
            Step::Deliver => Step::Ship,
        };
        match self.orders.get_mut(&draft.id) {
            Some(last) if *last == step => return Answer::Already,
            Some(last) if *last == before => *last = step,
            _ => return Answer::Refused,
        }
        if step == Step::Ship {
            stock.held -= 1;
            stock.shipped += 1;
        }
        Answer::Done
    }
}

impl Contender for Map {
    async fn ask(&self, _: usize, step: Step, draft: &Draft) -> Result<Answer> {
        let answer = self.0.lock().unwrap_or_else(PoisonError::into_inner).ask(step, draft);
        // What is answered at once would never let the runtime's other callers run.
        tokio::task::yield_now().await;
        Ok(answer)
    }

    async fn books(&self) -> Result<Books> {
        let shop = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut books = Books::default();
        for step in shop.orders.values() {
            if let Some(count) = books.orders.get_mut(*step as usize) {
                *count += 1;
            }
        }
        for (number, stock) in shop.stock.iter().enumerate() {
            books.add(number, [stock.received, stock.available, stock.held, stock.shipped].map(i128::from));
        }
        Ok(books)
    }
}
