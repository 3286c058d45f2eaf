//! The contexts of a flow's runs: typed while nodes work on them, JSON in the state and the journal.

use smol_str::SmolStr;

use super::FlowState;
use crate::domain::flow::FlowEvent;
use crate::flow::erased::{AnyContext, Context};

/// A run's context, as far as it is known beyond the JSON in the state.
#[derive(Default)]
pub(super) struct Slot {
    /// The context itself, unless a node has it, or it has to be read from its JSON.
    live: Option<AnyContext>,
    /// Whether it may differ from its JSON.
    is_dirty: bool,
    /// Its JSON, where that is newer than the state's.
    json: Option<SmolStr>,
    /// What the nodes of a group have begun with, and the first of them.
    shared: Option<(usize, SmolStr)>,
}

impl FlowState {
    fn slot(&mut self, run: usize) -> Option<&mut Slot> {
        if self.contexts.len() <= run {
            self.contexts.resize_with(run + 1, Slot::default);
        }
        self.contexts.get_mut(run)
    }

    /// The JSON of a run's context.
    pub(super) fn context_json(&self, run: u16) -> SmolStr {
        let place = usize::from(run);
        let newer = self.contexts.get(place).and_then(|slot| slot.json.clone());
        let state = || Some(self.flow.as_ref()?.runs.get(place)?.context.clone());
        newer.or_else(state).unwrap_or_default()
    }

    /// A context of a run's type, read from JSON.
    pub(super) fn decoded(&self, run: u16, json: &str) -> Option<AnyContext> {
        let (_, bound) = self.rules.as_ref()?;
        let found = self.flow.as_ref()?.runs.get(usize::from(run))?;
        (bound.chain(found.chain)?.context.decode)(json).ok()
    }

    /// The run's context, for a node to work on. Its JSON is what it is rolled back to if a crash comes.
    pub(super) fn take_context(&mut self, run: u16) -> Option<AnyContext> {
        self.encode(run);
        match self.slot(usize::from(run))?.live.take() {
            Some(context) => Some(context),
            None => self.decoded(run, &self.context_json(run)),
        }
    }

    /// The run's context comes back from a node.
    pub(super) fn put_context(&mut self, run: u16, context: AnyContext) {
        if let Some(slot) = self.slot(usize::from(run)) {
            (slot.live, slot.is_dirty) = (Some(context), true);
        }
    }

    /// The context of a run that begins with it.
    pub(super) fn put_clean(&mut self, run: usize, context: AnyContext) {
        if let Some(slot) = self.slot(run) {
            *slot = Slot { live: Some(context), ..Slot::default() };
        }
    }

    /// A node of the group that begins with node `group` begins: all of the group begin with the context as it is now,
    /// each with a copy of its own.
    pub(super) fn share_context(&mut self, run: u16, group: usize) {
        self.encode(run);
        let json = self.context_json(run);
        let Some(slot) = self.slot(usize::from(run)) else { return };
        slot.live = None;
        if slot.shared.as_ref().is_none_or(|(known, _)| *known != group) {
            slot.shared = Some((group, json));
        }
    }

    /// The context that the nodes of a group have begun with.
    pub(super) fn shared_json(&self, run: u16) -> SmolStr {
        let slot = self.contexts.get(usize::from(run));
        slot.and_then(|slot| slot.shared.as_ref()).map(|(_, json)| json.clone()).unwrap_or_default()
    }

    /// Takes over what a node of a group changed in its copy of the run's context, which was `base` when it began.
    pub(super) fn merge_context(
        &mut self,
        run: u16,
        base: &str,
        context: &dyn Context,
    ) -> Result<(), String> {
        self.encode(run);
        let merged = merged(base, &self.context_json(run), &context.encode()?)?;
        if let Some(slot) = self.slot(usize::from(run)) {
            (slot.live, slot.is_dirty, slot.json) = (None, false, Some(merged.into()));
        }
        Ok(())
    }

    /// Brings the JSON of a run's context up to date.
    pub(super) fn encode(&mut self, run: u16) {
        let Some(slot) = self.slot(usize::from(run)) else { return };
        let Some(context) = slot.live.as_ref().filter(|_| slot.is_dirty) else { return };
        match (**context).encode() {
            Ok(json) => (slot.json, slot.is_dirty) = (Some(json), false),
            Err(problem) => {
                slot.is_dirty = false;
                self.park(smol_str::format_smolstr!("its context cannot be written as JSON: {problem}"));
            }
        }
    }

    /// Adds events for the contexts that have changed since the last record.
    pub(super) fn push_contexts(&mut self) {
        for run in 0..u16::try_from(self.contexts.len()).unwrap_or(u16::MAX) {
            self.encode(run);
            let json = self.slot(usize::from(run)).and_then(|slot| slot.json.take());
            if let Some(context) = json.filter(|json| *json != self.context_json(run)) {
                self.push(FlowEvent::Context { run, context });
            }
        }
    }
}

/// What came of `base` by the changes that led to `now` and those that led to `mine`.
fn merged(base: &str, now: &str, mine: &str) -> Result<String, String> {
    let read =
        |json: &str| serde_json::from_str::<serde_json::Value>(json).map_err(|error| error.to_string());
    let (base, mut now, mine) = (read(base)?, read(now)?, read(mine)?);
    merge("", &base, &mut now, &mine)?;
    serde_json::to_string(&now).map_err(|error| error.to_string())
}

fn merge(
    path: &str,
    base: &serde_json::Value,
    now: &mut serde_json::Value,
    mine: &serde_json::Value,
) -> Result<(), String> {
    use serde_json::Value;
    if mine == base || mine == now {
        return Ok(());
    }
    if now == base {
        *now = mine.clone();
        return Ok(());
    }
    let (Value::Object(base), Value::Object(now), Value::Object(mine)) = (base, now, mine) else {
        let field = if path.is_empty() { "the whole context" } else { path };
        return Err(format!("two nodes of a parallel group have changed {field}"));
    };
    let absent = Value::Null;
    let keys: std::collections::BTreeSet<_> = base.keys().chain(mine.keys()).cloned().collect();
    for key in keys {
        let field = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let (was, wanted) = (base.get(&key).unwrap_or(&absent), mine.get(&key).unwrap_or(&absent));
        if was == wanted {
            continue;
        }
        let there = now.entry(key.clone()).or_insert(Value::Null);
        merge(&field, was, there, wanted)?;
        if there.is_null() && !mine.contains_key(&key) {
            now.remove(&key);
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn changes_of_different_fields_come_together_and_of_the_same_one_are_an_error() {
        let base = r#"{"a":1,"b":{"x":1,"y":1},"c":[1]}"#;
        let now = r#"{"a":2,"b":{"x":2,"y":1},"c":[1]}"#;
        for (mine, expected) in [
            (r#"{"a":1,"b":{"x":1,"y":3},"c":[1]}"#, Ok(r#"{"a":2,"b":{"x":2,"y":3},"c":[1]}"#)),
            (r#"{"a":1,"b":{"x":1,"y":1},"c":[1,2]}"#, Ok(r#"{"a":2,"b":{"x":2,"y":1},"c":[1,2]}"#)),
            (r#"{"a":2,"b":{"x":1,"y":1},"c":[1]}"#, Ok(r#"{"a":2,"b":{"x":2,"y":1},"c":[1]}"#)),
            (r#"{"a":1,"b":{"x":1,"y":1}}"#, Ok(r#"{"a":2,"b":{"x":2,"y":1}}"#)),
            (r#"{"a":1,"b":{"x":3,"y":1},"c":[1]}"#, Err("two nodes of a parallel group have changed b.x")),
            (r#"{"a":3,"b":{"x":1,"y":1},"c":[1]}"#, Err("two nodes of a parallel group have changed a")),
        ] {
            let found = merged(base, now, mine);
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{mine}");
        }
    }
}
