//! What orders have to be that an order was split into, and the order that follows them.

use std::collections::BTreeSet;

use super::history::History;
use crate::domain::command::{LineQuantity, SplitBy};
use crate::domain::inventory::LocationId;
use crate::domain::order::{Child, Line, LineCounters, Order};
use crate::engine::Cut;

/// Units of a line that neither left nor were called off.
fn open(line: &Line) -> u32 {
    line.counters.ordered - line.counters.cancelled - line.counters.shipped
}

fn sum<T>(of: impl Iterator<Item = T>, what: impl Fn(T) -> i64) -> i64 {
    of.map(what).sum()
}

/// A split passed on what the order had, all of it and nothing twice, to the children that were asked for.
///
/// # Errors
/// What is missing, or there twice, in words.
pub(super) fn was_split(
    history: &History,
    by: &SplitBy,
    before: &Order,
    parent: &Order,
) -> Result<(), String> {
    let mut children = Vec::new();
    for child in parent.children() {
        let past = history.orders.get(&child.news.child).and_then(|past| past.versions.get(&1));
        let born = past.ok_or_else(|| format!("the child {} is not there", child.news.child))?;
        if born.parent() != Some(&parent.id) {
            return Err(format!("{} is no child of {}", born.id, parent.id));
        }
        let alike = (&born.customer, &born.delivery, born.state, born.lifecycle, born.placed_at);
        if alike != (&before.customer, &before.delivery, before.state, before.lifecycle, before.placed_at) {
            return Err(format!("{} is not as its parent was", born.id));
        }
        children.push((child, born));
    }
    let kept = before.paid - before.refund_due;
    let due = sum(children.iter(), |(_, born)| born.due);
    let paid = sum(children.iter(), |(_, born)| born.paid - born.refund_due);
    if (due, paid) != (before.due, kept) {
        return Err(format!("{} due, {kept} kept; of its children {due} due, {paid} paid", before.due));
    }
    for (_, born) in &children {
        // Largest remainder: nobody is a cent off its share.
        let share = if before.due > 0 { kept * born.due / before.due } else { born.paid };
        if !(share..=share + 1).contains(&born.paid) {
            return Err(format!("{} is paid with {} of {kept}, its share is {share}", born.id, born.paid));
        }
    }
    lines_passed(before, &children)?;
    groups_as_asked(by, before, &children)?;
    located(history, by, &children)
}

/// Units and amounts of each line, over the children.
fn lines_passed(before: &Order, children: &[(&Child, &Order)]) -> Result<(), String> {
    for (line, number) in before.lines.iter().zip(1u32..) {
        let (mut units, mut whole) = (0, 0);
        for (child, born) in children {
            for (part, theirs) in child.lines.iter().zip(&born.lines).filter(|(part, _)| part.line == number)
            {
                let wanted = LineCounters {
                    ordered: part.quantity,
                    committed: part.quantity,
                    ..LineCounters::default()
                };
                if (&theirs.sku, &theirs.seller, theirs.counters) != (&line.sku, &line.seller, wanted) {
                    return Err(format!("{} got {theirs:?} of {line:?}", born.id));
                }
                units += part.quantity;
                whole += theirs.gross - theirs.discount + theirs.shipping;
            }
        }
        let cost = line.gross - line.discount + line.shipping;
        let gone = i64::from(line.counters.cancelled - line.apart);
        let left = cost - cost * gone / i64::from((line.counters.ordered - line.apart).max(1));
        if (units, whole) != (open(line), if units == 0 { 0 } else { left }) {
            return Err(format!("the children have {units} units of line {number} for {whole}: {line:?}"));
        }
    }
    Ok(())
}

/// Each group is a child, and what belongs together is in one.
fn groups_as_asked(by: &SplitBy, before: &Order, children: &[(&Child, &Order)]) -> Result<(), String> {
    let word = |line: &Line| match by {
        SplitBy::Seller => line.seller.as_ref().map(ToString::to_string),
        SplitBy::Channel => {
            line.tags.as_ref().and_then(|tags| tags.channel.as_ref()).map(ToString::to_string)
        }
        _ => line.tags.as_ref().and_then(|tags| tags.constraint.as_ref()).map(ToString::to_string),
    };
    let named: Vec<&Vec<LineQuantity>> = match by {
        SplitBy::Seller | SplitBy::Channel | SplitBy::Constraint => {
            let words = |lines: &mut dyn Iterator<Item = &Line>| lines.map(word).collect::<BTreeSet<_>>();
            let all = words(&mut before.lines.iter().filter(|line| open(line) > 0));
            let each: Vec<_> = children.iter().map(|(_, born)| words(&mut born.lines.iter())).collect();
            let apart =
                each.iter().all(|words| words.len() == 1) && each.iter().flatten().count() == all.len();
            return if apart { Ok(()) } else { Err(format!("by {by:?} the children are {each:?}")) };
        }
        SplitBy::Groups(groups) => groups.iter().collect(),
        SplitBy::Located(located) => located.iter().map(|(_, lines)| lines).collect(),
    };
    let units = |lines: &[LineQuantity]| {
        let mut units: Vec<_> = lines.iter().map(|part| (part.line, part.quantity)).collect();
        units.sort_unstable();
        units
    };
    match named.iter().zip(children).find(|(group, (child, _))| units(group) != units(&child.lines)) {
        None => Ok(()),
        Some((group, (child, _))) => {
            Err(format!("{group:?} was to go together, the child got {:?}", child.lines))
        }
    }
}

/// The units of each child lie where it was said, as the child's first hold has it.
fn located(history: &History, by: &SplitBy, children: &[(&Child, &Order)]) -> Result<(), String> {
    let SplitBy::Located(located) = by else { return Ok(()) };
    for ((at, _), (_, born)) in located.iter().zip(children) {
        for sku in born.lines.iter().map(|line| &line.sku) {
            let past = history.skus.get(sku).ok_or("its SKU is gone")?;
            let places = past.passed_on.get(&born.id).ok_or_else(|| format!("{sku} passed nothing on"))?;
            if places.iter().any(|place: &LocationId| place != at) {
                return Err(format!("{} is at {at} by its split, its units of {sku} at {places:?}", born.id));
            }
        }
    }
    Ok(())
}

/// A parent shows what its children were when they told it last, and nothing else.
///
/// # Errors
/// What it shows and none of them was, in words.
pub(super) fn follows(history: &History, parent: &Order) -> Result<(), String> {
    let Some(family) = parent.family.as_ref().filter(|_| parent.is_split()) else { return Ok(()) };
    let lines = family.called_off.iter();
    let mut lines: Vec<_> = lines
        .map(|gone| LineCounters { ordered: *gone, cancelled: *gone, ..LineCounters::default() })
        .collect();
    for child in parent.children() {
        let past =
            history.orders.get(&child.news.child).and_then(|past| past.versions.get(&child.news.version));
        if past.and_then(Order::news).as_ref() != Some(&child.news) {
            return Err(format!("order {} shows {:?}, the child was {past:?}", parent.id, child.news));
        }
        for (part, theirs) in child.lines.iter().zip(&child.news.lines) {
            let Some(line) = lines.get_mut(part.line as usize - 1) else { continue };
            line.ordered += theirs.ordered;
            line.reserved += theirs.reserved;
            line.committed += theirs.committed;
            line.backordered += theirs.backordered;
            line.shipped += theirs.shipped;
            line.delivered += theirs.delivered;
            line.cancelled += theirs.cancelled;
            line.returned += theirs.returned;
        }
    }
    let of = |what: fn(&Child) -> i64| sum(parent.children().iter(), what);
    let money = [
        of(|child| child.news.due),
        of(|child| child.news.paid) + family.refunded,
        of(|child| child.news.refund_due) + family.refunded,
    ];
    let shown: Vec<_> = parent.lines.iter().map(|line| line.counters).collect();
    if money == [parent.due, parent.paid, parent.refund_due] && shown == lines {
        return Ok(());
    }
    Err(format!("of the children of {} the sums are {money:?} and {lines:?}: {parent:?}", parent.id))
}

/// A child of which its parent does not know the newest, if there is one.
pub(super) fn unheard(cut: &Cut) -> Option<String> {
    let news = cut.orders.iter().filter_map(Order::news);
    news.filter(|news| {
        let parents = cut.orders.iter().filter(|order| order.parked.is_none());
        let known = parents.flat_map(Order::children).find(|child| child.news.child == news.child);
        known.is_some_and(|known| known.news != *news)
    })
    .map(|news| format!("the parent of {} does not know that it is {news:?}", news.child))
    .next()
}
