//! The tables of nodes: options that hold wherever a chain names the node.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::Switches;
use super::reader::{At, Fields, Notes, Place};
use crate::domain::flow::{AfterCrash, Effect, KeyScope, NodeSpec, Retry, Work};

/// The most retries that can be set.
pub const RETRIES_MAX: u16 = u16::MAX - 1;

const EFFECTS: [(&str, Effect); 3] =
    [("external", Effect::External), ("engine", Effect::Engine), ("none", Effect::None)];
const AFTER_CRASH: [(&str, AfterCrash); 3] =
    [("retry", AfterCrash::Retry), ("resume", AfterCrash::Resume), ("compensate", AfterCrash::Compensate)];
const KEYS: [(&str, KeyScope); 2] = [("attempt", KeyScope::Attempt), ("node", KeyScope::Node)];

const KNOWN: [&str; 16] = [
    "uses",
    "chain",
    "effect",
    "after_crash",
    "key",
    "rollback_self",
    "retries",
    "backoff",
    "backoff_max",
    "jitter_percent",
    "rollback_retries",
    "rollback_backoff",
    "rollback_backoff_max",
    "rollback_jitter_percent",
    "timeout",
    "when",
];

/// What a node's table says. Everything has its default, so that a node without a table is one with an empty one.
pub(super) struct NodeTable {
    pub(super) line: u32,
    pub(super) uses: Option<SmolStr>,
    pub(super) chain: Option<At<SmolStr>>,
    pub(super) when: Option<At<SmolStr>>,
    effect: Effect,
    after_crash: AfterCrash,
    key: KeyScope,
    rollback_self: bool,
    retry: Retry,
    rollback_retry: Retry,
    timeout_ms: Option<u64>,
}

pub(super) type Tables = BTreeMap<SmolStr, NodeTable>;

impl NodeTable {
    /// The table of a node that has none.
    pub(super) const ABSENT: Self = Self {
        line: 0,
        uses: None,
        chain: None,
        when: None,
        effect: Effect::External,
        after_crash: AfterCrash::Retry,
        key: KeyScope::Attempt,
        rollback_self: false,
        retry: Retry::NEVER,
        rollback_retry: Retry::ROLLBACK,
        timeout_ms: None,
    };

    fn read(fields: &Fields<'_, '_>, notes: &mut Notes<'_>) -> Self {
        let owned = |text: At<&str>| At { line: text.line, value: SmolStr::new(text.value) };
        Self {
            line: fields.place.line,
            uses: fields.name("uses", notes).map(|name| name.value.into()),
            chain: fields.name("chain", notes).map(owned),
            when: fields.name("when", notes).map(owned),
            effect: fields.word("effect", &EFFECTS, notes).unwrap_or_default(),
            after_crash: fields.word("after_crash", &AFTER_CRASH, notes).unwrap_or_default(),
            key: fields.word("key", &KEYS, notes).unwrap_or_default(),
            rollback_self: fields.flag("rollback_self", notes).unwrap_or(false),
            retry: retry(fields, "", Retry::NEVER, notes),
            rollback_retry: retry(fields, "rollback_", Retry::ROLLBACK, notes),
            timeout_ms: fields.millis("timeout", notes),
        }
    }

    /// The node of this name, as a chain has it.
    pub(super) fn spec(&self, name: &str, line: u32) -> NodeSpec {
        let name = SmolStr::new(name);
        let provider = self.uses.clone().unwrap_or_else(|| name.clone());
        let work = match &self.chain {
            Some(chain) => Work::Chain { chain: chain.value.clone(), provider },
            None => Work::Provider(provider),
        };
        NodeSpec {
            name,
            line,
            work,
            effect: self.effect,
            after_crash: self.after_crash,
            key: self.key,
            rollback_self: self.rollback_self,
            retry: self.retry,
            rollback_retry: self.rollback_retry,
            timeout_ms: self.timeout_ms,
            when: self.when.as_ref().map(|switch| switch.value.clone()),
        }
    }
}

/// Retries and waits. Where only one of the two waits is given, the other one's default gives way to it.
fn retry(fields: &Fields<'_, '_>, prefix: &str, default: Retry, notes: &mut Notes<'_>) -> Retry {
    let key = |name: &str| format!("{prefix}{name}");
    let retries = fields.number(&key("retries"), 0..=u64::from(RETRIES_MAX), notes);
    let retries = retries.and_then(|retries| u16::try_from(retries).ok()).unwrap_or(default.retries);
    let (first, longest) = (key("backoff"), key("backoff_max"));
    let backoff = fields.millis(&first, notes);
    let backoff_max = fields.millis(&longest, notes);
    if let (Some(from), Some(to)) = (backoff, backoff_max)
        && from > to
    {
        let what = format!("`{first}` of {} is longer than its `{longest}`", fields.place.what);
        notes.wrong(fields.line(&first, notes), what);
    }
    let jitter = fields.number(&key("jitter_percent"), 0..=100, notes);
    let set = [first, longest, key("jitter_percent")].into_iter().find(|name| fields.has(name));
    if let (0, Some(name)) = (retries, set) {
        let what = format!("`{name}` has no effect: {} has no `{}`", fields.place.what, key("retries"));
        notes.odd(fields.line(&name, notes), what);
    }
    Retry {
        retries,
        backoff_ms: backoff.unwrap_or(default.backoff_ms).min(backoff_max.unwrap_or(u64::MAX)),
        backoff_max_ms: backoff_max.unwrap_or_else(|| default.backoff_max_ms.max(backoff.unwrap_or(0))),
        jitter_percent: jitter
            .and_then(|percent| u8::try_from(percent).ok())
            .unwrap_or(default.jitter_percent),
    }
}

/// All tables of nodes.
pub(super) fn tables(file: &Fields<'_, '_>, notes: &mut Notes<'_>) -> Tables {
    let mut tables = Tables::new();
    for (name, line, value) in file.entries("nodes", notes) {
        let is_name = notes.is_name(name, line, "the name of a node");
        let place = Place { line, what: format!("the node {name}") };
        let Some(fields) = Fields::in_value(value, place, &KNOWN, notes) else { continue };
        let table = NodeTable::read(&fields, notes);
        if is_name {
            tables.insert(name.into(), table);
        }
    }
    tables
}

/// Checks that every switch that a node asks for is there; one that no node asks for is odd.
pub(super) fn check_switches(tables: &Tables, switches: &Switches, notes: &mut Notes<'_>) {
    for (name, table) in tables {
        if let Some(when) = table.when.as_ref().filter(|when| !switches.contains_key(&when.value)) {
            notes.wrong(when.line, format!("the node {name} asks for the unknown switch {}", when.value));
        }
    }
    for (name, switch) in switches {
        let asks = |table: &NodeTable| table.when.as_ref().is_some_and(|when| when.value == *name);
        if !tables.values().any(asks) {
            notes.odd(switch.line, format!("no node asks for the switch {name}"));
        }
    }
}
