//! Who is there to be measured, and who is not, and why.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use super::ContenderName;
use super::postgres::PostgresServer;
use super::redis::RedisServer;
use crate::report;
use crate::store;

/// A contender that could not be had.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Missing {
    pub(super) contender: ContenderName,
    pub(super) why: String,
}

/// A server as it says itself that it is.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) version: String,
    pub(super) settings: String,
}

/// Everybody who is there.
pub(super) struct Field {
    pub(super) folder: PathBuf,
    pub(super) workers: Option<usize>,
    pub(super) contenders: Vec<ContenderName>,
    pub(super) missing: Vec<Missing>,
    pub(super) programs: Vec<Program>,
    pub(super) postgres: Option<PostgresServer>,
    pub(super) redis: Option<RedisServer>,
}

impl Field {
    /// Starts the servers that are wanted; those that cannot be had are told at once and left out.
    pub(super) fn prepare(folder: &Path, wanted: &[ContenderName], workers: Option<usize>) -> Result<Self> {
        let durability = "durability Disk, all other settings as they are by default".to_owned();
        let mut field = Self {
            folder: folder.canonicalize().with_context(|| format!("finding {}", folder.display()))?,
            workers,
            contenders: Vec::new(),
            missing: Vec::new(),
            programs: vec![Program {
                name: "Earmark",
                version: env!("CARGO_PKG_VERSION").to_owned(),
                settings: durability,
            }],
            postgres: None,
            redis: None,
        };
        let runtime = store::runtime(Some(1))?;
        let of = |name: &ContenderName| Kind::of(*name);
        let postgres = wanted.iter().any(|name| of(name) == Kind::Postgres);
        let started = postgres.then(|| PostgresServer::start(&field.folder, &runtime));
        let no_postgres = field.keep_postgres(started);
        let redis = wanted.iter().any(|name| of(name) == Kind::Redis);
        let started = redis.then(|| RedisServer::start(&field.folder, &runtime));
        let no_redis = field.keep_redis(started);
        for name in wanted {
            let why = match of(name) {
                Kind::Postgres => no_postgres.clone(),
                Kind::Redis => no_redis.clone(),
                Kind::InProcess => None,
            };
            match why {
                None => field.contenders.push(*name),
                Some(why) => {
                    report::note(&format!("{} is left out: {why}", name.name()));
                    field.missing.push(Missing { contender: *name, why });
                }
            }
        }
        Ok(field)
    }

    fn keep_postgres(&mut self, started: Option<Result<PostgresServer>>) -> Option<String> {
        match started? {
            Ok(server) => {
                let (version, settings) = (server.version.clone(), server.settings.clone());
                self.programs.push(Program { name: "PostgreSQL", version, settings });
                self.postgres = Some(server);
                None
            }
            Err(error) => Some(format!("{error:#}")),
        }
    }

    fn keep_redis(&mut self, started: Option<Result<RedisServer>>) -> Option<String> {
        match started? {
            Ok(server) => {
                let (version, settings) = (server.version.clone(), server.settings.clone());
                self.programs.push(Program { name: "Redis", version, settings });
                self.redis = Some(server);
                None
            }
            Err(error) => Some(format!("{error:#}")),
        }
    }
}

/// Which server a contender needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    InProcess,
    Postgres,
    Redis,
}

impl Kind {
    const fn of(name: ContenderName) -> Self {
        match name {
            ContenderName::PostgresTransaction | ContenderName::PostgresStatement => Self::Postgres,
            ContenderName::Redis => Self::Redis,
            ContenderName::Earmark
            | ContenderName::EarmarkHold
            | ContenderName::Sync
            | ContenderName::Map => Self::InProcess,
        }
    }
}
