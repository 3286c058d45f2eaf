//! What an edit makes of an order's lines, and of what is held for them.

use std::collections::{BTreeMap, BTreeSet};

use super::{LineEdit, StagedEdit};
use crate::domain::command::Amounts;
use crate::domain::ids::SkuId;
use crate::domain::order::lifecycle::Action;
use crate::domain::order::line::Line;
use crate::domain::order::problem::EditProblem;
use crate::domain::order::state::Order;
use crate::domain::refusal::Refusal;

/// An order behind an edit.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    /// Its lines.
    pub(super) lines: Vec<Line>,
    /// What is due then, in minor units.
    pub(super) due: i64,
    /// Units to be reserved.
    pub(super) reserve: BTreeMap<SkuId, u64>,
    /// Units to be given back.
    pub(super) release: BTreeMap<SkuId, Given>,
}

/// Units that are given back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Given {
    pub(super) units: u64,
    /// Those of them that are not paid for.
    pub(super) unpaid: u64,
}

/// Units that lines of one SKU give up, and what others get.
#[derive(Default)]
struct Pool {
    reserved: u32,
    committed: u32,
    /// Positions of lines that get units, and how many.
    wanted: Vec<(usize, u32)>,
}

/// The work on an outlook.
struct Draft {
    after: Outlook,
    settled: bool,
    pools: BTreeMap<SkuId, Pool>,
    counted: BTreeSet<u32>,
    priced: BTreeSet<u32>,
}

fn invalid<T>(line: u32, problem: EditProblem) -> Result<T, Refusal> {
    Err(Refusal::InvalidEdit { line, problem })
}

fn check(amounts: &Amounts, line: u32) -> Result<(), Refusal> {
    let Amounts { gross, discount, shipping } = *amounts;
    if gross < 0 || discount < 0 || shipping < 0 || discount > gross {
        return Err(Refusal::InvalidAmount { line });
    }
    Ok(())
}

impl Order {
    /// What the edit makes of the order, if all of its stock is there.
    pub(super) fn outlook(&self, edit: &StagedEdit) -> Result<Outlook, Refusal> {
        if edit.changes.is_empty() {
            return invalid(0, EditProblem::Empty);
        }
        let mut draft = Draft {
            after: Outlook { lines: self.lines.clone(), ..Outlook::default() },
            settled: self.is_settled(),
            pools: BTreeMap::new(),
            counted: BTreeSet::new(),
            priced: BTreeSet::new(),
        };
        // Amounts come last: they are those of the units that the others leave.
        let is_price = |change: &&LineEdit| matches!(change, LineEdit::Reprice { .. });
        for change in edit.changes.iter().filter(|change| !is_price(change)) {
            draft.change(change)?;
        }
        for change in edit.changes.iter().filter(is_price) {
            draft.change(change)?;
        }
        draft.pass_units()?;
        let mut after = draft.after;
        let open: u64 = after.lines.iter().map(|line| u64::from(line.counters.open())).sum();
        if open == 0 {
            return invalid(0, EditProblem::LeavesNothing);
        }
        let rests = after.lines.iter().map(Line::rest);
        let due = rests.into_iter().try_fold(0i64, |sum, rest| sum.checked_add(rest?));
        after.due = due.ok_or(Refusal::Overflow)?;
        Ok(after)
    }
}

impl Draft {
    fn line(&mut self, number: u32) -> Result<(usize, &mut Line), Refusal> {
        let index = (number as usize).checked_sub(1).ok_or(Refusal::UnknownLine { line: number })?;
        let line = self.after.lines.get_mut(index).ok_or(Refusal::UnknownLine { line: number })?;
        Ok((index, line))
    }

    fn change(&mut self, change: &LineEdit) -> Result<(), Refusal> {
        match change {
            LineEdit::Add { line, quantity, amounts } => self.add(*line, *quantity, amounts),
            LineEdit::Take { line, quantity } => self.take(*line, *quantity),
            LineEdit::Reprice { line, amounts } => {
                if !self.priced.insert(*line) {
                    return invalid(*line, EditProblem::Twice);
                }
                check(amounts, *line)?;
                let (_, priced) = self.line(*line)?;
                if priced.counters.active() == 0 {
                    return Err(Refusal::NothingLeft { action: Action::Edit });
                }
                priced.reprice(amounts);
                Ok(())
            }
            LineEdit::New(placed) => {
                let number = u32::try_from(self.after.lines.len() + 1).map_err(|_| Refusal::Overflow)?;
                if placed.quantity == 0 {
                    return Err(Refusal::QuantityNotPositive { line: number });
                }
                let (gross, discount, shipping) = (placed.gross, placed.discount, placed.shipping);
                check(&Amounts { gross, discount, shipping }, number)?;
                self.after.lines.push(Line::placed(placed));
                self.counted.insert(number);
                self.want(number, placed.quantity)
            }
        }
    }

    fn add(&mut self, number: u32, quantity: u32, amounts: &Amounts) -> Result<(), Refusal> {
        if quantity == 0 {
            return Err(Refusal::QuantityNotPositive { line: number });
        }
        check(amounts, number)?;
        let (_, line) = self.line(number)?;
        let now = line.rest_amounts();
        let sum = |a: i64, b: i64| a.checked_add(b).ok_or(Refusal::Overflow);
        let amounts = Amounts {
            gross: sum(now.gross, amounts.gross)?,
            discount: sum(now.discount, amounts.discount)?,
            shipping: sum(now.shipping, amounts.shipping)?,
        };
        line.counters.ordered = line.counters.ordered.checked_add(quantity).ok_or(Refusal::Overflow)?;
        line.reprice(&amounts);
        if !self.counted.insert(number) {
            return invalid(number, EditProblem::Twice);
        }
        self.want(number, quantity)
    }

    /// Notes that a line has to get units: now, or with the payment.
    fn want(&mut self, number: u32, quantity: u32) -> Result<(), Refusal> {
        let settled = self.settled;
        let (index, line) = self.line(number)?;
        if line.at_payment && !settled {
            return Ok(());
        }
        let Some(_) = &line.kit else {
            let sku = line.sku.clone();
            self.pools.entry(sku).or_default().wanted.push((index, quantity));
            return Ok(());
        };
        line.counters.reserved = line.counters.reserved.checked_add(quantity).ok_or(Refusal::Overflow)?;
        let asked: Vec<_> = line.demand(quantity).map(|(sku, units)| (sku.clone(), units)).collect();
        asked.into_iter().try_for_each(|(sku, units)| self.reserve(sku, units))
    }

    fn reserve(&mut self, sku: SkuId, units: u64) -> Result<(), Refusal> {
        let sum = self.after.reserve.entry(sku).or_default();
        *sum = sum.checked_add(units).ok_or(Refusal::Overflow)?;
        Ok(())
    }

    fn give_back(&mut self, sku: SkuId, units: u64, unpaid: u64) -> Result<(), Refusal> {
        let given = self.after.release.entry(sku).or_default();
        given.units = given.units.checked_add(units).ok_or(Refusal::Overflow)?;
        given.unpaid = given.unpaid.checked_add(unpaid).ok_or(Refusal::Overflow)?;
        Ok(())
    }

    fn take(&mut self, number: u32, quantity: Option<u32>) -> Result<(), Refusal> {
        let action = Action::CancelPart;
        let (_, line) = self.line(number)?;
        let (left, c) = (line.counters.open(), &mut line.counters);
        let quantity = match quantity {
            Some(0) => return Err(Refusal::QuantityNotPositive { line: number }),
            Some(quantity) => quantity,
            None if left == 0 => return Err(Refusal::NothingLeft { action }),
            None => left,
        };
        if quantity > left {
            let (requested, left) = (u64::from(quantity), u64::from(left));
            return Err(Refusal::QuantityExceeded { line: number, action, requested, left });
        }
        // What is not paid for goes first.
        let reserved = quantity.min(c.reserved);
        let committed = (quantity - reserved).min(c.committed);
        c.reserved -= reserved;
        c.committed -= committed;
        c.cancelled = c.cancelled.checked_add(quantity).ok_or(Refusal::Overflow)?;
        let sku = line.kit.is_none().then(|| line.sku.clone());
        let given: Vec<_> = line.demand(1).map(|(sku, units)| (sku.clone(), units)).collect();
        if let Some(sku) = sku {
            let pool = self.pools.entry(sku).or_default();
            pool.reserved = pool.reserved.saturating_add(reserved);
            pool.committed = pool.committed.saturating_add(committed);
        } else if reserved + committed > 0 {
            for (sku, units) in given {
                let held = u64::from(reserved) + u64::from(committed);
                let (all, unpaid) = (units.checked_mul(held), units.checked_mul(u64::from(reserved)));
                self.give_back(sku, all.ok_or(Refusal::Overflow)?, unpaid.ok_or(Refusal::Overflow)?)?;
            }
        }
        if self.counted.insert(number) { Ok(()) } else { invalid(number, EditProblem::Twice) }
    }

    /// Passes units from lines that give them up to lines of the same SKU that get some, those that are paid for
    /// first. What is missing is reserved, what is left over is given back.
    fn pass_units(&mut self) -> Result<(), Refusal> {
        for (sku, pool) in std::mem::take(&mut self.pools) {
            let Pool { mut reserved, mut committed, wanted } = pool;
            let mut missing = 0u64;
            for (index, quantity) in wanted {
                let paid = quantity.min(committed);
                let unpaid = (quantity - paid).min(reserved);
                committed -= paid;
                reserved -= unpaid;
                let new = quantity - paid - unpaid;
                missing += u64::from(new);
                let Some(line) = self.after.lines.get_mut(index) else { continue };
                let c = &mut line.counters;
                c.committed = c.committed.checked_add(paid).ok_or(Refusal::Overflow)?;
                c.reserved = c.reserved.checked_add(unpaid + new).ok_or(Refusal::Overflow)?;
            }
            if missing > 0 {
                self.reserve(sku.clone(), missing)?;
            }
            if reserved + committed > 0 {
                self.give_back(sku, u64::from(reserved) + u64::from(committed), reserved.into())?;
            }
        }
        Ok(())
    }
}
