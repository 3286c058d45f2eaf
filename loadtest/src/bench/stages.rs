//! The stages: who calls, what for, and the goal.

use std::sync::Arc;

use anyhow::Result;
use earmark::domain::ids::SkuId;

use super::StageName;
use super::buyers::{BatchBuyer, Buyer, PAIR_STEPS, PairBuyer};
use super::callers::{StageMeasured, Window, drive};
use super::open_loop::{self, AskHot, AskOrder, Open};
use super::result::{BenchResult, Goal, Row};
use super::shoppers::{Customer, STEPS, Shopper, lived};
use super::stage::{Bench, Books, Staged};
use crate::orders::Orders;
use crate::stats;

/// SKUs over which orders and uniform reservations are spread.
const SKUS: u32 = 10_000;

/// Callers that give batches.
const BATCH_CALLERS: usize = 2;

/// Callers that look for the peak before an open loop.
const PEAK_CALLERS: usize = 1_024;

/// Turns of each kind where hot and uniform take turns.
const TURNS: u32 = 5;

/// What a stage of callers that reserve on one SKU is called in the table.
const HOT: &str = "reserve, hot SKU";

/// Runs a stage and adds what it measured.
pub(crate) fn run(name: StageName, bench: &Bench, result: &mut BenchResult) -> Result<()> {
    match name {
        StageName::One => hot(1, bench, result, &[Goal::TimesRawP50(1.3)]),
        StageName::Hot64 => {
            let goals = [Goal::PerSecond(220_000.0), Goal::TimesRawP50(2.5), Goal::P99TimesRawP50(5.0)];
            hot(64, bench, result, &goals)
        }
        StageName::Turns => turns(64, bench, result),
        StageName::Hot1024 => hot(1_024, bench, result, &[Goal::PerSecond(1_000_000.0)]),
        StageName::Hot10000 => {
            // Two thirds of what 1,024 callers reached in this run.
            let reached = result.rate_of(HOT, 1_024).map(|rate| Goal::PerSecond(rate * 2.0 / 3.0));
            let goals: Vec<_> = reached.into_iter().chain([Goal::LongestWaitMillis(1_000.0)]).collect();
            hot(10_000, bench, result, &goals)
        }
        StageName::Batch => {
            batch("reserve, hot SKU, 1,000 a call", &hot_sku()?, bench, result, Goal::PerSecond(1_200_000.0))
        }
        StageName::BatchSpread => {
            let goal = Goal::PerSecond(1_000_000.0);
            batch("reserve over 10,000 SKUs, 1,000 a call", &skus(bench)?, bench, result, goal)
        }
        StageName::Pairs => pairs(bench, result),
        StageName::Place => {
            place(64, bench, result)?;
            place(1_024, bench, result)
        }
        StageName::LifecycleOneLine => {
            lifecycle(1, 64, 40_000.0, bench, result)?;
            lifecycle(1, 1_024, 40_000.0, bench, result)
        }
        StageName::Lifecycle => {
            lifecycle(3, 64, 20_000.0, bench, result)?;
            lifecycle(3, 1_024, 20_000.0, bench, result)
        }
        StageName::HalfReserve => half_reserve(bench, result),
        StageName::HalfPlace => half_place(bench, result),
    }
}

fn hot_sku() -> Result<Arc<[SkuId]>> {
    Ok(Arc::from([SkuId::new("hot")?]))
}

fn skus(bench: &Bench) -> Result<Arc<[SkuId]>> {
    Ok(Arc::clone(Orders::new(bench.seed, SKUS, 1)?.skus()))
}

fn hot(callers: usize, bench: &Bench, result: &mut BenchResult, goals: &[Goal]) -> Result<()> {
    let skus = hot_sku()?;
    let staged = bench.stage(&format!("hot-{callers}"), &skus, |engine| {
        let buyers = Buyer::some(&engine, &skus, bench.seed, 0..callers);
        drop(engine);
        async { holding(drive(bench.window, 1, buyers.into_iter()).await?) }
    })?;
    push(result, &staged, callers, &[(HOT, goals)]);
    Ok(())
}

/// What was measured, of callers whose every answer of the first step is a unit that is held.
fn holding(measured: StageMeasured) -> Result<(StageMeasured, Books)> {
    let books = Books::held(measured.granted(0));
    Ok((measured, books))
}

/// Hot and uniform on one engine in short turns, so that a slow minute of the machine counts for both.
fn turns(callers: usize, bench: &Bench, result: &mut BenchResult) -> Result<()> {
    let (one, many) = (hot_sku()?, skus(bench)?);
    let all: Vec<SkuId> = one.iter().chain(many.iter()).cloned().collect();
    let window = Window { warm_up: bench.window.warm_up / TURNS, counted: bench.window.counted / TURNS };
    let staged = bench.stage("turns", &all, |engine| async move {
        let [mut hot, mut uniform] = [Vec::new(), Vec::new()];
        for turn in 0..TURNS {
            // Who begins changes: what grows from turn to turn falls on both alike.
            let hot_first = turn % 2 == 0;
            for is_hot in [hot_first, !hot_first] {
                let (skus, turns) = if is_hot { (&one, &mut hot) } else { (&many, &mut uniform) };
                let first = turn as usize * callers + if is_hot { 0 } else { TURNS as usize * callers };
                let buyers = Buyer::some(&engine, skus, bench.seed, first..first + callers);
                turns.push(drive(window, 1, buyers.into_iter()).await?);
            }
        }
        let rates = |turns: &[StageMeasured]| turns.iter().map(|turn| turn.rate(0)).collect::<Vec<_>>();
        let ratio = stats::ratio(&rates(&hot), &rates(&uniform)).unwrap_or_default();
        let (hot, uniform) = (StageMeasured::of_turns(&hot)?, StageMeasured::of_turns(&uniform)?);
        let books = Books::held(hot.granted(0) + uniform.granted(0));
        Ok(((hot, uniform, ratio), books))
    })?;
    let ((hot, uniform, ratio), around) = (staged.measured, staged.around);
    let goal = Goal::TimesUniform { least: 0.9, found: ratio };
    result.rows.push(Row::new("reserve, hot SKU, in turns", Some(callers), &around, &hot, 0, &[goal]));
    result.rows.push(Row::new(
        "reserve over 10,000 SKUs, in turns",
        Some(callers),
        &around,
        &uniform,
        0,
        &[],
    ));
    Ok(())
}

fn batch(
    name: &'static str,
    skus: &Arc<[SkuId]>,
    bench: &Bench,
    result: &mut BenchResult,
    goal: Goal,
) -> Result<()> {
    let staged = bench.stage(&format!("batch-{}", skus.len()), skus, |engine| {
        let buyers = Buyer::some(&engine, skus, bench.seed, 0..BATCH_CALLERS);
        drop(engine);
        async { holding(drive(bench.window, 1, buyers.into_iter().map(BatchBuyer)).await?) }
    })?;
    push(result, &staged, BATCH_CALLERS, &[(name, &[goal])]);
    Ok(())
}

fn pairs(bench: &Bench, result: &mut BenchResult) -> Result<()> {
    let skus = skus(bench)?;
    let staged = bench.stage("pairs", &skus, |engine| {
        let buyers = Buyer::some(&engine, &skus, bench.seed, 0..BATCH_CALLERS);
        drop(engine);
        async {
            let steps = PAIR_STEPS.len();
            let measured = drive(bench.window, steps, buyers.into_iter().map(PairBuyer)).await?;
            let committed = measured.granted(1);
            let reserved = measured.granted(0).saturating_sub(committed);
            Ok((measured, Books { reserved, committed, ..Books::default() }))
        }
    })?;
    let [reserve, pair] = PAIR_STEPS;
    push(result, &staged, BATCH_CALLERS, &[(reserve, &[]), (pair, &[Goal::PerSecond(400_000.0)])]);
    Ok(())
}

fn place(callers: usize, bench: &Bench, result: &mut BenchResult) -> Result<()> {
    const LINES: usize = 3;
    let skus = skus(bench)?;
    let staged = bench.stage(&format!("place-{callers}"), &skus, |engine| {
        let shoppers = Shopper::some(bench, &engine, &skus, LINES, callers);
        drop(engine);
        async { placed(drive(bench.window, 1, shoppers?.into_iter()).await?, LINES as u64) }
    })?;
    push(result, &staged, callers, &[("place, 3 lines", &[Goal::PerSecond(70_000.0)])]);
    Ok(())
}

fn placed(measured: StageMeasured, lines: u64) -> Result<(StageMeasured, Books)> {
    let books = Books { orders: measured.granted(0), ..Books::held(measured.granted(0) * lines) };
    Ok((measured, books))
}

fn lifecycle(lines: usize, callers: usize, goal: f64, bench: &Bench, result: &mut BenchResult) -> Result<()> {
    let skus = skus(bench)?;
    let staged = bench.stage(&format!("lifecycle-{lines}-{callers}"), &skus, |engine| {
        let shoppers = Shopper::some(bench, &engine, &skus, lines, callers);
        drop(engine);
        async {
            let customers = shoppers?.into_iter().map(Customer::new).collect::<Result<Vec<_>>>()?;
            let measured = drive(bench.window, STEPS, customers.into_iter()).await?;
            let books = lived(&measured, lines as u64);
            Ok((measured, books))
        }
    })?;
    let names = match lines {
        1 => ["1 line: place", "1 line: pay", "1 line: ship", "1 line: deliver", "whole life, 1 line"],
        _ => ["3 lines: place", "3 lines: pay", "3 lines: ship", "3 lines: deliver", "whole life, 3 lines"],
    };
    let goal = [Goal::PerSecond(goal)];
    let goals = [&[][..], &[], &[], &[], &goal];
    let steps: Vec<_> = names.into_iter().zip(goals).collect();
    push(result, &staged, callers, &steps);
    Ok(())
}

fn half_reserve(bench: &Bench, result: &mut BenchResult) -> Result<()> {
    let skus = hot_sku()?;
    let staged = bench.stage("half-reserve", &skus, |engine| async {
        let buyers = Buyer::some(&engine, &skus, bench.seed, 0..PEAK_CALLERS);
        let peak = drive(bench.window, 1, buyers.into_iter()).await?;
        let sku = SkuId::new("hot")?;
        let (measured, open) = open_loop::at_half_of(peak.rate(0), bench, AskHot { engine, sku }).await?;
        let books = Books::held(peak.granted(0) + measured.granted(0));
        Ok(((measured, open), books))
    })?;
    push_open(result, staged, "reserve, hot SKU, at half of peak");
    Ok(())
}

fn half_place(bench: &Bench, result: &mut BenchResult) -> Result<()> {
    const LINES: u32 = 3;
    let orders = Orders::new(bench.seed, SKUS, LINES)?;
    let skus = Arc::clone(orders.skus());
    let staged = bench.stage("half-place", &skus, |engine| async {
        let shoppers = Shopper::some(bench, &engine, &skus, LINES as usize, PEAK_CALLERS)?;
        let peak = drive(bench.window, 1, shoppers.into_iter()).await?;
        let (measured, open) =
            open_loop::at_half_of(peak.rate(0), bench, AskOrder { engine, orders }).await?;
        let orders = peak.granted(0) + measured.granted(0);
        Ok(((measured, open), Books { orders, ..Books::held(orders * u64::from(LINES)) }))
    })?;
    push_open(result, staged, "place, 3 lines, at half of peak");
    Ok(())
}

fn push_open(result: &mut BenchResult, staged: Staged<(StageMeasured, Open)>, name: &'static str) {
    let ((measured, open), around) = (staged.measured, staged.around);
    let goal = Goal::P999TimesRawOpen { most: 3.0, raw_us: open.raw_kept_pace().then_some(open.raw.p999_us) };
    let row = Row::new(name, None, &around, &measured, 0, &[goal]);
    result.rows.push(Row { open: Some(open), ..row });
}

/// Adds a row for each step of a stage.
fn push(
    result: &mut BenchResult,
    staged: &Staged<StageMeasured>,
    callers: usize,
    steps: &[(&'static str, &[Goal])],
) {
    let Staged { measured, around } = staged;
    for (step, (name, goals)) in steps.iter().enumerate() {
        result.rows.push(Row::new(name, Some(callers), around, measured, step, goals));
    }
}
