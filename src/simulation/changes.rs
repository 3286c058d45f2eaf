//! What an order has to be behind an edit, a short shipment, a cancellation or a split: computed from the command and
//! the order before it, and by none of the engine's rules.

use super::history::{History, OrderPast};
use super::moves::{Deed, Done, Operation};
use crate::domain::command::{
    Amounts, CancelOrder, EditChange, LineQuantity, LineRequest, OrderAnswer, OrderCommand, ShipShort,
};
use crate::domain::order::{EditPreview, Line, LineEdit, Order, StagedEdit};

/// A line as far as a change tells what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expected {
    ordered: u32,
    cancelled: u32,
    shipped: u32,
    /// What the units cost that are not called off.
    rest: i64,
}

fn total(amounts: &Amounts) -> i64 {
    amounts.gross - amounts.discount + amounts.shipping
}

/// What the units cost that are left when `more` are called off: shares are of the units that the amounts are
/// those of, and rounded so that the last unit takes the remainder.
fn rest(line: &Line, more: u32) -> i64 {
    let whole = line.gross - line.discount + line.shipping;
    let gone = i64::from(line.counters.cancelled + more - line.apart);
    let covered = i64::from((line.counters.ordered - line.apart).max(1));
    whole - whole * gone / covered
}

fn open(line: &Line) -> u32 {
    line.counters.ordered - line.counters.cancelled - line.counters.shipped
}

impl Expected {
    fn of(line: &Line) -> Self {
        let c = line.counters;
        Self { ordered: c.ordered, cancelled: c.cancelled, shipped: c.shipped, rest: rest(line, 0) }
    }
}

fn expected(order: &Order) -> Vec<Expected> {
    order.lines.iter().map(Expected::of).collect()
}

/// The lines of an order of which units are called off.
fn less(order: &Order, cancelled: &[LineQuantity]) -> Vec<Expected> {
    let mut lines = expected(order);
    for part in cancelled {
        let at = part.line as usize - 1;
        if let (Some(expected), Some(line)) = (lines.get_mut(at), order.lines.get(at)) {
            expected.cancelled += part.quantity;
            expected.rest = rest(line, expected.cancelled - line.counters.cancelled);
        }
    }
    lines
}

/// The units of an order that neither left nor were called off, but for those that are leaving.
fn others(order: &Order, leaving: &[LineQuantity]) -> Vec<LineQuantity> {
    let left = order.lines.iter().zip(1..).map(|(line, number)| {
        let leaving = leaving.iter().filter(|part| part.line == number).map(|part| part.quantity);
        LineQuantity { line: number, quantity: open(line) - leaving.sum::<u32>() }
    });
    left.filter(|part| part.quantity > 0).collect()
}

/// The lines of an order behind its staged edit.
fn edited(order: &Order, edit: &StagedEdit) -> Vec<Expected> {
    let mut lines = expected(order);
    for change in &edit.changes {
        match change {
            LineEdit::Add { line, quantity, amounts } => {
                if let Some(expected) = lines.get_mut(*line as usize - 1) {
                    expected.ordered += quantity;
                    expected.rest += total(amounts);
                }
            }
            LineEdit::Take { line, quantity } => {
                let at = *line as usize - 1;
                if let (Some(expected), Some(before)) = (lines.get_mut(at), order.lines.get(at)) {
                    let quantity = quantity.unwrap_or(open(before));
                    expected.cancelled += quantity;
                    expected.rest = rest(before, quantity);
                }
            }
            LineEdit::New(new) => {
                let rest = new.gross - new.discount + new.shipping;
                lines.push(Expected { ordered: new.quantity, cancelled: 0, shipped: 0, rest });
            }
            LineEdit::Reprice { .. } => {}
        }
    }
    for change in &edit.changes {
        if let LineEdit::Reprice { line, amounts } = change
            && let Some(expected) = lines.get_mut(*line as usize - 1)
        {
            expected.rest = total(amounts);
        }
    }
    lines
}

/// Whether what stands in the order's state is what the client asked to be staged.
fn is_as_asked(asked: &[EditChange], staged: &StagedEdit) -> bool {
    asked.len() == staged.changes.len()
        && asked.iter().zip(&staged.changes).all(|(asked, staged)| match (asked, staged) {
            (
                EditChange::AddUnits { line, quantity, amounts },
                LineEdit::Add { line: l, quantity: q, amounts: a },
            ) => (line, quantity, amounts) == (l, q, a),
            (EditChange::TakeUnits { line, quantity }, LineEdit::Take { line: l, quantity: q }) => {
                line == l && Some(*quantity) == *q
            }
            (EditChange::RemoveLine { line }, LineEdit::Take { line: l, quantity: None }) => line == l,
            (EditChange::Reprice { line, amounts }, LineEdit::Reprice { line: l, amounts: a }) => {
                (line, amounts) == (l, a)
            }
            (
                EditChange::AddLine(LineRequest { sku, quantity, gross, discount, shipping, .. }),
                LineEdit::New(new),
            ) => {
                (sku, quantity, gross, discount, shipping)
                    == (&new.sku, &new.quantity, &new.gross, &new.discount, &new.shipping)
            }
            _ => false,
        })
}

/// Whether a change leaves every unit where it is.
fn moves_nothing(edit: &StagedEdit) -> bool {
    edit.changes.iter().all(|change| matches!(change, LineEdit::Reprice { .. }))
}

/// Lines, and money: an order owes what its lines cost, and gives back what is paid and over that, but not more than
/// it has become cheaper by; all of it where nothing is left.
fn compare(before: &Order, after: &Order, lines: &[Expected]) -> Result<(), String> {
    let found = expected(after);
    if found != *lines {
        return Err(format!("its lines have to be {lines:?}, and are {found:?}"));
    }
    let due: i64 = lines.iter().map(|line| line.rest).sum();
    let kept = before.paid - before.refund_due;
    let is_over = lines.iter().all(|line| line.ordered == line.cancelled);
    let back = if is_over { kept } else { (kept - due).clamp(0, (before.due - due).max(0)) };
    let (wanted, found) =
        ((due, before.paid, before.refund_due + back), (after.due, after.paid, after.refund_due));
    if wanted == found {
        return Ok(());
    }
    Err(format!("due, paid and to be paid back have to be {wanted:?}, and are {found:?}"))
}

/// Nothing of an order has changed but the edit that is staged.
fn same_but_for_the_edit(before: &Order, after: &Order) -> Result<(), String> {
    let plain = |order: &Order| Order { version: 0, edit: None, ..order.clone() };
    if plain(before) == plain(after) { Ok(()) } else { Err(format!("it was {before:?}, and is {after:?}")) }
}

/// An answered command, with what durable records say was done.
struct Answered<'a> {
    past: &'a OrderPast,
    operation: &'a Operation,
    before: &'a Order,
}

impl<'a> Answered<'a> {
    fn done(&self, deed: Deed) -> Result<(&'a Done, &'a Order), String> {
        let done = self.operation.when(deed).ok_or_else(|| format!("it is granted, and not {deed:?}"))?;
        let order = self.past.versions.get(&done.version).ok_or("its version is gone")?;
        Ok((done, order))
    }

    fn staged(&self, changes: &[EditChange]) -> Result<(), String> {
        let (done, order) = self.done(Deed::Staged)?;
        same_but_for_the_edit(self.before, order)?;
        if !done.touched.is_empty() {
            return Err(format!("an edit that is only staged moves units of {:?}", done.touched));
        }
        match order.edit.as_deref() {
            Some(staged) if is_as_asked(changes, staged) => Ok(()),
            other => Err(format!("{other:?} is staged")),
        }
    }

    fn declined(&self, version: u64) -> Result<(), String> {
        let (done, order) = self.done(Deed::Declined)?;
        same_but_for_the_edit(self.before, order)?;
        let is_gone = order.edit.is_none() && self.before.edit.is_some();
        if is_gone && done.touched.is_empty() && self.before.version == version {
            return Ok(());
        }
        Err(format!("the edit of version {} is declined, {version} was", self.before.version))
    }

    fn accepted(&self, version: u64) -> Result<(), String> {
        if self.before.version != version {
            return Err(format!("the edit is carried out on version {}", self.before.version));
        }
        let (done, order) = self.done(Deed::Edited)?;
        let edit = self.before.edit.as_deref().ok_or("no edit was staged")?;
        if moves_nothing(edit) && !done.touched.is_empty() {
            return Err(format!("an edit of amounts moves units of {:?}", done.touched));
        }
        if order.edit.is_some() {
            return Err("the edit stays staged".to_owned());
        }
        compare(self.before, order, &edited(self.before, edit))
    }

    fn cancelled(&self, cancel: &CancelOrder) -> Result<(), String> {
        let (_, order) = self.done(Deed::Cancelled)?;
        let lines = if cancel.lines.is_empty() { others(self.before, &[]) } else { cancel.lines.clone() };
        compare(self.before, order, &less(self.before, &lines))
    }

    fn shipped_short(&self, short: &ShipShort) -> Result<(), String> {
        let (_, order) = self.done(Deed::Shipped)?;
        let missing =
            if short.missing.is_empty() { others(self.before, &short.lines) } else { short.missing.clone() };
        let left = |mut lines: Vec<Expected>| {
            for part in &short.lines {
                if let Some(line) = lines.get_mut(part.line as usize - 1) {
                    line.shipped += part.quantity;
                }
            }
            lines
        };
        compare(self.before, order, &left(expected(self.before)))?;
        if missing.is_empty() {
            return Ok(());
        }
        let (_, order) = self.done(Deed::Cancelled)?;
        compare(self.before, order, &left(less(self.before, &missing)))
    }
}

/// Whether a granted command did to its order what it asks for, and nothing else.
///
/// # Errors
/// What it did not do, in words.
pub(super) fn explain(
    history: &History,
    command: &OrderCommand,
    answer: &OrderAnswer,
) -> Result<Option<Deed>, String> {
    let find = || {
        let past = history.orders.get(&answer.order).ok_or("the order is gone")?;
        let operation = past
            .moves
            .operations
            .get(&answer.version)
            .ok_or("the answer is of a moment between two steps")?;
        let before = past.versions.get(&operation.before).ok_or("the version before is gone")?;
        Ok::<_, String>(Answered { past, operation, before })
    };
    match command {
        OrderCommand::StageEdit(stage) => find()?.staged(&stage.changes).map(|()| Some(Deed::Staged)),
        OrderCommand::DeclineEdit(decline) => {
            find()?.declined(decline.version).map(|()| Some(Deed::Declined))
        }
        OrderCommand::AcceptEdit(accept) => find()?.accepted(accept.version).map(|()| Some(Deed::Edited)),
        OrderCommand::Cancel(cancel) => find()?.cancelled(cancel).map(|()| None),
        OrderCommand::ShipShort(short) => find()?.shipped_short(short).map(|()| Some(Deed::Shipped)),
        OrderCommand::Split(split) => {
            let found = find()?;
            let (_, parent) = found.done(Deed::Split)?;
            super::family::was_split(history, &split.by, found.before, parent)?;
            Ok(Some(Deed::Split))
        }
        _ => Ok(None),
    }
}

/// Whether a preview shows what its edit makes of the order, and what accepting it has made of it, if that was done.
///
/// # Errors
/// What it shows and is not so, in words.
pub(super) fn previewed(history: &History, preview: &EditPreview) -> Result<(), String> {
    let past = history.orders.get(&preview.order.id).ok_or("the order is gone")?;
    let before = past.versions.get(&preview.version).ok_or("it was never at that version")?;
    let edit = before.edit.as_deref().ok_or("nothing was staged at that version")?;
    compare(before, &preview.order, &edited(before, edit))?;
    let is_still = preview.reserve.is_empty() && preview.release.is_empty();
    if moves_nothing(edit) && !is_still && before.lines.iter().all(|line| !line.at_payment) {
        return Err("an edit of amounts is to move units".to_owned());
    }
    let accepted = past.moves.operations.values().filter(|operation| operation.before == preview.version);
    let accepted = accepted.filter_map(|operation| operation.when(Deed::Edited)).next();
    let Some(order) = accepted.and_then(|done| past.versions.get(&done.version)) else { return Ok(()) };
    let shown = |order: &Order| {
        let amounts = order.lines.iter().map(|line| (line.gross, line.discount, line.shipping, line.apart));
        (expected(order), amounts.collect::<Vec<_>>(), order.due)
    };
    if shown(order) == shown(&preview.order) {
        return Ok(());
    }
    Err(format!("what was accepted then is {order:?}"))
}
