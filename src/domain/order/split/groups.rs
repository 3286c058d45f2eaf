//! Which units of an order go together.

use super::refused;
use crate::domain::command::{LineQuantity, SplitBy};
use crate::domain::inventory::LocationId;
use crate::domain::order::decide::resolve;
use crate::domain::order::lifecycle::Action;
use crate::domain::order::line::Line;
use crate::domain::order::problem::SplitProblem;
use crate::domain::order::state::Order;
use crate::domain::refusal::Refusal;

/// Units that go together, and where they lie where that is told.
type Group = (Option<LocationId>, Vec<LineQuantity>);

impl Order {
    /// The open units of the order by child, in the order in which the children are numbered.
    pub(super) fn groups(&self, by: &SplitBy) -> Result<Vec<Group>, Refusal> {
        let anywhere = |groups: Vec<_>| groups.into_iter().map(|lines| (None, lines)).collect();
        match by {
            SplitBy::Seller => {
                Ok(anywhere(self.alike(|line| line.seller.as_ref().map(|seller| seller.as_str()))))
            }
            SplitBy::Channel => Ok(anywhere(self.alike(|line| line.tags.as_ref()?.channel.as_deref()))),
            SplitBy::Constraint => Ok(anywhere(self.alike(|line| line.tags.as_ref()?.constraint.as_deref()))),
            SplitBy::Groups(groups) => Ok(anywhere(self.named(groups)?)),
            SplitBy::Located(located) => {
                let groups: Vec<_> = located.iter().map(|(_, lines)| lines.clone()).collect();
                let places = located.iter().map(|(at, _)| Some(at.clone())).chain([None]);
                Ok(places.zip(self.named(&groups)?).collect())
            }
        }
    }

    /// Lines that have the same word; groups in the order of their first lines.
    fn alike<'a>(&'a self, word: impl Fn(&'a Line) -> Option<&'a str>) -> Vec<Vec<LineQuantity>> {
        let mut groups: Vec<(Option<&str>, Vec<LineQuantity>)> = Vec::new();
        for part in self.open_lines() {
            let Some(line) = self.line(part.line) else { continue };
            let word = word(line);
            match groups.iter_mut().find(|(known, _)| *known == word) {
                Some((_, parts)) => parts.push(part),
                None => groups.push((word, vec![part])),
            }
        }
        groups.into_iter().map(|(_, parts)| parts).collect()
    }

    /// The groups that are named, and one more of the units that no group names.
    fn named(&self, groups: &[Vec<LineQuantity>]) -> Result<Vec<Vec<LineQuantity>>, Refusal> {
        let mut left = self.open_lines();
        let mut named = Vec::with_capacity(groups.len() + 1);
        for group in groups {
            if group.is_empty() {
                return refused(SplitProblem::EmptyGroup);
            }
            let rest =
                |number: u32| left.iter().find(|part| part.line == number).map_or(0, |part| part.quantity);
            let parts = resolve(self, group, Action::Split, |line| line.counters.open())?;
            for LineQuantity { line, quantity } in &parts {
                if *quantity > rest(*line) {
                    let (line, requested, left) = (*line, u64::from(*quantity), rest(*line).into());
                    return Err(Refusal::QuantityExceeded { line, action: Action::Split, requested, left });
                }
            }
            for part in &mut left {
                let taken =
                    parts.iter().find(|taken| taken.line == part.line).map_or(0, |taken| taken.quantity);
                part.quantity -= taken;
            }
            named.push(parts);
        }
        left.retain(|part| part.quantity > 0);
        if !left.is_empty() {
            named.push(left);
        }
        Ok(named)
    }
}
