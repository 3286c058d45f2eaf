//! The chains of a definition: scenes, their chains, and the nodes and groups in them.

use std::collections::BTreeMap;

use smol_str::SmolStr;
use toml::Spanned;
use toml::de::DeValue;

use super::nodes::{NodeTable, Tables};
use super::reader::{Fields, Notes, Place, name_of};
use crate::domain::flow::{Chain, NodeSpec};

/// All chains, in the order of the file, and whether all of them could be read: where one could not, nobody can
/// tell what no chain names.
pub(super) fn chains(
    file: &Fields<'_, '_>,
    tables: &Tables,
    scenes: &[&str],
    notes: &mut Notes<'_>,
) -> (Vec<Chain>, bool) {
    let (mut chains, mut whole) = (Vec::new(), true);
    for (scene, line, value) in file.entries("chains", notes) {
        if !scenes.contains(&scene) {
            let what = format!("unknown scene `{}`; known are: {}", scene.escape_debug(), scenes.join(", "));
            notes.wrong(line, what);
            whole = false;
        }
        let Some(table) = value.get_ref().as_table() else {
            notes.wrong(line, format!("the scene {scene} is {}, not a table", name_of(value.get_ref())));
            whole = false;
            continue;
        };
        // Every key is known: it is the name of a chain.
        let keys: Vec<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
        let place = Place { line, what: format!("the scene {scene}") };
        for (name, line, list) in Fields::of(table, place, &keys, notes).all(notes) {
            whole &= notes.is_name(name, line, "the name of a chain");
            let mut reading = Reading::new(Chain {
                name: name.into(),
                scene: scene.into(),
                line,
                nodes: Vec::new(),
                stages: Vec::new(),
            });
            reading.list(list, tables, notes);
            whole &= reading.whole;
            chains.push(reading.chain);
        }
    }
    (chains, whole)
}

/// A chain that is being read.
struct Reading {
    chain: Chain,
    what: String,
    /// The line of each node that was named so far.
    named: BTreeMap<SmolStr, u32>,
    whole: bool,
}

impl Reading {
    fn new(chain: Chain) -> Self {
        let what = format!("the chain {} of scene {}", chain.name, chain.scene);
        Self { chain, what, named: BTreeMap::new(), whole: true }
    }

    fn list(&mut self, list: &Spanned<DeValue<'_>>, tables: &Tables, notes: &mut Notes<'_>) {
        let Some(entries) = list.get_ref().as_array() else {
            let (line, found) = (notes.line_of(list), name_of(list.get_ref()));
            notes.wrong(line, format!("{} is {found}, not a list of nodes", self.what));
            self.whole = false;
            return;
        };
        if entries.is_empty() {
            notes.wrong(self.chain.line, format!("{} has no nodes", self.what));
        }
        for entry in entries.iter() {
            match entry.get_ref().as_array() {
                None => self.stage(std::slice::from_ref(entry), tables, notes),
                Some(group) if group.is_empty() => {
                    notes.wrong(notes.line_of(entry), format!("{} has an empty group", self.what));
                }
                Some(group) => self.stage(group, tables, notes),
            }
        }
    }

    fn stage(&mut self, entries: &[Spanned<DeValue<'_>>], tables: &Tables, notes: &mut Notes<'_>) {
        let before = self.chain.nodes.len();
        for entry in entries {
            if let Some(node) = self.node(entry, tables, notes) {
                self.chain.nodes.push(node);
            }
        }
        // More than this many nodes are refused when the chain is counted.
        let count = u16::try_from(self.chain.nodes.len() - before).unwrap_or(u16::MAX);
        if count > 0 {
            self.chain.stages.push(count);
        }
    }

    fn node(
        &mut self,
        entry: &Spanned<DeValue<'_>>,
        tables: &Tables,
        notes: &mut Notes<'_>,
    ) -> Option<NodeSpec> {
        let line = notes.line_of(entry);
        let Some(name) = entry.get_ref().as_str() else {
            let what = match entry.get_ref() {
                DeValue::Array(_) => format!("{} has a group within a group", self.what),
                other => format!("{} has {} where a node's name is due", self.what, name_of(other)),
            };
            notes.wrong(line, what);
            self.whole = false;
            return None;
        };
        if !notes.is_name(name, line, &format!("the name of a node of {}", self.what)) {
            self.whole = false;
            return None;
        }
        if let Some(first) = self.named.get(name) {
            notes.wrong(line, format!("{} has the node {name} twice, first in line {first}", self.what));
            return None;
        }
        self.named.insert(name.into(), line);
        Some(tables.get(name).unwrap_or(&NodeTable::ABSENT).spec(name, line))
    }
}
