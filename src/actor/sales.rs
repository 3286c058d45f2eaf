//! The rules of SKUs that have to be known where they are sold: what kits consist of, when stock falls.
//!
//! A rule is part of its SKU's policy; what is here is derived from the policies and rebuilt when the engine is
//! opened. An order looks its lines up here and asks no SKU; where no SKU has such a rule, that is one load
//! of an atomic number. A rule is changed under the same lock as its record is handed to the commit queue: an
//! order that sees it is queued behind it, and an order that comes after its answer sees it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::domain::command::{EditChange, LineRequest};
use crate::domain::ids::SkuId;
use crate::domain::inventory::SaleRule;
use crate::domain::order::SaleRules;

/// The rules of all SKUs that have one.
#[derive(Default)]
pub(crate) struct Sales {
    /// At least as many as there are rules.
    count: AtomicUsize,
    rules: RwLock<BTreeMap<SkuId, SaleRule>>,
}

impl Sales {
    /// The rules for these lines.
    pub(crate) fn rules_of(&self, lines: &[LineRequest]) -> SaleRules {
        if self.count.load(Ordering::Acquire) == 0 {
            return SaleRules::default();
        }
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        SaleRules::of(lines, |sku| rules.get(sku).cloned())
    }

    /// The rules for the lines that an edit adds.
    pub(crate) fn rules_of_changes(&self, changes: &[EditChange]) -> SaleRules {
        let added = changes.iter().filter_map(|change| match change {
            EditChange::AddLine(line) => Some(line.clone()),
            _ => None,
        });
        self.rules_of(&added.collect::<Vec<_>>())
    }

    /// Sets or removes the rule of a SKU; `commit` hands over the record that says so.
    pub(crate) fn set(&self, sku: &SkuId, rule: Option<SaleRule>, commit: impl FnOnce()) {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        // Counted first: whoever finds a number above zero waits for the lock.
        self.count.store(rules.len() + 1, Ordering::Release);
        commit();
        match rule {
            Some(rule) => drop(rules.insert(sku.clone(), rule)),
            None => drop(rules.remove(sku)),
        }
        self.count.store(rules.len(), Ordering::Release);
    }
}
