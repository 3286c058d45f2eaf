//! How a cost grew along an axis, in numbers and in a word.

use serde::Serialize;

/// Up to this exponent something is flat: a quarter more for ten times as much.
const FLAT_MAX: f64 = 0.1;

/// By how much an exponent of the whole axis may miss what is expected.
const TOLERANCE: f64 = 0.1;

/// The same for a single step, in which noise weighs more: twice as much for ten times as much.
const STEP_TOLERANCE: f64 = 0.3;

/// How something should grow with what it is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Expected {
    /// Not at all.
    Flat,
    /// In proportion, at the most.
    Linear,
}

impl Expected {
    const fn exponent(self) -> f64 {
        match self {
            Self::Flat => 0.0,
            Self::Linear => 1.0,
        }
    }
}

/// A step from one point to the next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Step {
    pub(super) from: f64,
    pub(super) to: f64,
    /// The cost at its end as a multiple of that at its beginning.
    pub(super) times: f64,
}

/// How a cost grew.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Growth {
    /// Which cost.
    pub(super) of: String,
    /// From the first point to the last.
    pub(super) whole: Step,
    /// The power of the axis that it grew with: 0 is flat, 1 is linear.
    pub(super) exponent: f64,
    /// The step in which it grew most.
    pub(super) steepest: Step,
    pub(super) expected: Expected,
    /// Whether it grew no more than it should, over all and in every step.
    pub(super) as_expected: bool,
}

impl Growth {
    /// The growth over points of an axis with their costs; `None` of fewer than two, or where nothing was measured.
    pub(super) fn of(what: String, points: &[(f64, f64)], expected: Expected) -> Option<Self> {
        let step = |from: &(f64, f64), to: &(f64, f64)| {
            let usable = from.0 > 0.0 && to.0 > from.0 && from.1 > 0.0 && to.1 > 0.0;
            usable.then(|| Step { from: from.0, to: to.0, times: to.1 / from.1 })
        };
        let (first, rest) = points.split_first()?;
        let whole = step(first, rest.last()?)?;
        let steps = points.iter().zip(rest).map(|(from, to)| step(from, to));
        let steps = steps.collect::<Option<Vec<_>>>()?;
        let steepest = steps.into_iter().max_by(|a, b| exponent(*a).total_cmp(&exponent(*b)))?;
        let bound = expected.exponent();
        let as_expected =
            exponent(whole) <= bound + TOLERANCE && exponent(steepest) <= bound + STEP_TOLERANCE;
        Some(Self { of: what, whole, exponent: exponent(whole), steepest, expected, as_expected })
    }

    /// The word for it.
    pub(super) fn word(&self) -> &'static str {
        match self.exponent {
            e if e < -FLAT_MAX => "falls",
            e if e <= FLAT_MAX => "flat",
            e if e < 1.0 - TOLERANCE => "grows, but slower than in proportion",
            e if e <= 1.0 + TOLERANCE => "in proportion",
            _ => "grows faster than in proportion",
        }
    }
}

fn exponent(step: Step) -> f64 {
    step.times.ln() / (step.to / step.from).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(costs: &[f64], expected: Expected) -> Growth {
        let points: Vec<_> =
            costs.iter().enumerate().map(|(n, cost)| (10f64.powi(n as i32), *cost)).collect();
        Growth::of("cost".to_owned(), &points, expected).unwrap()
    }

    #[test]
    fn the_word_follows_from_the_first_and_the_last_point() {
        let cases: [(&[f64], &str); 5] = [
            (&[50.0, 20.0, 10.0], "falls"),
            (&[10.0, 13.0, 11.0], "flat"),
            (&[10.0, 30.0, 90.0], "grows, but slower than in proportion"),
            (&[10.0, 100.0, 1_000.0], "in proportion"),
            (&[10.0, 100.0, 3_000.0], "grows faster than in proportion"),
        ];
        for (costs, word) in cases {
            assert_eq!(growth(costs, Expected::Flat).word(), word, "{costs:?}");
        }
    }

    #[test]
    fn one_steep_step_is_more_than_expected_although_the_ends_are_alike() {
        let found = growth(&[30.0, 10.0, 30.0], Expected::Flat);
        assert_eq!((found.word(), found.as_expected), ("flat", false));
        assert_eq!(found.steepest, Step { from: 10.0, to: 100.0, times: 3.0 });
        assert!(growth(&[10.0, 15.0, 12.0], Expected::Flat).as_expected);
    }

    #[test]
    fn what_may_grow_in_proportion_may_not_grow_faster() {
        assert!(growth(&[10.0, 90.0, 1_000.0], Expected::Linear).as_expected);
        assert!(!growth(&[10.0, 90.0, 1_000.0], Expected::Flat).as_expected);
        assert!(!growth(&[10.0, 100.0, 3_000.0], Expected::Linear).as_expected);
    }

    #[test]
    fn of_one_point_or_of_nothing_measured_there_is_no_growth() {
        assert_eq!(Growth::of("cost".to_owned(), &[(10.0, 1.0)], Expected::Flat), None);
        assert_eq!(Growth::of("cost".to_owned(), &[(10.0, 0.0), (100.0, 1.0)], Expected::Flat), None);
    }
}
