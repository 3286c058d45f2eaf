//! `earmark flow retry`, `skip` and `abandon`: an operator decides about a step that stands still. Opens the engine on
//! a folder that is not in use, journals the decision and closes it again; the flow goes on when an engine is opened
//! that has its business line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::super::out::{Exit, Failure, Out};
use crate::config::Config;
use crate::domain::command::{FlowAnswer, RemedyStep, Request};
use crate::domain::flow::Remedy;
use crate::domain::ids::{FlowId, Principal};
use crate::engine::Engine;
use crate::error::Error;
use crate::journal::LogError;
use crate::port::fs::RealFs;
use crate::replay::Folder;

/// Which step, who decides and why.
#[derive(Debug, Args)]
pub(in crate::cli) struct Decision {
    /// The engine's folder
    folder: PathBuf,
    /// The flow's number
    flow: FlowId,
    /// The step's name; without one the only one that stands still
    node: Option<String>,
    /// Who decides
    #[arg(long)]
    by: Principal,
    /// Why
    #[arg(long)]
    reason: String,
}

#[derive(Serialize)]
struct RemedyJson<'a> {
    folder: &'a str,
    flow: u64,
    remedy: String,
    order: Option<String>,
}

pub(super) fn run(remedy: Remedy, decision: &Decision, out: &mut Out) -> Result<Exit, Failure> {
    let folder = Folder::open(Arc::new(RealFs), &decision.folder)?;
    let name = folder.path().display().to_string();
    let in_use = || Failure::InUse(format!("{name} is in use by an engine; give that one the command"));
    if folder.in_use() {
        return Err(in_use());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .map_err(|error| Failure::Unreadable(format!("no threads can be started: {error}")))?;
    let answer = match runtime.block_on(decide(remedy, decision, &decision.folder)) {
        Ok(answer) => answer,
        Err(Error::Refused(refusal)) => {
            let message = format!("flow {} in {name}: {refusal} ({})", decision.flow, refusal.code());
            out.complain(&message, Exit::Wrong);
            return Ok(Exit::Wrong);
        }
        Err(Error::Journal(LogError::InUse { .. })) => return Err(in_use()),
        Err(error) => return Err(Failure::Unreadable(format!("{name}: {error}"))),
    };
    let order = answer.order.as_ref().map(ToString::to_string);
    if out.is_json() {
        out.json(&RemedyJson { folder: &name, flow: answer.flow.0, remedy: remedy.to_string(), order });
    } else {
        let about = order.map(|order| format!(", about order {order}")).unwrap_or_default();
        out.line(format_args!(
            "{name}: flow {}{about}: {remedy} is journaled; the flow goes on when its engine is opened",
            answer.flow
        ));
    }
    Ok(Exit::Fine)
}

async fn decide(remedy: Remedy, decision: &Decision, path: &Path) -> Result<FlowAnswer, Error> {
    let config = Config { snapshot_every_bytes: None, snapshot_every_ms: None, ..Config::new(path) };
    let engine = Engine::open(config).await?;
    let step = RemedyStep {
        flow: decision.flow,
        node: decision.node.as_deref().map(Into::into),
        remedy,
        reason: decision.reason.as_str().into(),
    };
    let decided = engine.remedy(Request::from(step).by(decision.by.clone())).await;
    engine.close().await?;
    decided
}
