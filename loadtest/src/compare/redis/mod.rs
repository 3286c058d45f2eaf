//! Redis with `appendfsync always`, on a socket of the loopback address.

mod process;

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Pipeline, Script, cmd};
use anyhow::{Context, Result, bail};

use super::contender::{Answer, Books, Contender, Step};
use super::work::{AMPLE, Draft, Work};
pub(super) use process::RedisServer;

/// Connections at most; callers beyond them send through the same ones, without waiting for each other's answers.
pub(super) const CONNECTIONS_MAX: usize = 64;

/// How often, and how many times at most, is looked whether an emptied server's file is empty too.
const REWRITE_LOOK_EVERY: Duration = Duration::from_millis(20);
const REWRITE_LOOKS_MAX: usize = 1_000;

/// Keys that are read with one request.
const PAGE: usize = 10_000;

/// Writes the order under its id and takes the unit, or does neither. 0 refused, 1 done, 2 done before.
const PLACE: &str = "
if redis.call('EXISTS', KEYS[1]) == 1 then return 2 end
local available = tonumber(redis.call('HGET', KEYS[2], 'available') or '0')
if available < 1 then return 0 end
redis.call('HINCRBY', KEYS[2], 'available', -1)
redis.call('HINCRBY', KEYS[2], 'held', 1)
redis.call('SET', KEYS[1], 0)
return 1";

/// Leads the order from the state before to this one; a shipped unit leaves the stock.
const ADVANCE: &str = "
local state, wanted = tonumber(redis.call('GET', KEYS[1]) or '-1'), tonumber(ARGV[1])
if state >= wanted then return 2 end
if state ~= wanted - 1 then return 0 end
redis.call('SET', KEYS[1], wanted)
if wanted == 2 then
    redis.call('HINCRBY', KEYS[2], 'held', -1)
    redis.call('HINCRBY', KEYS[2], 'shipped', 1)
end
return 1";

/// A shop in Redis.
#[derive(Clone)]
pub(super) struct Redis {
    connections: Arc<[MultiplexedConnection]>,
    scripts: Arc<Scripts>,
    /// SKUs, with the one that has no stock.
    skus: usize,
}

struct Scripts {
    place: Script,
    advance: Script,
}

impl Redis {
    /// Empties the server, writes the opening stock, and connects for this many callers.
    pub(super) async fn open(server: &RedisServer, work: &Work, callers: usize) -> Result<Self> {
        let mut connections = Vec::new();
        for _ in 0..callers.min(CONNECTIONS_MAX) {
            connections.push(process::connect(server.port).await?);
        }
        let scripts = Scripts { place: Script::new(PLACE), advance: Script::new(ADVANCE) };
        let redis = Self { connections: connections.into(), scripts: Arc::new(scripts), skus: work.skus + 1 };
        redis.clear().await?;
        let mut connection = redis.connection(0)?;
        let mut pipeline = Pipeline::new();
        for number in 0..=work.skus {
            let units = if number < work.skus { AMPLE } else { 0 };
            let stock = pipeline.cmd("HSET").arg(stock_key(number)).ignore();
            stock.arg("received").arg(units).arg("available").arg(units);
            stock.arg("held").arg(0).arg("shipped").arg(0);
        }
        pipeline.exec_async(&mut connection).await.context("receiving the opening stock")?;
        for script in [&redis.scripts.place, &redis.scripts.advance] {
            script.load_async(&mut connection).await.context("loading a script")?;
        }
        Ok(redis)
    }

    /// Empties the server and its file, so that nothing is left to do while the next contender runs.
    pub(super) async fn clear(&self) -> Result<()> {
        let mut connection = self.connection(0)?;
        let doing = || "emptying Redis";
        cmd("FLUSHALL").arg("SYNC").exec_async(&mut connection).await.with_context(doing)?;
        cmd("BGREWRITEAOF").exec_async(&mut connection).await.with_context(doing)?;
        for _ in 0..REWRITE_LOOKS_MAX {
            let info: String =
                cmd("INFO").arg("persistence").query_async(&mut connection).await.with_context(doing)?;
            if info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrite_scheduled:0") {
                return Ok(());
            }
            tokio::time::sleep(REWRITE_LOOK_EVERY).await;
        }
        bail!("Redis did not empty its file in time")
    }

    fn connection(&self, caller: usize) -> Result<MultiplexedConnection> {
        let number = caller % self.connections.len().max(1);
        Ok(self.connections.get(number).context("a connection that is there")?.clone())
    }

    /// Counts the orders by their states.
    async fn orders(&self, books: &mut Books) -> Result<()> {
        let mut connection = self.connection(0)?;
        let mut cursor = 0_u64;
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg("order:*").arg("COUNT").arg(PAGE);
            let (next, keys): (u64, Vec<String>) =
                scan.query_async(&mut connection).await.context("listing orders")?;
            if !keys.is_empty() {
                let states: Vec<usize> =
                    cmd("MGET").arg(keys).query_async(&mut connection).await.context("reading orders")?;
                for state in states {
                    match books.orders.get_mut(state) {
                        Some(count) => *count += 1,
                        None => books.wrong.push(format!("an order is in state {state}")),
                    }
                }
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }
}

impl Contender for Redis {
    async fn ask(&self, caller: usize, step: Step, draft: &Draft) -> Result<Answer> {
        let mut connection = self.connection(caller)?;
        let (order, stock) = (format!("order:{}", draft.id), stock_key(draft.sku));
        let script = if step == Step::Place { &self.scripts.place } else { &self.scripts.advance };
        let mut call = script.prepare_invoke();
        call.key(order).key(stock).arg(step as usize);
        let answer: i64 = call.invoke_async(&mut connection).await.context("asking Redis")?;
        Ok(match answer {
            1 => Answer::Done,
            2 => Answer::Already,
            _ => Answer::Refused,
        })
    }

    async fn books(&self) -> Result<Books> {
        let mut books = Books::default();
        self.orders(&mut books).await?;
        let mut connection = self.connection(0)?;
        let mut pipeline = Pipeline::new();
        for number in 0..self.skus {
            let stock = pipeline.cmd("HMGET").arg(stock_key(number));
            stock.arg("received").arg("available").arg("held").arg("shipped");
        }
        let rows: Vec<[i64; 4]> = pipeline.query_async(&mut connection).await.context("reading the stock")?;
        for (number, units) in rows.into_iter().enumerate() {
            books.add(number, units.map(i128::from));
        }
        Ok(books)
    }
}

fn stock_key(number: usize) -> String {
    format!("stock:{number}")
}
