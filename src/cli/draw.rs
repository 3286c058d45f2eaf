//! `earmark draw`: a lifecycle's table as a drawing.

use serde::Serialize;

use super::args::{Showing, lifecycle_name};
use super::out::{Exit, Failure, Out};
use crate::domain::order::Lifecycle;

#[derive(Serialize)]
struct Drawing<'a> {
    lifecycle: &'a str,
    id: u16,
    format: &'a str,
    drawing: String,
}

pub(super) fn run(name: &str, format: Showing, out: &mut Out) -> Result<Exit, Failure> {
    let found = Lifecycle::all().iter().find(|lifecycle| lifecycle_name(lifecycle) == name);
    let lifecycle = found.ok_or_else(|| Failure::Usage(format!("there is no lifecycle {name}")))?;
    let (format, drawing) = match format {
        Showing::Mermaid => ("mermaid", lifecycle.to_mermaid()),
        Showing::Dot => ("dot", lifecycle.to_dot()),
        Showing::Views => ("views", lifecycle.to_views()),
    };
    if out.is_json() {
        out.json(&Drawing { lifecycle: lifecycle.name, id: lifecycle.id.0, format, drawing });
    } else {
        out.line(drawing.trim_end());
    }
    Ok(Exit::Fine)
}
