//! What is asked for: orders of one unit of one SKU.

use anyhow::{Context, Result};
use clap::ValueEnum;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};
use serde::Serialize;

use super::contender::Step;

/// SKUs over which orders are spread where they are.
const SKUS: usize = 10_000;

/// Exponent of Zipf's law: the first SKU is a hundred times as popular as the hundredth.
const EXPONENT: f64 = 1.0;

/// Units of each SKU: more than any run can sell.
pub(super) const AMPLE: u64 = 1_000_000_000;

/// The workloads, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WorkloadName {
    /// All orders are for one SKU.
    Hot,
    /// Orders are spread evenly over 10,000 SKUs.
    Uniform,
    /// Orders are spread over 10,000 SKUs by Zipf's law with exponent 1.
    Zipf,
    /// Orders over 10,000 SKUs are placed, paid, shipped and delivered.
    Lifecycle,
}

impl WorkloadName {
    /// What is asked for each order, one after the other.
    pub(super) const fn steps(self) -> &'static [Step] {
        match self {
            Self::Hot | Self::Uniform | Self::Zipf => &[Step::Place],
            Self::Lifecycle => &[Step::Place, Step::Pay, Step::Ship, Step::Deliver],
        }
    }

    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// A workload with its SKUs, which are numbers from 0. Behind the last one is a SKU without any stock.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) name: WorkloadName,
    /// SKUs with stock.
    pub(super) skus: usize,
    seed: u64,
    popularity: Option<Zipf<f64>>,
}

/// One order: an id and the SKU of which it wants a unit.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) sku: usize,
}

/// The orders of one caller.
pub(super) struct Draws {
    work: Work,
    random: Xoshiro256PlusPlus,
    caller: usize,
    drawn: u64,
}

impl Work {
    pub(super) fn new(name: WorkloadName, seed: u64) -> Result<Self> {
        let popularity = match name {
            WorkloadName::Zipf => Some(Zipf::new(SKUS as f64, EXPONENT).context("making Zipf's law")?),
            WorkloadName::Hot | WorkloadName::Uniform | WorkloadName::Lifecycle => None,
        };
        let skus = if name == WorkloadName::Hot { 1 } else { SKUS };
        Ok(Self { name, skus, seed, popularity })
    }

    /// The orders of this caller: the same for every contender.
    pub(super) fn of_caller(&self, caller: usize) -> Draws {
        // An odd constant near 2^64 / φ sets the seeds of neighbours far apart.
        let seed = self.seed ^ (caller as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Draws { work: self.clone(), random: Xoshiro256PlusPlus::seed_from_u64(seed), caller, drawn: 0 }
    }

    /// An order that a run asks for at its end and that no caller draws.
    pub(super) fn extra(&self) -> Draft {
        Draft { id: "extra-1".to_owned(), sku: 0 }
    }

    /// An order that nobody may grant.
    pub(super) fn impossible(&self) -> Draft {
        Draft { id: "impossible-1".to_owned(), sku: self.skus }
    }
}

impl Draws {
    pub(super) fn draw(&mut self) -> Draft {
        self.drawn += 1;
        let skus = self.work.skus;
        let sku = match &self.work.popularity {
            // The sampler answers whole numbers from 1 to the number of SKUs.
            Some(law) => (law.sample(&mut self.random) as usize).clamp(1, skus) - 1,
            None => self.random.random_range(0..skus),
        };
        Draft { id: format!("{}-{}", self.caller, self.drawn), sku }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_caller_asks_every_contender_for_the_same_orders() -> Result<()> {
        let work = Work::new(WorkloadName::Uniform, 7)?;
        let drawn = |caller| {
            let mut draws = work.of_caller(caller);
            (0..50).map(|_| draws.draw().sku).collect::<Vec<_>>()
        };
        assert_eq!(drawn(3), drawn(3));
        assert_ne!(drawn(3), drawn(4));
        Ok(())
    }

    #[test]
    fn zipf_prefers_the_first_sku_and_one_hot_sku_is_the_only_one() -> Result<()> {
        let mut zipf = Work::new(WorkloadName::Zipf, 7)?.of_caller(0);
        let first = (0..5_000).filter(|_| zipf.draw().sku == 0).count();
        // By the law about every tenth order of ten thousand SKUs: 5,000 / H(10,000), which is 511.
        assert!((380..650).contains(&first), "{first}");
        let mut hot = Work::new(WorkloadName::Hot, 7)?.of_caller(0);
        assert!((0..50).all(|_| hot.draw().sku == 0));
        Ok(())
    }
}
