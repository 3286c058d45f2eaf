//! `earmark flow draw`: the chains of a business line as drawings.

use std::path::Path;

use serde::Serialize;

use super::super::args::Format;
use super::super::out::{Exit, Failure, Out};
use crate::domain::flow::{Chain, Rulebook};
use crate::flow::{Definition, scenes};

/// Which chains; all where neither is named.
pub(super) struct Wanted<'a> {
    pub(super) chain: Option<&'a str>,
    pub(super) scene: Option<&'a str>,
}

#[derive(Serialize)]
struct Drawings<'a> {
    file: &'a str,
    business: &'a str,
    format: &'a str,
    drawings: Vec<Drawing<'a>>,
}

#[derive(Serialize)]
struct Drawing<'a> {
    chain: &'a str,
    scene: &'a str,
    drawing: String,
}

pub(super) fn run(file: &Path, wanted: &Wanted<'_>, format: Format, out: &mut Out) -> Result<Exit, Failure> {
    if let Some(scene) = wanted.scene
        && !scenes().iter().any(|known| known == scene)
    {
        let known = scenes().join(", ");
        return Err(Failure::Usage(format!("there is no scene {scene}; there are: {known}")));
    }
    let (name, text) = super::read(file)?;
    let definition = match Definition::parse(name, text) {
        Ok(definition) => definition,
        Err(errors) => {
            out.complain(&errors.to_string(), Exit::Wrong);
            return Ok(Exit::Wrong);
        }
    };
    let rules = definition.rulebook();
    let chains = chosen(rules, wanted);
    if chains.is_empty() {
        out.complain(&none_such(rules, wanted), Exit::Wrong);
        return Ok(Exit::Wrong);
    }
    let (format, draw): (_, fn(&Rulebook, &Chain, &str) -> String) = match format {
        Format::Mermaid => ("mermaid", Rulebook::to_mermaid),
        Format::Dot => ("dot", Rulebook::to_dot),
    };
    let drawn = chains.into_iter().map(|chain| Drawing {
        chain: &chain.name,
        scene: &chain.scene,
        drawing: draw(rules, chain, wanted.scene.unwrap_or(&chain.scene)),
    });
    let business = rules.business.as_str();
    let shown = Drawings { file: definition.file(), business, format, drawings: drawn.collect() };
    if out.is_json() {
        out.json(&shown);
    } else {
        for (position, drawing) in shown.drawings.iter().enumerate() {
            let gap = if position == 0 { "" } else { "\n" };
            out.line(format_args!("{gap}{}", drawing.drawing.trim_end()));
        }
    }
    Ok(Exit::Fine)
}

/// The chains asked for, in the order of the file. With a scene they are those that its flows go through.
fn chosen<'a>(rules: &'a Rulebook, wanted: &Wanted<'_>) -> Vec<&'a Chain> {
    let named = rules.chains.iter().filter(|chain| wanted.chain.is_none_or(|name| chain.name == name));
    match wanted.scene {
        None => named.collect(),
        Some(scene) => {
            let used = |chain: &Chain| rules.chain(&chain.name, scene).is_some_and(|own| own == chain);
            named.filter(|chain| used(chain)).collect()
        }
    }
}

fn none_such(rules: &Rulebook, wanted: &Wanted<'_>) -> String {
    let chain = wanted.chain.map_or_else(|| "a chain".to_owned(), |name| format!("the chain {name}"));
    let scene = wanted.scene.map(|scene| format!(" for scene {scene}")).unwrap_or_default();
    let has: Vec<_> = rules.chains.iter().map(|chain| format!("{} ({})", chain.name, chain.scene)).collect();
    let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
    format!("the business {} has not {chain}{scene}; it has: {has}", rules.business)
}
