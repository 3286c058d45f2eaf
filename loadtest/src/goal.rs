//! Goals, and how far off what was measured is from them.

use serde::Serialize;

/// A goal, whether it was met, and by what factor.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Judged {
    goal: String,
    /// `None` where there is nothing to compare with.
    met: Option<bool>,
    /// What was found as a multiple of the goal; where less is better, the goal as a multiple of what was found. So 1
    /// and more is met, and 0.5 is missed by a factor of two. `None` where nothing was found.
    times: Option<f64>,
}

impl Judged {
    /// A goal that is met by `bound` and more.
    pub(crate) fn at_least(goal: String, found: f64, bound: f64) -> Self {
        Self::of(goal, found, bound, found / bound)
    }

    /// A goal that is met by `bound` and less, but not by nothing.
    pub(crate) fn at_most(goal: String, found: f64, bound: f64) -> Self {
        Self::of(goal, found, bound, bound / found)
    }

    fn of(goal: String, found: f64, bound: f64, times: f64) -> Self {
        let times = (found > 0.0 && bound > 0.0).then_some(times);
        Self { goal, met: Some(times.is_some_and(|times| times >= 1.0)), times }
    }

    /// The same; not judged where there was nothing reliable to compare with.
    pub(crate) fn clear_if(mut self, is_clear: bool) -> Self {
        self.met = self.met.filter(|_| is_clear);
        self
    }

    /// Whether the goal was met; what could not be judged was not.
    pub(crate) fn is_met(&self) -> bool {
        self.met == Some(true)
    }

    /// The goal and its verdict, for a table.
    pub(crate) fn text(&self) -> String {
        let word = match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "unclear",
        };
        match self.times {
            Some(times) => format!("{} {word} × {times:.2}", self.goal),
            None => format!("{} {word}", self.goal),
        }
    }
}

/// What the factor in [`Judged::text`] is, below a table.
pub(crate) const TIMES_LEGEND: &str = "goal: × is what was found as a multiple of the goal, and the other way round \
                                       where less is better: × 0.50 is missed by a factor of two.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_at_its_bound_and_says_by_what_factor() {
        let goal = || "goal".to_owned();
        let cases = [
            (Judged::at_least(goal(), 10.0, 10.0), true, "goal met × 1.00"),
            (Judged::at_least(goal(), 5.0, 10.0), false, "goal MISSED × 0.50"),
            (Judged::at_least(goal(), 0.0, 10.0), false, "goal MISSED"),
            (Judged::at_most(goal(), 10.0, 10.0), true, "goal met × 1.00"),
            (Judged::at_most(goal(), 40.0, 10.0), false, "goal MISSED × 0.25"),
            // What measured nothing is not fast.
            (Judged::at_most(goal(), 0.0, 10.0), false, "goal MISSED"),
        ];
        for (judged, is_met, text) in cases {
            assert_eq!((judged.is_met(), judged.text().as_str()), (is_met, text));
        }
    }

    #[test]
    fn a_goal_that_cannot_be_judged_is_unclear_and_not_met() {
        let judged = Judged::at_most("goal".to_owned(), 1.0, 10.0).clear_if(false);
        assert_eq!((judged.is_met(), judged.text().as_str()), (false, "goal unclear × 10.00"));
    }
}
