//! Providers: which one is found, which ones are refused, which ones are missing.

use std::sync::Arc;

use earmark::BusinessId;
use earmark::domain::flow::DEFAULT;
use earmark::flow::{Definition, ExtensionPoint, Extensions, Plugins, Scope};

trait Pricing: Send + Sync {
    fn name(&self) -> &'static str;
}
impl ExtensionPoint for dyn Pricing {
    const NAME: &'static str = "pricing";
}

trait Slots: Send + Sync {}
impl ExtensionPoint for dyn Slots {
    const NAME: &'static str = "delivery-slots";
}

trait OtherPricing: Send + Sync {}
impl ExtensionPoint for dyn OtherPricing {
    const NAME: &'static str = "pricing";
}

struct Named(&'static str);
impl Pricing for Named {
    fn name(&self) -> &'static str {
        self.0
    }
}
impl Slots for Named {}
impl OtherPricing for Named {}

fn shop() -> BusinessId {
    "shop".parse().unwrap()
}

fn scope(business: &str, scene: &str) -> Scope {
    Scope::new(business.parse().unwrap(), scene)
}

fn found(extensions: &Extensions, business: &str, scene: &str) -> Result<&'static str, String> {
    let business = business.parse().unwrap();
    extensions.get::<dyn Pricing>(&business, scene).map(|it| it.name()).map_err(|error| error.to_string())
}

#[test]
fn a_look_up_falls_back_in_four_steps_and_then_says_what_is_missing() {
    let everywhere = [("shop", "physical"), ("shop", DEFAULT), (DEFAULT, "physical"), (DEFAULT, DEFAULT)];
    // Every set of providers on the four steps: the first step that has one answers.
    for set in 0..16_u32 {
        let mut extensions = Extensions::default();
        let names = ["own for the scene", "own", "default for the scene", "default"];
        let mut wanted = None;
        for (step, (business, scene)) in everywhere.into_iter().enumerate() {
            if set & (1 << step) != 0 {
                let provider = Arc::new(Named(names[step]));
                extensions.provide::<dyn Pricing>(scope(business, scene), provider).unwrap();
                wanted = wanted.or(Some(names[step]));
            }
        }
        let missing = "no provider of pricing for business shop and scene physical, nor a default one";
        assert_eq!(found(&extensions, "shop", "physical"), wanted.ok_or(missing.to_owned()), "set {set:04b}");
    }
}

#[test]
fn a_provider_answers_only_where_its_scope_reaches() {
    let mut extensions = Extensions::default();
    let mut provide = |scope: Scope, name| extensions.provide::<dyn Pricing>(scope, Arc::new(Named(name)));
    provide(Scope::new(shop(), "physical"), "shop physical").unwrap();
    provide(Scope::business(shop()), "shop").unwrap();
    provide(Scope::scene("physical"), "physical").unwrap();
    let table = [
        ("shop", "physical", Ok("shop physical")),
        ("shop", "simple", Ok("shop")),
        ("shop", DEFAULT, Ok("shop")),
        ("club", "physical", Ok("physical")),
        (DEFAULT, "physical", Ok("physical")),
        ("club", "simple", Err(())),
        (DEFAULT, DEFAULT, Err(())),
    ];
    for (business, scene, wanted) in table {
        assert_eq!(found(&extensions, business, scene).map_err(|_| ()), wanted, "{business} {scene}");
    }
}

#[test]
fn the_steps_of_a_scope_are_those_that_a_look_up_takes() {
    let shown = |scope: &Scope| scope.fallbacks().map(|step| step.to_string());
    assert_eq!(
        shown(&Scope::new(shop(), "physical")),
        [
            "(business shop, scene physical)",
            "(business shop, scene default)",
            "(business default, scene physical)",
            "(business default, scene default)"
        ]
    );
    assert!(Scope::everywhere().fallbacks().iter().all(|step| *step == Scope::everywhere()));
}

#[test]
fn a_second_provider_for_one_scope_is_refused_and_both_places_are_named() {
    let first_line = line!() + 2;
    let plugins = Plugins::new()
        .provide::<dyn Pricing>(Scope::business(shop()), Arc::new(Named("first")))
        .provide::<dyn Slots>(Scope::business(shop()), Arc::new(Named("another point")))
        .provide::<dyn Pricing>(Scope::everywhere(), Arc::new(Named("another scope")))
        .provide::<dyn Pricing>(Scope::business(shop()), Arc::new(Named("second")));
    let errors = plugins.extensions(&[]).unwrap_err();
    let (file, second_line) = (file!(), first_line + 3);
    let wanted = format!(
        "{file}:{second_line}: second provider of pricing for (business shop, scene default); \
         the first one is at {file}:{first_line}:"
    );
    assert!(errors.to_string().starts_with(&wanted), "{errors}");
    assert_eq!(errors.iter().count(), 1);
}

#[test]
fn the_first_provider_stays_when_a_second_one_is_refused() {
    let mut extensions = Extensions::default();
    extensions.provide::<dyn Pricing>(Scope::everywhere(), Arc::new(Named("first"))).unwrap();
    extensions.provide::<dyn Pricing>(Scope::everywhere(), Arc::new(Named("second"))).unwrap_err();
    assert_eq!(found(&extensions, "shop", "physical"), Ok("first"));
}

#[test]
fn two_extension_points_cannot_have_one_name() {
    let errors = Plugins::new()
        .provide::<dyn Pricing>(Scope::everywhere(), Arc::new(Named("one")))
        .provide::<dyn OtherPricing>(Scope::business(shop()), Arc::new(Named("two")))
        .extensions(&[])
        .unwrap_err();
    let text = errors.to_string();
    assert!(text.contains("another extension point is called pricing as well, at "), "{text}");
}

const REQUIRING: &str = "business = \"shop\"\nrequires = [\n  \"pricing\",\n  \"delivery-slots\",\n]\n";

fn missing(plugins: Plugins, chains: &str) -> Vec<String> {
    let definition = Definition::parse("shop.toml", format!("{REQUIRING}{chains}")).unwrap();
    let checked = plugins.extensions(&[definition]);
    checked.err().into_iter().flatten().map(|mistake| mistake.to_string()).collect()
}

#[test]
fn a_required_extension_without_a_provider_is_told_with_file_and_line() {
    let what = |line: u32, point: &str, scene: &str| {
        format!("shop.toml:{line}: no provider of the required {point} for business shop and scene {scene}")
    };
    let none = Plugins::new;
    assert_eq!(missing(none(), ""), [what(3, "pricing", DEFAULT), what(4, "delivery-slots", DEFAULT)]);
    let pricing = |scope| none().provide::<dyn Pricing>(scope, Arc::new(Named("p")));
    assert_eq!(missing(pricing(Scope::everywhere()), ""), [what(4, "delivery-slots", DEFAULT)]);
    // A line with chains for one scene needs providers for that scene, and for no other.
    let chains = "chains.physical.submit = [\"a\"]\n";
    let slots = |plugins: Plugins, scope| plugins.provide::<dyn Slots>(scope, Arc::new(Named("s")));
    let physical = slots(pricing(Scope::new(shop(), "physical")), Scope::scene("physical"));
    assert_eq!(missing(physical, chains), Vec::<String>::new());
    let both = format!("{chains}chains.default.submit = [\"a\"]\n");
    let physical = slots(pricing(Scope::new(shop(), "physical")), Scope::scene("physical"));
    assert_eq!(missing(physical, &both), [what(3, "pricing", DEFAULT), what(4, "delivery-slots", DEFAULT)]);
    let other_shop = slots(pricing(scope("club", DEFAULT)), Scope::everywhere());
    assert_eq!(missing(other_shop, &both), [what(3, "pricing", DEFAULT), what(3, "pricing", "physical")]);
}

#[test]
fn a_provider_for_a_scene_that_is_not_there_is_refused_with_its_place() {
    let line = line!() + 1;
    let plugins = Plugins::new().provide::<dyn Pricing>(Scope::scene("phisical"), Arc::new(Named("p")));
    let errors = plugins.extensions(&[]).unwrap_err().to_string();
    let wanted = "a provider of pricing is for the unknown scene phisical; known are: simple, physical, virtual, flash_sale, preorder, membership, default";
    assert_eq!(errors, format!("{}:{line}: {wanted}", file!()));
}

#[test]
fn everything_that_is_wrong_with_plugins_is_told_at_once() {
    let definitions = ["a.toml", "b.toml"].map(|file| Definition::parse(file, REQUIRING).unwrap());
    let errors = Plugins::new()
        .provide::<dyn Pricing>(Scope::everywhere(), Arc::new(Named("one")))
        .provide::<dyn Pricing>(Scope::everywhere(), Arc::new(Named("two")))
        .extensions(&definitions)
        .unwrap_err();
    let told: Vec<_> = errors.iter().map(|mistake| (mistake.file.as_str(), mistake.line)).collect();
    let (files, lines): (Vec<_>, Vec<_>) = told[..3].iter().copied().unzip();
    assert_eq!((files, lines), (vec!["a.toml", "b.toml", "b.toml"], vec![4, 1, 4]));
    assert_eq!((told.len(), told[3].0), (4, file!()));
}
