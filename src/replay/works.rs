//! What works around orders and stock: the rules of business lines, the flows under way, and named locks.
//!
//! There is little of it at any time, so it is kept, hashed and stored as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::domain::flow::{Flow, FlowEvent};
use crate::domain::ids::{FlowId, LockName, RulesId};
use crate::domain::lock::Lock;
use crate::domain::record::{FlowRecord, LockRecord, RulesRecord};
use crate::guard;

/// What works around orders and stock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Works {
    /// Every version of the rules of every business line, by number.
    pub rules: BTreeMap<RulesId, RulesRecord>,
    /// Flows that have not ended.
    pub flows: BTreeMap<FlowId, Flow>,
    /// Number of flows that ever began.
    pub flows_begun: u64,
    /// Named locks that were ever held.
    pub locks: BTreeMap<LockName, Lock>,
}

/// What became of a record.
pub(super) enum Taken {
    /// It was applied.
    Applied,
    /// The state knows it already.
    Known,
    /// It does not fit. The flow is parked, if there is one.
    Broken(SmolStr),
}

impl Works {
    /// Whether there is none of it, and never was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.flows_begun == 0 && self.locks.is_empty()
    }

    /// The version of the rules that a business line has now.
    #[must_use]
    pub fn rules_of(&self, business: &str) -> Option<&RulesRecord> {
        self.rules.values().rev().find(|rules| rules.business.as_str() == business)
    }

    /// Applies a record of a lock. Where `fuzzy`, the state may know it.
    pub(super) fn apply_lock(&mut self, record: &LockRecord, fuzzy: bool) -> Taken {
        let lock = match self.locks.get_mut(&record.lock) {
            Some(lock) => lock,
            None => self.locks.entry(record.lock.clone()).or_insert_with(|| Lock::new(record.lock.clone())),
        };
        if fuzzy && record.version <= lock.version {
            return Taken::Known;
        }
        let Err(reason) = guard::apply(|| lock.apply(record)) else { return Taken::Applied };
        lock.parked.get_or_insert(reason.clone());
        Taken::Broken(reason)
    }

    /// Applies a record of a flow. Where `fuzzy`, the state may know it: then a flow that is not there has ended,
    /// unless it begins with the record.
    pub(super) fn apply(&mut self, record: &FlowRecord, fuzzy: bool) -> Taken {
        let known = self.flows.get(&record.flow).map(|flow| flow.version);
        let begins = matches!(record.events.first(), Some(FlowEvent::Began { .. }));
        if fuzzy && known.map_or(!begins, |version| record.version <= version) {
            return Taken::Known;
        }
        self.flows_begun = self.flows_begun.max(record.flow.0);
        let mut flow = self.flows.remove(&record.flow);
        let applied = guard::apply(|| Flow::apply(&mut flow, record));
        let mut taken = Taken::Applied;
        if let Err(reason) = applied {
            if let Some(flow) = &mut flow {
                flow.parked.get_or_insert(reason.clone());
            }
            taken = Taken::Broken(reason);
        }
        if let Some(flow) = flow {
            self.flows.insert(record.flow, flow);
        }
        taken
    }
}
