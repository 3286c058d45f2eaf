//! Connections that callers share, each for the time of one step.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, NoTls, Statement};

use super::statements::{self, ADVANCE, AT_ONCE, INSERT, RESERVE, SEEN, SHIP};
use super::{Answer, Step};

/// Waits are in turn.
#[derive(Clone)]
pub(super) struct Pool {
    free: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
    size: usize,
}

struct Connection {
    client: Client,
    /// The statements of the callers, by their texts; a handful.
    prepared: Vec<(&'static str, Statement)>,
}

/// A connection that goes back when this is dropped.
pub(super) struct Taken {
    connection: Option<Connection>,
    pool: Pool,
    _turn: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) async fn connect(address: &str, size: usize) -> Result<Self> {
        let mut free = Vec::with_capacity(size);
        for _ in 0..size {
            let connected = tokio_postgres::connect(address, NoTls).await;
            let (client, connection) = connected.context("connecting to PostgreSQL")?;
            // It ends with its client; what goes wrong with it, the client's next call says.
            tokio::spawn(async move { drop(connection.await) });
            free.push(Connection { client, prepared: Vec::new() });
        }
        Ok(Self { free: Arc::new(Mutex::new(free)), turns: Arc::new(Semaphore::new(size)), size })
    }

    /// Waits for a connection.
    pub(super) async fn take(&self) -> Result<Taken> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.context("waiting for a connection")?;
        let connection = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Taken { connection, pool: self.clone(), _turn: turn })
    }

    /// Prepares the callers' statements on every connection.
    pub(super) async fn prepare(&self, one_statement: bool) -> Result<()> {
        let mut all = Vec::with_capacity(self.size);
        for _ in 0..self.size {
            all.push(self.take().await?);
        }
        let texts: &[&'static str] = if one_statement { &AT_ONCE } else { &[INSERT, RESERVE, ADVANCE, SHIP] };
        for taken in &mut all {
            let connection = taken.connection.as_mut().context("a connection that is there")?;
            for text in texts.iter().copied().chain([SEEN]) {
                let prepared = connection.client.prepare(text).await.context("preparing a statement")?;
                connection.prepared.push((text, prepared));
            }
        }
        Ok(())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

impl Connection {
    fn statement(&self, text: &'static str) -> Result<Statement> {
        let found = self.prepared.iter().find(|(prepared, _)| *prepared == text);
        Ok(found.context("a statement that is prepared")?.1.clone())
    }

    async fn seen(&self, id: &str, state: i16) -> Result<Answer> {
        let rows = self.client.query(&self.statement(SEEN)?, &[&id, &state]).await?;
        Ok(if rows.is_empty() { Answer::Refused } else { Answer::Already })
    }

    async fn transaction(&mut self, step: Step, id: &str, sku: i32) -> Result<Answer> {
        let state = statements::state(step);
        let (order, stock) = match step {
            Step::Place => (INSERT, Some(RESERVE)),
            Step::Ship => (ADVANCE, Some(SHIP)),
            Step::Pay | Step::Deliver => (ADVANCE, None),
        };
        let order = self.statement(order)?;
        let stock = stock.map(|text| self.statement(text)).transpose()?;
        let transaction = self.client.transaction().await?;
        let mut changed = match step {
            Step::Place => transaction.execute(&order, &[&id, &sku]).await?,
            Step::Pay | Step::Ship | Step::Deliver => transaction.execute(&order, &[&id, &state]).await?,
        };
        if changed == 1
            && let Some(stock) = stock
        {
            changed = transaction.execute(&stock, &[&sku]).await?;
        }
        if changed == 1 {
            transaction.commit().await?;
            return Ok(Answer::Done);
        }
        transaction.rollback().await?;
        self.seen(id, state).await
    }

    async fn one_statement(&self, step: Step, id: &str, sku: i32) -> Result<Answer> {
        let text = AT_ONCE.get(step as usize).context("a step that has a statement")?;
        match self.client.execute(&self.statement(text)?, &[&id, &sku]).await? {
            1 => Ok(Answer::Done),
            _ => self.seen(id, statements::state(step)).await,
        }
    }
}

impl Taken {
    fn connection(&self) -> Result<&Connection> {
        self.connection.as_ref().context("a connection that is there")
    }

    pub(super) fn get(&self) -> Result<&Client> {
        Ok(&self.connection()?.client)
    }

    pub(super) async fn batch(&self, statements: &str) -> Result<()> {
        self.get()?.batch_execute(statements).await.context("preparing the tables")
    }

    pub(super) async fn transaction(&mut self, step: Step, id: &str, sku: i32) -> Result<Answer> {
        let connection = self.connection.as_mut().context("a connection that is there")?;
        connection.transaction(step, id, sku).await
    }

    pub(super) async fn one_statement(&self, step: Step, id: &str, sku: i32) -> Result<Answer> {
        self.connection()?.one_statement(step, id, sku).await
    }
}
