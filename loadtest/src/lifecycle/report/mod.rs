//! The report of a run: a page to look at, histograms for other tools, and everything as JSON.

mod hgrm;
mod html;
pub(crate) mod json;
pub(crate) mod plot;
mod tables;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::measure::{Measured, Step};
use json::Document;

/// The page.
const PAGE: &str = "report.html";

/// The document.
const DOCUMENT: &str = "report.json";

/// Writes the report into `folder`, which is made if it is missing; an earlier report in it is replaced.
/// Answers the path of the page.
pub(crate) fn write(folder: &Path, document: &Document, measured: &Measured) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok::<_, anyhow::Error>(path)
    };
    for (step, total) in Step::ALL.iter().zip(&measured.totals) {
        let name = format!("{}.hgrm", step.slug());
        if total.is_empty() {
            remove(&folder.join(name))?;
        } else {
            write(&name, &hgrm::percentiles(total))?;
        }
    }
    write(DOCUMENT, &serde_json::to_string_pretty(document)?)?;
    write(PAGE, &html::page(document)?)
}

/// Removes what an earlier run left of a step that this one did not have.
fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}
