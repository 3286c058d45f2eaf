//! What the rules of SKUs make of the lines of a placement: kits, and when their stock falls. Decided once
//! and recorded with the placement, so that an order keeps its rules whatever becomes of the policies. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::event::PlacedLine;
use super::terms::{Deduction, Terms};
use crate::domain::command::LineRequest;
use crate::domain::ids::SkuId;
use crate::domain::inventory::{KitProblem, SaleRule};
use crate::domain::refusal::Refusal;

/// The rules of the SKUs of a placement and of the parts of its kits; SKUs without any are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaleRules(BTreeMap<SkuId, SaleRule>);

impl SaleRules {
    /// The rules that `find` knows of what these lines sell, and of what that consists of.
    pub fn of(lines: &[LineRequest], find: impl Fn(&SkuId) -> Option<SaleRule>) -> Self {
        let mut rules = BTreeMap::new();
        for line in lines {
            if rules.contains_key(&line.sku) {
                continue;
            }
            let Some(rule) = find(&line.sku) else { continue };
            for part in rule.kit.iter().flatten() {
                if let Some(rule) = find(&part.sku) {
                    rules.insert(part.sku.clone(), rule);
                }
            }
            rules.insert(line.sku.clone(), rule);
        }
        Self(rules)
    }

    fn is_kit(&self, sku: &SkuId) -> bool {
        self.0.get(sku).is_some_and(|rule| rule.kit.is_some())
    }
}

/// The lines as they are placed. The order type's rule says when their stock falls, else the rule of the
/// SKU that is sold (of the kit, not of its parts), else it falls at placement.
///
/// # Errors
/// A kit in a kit; more lines and parts together than an order may have; more units than can be counted.
pub(super) fn placed_lines(
    requested: &[LineRequest],
    terms: Terms,
    rules: &SaleRules,
    lines_max: usize,
) -> Result<Vec<PlacedLine>, Refusal> {
    let mut lines: Vec<_> = requested.iter().map(|line| placed_line(line, terms, rules)).collect();
    if !rules.0.is_empty() {
        check_kits(&lines, rules, lines_max)?;
        let late = lines.iter().filter(|line| line.at_payment).count();
        if late > 0 && late < lines.len() {
            share(&mut lines);
        }
    }
    Ok(lines)
}

/// One line as it is placed, whatever other lines there are.
pub(super) fn placed_line(line: &LineRequest, terms: Terms, rules: &SaleRules) -> PlacedLine {
    let rule = rules.0.get(&line.sku);
    let deduction = terms.deduction.or_else(|| rule?.deduction);
    PlacedLine {
        sku: line.sku.clone(),
        quantity: line.quantity,
        gross: line.gross,
        discount: line.discount,
        shipping: line.shipping,
        seller: line.seller.clone(),
        kit: rule.and_then(|rule| rule.kit.clone()),
        at_payment: deduction == Some(Deduction::AtPayment),
        tags: line.tags.clone(),
    }
}

/// Refuses a kit in a kit.
pub(super) fn check_kit(line: &PlacedLine, rules: &SaleRules) -> Result<(), Refusal> {
    if line.kit.iter().flatten().any(|part| rules.is_kit(&part.sku)) {
        return Err(Refusal::InvalidKit { sku: line.sku.clone(), problem: KitProblem::Nested });
    }
    Ok(())
}

fn check_kits(lines: &[PlacedLine], rules: &SaleRules, lines_max: usize) -> Result<(), Refusal> {
    let mut all = lines.len() as u64;
    let mut units = 0u64;
    for line in lines {
        check_kit(line, rules)?;
        for part in line.kit.iter().flatten() {
            all += 1;
            let more = u64::from(part.quantity).checked_mul(u64::from(line.quantity));
            units = more.and_then(|more| units.checked_add(more)).ok_or(Refusal::Overflow)?;
        }
    }
    if all > lines_max as u64 {
        return Err(Refusal::TooManyLines { lines: all, max: lines_max as u64 });
    }
    Ok(())
}

/// Gives lines that share a SKU one rule, be it directly or over other lines: where one of them is deducted at
/// placement, all of them are. So each SKU of an order is asked for in one way.
fn share(lines: &mut [PlacedLine]) {
    let mut late = BTreeMap::<SkuId, Vec<usize>>::new();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.at_payment) {
        for (sku, _) in line.demand(1) {
            late.entry(sku.clone()).or_default().push(index);
        }
    }
    let mut early: Vec<BTreeSet<SkuId>> = Vec::new();
    let skus = |line: &PlacedLine| line.demand(1).map(|(sku, _)| sku.clone()).collect();
    early.extend(lines.iter().filter(|line| !line.at_payment).map(skus));
    while let Some(taken) = early.pop() {
        for index in taken.iter().filter_map(|sku| late.remove(sku)).flatten() {
            if let Some(line) = lines.get_mut(index).filter(|line| line.at_payment) {
                line.at_payment = false;
                early.push(skus(line));
            }
        }
    }
}

impl PlacedLine {
    /// What `units` of the line take of each SKU.
    pub(super) fn demand(&self, units: u32) -> impl Iterator<Item = (&SkuId, u64)> {
        demand(&self.sku, self.kit.as_deref(), units)
    }
}

/// What `units` of a line take of each SKU: of the one that is sold, or of the parts of a kit.
pub(super) fn demand<'a>(
    sku: &'a SkuId,
    kit: Option<&'a [crate::domain::inventory::KitPart]>,
    units: u32,
) -> impl Iterator<Item = (&'a SkuId, u64)> {
    let units = u64::from(units);
    let own = kit.is_none().then_some((sku, units));
    let parts = kit.into_iter().flatten();
    own.into_iter().chain(parts.map(move |part| (&part.sku, u64::from(part.quantity).saturating_mul(units))))
}
