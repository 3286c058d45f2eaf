//! The business lines of an engine, checked, and their chains bound to what does their work.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::Location;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde::de::DeserializeOwned;
use smol_str::SmolStr;

use super::definition::{Definition, DefinitionErrors, Mistake};
use super::erased::{AnyNode, AnySubChain, ContextType, Typed};
use super::extensions::Extensions;
use super::node::{Node, SubChain};
use super::plugins::Plugins;
use super::scope::{ByScope, Scope};
use super::stats::NodeStats;
use crate::domain::flow::{Chain, Rulebook, Work};
use crate::domain::ids::BusinessId;

/// A business line: its definition, and what it provides. A crate or a module has one, and whoever opens the engine
/// names it in [`crate::Config::lines`].
pub trait BusinessLine: Send + Sync + 'static {
    /// What its file says.
    ///
    /// # Errors
    /// Every mistake in it.
    fn definition(&self) -> Result<Definition, DefinitionErrors>;

    /// Adds its nodes and extensions.
    fn provide(&self, plugins: Plugins) -> Plugins;
}

/// What does the work of a node.
#[derive(Clone)]
pub(crate) enum Provider {
    Node(Arc<dyn AnyNode>),
    SubChain(Arc<dyn AnySubChain>),
}

impl Provider {
    fn context(&self) -> ContextType {
        match self {
            Self::Node(node) => node.context(),
            Self::SubChain(sub) => sub.context(),
        }
    }
}

/// The providers of nodes, by name and scope.
#[derive(Default)]
pub(crate) struct Nodes(BTreeMap<SmolStr, ByScope<Provider>>);

impl Nodes {
    pub(super) fn add_node<C, N>(
        &mut self,
        scope: &Scope,
        name: &str,
        node: N,
        from: &'static Location<'static>,
    ) -> Result<(), Mistake>
    where
        C: Serialize + DeserializeOwned + Send + 'static,
        N: Node<C>,
    {
        self.add(scope, name, Provider::Node(Arc::new(Typed::<C, N>::new(node))), from)
    }

    pub(super) fn add_sub_chain<C, S>(
        &mut self,
        scope: &Scope,
        name: &str,
        sub: S,
        from: &'static Location<'static>,
    ) -> Result<(), Mistake>
    where
        C: Serialize + DeserializeOwned + Send + 'static,
        S: SubChain<C>,
    {
        self.add(scope, name, Provider::SubChain(Arc::new(Typed::<C, S>::new(sub))), from)
    }

    fn add(
        &mut self,
        scope: &Scope,
        name: &str,
        provider: Provider,
        from: &'static Location<'static>,
    ) -> Result<(), Mistake> {
        let named = self.0.entry(name.into()).or_default();
        named.insert(scope, provider, from).map_err(|taken| Mistake {
            file: from.file().to_owned(),
            line: from.line(),
            what: format!("second provider of node {name} for {scope}; the first one is at {}", taken.first),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, name: &str, business: &BusinessId, scene: &str) -> Option<&Provider> {
        self.0.get(name)?.find(business, scene)
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A chain with what does its work.
pub(crate) struct BoundChain {
    pub(crate) context: ContextType,
    pub(crate) nodes: Vec<Provider>,
    /// What each of them has done.
    pub(crate) stats: Vec<Mutex<NodeStats>>,
    /// Which calls each of them is known not to have written.
    pub(crate) unwritten: Vec<Unwritten>,
}

/// Calls that a node has not written, as far as that is known: it shows when they are made for the first time.
#[derive(Default)]
pub(crate) struct Unwritten {
    pub(crate) success: AtomicBool,
    pub(crate) callback: AtomicBool,
}

/// The chains of a rulebook with what does their work for one business and scene; `None` where something is missing.
pub(crate) struct Bound(Vec<Option<BoundChain>>);

impl Bound {
    /// Binds every chain that can be bound, and says what is wrong with the others: line and what.
    pub(crate) fn of(
        rules: &Rulebook,
        nodes: &Nodes,
        business: &BusinessId,
        scene: &str,
    ) -> (Self, Vec<(u32, String)>) {
        let mut mistakes = Vec::new();
        let bound = |chain: &Chain| bind(chain, rules, nodes, business, scene, &mut mistakes);
        let chains = rules.chains.iter().map(bound).collect();
        (Self(chains), mistakes)
    }

    pub(crate) fn chain(&self, number: u16) -> Option<&BoundChain> {
        self.0.get(usize::from(number))?.as_ref()
    }
}

fn bind(
    chain: &Chain,
    rules: &Rulebook,
    nodes: &Nodes,
    business: &BusinessId,
    scene: &str,
    mistakes: &mut Vec<(u32, String)>,
) -> Option<BoundChain> {
    let before = mistakes.len();
    let mut providers = Vec::with_capacity(chain.nodes.len());
    let mut context: Option<ContextType> = None;
    for spec in &chain.nodes {
        let (Work::Provider(name) | Work::Chain { provider: name, .. }) = &spec.work;
        let Some(provider) = nodes.find(name, business, scene) else {
            mistakes.push((
                spec.line,
                format!("nobody provides node {name} for business {business} and scene {scene}"),
            ));
            continue;
        };
        match (&spec.work, provider) {
            (Work::Provider(_), Provider::SubChain(_)) => {
                mistakes
                    .push((spec.line, format!("node {name} carries a sub-chain, and the file names none")));
            }
            (Work::Chain { .. }, Provider::Node(_)) => {
                mistakes.push((spec.line, format!("node {name} does not carry a sub-chain")));
            }
            (Work::Chain { chain: sub, .. }, Provider::SubChain(carrier)) => {
                let made = carrier.sub_context();
                let wanted = context_of(rules, nodes, sub, business, scene);
                if let Some(wanted) = wanted.filter(|wanted| wanted.id != made.id) {
                    let what = format!(
                        "node {name} makes a {} for sub-chain {sub}, which works on a {}",
                        made.name, wanted.name
                    );
                    mistakes.push((spec.line, what));
                }
            }
            (Work::Provider(_), Provider::Node(_)) => {}
        }
        let of = provider.context();
        match context {
            None => context = Some(of),
            Some(first) if first.id != of.id => {
                let what = format!(
                    "node {name} works on a {}, and the nodes before it on a {}",
                    of.name, first.name
                );
                mistakes.push((spec.line, what));
            }
            Some(_) => {}
        }
        providers.push(provider.clone());
    }
    let context = context?;
    (mistakes.len() == before).then(|| {
        let stats = providers.iter().map(|_| Mutex::default()).collect();
        let unwritten = providers.iter().map(|_| Unwritten::default()).collect();
        BoundChain { context, nodes: providers, stats, unwritten }
    })
}

/// What a chain works on: what its first node does.
fn context_of(
    rules: &Rulebook,
    nodes: &Nodes,
    chain: &str,
    business: &BusinessId,
    scene: &str,
) -> Option<ContextType> {
    let first = rules.chain(chain, scene)?.nodes.first()?;
    let (Work::Provider(name) | Work::Chain { provider: name, .. }) = &first.work;
    Some(nodes.find(name, business, scene)?.context())
}

/// Everything that an engine's business lines bring along.
#[derive(Default)]
pub(crate) struct Lineup {
    pub(crate) definitions: Vec<Definition>,
    pub(crate) extensions: Arc<Extensions>,
    pub(crate) nodes: Nodes,
}

impl Lineup {
    /// Collects and checks what the lines bring.
    ///
    /// # Errors
    /// Every mistake in every definition; every provider that is missing, comes twice or works on something else.
    pub(crate) fn of(lines: &[Arc<dyn BusinessLine>]) -> Result<Self, DefinitionErrors> {
        let mut errors = DefinitionErrors::default();
        let (mut definitions, mut plugins) = (Vec::new(), Plugins::new());
        for line in lines {
            match line.definition() {
                Ok(definition) => definitions.push(definition),
                Err(mistakes) => errors.extend(mistakes),
            }
            plugins = line.provide(plugins);
        }
        let (extensions, nodes) = match plugins.finish(&definitions) {
            Ok(finished) => finished,
            Err(mistakes) => {
                errors.extend(mistakes);
                return Err(errors);
            }
        };
        for definition in &definitions {
            let rules = definition.rulebook();
            for scene in scenes_of(rules) {
                let (_, mistakes) = Bound::of(rules, &nodes, &rules.business, scene);
                for (line, what) in mistakes {
                    let mistake = Mistake { file: definition.file().to_owned(), line, what };
                    if !errors.iter().any(|known| *known == mistake) {
                        errors.push(mistake);
                    }
                }
            }
        }
        errors.into_result()?;
        Ok(Self { definitions, extensions: Arc::new(extensions), nodes })
    }
}

/// The scenes that a line has chains for.
fn scenes_of(rules: &Rulebook) -> BTreeSet<&str> {
    rules.chains.iter().map(|chain| chain.scene.as_str()).collect()
}
