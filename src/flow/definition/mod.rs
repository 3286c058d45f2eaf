//! A business line's definition: its file, read and checked.
//!
//! Reading goes in three steps, and each goes on after a mistake, so that one reading tells all of them:
//! `reader` takes the text apart and knows the line of everything in it, `chains` and `nodes` make the rulebook,
//! `graph` checks how chains carry each other. Only mistakes of syntax end the reading, because what stands
//! behind them is guesswork.

mod chains;
mod duration;
mod graph;
mod mistake;
mod nodes;
mod reader;

use smol_str::SmolStr;

use crate::domain::flow::{DEFAULT, Rulebook, Switch};
use crate::domain::ids::{BusinessId, CustomerId};
use crate::domain::order::OrderType;

use reader::{Fields, Notes, Place};

pub use duration::WAIT_MS_MAX;
pub use graph::{DEPTH_MAX, NODES_MAX};
pub use mistake::{DefinitionErrors, Mistake};
pub use nodes::RETRIES_MAX;

/// The longest file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 256 * 1024;

/// What the file of one business line says, with the file's name and text. The text itself is the form to keep:
/// reading it again gives the same rulebook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    file: String,
    text: String,
    rulebook: Rulebook,
    required_at: Vec<u32>,
    warnings: Vec<Mistake>,
}

impl Definition {
    /// Reads the text of a business line's file. Scenes are the order types and [`DEFAULT`]. `file` is its name as
    /// it shall stand in messages; nothing is read from there.
    ///
    /// # Errors
    /// Every mistake in the text, with its line.
    pub fn parse(file: impl Into<String>, text: impl Into<String>) -> Result<Self, DefinitionErrors> {
        let names = scenes();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        Self::parse_for(file, text, &known)
    }

    /// The same with other scenes.
    ///
    /// # Errors
    /// Every mistake in the text, with its line.
    pub fn parse_for(
        file: impl Into<String>,
        text: impl Into<String>,
        scenes: &[&str],
    ) -> Result<Self, DefinitionErrors> {
        let (file, text) = (file.into(), text.into());
        let mut notes = Notes::new(&file, &text);
        let read = read(&text, scenes, &mut notes);
        let (errors, warnings) = notes.end();
        match read {
            Some((rulebook, required_at)) if errors.is_empty() => {
                Ok(Self { file, text, rulebook, required_at, warnings })
            }
            _ => Err(errors),
        }
    }

    /// The file's name, as it was given.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the file says.
    #[must_use]
    pub const fn rulebook(&self) -> &Rulebook {
        &self.rulebook
    }

    /// What is odd in the file and forbids nothing, such as a switch that nobody uses.
    #[must_use]
    pub fn warnings(&self) -> &[Mistake] {
        &self.warnings
    }

    /// The extension points for which there must be a provider, each with the line that says so.
    pub fn required(&self) -> impl Iterator<Item = (&str, u32)> + '_ {
        self.rulebook.requires.iter().map(SmolStr::as_str).zip(self.required_at.iter().copied())
    }
}

/// The scene of an order type: its name, as files and calls write it.
#[must_use]
pub const fn scene_of(order_type: OrderType) -> &'static str {
    match order_type {
        OrderType::Simple => "simple",
        OrderType::Physical => "physical",
        OrderType::Virtual => "virtual",
        OrderType::FlashSale => "flash_sale",
        OrderType::Preorder => "preorder",
        OrderType::Membership => "membership",
    }
}

/// The scenes that there are: the names of the order types, and [`DEFAULT`].
#[must_use]
pub fn scenes() -> Vec<String> {
    OrderType::ALL.iter().map(|it| scene_of(*it)).chain([DEFAULT]).map(str::to_owned).collect()
}

/// A mistake for each definition whose business has one already; it names both files.
#[must_use]
pub fn repeated_businesses(definitions: &[Definition]) -> DefinitionErrors {
    let mut errors = DefinitionErrors::default();
    for (position, definition) in definitions.iter().enumerate() {
        let business = &definition.rulebook.business;
        let mut earlier = definitions.iter().take(position);
        if let Some(first) = earlier.find(|first| first.rulebook.business == *business) {
            let what = format!("the business {business} has a definition already, in {}", first.file);
            errors.push(Mistake { file: definition.file.clone(), line: 1, what });
        }
    }
    errors
}

/// Reads the whole file; `None` where there is no rulebook to be made. The second part are the lines of what the
/// file requires.
fn read(text: &str, scenes: &[&str], notes: &mut Notes<'_>) -> Option<(Rulebook, Vec<u32>)> {
    if text.len() > FILE_BYTES_MAX {
        notes.wrong(1, format!("the file has {} bytes; at most {FILE_BYTES_MAX} are read", text.len()));
        return None;
    }
    let root = reader::document(text, notes)?;
    let keys = ["business", "requires", "switches", "chains", "nodes"];
    let file = Fields::of(&root, Place { line: 1, what: "the file".to_owned() }, &keys, notes);
    let business = business(&file, notes);
    let requires = file.texts("requires", notes);
    let (requires, required_at) = unique(requires, "requires", notes).into_iter().unzip();
    let switches = switches(&file, notes);
    let tables = nodes::tables(&file, notes);
    let (chains, whole) = chains::chains(&file, &tables, scenes, notes);
    graph::check(&chains, &tables, whole, notes);
    nodes::check_switches(&tables, &switches, notes);
    let switches = switches.into_iter().map(|(name, switch)| (name, switch.value)).collect();
    Some((Rulebook { business: business?, requires, switches, chains }, required_at))
}

fn business(file: &Fields<'_, '_>, notes: &mut Notes<'_>) -> Option<BusinessId> {
    let name = file.required_text("business", notes)?;
    BusinessId::new(name.value).map_err(|problem| notes.wrong(name.line, problem.to_string())).ok()
}

/// The names of a list, each once, with their lines.
fn unique(names: Vec<reader::At<&str>>, list: &str, notes: &mut Notes<'_>) -> Vec<(SmolStr, u32)> {
    let mut kept: Vec<(SmolStr, u32)> = Vec::new();
    let mut seen = std::collections::BTreeMap::new();
    for name in names {
        if !notes.is_name(name.value, name.line, &format!("an entry of `{list}`")) {
            continue;
        }
        match seen.insert(name.value.to_owned(), name.line) {
            Some(first) => {
                notes.wrong(name.line, format!("`{list}` has {} twice, first in line {first}", name.value));
            }
            None => kept.push((name.value.into(), name.line)),
        }
    }
    kept
}

/// The switches by name, with the line of each.
type Switches = std::collections::BTreeMap<SmolStr, reader::At<Switch>>;

fn switches(file: &Fields<'_, '_>, notes: &mut Notes<'_>) -> Switches {
    let mut switches = Switches::new();
    for (name, line, value) in file.entries("switches", notes) {
        let place = Place { line, what: format!("the switch {name}") };
        let is_name = notes.is_name(name, line, "the name of a switch");
        let Some(fields) = Fields::in_value(value, place, &["percent", "allow"], notes) else { continue };
        let percent = fields.number("percent", 0..=100, notes).unwrap_or(0);
        let mut switch = Switch { percent: u8::try_from(percent).unwrap_or(100), ..Switch::default() };
        for customer in fields.texts("allow", notes) {
            let added = CustomerId::new(customer.value).map(|id| switch.allow.insert(id));
            match added {
                Ok(true) => {}
                Ok(false) => {
                    let what = format!("the switch {name} has the customer {} twice", customer.value);
                    notes.wrong(customer.line, what);
                }
                Err(problem) => notes.wrong(customer.line, format!("the switch {name}: {problem}")),
            }
        }
        if is_name {
            switches.insert(name.into(), reader::At { line, value: switch });
        }
    }
    switches
}
