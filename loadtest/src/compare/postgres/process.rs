//! The server's process: a new cluster in a folder of its own.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tokio_postgres::NoTls;

use super::CONNECTIONS_MAX;
use crate::compare::server::{self, Server, User};

/// Where packages of distributions put the programs, one folder for each major version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// What differs from PostgreSQL's defaults, and why: nothing is sent through anything but a loopback socket, and
/// there is room enough that no checkpoint falls into a short run.
const SETTINGS: [(&str, &str); 8] = [
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "256MB"),
    ("max_wal_size", "4GB"),
    ("checkpoint_timeout", "30min"),
];

/// What the server is asked for, to be printed.
const SHOWN: [&str; 9] = [
    "fsync",
    "synchronous_commit",
    "wal_sync_method",
    "full_page_writes",
    "wal_level",
    "commit_delay",
    "shared_buffers",
    "max_wal_size",
    "autovacuum",
];

/// A server that stops when this is dropped.
pub(in crate::compare) struct PostgresServer {
    /// Stops before its folder can go.
    _server: Server,
    port: u16,
    pub(in crate::compare) version: String,
    pub(in crate::compare) settings: String,
}

impl PostgresServer {
    /// Finds the programs, makes a cluster in `folder` and starts it.
    pub(in crate::compare) fn start(folder: &Path, runtime: &tokio::runtime::Runtime) -> Result<Self> {
        let Some(programs) = programs() else {
            bail!(
                "postgres, initdb and pg_ctl were not found in PATH or below {VERSIONS}; `apt-get install postgresql` brings them"
            );
        };
        let said = server::finish(version_of(&programs))?;
        let version = server::version(&said).unwrap_or_else(|| said.trim()).to_owned();
        let user = server::other_than_root()?;
        let home = home(folder, user.as_ref())?;
        let data = home.join("data");
        let mut initdb = server::command(programs.join("initdb"), user.as_ref());
        initdb.current_dir(&home).arg("--pgdata").arg(&data);
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"]);
        server::finish(initdb)?;

        let port = server::free_port()?;
        let mut postgres = server::command(programs.join("postgres"), user.as_ref());
        postgres.current_dir(&home).arg("-D").arg(&data).args(["-p", &port.to_string()]);
        postgres.args(["-c", &format!("max_connections={}", CONNECTIONS_MAX + 8)]);
        for (name, value) in SETTINGS {
            postgres.args(["-c", &format!("{name}={value}")]);
        }
        let mut stop = server::command(programs.join("pg_ctl"), user.as_ref());
        stop.current_dir(&home).args(["stop", "--mode=immediate", "--pgdata"]).arg(&data);
        let mut process = Server::start(postgres, folder.join("postgres.log"), Some(stop))?;
        let settings = process.wait_until(|| runtime.block_on(settings(&address(port))))?;
        let settings = match user {
            Some(user) => format!("{settings}, run as {}", user.name),
            None => settings,
        };
        Ok(Self { _server: process, port, version, settings })
    }

    pub(in crate::compare) fn address(&self) -> String {
        address(self.port)
    }
}

fn address(port: u16) -> String {
    format!("host=127.0.0.1 port={port} user=postgres dbname=postgres connect_timeout=5")
}

fn version_of(programs: &Path) -> Command {
    let mut command = Command::new(programs.join("postgres"));
    command.arg("--version");
    command
}

/// The folder with all three programs: that of `PATH`, else the newest of the distribution's.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(VERSIONS)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
        })
        .collect();
    versions.sort();
    let in_path = server::find("postgres", &[]).and_then(|found| {
        // A link in PATH leads to the folder where the others are.
        Some(found.canonicalize().ok()?.parent()?.to_owned())
    });
    let folders = in_path.into_iter().chain(versions.into_iter().rev().map(|(_, folder)| folder));
    let all = ["postgres", "initdb", "pg_ctl"];
    folders.into_iter().find(|folder| all.iter().all(|program| server::is_program(&folder.join(program))))
}

/// A folder that the server's user owns and can reach.
fn home(folder: &Path, user: Option<&User>) -> Result<PathBuf> {
    let home = folder.join("postgres");
    std::fs::create_dir(&home).with_context(|| format!("making {}", home.display()))?;
    let Some(user) = user else { return Ok(home) };
    let doing = || format!("giving {} to user {}", home.display(), user.name);
    chown(&home, Some(user.uid), Some(user.gid)).with_context(doing)?;
    // The run's own folder may be passed through, not read.
    let mut permissions = std::fs::metadata(folder).with_context(doing)?.permissions();
    permissions.set_mode(permissions.mode() | 0o011);
    std::fs::set_permissions(folder, permissions).with_context(doing)?;
    Ok(home)
}

/// What the server says of its settings.
async fn settings(address: &str) -> Result<String> {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await?;
    tokio::spawn(async move { drop(connection.await) });
    let mut shown = Vec::new();
    for name in SHOWN {
        let row = client.query_one(&format!("SHOW {name}"), &[]).await?;
        shown.push(format!("{name} {}", row.try_get::<_, String>(0)?));
    }
    Ok(shown.join(", "))
}
