//! What a flow goes through, as data: chains of nodes, and what a business line's file says of them.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use crate::domain::ids::{BusinessId, CustomerId};

/// The business, or the scene, that stands for every other one that has nothing of its own.
pub const DEFAULT: &str = "default";

/// [`DEFAULT`] as a business line's name.
#[must_use]
pub fn default_business() -> BusinessId {
    BusinessId::known(DEFAULT)
}

/// The chains that every business line has, be it by falling back on the default line.
pub const STANDARD_CHAINS: [&str; 6] = ["submit", "pay", "fulfil", "reverse", "cancel", "refund"];

/// Everything that the file of one business line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rulebook {
    /// The business line; [`DEFAULT`] for the one that all others fall back on.
    pub business: BusinessId,
    /// Extension points for which there must be a provider.
    pub requires: Vec<SmolStr>,
    /// Who is in which gradual release.
    pub switches: BTreeMap<SmolStr, Switch>,
    /// The chains, in the order of the file.
    pub chains: Vec<Chain>,
}

/// One chain: stages one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Its name: `submit`, `pay` …
    pub name: SmolStr,
    /// The scene it is for: the name of an order type, or [`DEFAULT`].
    pub scene: SmolStr,
    /// Line of the file where it begins, from 1.
    pub line: u32,
    /// The nodes, in the order in which they stand in the file.
    pub nodes: Vec<NodeSpec>,
    /// For each stage the number of nodes in it: 1 for a node alone, more for a parallel group. They sum to the
    /// number of nodes.
    pub stages: Vec<u16>,
}

/// One node of a chain, with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    /// Its name, unique within the chain; part of the key of its effects.
    pub name: SmolStr,
    /// Line of the file where it is named, from 1.
    pub line: u32,
    /// What does its work.
    pub work: Work,
    /// What it does to the world outside of its context.
    pub effect: Effect,
    /// What happens to it when the engine finds after a crash that it had begun and not ended.
    pub after_crash: AfterCrash,
    /// Over what the key of its effects stays the same.
    pub key: KeyScope,
    /// Whether it is rolled back as well when it fails itself, and called back when it skips.
    pub rollback_self: bool,
    /// How often it is tried, and how long it waits in between.
    pub retry: Retry,
    /// The same for its rollback.
    pub rollback_retry: Retry,
    /// The longest that one call of it may take, in milliseconds; `None` for no limit.
    pub timeout_ms: Option<u64>,
    /// The switch that a customer must be in for the node to be in his flow.
    pub when: Option<SmolStr>,
}

/// What does a node's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// The provider of this name.
    Provider(SmolStr),
    /// Another chain of the same business line, with a context of its own, entered and left by the provider.
    Chain {
        /// The sub-chain.
        chain: SmolStr,
        /// What makes its context, and takes over what came of it.
        provider: SmolStr,
    },
}

/// What a node does to the world outside of its context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    /// Something that the engine knows nothing of: that it begins is durable before it does.
    #[default]
    External,
    /// Commands to the engine only: that it begins stands in the journal before they do.
    Engine,
    /// Nothing: it only reads and changes its context, and may be run again at will.
    None,
}

/// What happens to a node that a crash interrupted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterCrash {
    /// It is run again, under the same key.
    #[default]
    Retry,
    /// It is asked what became of it.
    Resume,
    /// It is not run again: the flow is rolled back, and the node with it.
    Compensate,
}

/// Over what the key of a node's effects stays the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyScope {
    /// Over one attempt: after a definite failure the next one has another key. An attempt whose outcome is not
    /// known is not over.
    #[default]
    Attempt,
    /// Over all attempts.
    Node,
}

/// How often something is tried again, and after how long. The wait doubles from one time to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often it is tried again after it failed.
    pub retries: u16,
    /// The first wait, in milliseconds.
    pub backoff_ms: u64,
    /// The longest wait, in milliseconds.
    pub backoff_max_ms: u64,
    /// By how many percent at the most a wait is made shorter at random, from 0 to 100.
    pub jitter_percent: u8,
}

/// A gradual release: some customers by name, others by a share of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switch {
    /// Customers who are in, whatever the share.
    pub allow: BTreeSet<CustomerId>,
    /// The share of all customers who are in, in percent from 0 to 100; a customer who is in stays in when it
    /// grows.
    pub percent: u8,
}

impl Retry {
    /// Not at all.
    pub const NEVER: Self = Self { retries: 0, backoff_ms: 100, backoff_max_ms: 10_000, jitter_percent: 20 };
    /// What a rollback has where the file says nothing: eight times, from 100 milliseconds to ten seconds.
    pub const ROLLBACK: Self = Self { retries: 8, ..Self::NEVER };

    /// The wait before attempt `next`, counted from 1, in milliseconds; the first attempt has none. `chance` is
    /// any number, and decides the jitter.
    #[must_use]
    pub fn wait_ms(&self, next: u16, chance: u64) -> u64 {
        if next <= 1 {
            return 0;
        }
        let doublings = u32::from(next - 2).min(u64::BITS - 1);
        let full = self.backoff_ms.saturating_mul(1 << doublings).min(self.backoff_max_ms);
        let most = u128::from(full) * u128::from(self.jitter_percent.min(100)) / 100;
        let off = (u128::from(chance) * (most + 1)) >> u64::BITS;
        full.saturating_sub(u64::try_from(off).unwrap_or(full))
    }
}

impl Chain {
    /// The stage that begins with each of its nodes: first node and number of nodes.
    pub fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let mut from = 0;
        self.stages.iter().map(move |count| {
            let range = from..from + usize::from(*count);
            from = range.end;
            range
        })
    }
}

impl Rulebook {
    /// The chain of this name for a scene, or the one for every scene.
    #[must_use]
    pub fn chain(&self, name: &str, scene: &str) -> Option<&Chain> {
        self.chains.get(usize::from(self.place(name, scene)?))
    }

    /// Where that chain stands among the chains.
    #[must_use]
    pub fn place(&self, name: &str, scene: &str) -> Option<u16> {
        let of = |scene: &str| self.chains.iter().position(|it| it.name == name && it.scene == scene);
        of(scene).or_else(|| of(DEFAULT)).and_then(|place| u16::try_from(place).ok())
    }
}

impl Switch {
    /// Whether a customer is in. `name` is the switch's own: another one has other customers in its share.
    /// Without a customer only a share of 100 percent is in.
    #[must_use]
    pub fn is_on(&self, name: &str, customer: Option<&CustomerId>) -> bool {
        let Some(customer) = customer else { return self.percent >= 100 };
        self.allow.contains(customer) || spot(name, customer.as_str()) < u64::from(self.percent)
    }
}

/// Where a customer stands in a switch, from 0 to 99, the same for good: FNV-1a over both, with the finaliser of
/// MurmurHash3, because the low bits of the former are poor.
fn spot(switch: &str, customer: &str) -> u64 {
    let bytes = switch.bytes().chain([0]).chain(customer.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (mixed ^ (mixed >> 33)) % 100
}
