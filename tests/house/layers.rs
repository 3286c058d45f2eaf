//! Imports point inwards only: who may know whom, and what the core may not know at all.

use crate::paths::paths;
use crate::tree::{self, Source};
use crate::{at, none_of};

/// The modules from the inside out, and what each may name besides itself and what it may name of the
/// root. What stands in no row may name everything: `lib`, which only lists.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("port", &["domain"]),
    ("guard", &["domain", "port"]),
    ("journal", &["domain", "port"]),
    ("error", &["domain", "port", "journal"]),
    ("flow", &["domain", "guard", "port", "journal", "error"]),
    ("snapshot", &["domain", "port", "journal"]),
    ("query", &["domain"]),
    ("replay", &["domain", "guard", "port", "journal", "error", "snapshot", "query"]),
    ("config", &["domain", "port", "journal", "error", "flow"]),
    ("actor", &["domain", "guard", "port", "journal", "error", "flow", "replay", "config", "query"]),
    ("outbox", &["domain", "journal", "error", "replay", "query"]),
    (
        "engine",
        &[
            "domain", "guard", "port", "journal", "error", "flow", "snapshot", "replay", "config", "actor",
            "outbox", "query",
        ],
    ),
    ("blocking", &["domain", "journal", "error", "config", "outbox", "query", "engine"]),
    (
        "simulation",
        &[
            "domain", "port", "journal", "error", "flow", "snapshot", "replay", "config", "actor", "outbox",
            "query", "engine",
        ],
    ),
    (
        "cli",
        &["domain", "port", "journal", "error", "flow", "snapshot", "replay", "config", "query", "engine"],
    ),
];

/// Imports that point outwards and are known: (from, to, why). The list only ever gets shorter.
const KNOWN: &[(&str, &str, &str)] = &[(
    "config",
    "actor",
    "Config has a field of type actor::commit::Driver, while actor::core reads config::RecordCommands: the one cycle",
)];

/// What the pure core may not know: crates and parts of the standard library that reach outside.
const NOT_IN_DOMAIN: &[&[&str]] = &[
    &["tokio"],
    &["ractor"],
    &["crossbeam"],
    &["dashmap"],
    &["rand"],
    &["fastrand"],
    &["getrandom"],
    &["uuid"],
    &["tracing"],
    &["bincode"],
    &["std", "fs"],
    &["std", "io"],
    &["std", "net"],
    &["std", "env"],
    &["std", "time"],
    &["std", "thread"],
    &["std", "process"],
    &["std", "sync"],
];

/// What of that it may know all the same: a shared value is still a value.
const IN_DOMAIN: &[&[&str]] = &[&["std", "sync", "Arc"]];

/// Files of the domain that name what it may not know, and are known: (file, what, why). The list only ever
/// gets shorter.
const KNOWN_IN_DOMAIN: &[(&str, &str, &str)] = &[(
    "src/domain/inventory/tests/random.rs",
    "bincode",
    "the unit test encodes an inventory and reads it back, which is the business of a test of the codec",
)];

/// What only one place may name, so that it can be replaced or reasoned about there alone.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("bincode", &["src/journal/codec.rs"]),
    ("getrandom", &["src/port/entropy.rs"]),
    ("dashmap", &["src/actor/registry.rs"]),
    ("toml", &["src/flow/definition/reader.rs"]),
];

fn is_known_in_domain(file: &str, name: &str) -> bool {
    KNOWN_IN_DOMAIN.iter().any(|(known, what, _)| *known == file && *what == name)
}

fn begins_with(path: &[String], beginning: &[&str]) -> bool {
    path.len() >= beginning.len() && beginning.iter().zip(path).all(|(wanted, part)| *wanted == part)
}

fn module_of(file: &str) -> Option<&str> {
    let inside = file.strip_prefix("src/")?;
    let module = inside.split('/').next()?;
    Some(module.strip_suffix(".rs").unwrap_or(module))
}

/// The module path of a file in `src`, from the root of the crate.
fn module_path(file: &str) -> Vec<String> {
    let inside = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    inside.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

/// The path from the root of the crate; `None` for paths that do not lead through it.
fn from_root(file: &str, path: &[String]) -> Option<Vec<String>> {
    if path.first().is_some_and(|first| first == "crate") {
        return Some(path[1..].to_vec());
    }
    let ups = path.iter().take_while(|part| *part == "super").count();
    let here = module_path(file);
    if ups == 0 || ups > here.len() {
        return None;
    }
    Some(here[..here.len() - ups].iter().chain(&path[ups..]).cloned().collect())
}

/// Every import of another module of the crate: line, from, to.
fn edges(source: &Source) -> Vec<(usize, String, String)> {
    let Some(from) = module_of(&source.file).filter(|from| LAYERS.iter().any(|(name, _)| name == from))
    else {
        return Vec::new();
    };
    paths(&source.lexed.code)
        .into_iter()
        .filter_map(|(line, path)| Some((line, from_root(&source.file, &path)?.first()?.clone())))
        .filter(|(_, to)| to != from && (LAYERS.iter().any(|(name, _)| name == to) || is_type(to)))
        .map(|(line, to)| (line, from.to_owned(), to))
        .collect()
}

fn is_type(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
}

fn may_name(from: &str, to: &str) -> bool {
    LAYERS.iter().any(|(name, inner)| *name == from && inner.contains(&to))
}

#[test]
fn every_module_imports_only_from_modules_further_inside() {
    let mut findings = Vec::new();
    for source in tree::rust() {
        for (line, from, to) in edges(&source) {
            if is_type(&to) {
                let rule = format!("`crate::{to}` hides the module it comes from; name the module");
                findings.push(at(&source.file, line, &rule));
            } else if !may_name(&from, &to) && !KNOWN.iter().any(|(f, t, _)| *f == from && *t == to) {
                findings.push(at(&source.file, line, &format!("`{from}` may not know `{to}`")));
            }
        }
    }
    none_of(&findings);
}

#[test]
fn every_known_exception_is_still_needed() {
    let sources = tree::rust();
    let imports = |from: &str, to: &str| sources.iter().flat_map(edges).any(|(_, f, t)| f == from && t == to);
    let names = |file: &str, name: &str| {
        let mut here = sources.iter().filter(|source| source.file == file);
        here.any(|source| paths(&source.lexed.code).iter().any(|(_, path)| begins_with(path, &[name])))
    };
    let outward = KNOWN.iter().filter(|(from, to, _)| !imports(from, to));
    let in_domain = KNOWN_IN_DOMAIN.iter().filter(|(file, name, _)| !names(file, name));
    let gone = |(a, b, _): &(&str, &str, &str)| format!("{a} no longer names {b}: take the exception out");
    none_of(&outward.chain(in_domain).map(gone).collect::<Vec<_>>());
}

#[test]
fn the_layers_have_no_cycle_but_the_known_one() {
    for (position, (name, inner)) in LAYERS.iter().enumerate() {
        for to in *inner {
            let place = LAYERS.iter().position(|(other, _)| other == to);
            assert!(
                place.is_some_and(|place| place < position),
                "{name} stands before {to}, which it may name"
            );
        }
    }
}

#[test]
fn every_module_of_the_crate_has_a_layer() {
    let mut findings = Vec::new();
    for source in tree::rust() {
        let outside =
            |module: &str| !["lib", "bin"].contains(&module) && !LAYERS.iter().any(|(n, _)| *n == module);
        if module_of(&source.file).is_some_and(outside) {
            findings.push(at(&source.file, 1, "the module has no row in LAYERS (tests/house/layers.rs)"));
        }
    }
    none_of(&findings);
}

#[test]
fn the_domain_knows_nothing_of_clocks_files_threads_or_chance() {
    let mut findings = Vec::new();
    for source in tree::rust().iter().filter(|source| source.file.starts_with("src/domain/")) {
        for (line, path) in paths(&source.lexed.code) {
            if IN_DOMAIN.iter().any(|allowed| begins_with(&path, allowed)) {
                continue;
            }
            for banned in NOT_IN_DOMAIN.iter().filter(|banned| begins_with(&path, banned)) {
                let name = banned.join("::");
                if !is_known_in_domain(&source.file, &name) {
                    let rule = format!("the domain is pure; it may not name `{name}`");
                    findings.push(at(&source.file, line, &rule));
                }
            }
        }
    }
    none_of(&findings);
}

#[test]
fn hash_maps_stay_out_of_the_domain() {
    let mut findings = Vec::new();
    for source in tree::rust().iter().filter(|source| source.file.starts_with("src/domain/")) {
        for (line, text) in (1..).zip(source.lexed.code.lines()) {
            if text.contains("HashMap") || text.contains("HashSet") {
                let rule = "no decision may depend on the order of a hash map; use a vector or a B-tree";
                findings.push(at(&source.file, line, rule));
            }
        }
    }
    none_of(&findings);
}

#[test]
fn what_is_behind_a_seam_is_named_only_there() {
    let mut findings = Vec::new();
    for source in tree::rust().iter().filter(|source| source.file.starts_with("src/")) {
        for (line, path) in paths(&source.lexed.code) {
            for (name, places) in ONLY_IN {
                let outside = !places.contains(&source.file.as_str());
                if begins_with(&path, &[name]) && outside && !is_known_in_domain(&source.file, name) {
                    let rule = format!("`{name}` may be named only in {}", places.join(", "));
                    findings.push(at(&source.file, line, &rule));
                }
            }
        }
    }
    none_of(&findings);
}
