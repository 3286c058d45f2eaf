//! The server's process, with its append-only file in a folder of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, cmd};
use anyhow::{Context, Result, bail};

use crate::compare::server::{self, Server};

/// Every command is appended and synced before it is answered. The file is rewritten between runs and not within
/// them, and no snapshots are taken: both would only cost.
const SETTINGS: [(&str, &str); 6] = [
    ("bind", "127.0.0.1"),
    ("appendonly", "yes"),
    ("appendfsync", "always"),
    ("auto-aof-rewrite-percentage", "0"),
    ("save", ""),
    ("daemonize", "no"),
];

/// What the server is asked for, to be printed.
const SHOWN: [&str; 5] = ["appendonly", "appendfsync", "auto-aof-rewrite-percentage", "io-threads", "save"];

/// A server that stops when this is dropped.
pub(in crate::compare) struct RedisServer {
    _server: Server,
    pub(super) port: u16,
    pub(in crate::compare) version: String,
    pub(in crate::compare) settings: String,
}

impl RedisServer {
    /// Finds the program and starts it in `folder`.
    pub(in crate::compare) fn start(folder: &Path, runtime: &tokio::runtime::Runtime) -> Result<Self> {
        let Some(program) = server::find("redis-server", &["/usr/sbin".into(), "/usr/local/bin".into()])
        else {
            bail!("redis-server was not found in PATH; `apt-get install redis-server` brings it");
        };
        let mut version = Command::new(&program);
        version.arg("--version");
        let said = server::finish(version)?;
        let version = server::version(&said).unwrap_or_else(|| said.trim()).to_owned();
        let home = folder.join("redis");
        std::fs::create_dir(&home).with_context(|| format!("making {}", home.display()))?;
        let port = server::free_port()?;
        let mut redis = Command::new(program);
        redis.current_dir(&home).args(["--port", &port.to_string(), "--dir"]).arg(&home);
        for (name, value) in SETTINGS {
            redis.arg(format!("--{name}")).arg(value);
        }
        let mut process = Server::start(redis, folder.join("redis.log"), None)?;
        let settings = process.wait_until(|| runtime.block_on(settings(port)))?;
        Ok(Self { _server: process, port, version, settings })
    }
}

/// A connection that waits for its answers however long they take.
pub(super) async fn connect(port: u16) -> Result<MultiplexedConnection> {
    let client = Client::open(format!("redis://127.0.0.1:{port}/")).context("naming the server")?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(Duration::from_secs(5)))
        .set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await.context("connecting to Redis")
}

/// What the server says of its settings.
async fn settings(port: u16) -> Result<String> {
    let mut connection = connect(port).await?;
    let mut shown = Vec::new();
    for name in SHOWN {
        let mut get = cmd("CONFIG");
        get.arg("GET").arg(name);
        let pair: Vec<String> = get.query_async(&mut connection).await.context("asking for settings")?;
        let value = pair.get(1).filter(|value| !value.is_empty());
        shown.push(format!("{name} {}", value.map_or("none", String::as_str)));
    }
    Ok(shown.join(", "))
}
