//! PostgreSQL, on a socket of the loopback address.

mod pool;
mod process;
mod statements;

use anyhow::{Context, Result};

use super::contender::{Answer, Books, Contender, Step};
use super::work::{AMPLE, Draft, Work};
use pool::Pool;
pub(super) use process::PostgresServer;

/// Connections at most; callers beyond them wait for one, and the wait counts.
pub(super) const CONNECTIONS_MAX: usize = 32;

/// A shop in PostgreSQL.
#[derive(Clone)]
pub(super) struct Postgres {
    pool: Pool,
    /// Each step as one statement instead of a transaction of several.
    one_statement: bool,
}

impl Postgres {
    /// Makes empty tables with the opening stock, and connects for this many callers.
    pub(super) async fn open(
        server: &PostgresServer,
        work: &Work,
        callers: usize,
        one_statement: bool,
    ) -> Result<Self> {
        let pool = Pool::connect(&server.address(), callers.min(CONNECTIONS_MAX)).await?;
        let client = pool.take().await?;
        client.batch(statements::TABLES).await?;
        let (skus, ample) = (i32::try_from(work.skus)?, i64::try_from(AMPLE)?);
        let stocked = client.get()?.execute(statements::STOCK, &[&skus, &ample]).await;
        stocked.context("receiving the opening stock")?;
        client.batch(statements::SETTLE).await?;
        drop(client);
        pool.prepare(one_statement).await?;
        Ok(Self { pool, one_statement })
    }

    /// Drops the tables and writes everything out, so that nothing is left to do while the next contender runs.
    pub(super) async fn close(self) -> Result<()> {
        self.pool.take().await?.batch(statements::CLEAR).await
    }
}

impl Contender for Postgres {
    async fn ask(&self, _: usize, step: Step, draft: &Draft) -> Result<Answer> {
        let mut client = self.pool.take().await?;
        let sku = i32::try_from(draft.sku)?;
        let done = if self.one_statement {
            client.one_statement(step, &draft.id, sku).await
        } else {
            client.transaction(step, &draft.id, sku).await
        };
        done.with_context(|| format!("{step:?} of order {}", draft.id))
    }

    async fn books(&self) -> Result<Books> {
        let client = self.pool.take().await?;
        let mut books = Books::default();
        for row in client.get()?.query(statements::ORDERS, &[]).await.context("counting orders")? {
            let (state, count): (i16, i64) = (row.try_get(0)?, row.try_get(1)?);
            let known = usize::try_from(state).ok().and_then(|state| books.orders.get_mut(state));
            match known {
                Some(orders) => *orders = u64::try_from(count)?,
                None => books.wrong.push(format!("{count} orders are in state {state}")),
            }
        }
        for row in client.get()?.query(statements::UNITS, &[]).await.context("counting units")? {
            let sku: i32 = row.try_get(0)?;
            let units: [i64; 4] = [row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?];
            books.add(usize::try_from(sku)?, units.map(i128::from));
        }
        Ok(books)
    }
}
