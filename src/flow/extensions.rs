//! Extension points: what business lines do differently, as traits, and who provides it.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::Arc;

use super::definition::{Definition, DefinitionErrors, Mistake};
use super::scope::{ByScope, Scope};
use crate::domain::flow::DEFAULT;
use crate::domain::ids::BusinessId;

/// A place where business lines differ: a trait, for which each of them can provide something of its own. It is
/// implemented for the trait's object type.
///
/// ```
/// use std::sync::Arc;
/// use earmark::flow::{ExtensionPoint, Extensions, Plugins, Scope};
///
/// trait Pricing: Send + Sync {
///     fn price(&self, units: u64) -> u64;
/// }
/// impl ExtensionPoint for dyn Pricing {
///     const NAME: &'static str = "pricing";
/// }
///
/// struct Flat(u64);
/// impl Pricing for Flat {
///     fn price(&self, units: u64) -> u64 {
///         units * self.0
///     }
/// }
///
/// let shop: earmark::BusinessId = "shop".parse()?;
/// let extensions = Plugins::new()
///     .provide::<dyn Pricing>(Scope::everywhere(), Arc::new(Flat(100)))
///     .provide::<dyn Pricing>(Scope::business(shop.clone()), Arc::new(Flat(80)))
///     .extensions(&[])?;
/// assert_eq!(extensions.get::<dyn Pricing>(&shop, "physical")?.price(2), 160);
/// assert_eq!(extensions.get::<dyn Pricing>(&"other".parse()?, "physical")?.price(2), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ExtensionPoint: Send + Sync + 'static {
    /// Its name, under which a definition's `requires` asks for it. No two extension points share one.
    const NAME: &'static str;
}

/// Nothing is provided where something was looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no provider of {point} for business {business} and scene {scene}, nor a default one")]
pub struct MissingExtension {
    /// The extension point.
    pub point: &'static str,
    /// The business that was asked for.
    pub business: BusinessId,
    /// The scene that was asked for.
    pub scene: String,
}

/// What is provided for extension points, by business and scene.
#[derive(Default)]
pub struct Extensions {
    points: BTreeMap<TypeId, Point>,
}

struct Point {
    name: &'static str,
    /// Where its first provider was brought.
    first: &'static Location<'static>,
    /// Each of them is an `Arc` of the trait that the type id stands for.
    providers: ByScope<Box<dyn Any + Send + Sync>>,
}

impl Extensions {
    /// Adds a provider.
    ///
    /// # Errors
    /// When the scope has one already, or another extension point has the same name; the message names both
    /// places in the program.
    #[track_caller]
    pub fn provide<P: ExtensionPoint + ?Sized>(
        &mut self,
        scope: Scope,
        provider: Arc<P>,
    ) -> Result<(), Mistake> {
        let here = Location::caller();
        let id = TypeId::of::<P>();
        let other = self.points.iter().find(|(other, point)| **other != id && point.name == P::NAME);
        if let Some((_, other)) = other {
            let what = format!("another extension point is called {} as well, at {}", P::NAME, other.first);
            return Err(at(here, what));
        }
        let point = self.points.entry(id).or_insert_with(|| Point {
            name: P::NAME,
            first: here,
            providers: ByScope::default(),
        });
        point.providers.insert(&scope, Box::new(provider), here).map_err(|taken| {
            at(
                here,
                format!("second provider of {} for {scope}; the first one is at {}", P::NAME, taken.first),
            )
        })
    }

    /// The provider for a business and a scene, falling back by [`Scope::fallbacks`].
    ///
    /// # Errors
    /// When there is none at the end of the fall-back either.
    pub fn get<P: ExtensionPoint + ?Sized>(
        &self,
        business: &BusinessId,
        scene: &str,
    ) -> Result<&Arc<P>, MissingExtension> {
        let point = self.points.get(&TypeId::of::<P>());
        let provider = point.and_then(|point| point.providers.find(business, scene));
        provider.and_then(|provider| provider.downcast_ref()).ok_or_else(|| MissingExtension {
            point: P::NAME,
            business: business.clone(),
            scene: scene.to_owned(),
        })
    }

    /// Everything that the definitions require and nobody provides: for each scene that a line has chains for, the
    /// default one included, a look-up has to find something. A line without chains is looked at in the default
    /// scene.
    #[must_use]
    pub fn missing(&self, definitions: &[Definition]) -> DefinitionErrors {
        let mut errors = DefinitionErrors::default();
        for definition in definitions {
            let rulebook = definition.rulebook();
            let mut scenes: Vec<&str> = Vec::new();
            for scene in rulebook.chains.iter().map(|chain| chain.scene.as_str()) {
                if !scenes.contains(&scene) {
                    scenes.push(scene);
                }
            }
            if scenes.is_empty() {
                scenes.push(DEFAULT);
            }
            for (name, line) in definition.required() {
                let lacks = |scene: &&str| !self.has(name, &rulebook.business, scene);
                for scene in scenes.iter().copied().filter(lacks) {
                    let what = format!(
                        "no provider of the required {name} for business {} and scene {scene}",
                        rulebook.business
                    );
                    errors.push(Mistake { file: definition.file().to_owned(), line, what });
                }
            }
        }
        errors
    }

    /// Every provider whose scene is none of those that there are.
    #[must_use]
    pub fn unknown_scenes(&self, scenes: &[&str]) -> DefinitionErrors {
        let providers = self
            .points
            .values()
            .flat_map(|point| point.providers.iter().map(|(_, scene, _, from)| (point.name, scene, from)));
        let unknown = providers.filter(|(_, scene, _)| !scenes.contains(scene));
        unknown
            .map(|(point, scene, from)| {
                let known = scenes.join(", ");
                at(
                    from,
                    format!("a provider of {point} is for the unknown scene {scene}; known are: {known}"),
                )
            })
            .collect()
    }

    fn has(&self, point: &str, business: &BusinessId, scene: &str) -> bool {
        let mut points = self.points.values().filter(|known| known.name == point);
        points.any(|point| point.providers.find(business, scene).is_some())
    }
}

impl std::fmt::Debug for Extensions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let providers = self.points.values().flat_map(|point| {
            point.providers.iter().map(|(business, scene, _, _)| (point.name, business, scene))
        });
        f.debug_list().entries(providers).finish()
    }
}

/// A mistake at a place in the program.
fn at(place: &Location<'_>, what: String) -> Mistake {
    Mistake { file: place.file().to_owned(), line: place.line(), what }
}
