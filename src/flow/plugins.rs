//! Everything that business lines provide, collected before the engine is opened.

use std::panic::Location;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::definition::{Definition, DefinitionErrors, repeated_businesses, scenes};
use super::extensions::{ExtensionPoint, Extensions};
use super::lineup::Nodes;
use super::node::{Node, SubChain};
use super::scope::Scope;

/// Collects what business lines provide. A mistake is kept until the end, so that all of them are told at once.
///
/// Each business line is a function, or a crate, that takes the collection and gives it back with its own in it:
/// it shares no code with another line, and nothing but a list has to name it.
#[derive(Debug, Default)]
pub struct Plugins {
    extensions: Extensions,
    nodes: Nodes,
    errors: DefinitionErrors,
}

impl Plugins {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a provider of an extension point. A second one for the same scope is a mistake.
    #[must_use]
    #[track_caller]
    pub fn provide<P: ExtensionPoint + ?Sized>(mut self, scope: Scope, provider: Arc<P>) -> Self {
        if let Err(mistake) = self.extensions.provide(scope, provider) {
            self.errors.push(mistake);
        }
        self
    }

    /// Adds a node of this name, for contexts of type `C`. A second one for the same scope is a mistake.
    #[must_use]
    #[track_caller]
    pub fn node<C>(mut self, scope: &Scope, name: &str, node: impl Node<C>) -> Self
    where
        C: Serialize + DeserializeOwned + Send + 'static,
    {
        if let Err(mistake) = self.nodes.add_node::<C, _>(scope, name, node, Location::caller()) {
            self.errors.push(mistake);
        }
        self
    }

    /// Adds a node of this name that carries a sub-chain. A second one for the same scope is a mistake.
    #[must_use]
    #[track_caller]
    pub fn sub_chain<C>(mut self, scope: &Scope, name: &str, sub: impl SubChain<C>) -> Self
    where
        C: Serialize + DeserializeOwned + Send + 'static,
    {
        if let Err(mistake) = self.nodes.add_sub_chain::<C, _>(scope, name, sub, Location::caller()) {
            self.errors.push(mistake);
        }
        self
    }

    /// The extensions, checked against all definitions.
    ///
    /// # Errors
    /// Every second provider, every provider for a scene that is not there, every extension point that a
    /// definition requires and nobody provides, and every second definition of a business.
    pub fn extensions(self, definitions: &[Definition]) -> Result<Extensions, DefinitionErrors> {
        self.finish(definitions).map(|(extensions, _)| extensions)
    }

    /// Extensions and nodes, the extensions checked.
    pub(crate) fn finish(self, definitions: &[Definition]) -> Result<(Extensions, Nodes), DefinitionErrors> {
        let Self { extensions, nodes, mut errors } = self;
        let names = scenes();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        errors.extend(extensions.unknown_scenes(&known));
        errors.extend(extensions.missing(definitions));
        errors.extend(repeated_businesses(definitions));
        errors.into_result()?;
        Ok((extensions, nodes))
    }
}
