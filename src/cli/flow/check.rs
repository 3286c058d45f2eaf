//! `earmark flow check`: every mistake in the files of business lines.

use std::path::PathBuf;

use serde::Serialize;

use super::super::out::{Exit, Failure, Out};
use super::super::words::count;
use crate::flow::{Definition, Mistake, repeated_businesses};

#[derive(Serialize)]
struct Checked {
    ok: bool,
    files: Vec<Of>,
    mistakes: Vec<Said>,
    warnings: Vec<Said>,
    providers_checked: bool,
}

/// One file.
#[derive(Serialize)]
struct Of {
    file: String,
    business: Option<String>,
    chains: usize,
    nodes: usize,
}

#[derive(Serialize)]
struct Said {
    file: String,
    line: u32,
    what: String,
}

impl From<&Mistake> for Said {
    fn from(mistake: &Mistake) -> Self {
        Self { file: mistake.file.clone(), line: mistake.line, what: mistake.what.clone() }
    }
}

pub(super) fn run(files: &[PathBuf], out: &mut Out) -> Result<Exit, Failure> {
    let texts: Vec<_> = files.iter().map(|file| super::read(file)).collect::<Result<_, _>>()?;
    let (mut definitions, mut shown) = (Vec::new(), Vec::new());
    let (mut mistakes, mut warnings) = (Vec::new(), Vec::new());
    for (file, text) in texts {
        match Definition::parse(file.clone(), text) {
            Ok(definition) => {
                let rules = definition.rulebook();
                shown.push(Of {
                    file,
                    business: Some(rules.business.to_string()),
                    chains: rules.chains.len(),
                    nodes: rules.chains.iter().map(|chain| chain.nodes.len()).sum(),
                });
                warnings.extend(definition.warnings().iter().map(Said::from));
                definitions.push(definition);
            }
            Err(errors) => {
                shown.push(Of { file, business: None, chains: 0, nodes: 0 });
                mistakes.extend(errors.iter().map(Said::from));
            }
        }
    }
    mistakes.extend(repeated_businesses(&definitions).iter().map(Said::from));
    let ok = mistakes.is_empty();
    let checked = Checked { ok, files: shown, mistakes, warnings, providers_checked: false };
    if out.is_json() {
        out.json(&checked);
    } else {
        text(&checked, out);
    }
    Ok(if ok { Exit::Fine } else { Exit::Wrong })
}

fn text(checked: &Checked, out: &mut Out) {
    for said in &checked.mistakes {
        out.line(format_args!("{}:{}: {}", said.file, said.line, said.what));
    }
    for said in &checked.warnings {
        out.line(format_args!("{}:{}: warning: {}", said.file, said.line, said.what));
    }
    for of in &checked.files {
        if let Some(business) = &of.business {
            let (chains, nodes) = (count(of.chains as u64, "chain"), count(of.nodes as u64, "node"));
            out.line(format_args!("{}: business {business}, {chains}, {nodes}", of.file));
        }
    }
    match checked.mistakes.len() {
        0 => {
            out.line("OK: no mistakes. Whether there are providers for it is checked when the engine opens.")
        }
        many => out.line(format_args!("{}", count(many as u64, "mistake"))),
    }
}
