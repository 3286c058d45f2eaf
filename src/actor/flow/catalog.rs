//! The flows of an engine, and what they go by.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use smol_str::SmolStr;

use super::FlowEntity;
use super::stats::{ChainView, views_of};
use crate::actor::registry::Registry;
use crate::domain::flow::{DEFAULT, Rulebook};
use crate::domain::ids::{BusinessId, FlowId, RulesId};
use crate::domain::record::RulesRecord;
use crate::flow::{Bound, Definition, Extensions, Lineup};
use crate::port::Entropy;

/// The flows of an engine, the rules that they go by, and the code that does their work.
pub(crate) struct Flows {
    pub(crate) registry: Registry<FlowEntity>,
    /// The number that was given last, and the highest one in the journal.
    numbered: AtomicU64,
    begun: AtomicU64,
    rules: BTreeMap<RulesId, Rules>,
    /// The version that each business line of this engine goes by now.
    current: BTreeMap<BusinessId, RulesId>,
    lineup: Lineup,
    bound: Mutex<BTreeMap<(RulesId, BusinessId, SmolStr), Arc<Bound>>>,
    entropy: Arc<dyn Entropy>,
}

/// One version of a business line's rules.
struct Rules {
    record: RulesRecord,
    /// `None` where this build cannot read it.
    rulebook: Option<Arc<Rulebook>>,
}

impl Flows {
    /// The flows of an engine that has `known` rules in its journal. Answers the records of those that are new too.
    pub(crate) fn new(
        registry: Registry<FlowEntity>,
        lineup: Lineup,
        known: &BTreeMap<RulesId, RulesRecord>,
        begun: u64,
        entropy: Arc<dyn Entropy>,
        make: impl Fn(RulesId, &Definition) -> RulesRecord,
    ) -> (Self, Vec<RulesRecord>) {
        let mut rules: BTreeMap<_, _> =
            known.values().map(|record| (record.rules, Rules::read(record))).collect();
        let (mut current, mut added) = (BTreeMap::new(), Vec::new());
        for definition in &lineup.definitions {
            let business = &definition.rulebook().business;
            let last = known.values().rev().find(|record| record.business == *business);
            let number = match last.filter(|record| record.text == definition.text()) {
                Some(record) => record.rules,
                None => {
                    let next = rules.keys().next_back().map_or(1, |last| last.0 + 1);
                    let record = make(RulesId(next), definition);
                    let rulebook = Some(Arc::new(definition.rulebook().clone()));
                    added.push(record.clone());
                    rules.insert(RulesId(next), Rules { record, rulebook });
                    RulesId(next)
                }
            };
            current.insert(business.clone(), number);
        }
        let flows = Self {
            registry,
            numbered: AtomicU64::new(begun),
            begun: AtomicU64::new(begun),
            rules,
            current,
            lineup,
            bound: Mutex::default(),
            entropy,
        };
        (flows, added)
    }

    /// A number that no flow has had.
    pub(crate) fn number(&self) -> FlowId {
        FlowId(self.numbered.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A record of the flow is handed over.
    pub(super) fn note_begun(&self, flow: FlowId) {
        self.begun.fetch_max(flow.0, Ordering::Relaxed);
    }

    /// The highest number of a flow in the journal.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Every version of all rules.
    pub(crate) fn rules(&self) -> Vec<RulesRecord> {
        self.rules.values().map(|rules| rules.record.clone()).collect()
    }

    /// The version of the rules that orders of a business are placed under now.
    pub(crate) fn current(&self, business: &BusinessId) -> Option<RulesId> {
        self.current.get(business).copied()
    }

    /// Whether the journal has other versions of a business line's rules than the one that it goes by now.
    pub(crate) fn has_older(&self, business: &BusinessId) -> bool {
        self.rules.values().filter(|rules| rules.record.business == *business).nth(1).is_some()
    }

    /// The rules that have the chain for a business and a scene: its own, or else the default line's. `kept` is the
    /// version that an order of the business was placed under.
    pub(crate) fn find(
        &self,
        business: &BusinessId,
        scene: &str,
        chain: &str,
        kept: Option<RulesId>,
    ) -> Option<RulesId> {
        let own = kept.or_else(|| self.current(business));
        let fallback =
            || self.current.iter().find(|(line, _)| line.as_str() == DEFAULT).map(|(_, number)| *number);
        let has =
            |number: &RulesId| self.rulebook(*number).is_some_and(|book| book.chain(chain, scene).is_some());
        own.filter(has).or_else(|| fallback().filter(has))
    }

    pub(crate) fn rulebook(&self, number: RulesId) -> Option<Arc<Rulebook>> {
        self.rules.get(&number)?.rulebook.clone()
    }

    /// A version of the rules, bound to what does the work for a business and a scene; `None` where this engine has
    /// not all of it.
    pub(super) fn bound(
        &self,
        number: RulesId,
        business: &BusinessId,
        scene: &str,
    ) -> Option<(Arc<Rulebook>, Arc<Bound>)> {
        let rulebook = self.rulebook(number)?;
        let mut all = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (number, business.clone(), SmolStr::new(scene));
        if let Some(bound) = all.get(&key) {
            return Some((rulebook, bound.clone()));
        }
        if self.lineup.nodes.is_empty() {
            return None;
        }
        let (bound, mistakes) = Bound::of(&rulebook, &self.lineup.nodes, business, scene);
        for (line, what) in mistakes {
            tracing::warn!(%business, scene, rules = %number, line, %what, "a chain cannot be run");
        }
        let bound = Arc::new(bound);
        all.insert(key, bound.clone());
        Some((rulebook, bound))
    }

    pub(super) fn extensions(&self) -> Arc<Extensions> {
        self.lineup.extensions.clone()
    }

    /// Any number, for jitter.
    pub(super) fn chance(&self) -> u64 {
        let mut bytes = [0; 8];
        // Without chance all wait as long as they may.
        let _ = self.entropy.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// The chains that have run, each with what its nodes did.
    pub(crate) fn views(&self) -> Vec<ChainView> {
        let all = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        let books = all.iter().filter_map(|((number, business, scene), bound)| {
            Some((*number, business, scene, self.rulebook(*number)?, bound))
        });
        books
            .flat_map(|(number, business, scene, book, bound)| {
                views_of(number, business, scene, &book, bound)
            })
            .collect()
    }
}

impl Rules {
    fn read(record: &RulesRecord) -> Self {
        let definition = Definition::parse(record.file.as_str(), record.text.as_str());
        if let Err(errors) = &definition {
            tracing::warn!(rules = %record.rules, business = %record.business, %errors, "rules that this build cannot read");
        }
        let rulebook = definition.ok().map(|definition| Arc::new(definition.rulebook().clone()));
        Self { record: record.clone(), rulebook }
    }
}
