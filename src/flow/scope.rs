//! Where something holds good: a business, a scene, and how a look-up falls back from one to the other.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;

use smol_str::SmolStr;

use crate::domain::flow::{DEFAULT, default_business};
use crate::domain::ids::BusinessId;

/// A business and a scene. Either can be [`DEFAULT`], which stands for every other one that has nothing of its
/// own. A scene is an order type's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The business line, or [`DEFAULT`].
    pub business: BusinessId,
    /// The scene, or [`DEFAULT`].
    pub scene: SmolStr,
}

impl Scope {
    /// One business in one scene.
    #[must_use]
    pub fn new(business: BusinessId, scene: impl Into<SmolStr>) -> Self {
        Self { business, scene: scene.into() }
    }

    /// Every business in every scene.
    #[must_use]
    pub fn everywhere() -> Self {
        Self::new(default_business(), DEFAULT)
    }

    /// One business in every scene.
    #[must_use]
    pub fn business(business: BusinessId) -> Self {
        Self::new(business, DEFAULT)
    }

    /// Every business in one scene.
    #[must_use]
    pub fn scene(scene: impl Into<SmolStr>) -> Self {
        Self::new(default_business(), scene)
    }

    /// Where a look-up looks, one after the other: the business's own for the scene, its own for every scene, then
    /// the default ones in the same order.
    #[must_use]
    pub fn fallbacks(&self) -> [Self; 4] {
        steps(self.business.as_str(), &self.scene).map(|(business, scene)| Self {
            business: if business == DEFAULT { default_business() } else { self.business.clone() },
            scene: scene.into(),
        })
    }
}

/// The steps of a look-up as texts.
const fn steps<'a>(business: &'a str, scene: &'a str) -> [(&'a str, &'a str); 4] {
    [(business, scene), (business, DEFAULT), (DEFAULT, scene), (DEFAULT, DEFAULT)]
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(business {}, scene {})", self.business, self.scene)
    }
}

/// A value for each scope that has one, with the place in the program that brought it.
#[derive(Clone, Debug)]
pub struct ByScope<T> {
    by_business: BTreeMap<SmolStr, BTreeMap<SmolStr, Brought<T>>>,
}

#[derive(Clone, Debug)]
struct Brought<T> {
    value: T,
    from: &'static Location<'static>,
}

/// The scope has a value already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Where it was brought.
    pub first: &'static Location<'static>,
}

impl<T> Default for ByScope<T> {
    fn default() -> Self {
        Self { by_business: BTreeMap::new() }
    }
}

impl<T> ByScope<T> {
    /// Adds the value of a scope.
    ///
    /// # Errors
    /// When the scope has one; that one stays.
    pub fn insert(&mut self, scope: &Scope, value: T, from: &'static Location<'static>) -> Result<(), Taken> {
        let scenes = self.by_business.entry(scope.business.as_str().into()).or_default();
        if let Some(earlier) = scenes.get(&scope.scene) {
            return Err(Taken { first: earlier.from });
        }
        scenes.insert(scope.scene.clone(), Brought { value, from });
        Ok(())
    }

    /// The value for a business and a scene: the first one of [`Scope::fallbacks`].
    #[must_use]
    pub fn find(&self, business: &BusinessId, scene: &str) -> Option<&T> {
        let mut steps = steps(business.as_str(), scene).into_iter();
        steps.find_map(|(business, scene)| Some(&self.by_business.get(business)?.get(scene)?.value))
    }

    /// Every business, scene and value, with the place that brought it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &T, &'static Location<'static>)> {
        self.by_business.iter().flat_map(|(business, scenes)| {
            scenes
                .iter()
                .map(|(scene, brought)| (business.as_str(), scene.as_str(), &brought.value, brought.from))
        })
    }
}
