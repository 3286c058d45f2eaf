//! How chains carry each other: every sub-chain is there, none comes back to itself, and what is defined is
//! reached. Each scene is looked at by itself, because it may have other chains under the same names.

use std::collections::{BTreeMap, BTreeSet};

use super::nodes::Tables;
use super::reader::Notes;
use crate::domain::flow::{Chain, DEFAULT, STANDARD_CHAINS, Work};

/// The most nodes of a chain, those of its sub-chains counted wherever they are carried.
pub const NODES_MAX: usize = u16::MAX as usize;

/// How deep sub-chains may lie: a chain without any counts as 1.
pub const DEPTH_MAX: usize = 8;

/// The chains of one scene by name: its own, and the default ones for what it has none of.
struct Scene<'a> {
    name: &'a str,
    chains: &'a [Chain],
    by_name: BTreeMap<&'a str, usize>,
}

/// What was found over all scenes, so that it is told once.
#[derive(Default)]
struct Found {
    missing: BTreeSet<(u32, String)>,
    cycles: BTreeSet<BTreeSet<usize>>,
    too_large: BTreeSet<usize>,
    too_deep: BTreeSet<usize>,
    reached: BTreeSet<usize>,
}

/// Checks all of it. `whole` says whether every chain could be read: otherwise what nobody names is not told.
pub(super) fn check(chains: &[Chain], tables: &Tables, whole: bool, notes: &mut Notes<'_>) {
    let mut found = Found::default();
    let scenes: BTreeSet<&str> = chains.iter().map(|chain| chain.scene.as_str()).chain([DEFAULT]).collect();
    for name in scenes {
        let scene = Scene::new(name, chains);
        scene.find_missing(tables, &mut found, notes);
        scene.walk(&mut found, notes);
        scene.reach(tables, &mut found);
    }
    if whole {
        tell_unreached(chains, tables, &found, notes);
    }
}

/// The sub-chains that a chain's nodes carry, by name.
fn carried(chain: &Chain) -> impl Iterator<Item = &str> {
    chain.nodes.iter().filter_map(|node| match &node.work {
        Work::Chain { chain, .. } => Some(chain.as_str()),
        Work::Provider(_) => None,
    })
}

impl<'a> Scene<'a> {
    fn new(name: &'a str, chains: &'a [Chain]) -> Self {
        let of = |scene: &str| {
            let own = chains.iter().enumerate().filter(move |(_, chain)| chain.scene == scene);
            own.map(|(index, chain)| (chain.name.as_str(), index)).collect::<BTreeMap<_, _>>()
        };
        let mut by_name = of(DEFAULT);
        by_name.extend(of(name));
        Self { name, chains, by_name }
    }

    fn chain(&self, index: usize) -> Option<&'a Chain> {
        self.chains.get(index)
    }

    /// The chains that one carries, as far as they are there.
    fn edges(&self, index: usize) -> Vec<usize> {
        let chain = self.chain(index);
        chain.into_iter().flat_map(carried).filter_map(|name| self.by_name.get(name).copied()).collect()
    }

    fn find_missing(&self, tables: &Tables, found: &mut Found, notes: &mut Notes<'_>) {
        for chain in self.chains.iter().filter(|chain| chain.scene == self.name) {
            for node in &chain.nodes {
                let Work::Chain { chain: wanted, .. } = &node.work else { continue };
                if self.by_name.contains_key(wanted.as_str()) {
                    continue;
                }
                let table = tables.get(&node.name).and_then(|table| table.chain.as_ref());
                let line = table.map_or(node.line, |at| at.line);
                let what = format!(
                    "the node {} carries the chain {wanted}, which is not there for scene {}",
                    node.name, self.name
                );
                if found.missing.insert((line, what.clone())) {
                    notes.wrong(line, what);
                }
            }
        }
    }

    /// Goes down into every chain once; notes cycles, and what is too large where there is none.
    fn walk(&self, found: &mut Found, notes: &mut Notes<'_>) {
        // Size and depth of what was left behind; a chain that is on the path has none yet.
        let mut done: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for &root in self.by_name.values() {
            // A stack of its own, because a file decides how deep this goes.
            let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
            let mut next = Some(root).filter(|root| !done.contains_key(root));
            loop {
                if let Some(index) = next.take() {
                    path.push((index, self.edges(index)));
                }
                let Some((index, ahead)) = path.last_mut() else { break };
                let index = *index;
                match ahead.pop() {
                    Some(to) if path.iter().any(|(on_path, _)| *on_path == to) => {
                        self.tell_cycle(&path, to, found, notes);
                    }
                    Some(to) => next = Some(to).filter(|to| !done.contains_key(to)),
                    None => {
                        path.pop();
                        let measured = self.measure(index, &done);
                        self.tell_excess(index, measured, found, notes);
                        done.insert(index, measured);
                    }
                }
            }
        }
    }

    /// Number of nodes and depth of a chain whose sub-chains are measured.
    fn measure(&self, index: usize, done: &BTreeMap<usize, (usize, usize)>) -> (usize, usize) {
        let own = self.chain(index).map_or(0, |chain| chain.nodes.len());
        self.edges(index).iter().filter_map(|to| done.get(to)).fold((own, 1), |(size, depth), below| {
            (size.saturating_add(below.0), depth.max(below.1.saturating_add(1)))
        })
    }

    fn tell_excess(&self, index: usize, measured: (usize, usize), found: &mut Found, notes: &mut Notes<'_>) {
        let Some(chain) = self.chain(index) else { return };
        let ((size, depth), name) = (measured, &chain.name);
        if size > NODES_MAX && found.too_large.insert(index) {
            let what = format!(
                "the chain {name} has {size} nodes with its sub-chains; at most {NODES_MAX} are allowed"
            );
            notes.wrong(chain.line, what);
        }
        // Every chain above one that is too deep is so as well; the first one is enough.
        if depth == DEPTH_MAX + 1 && found.too_deep.insert(index) {
            notes.wrong(chain.line, format!("the sub-chains of {name} lie more than {DEPTH_MAX} deep"));
        }
    }

    fn tell_cycle(&self, path: &[(usize, Vec<usize>)], to: usize, found: &mut Found, notes: &mut Notes<'_>) {
        let round = path.iter().map(|(index, _)| *index).skip_while(|index| *index != to);
        let round: Vec<usize> = round.collect();
        if !found.cycles.insert(round.iter().copied().collect()) {
            return;
        }
        // Told from the chain that stands first in the file.
        let first = round.iter().enumerate().min_by_key(|(_, index)| **index).map_or(0, |(at, _)| at);
        let from_first = round.iter().cycle().skip(first).take(round.len() + 1);
        let names: Vec<&str> =
            from_first.filter_map(|index| Some(self.chain(*index)?.name.as_str())).collect();
        let line = round.get(first).and_then(|index| self.chain(*index)).map_or(1, |chain| chain.line);
        notes.wrong(
            line,
            format!("the chain {} carries itself: {}", names.first().unwrap_or(&""), names.join(" → ")),
        );
    }

    /// Marks every chain that a flow of this scene can come to. What goes round is told as such, and counts as
    /// reached.
    fn reach(&self, tables: &Tables, found: &mut Found) {
        let carried = tables.values().filter_map(|table| table.chain.as_ref());
        let below: BTreeSet<&str> = carried.map(|chain| chain.value.as_str()).collect();
        let entered = |name: &str| STANDARD_CHAINS.contains(&name) || !below.contains(name);
        let entries = self.by_name.iter().filter(|(name, _)| entered(name)).map(|(_, index)| *index);
        let round = found.cycles.iter().flatten().copied();
        let mut ahead: Vec<usize> = entries.chain(round).collect();
        let mut here = BTreeSet::new();
        while let Some(index) = ahead.pop() {
            if here.insert(index) {
                ahead.extend(self.edges(index));
            }
        }
        found.reached.extend(here);
    }
}

fn tell_unreached(chains: &[Chain], tables: &Tables, found: &Found, notes: &mut Notes<'_>) {
    let reached = |index: usize| found.reached.contains(&index);
    for (_, chain) in chains.iter().enumerate().filter(|(index, _)| !reached(*index)) {
        let what = format!(
            "unreachable chain {} of scene {}: the nodes that carry it are not reached",
            chain.name, chain.scene
        );
        notes.wrong(chain.line, what);
    }
    let (mut named, mut live) = (BTreeSet::new(), BTreeSet::new());
    for (index, chain) in chains.iter().enumerate() {
        for node in &chain.nodes {
            named.insert(node.name.as_str());
            if reached(index) {
                live.insert(node.name.as_str());
            }
        }
    }
    for (name, table) in tables.iter().filter(|(name, _)| !live.contains(name.as_str())) {
        let why = if named.contains(name.as_str()) {
            "the chains that name it are not reached"
        } else {
            "no chain names it"
        };
        notes.wrong(table.line, format!("unreachable node {name}: {why}"));
    }
}
