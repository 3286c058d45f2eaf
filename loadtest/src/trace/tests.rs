//! A tiny trace with every rule in it, replayed on an engine in memory.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Parser;
use serde_json::{Value, json};

use super::result::{TraceResult, conclude};
use super::{Arguments, concurrent, link, replay};

const HEADER: &str =
    "at,order,action,line,sku,qty,gross,discount,shipping,seller,location,customer,method,amount,final\n";

const STOCK: &str = "sku,qty\nlamp,10\nbulb,3\n10,0\n";

/// Orders whose events come late, early, twice or not at all.
const TRACE: &str = "\
t,early,pay,,,,,,,,,,card,5,1
t,plain,place,1,lamp,2,200,20,10,,,,,,
t,plain,place,2,lamp,1,100,0,0,,,,,,
t,early,place,1,bulb,1,50,0,0,,,,,,
t,none,place,,,,,,,,,,,,
t,none,cancel,,,,,,,,,,,,
t,zero,place,1,lamp,1,10,0,0,,,,,,
t,zero,place,2,lamp,-1,10,0,0,,,,,,
t,greedy,place,1,bulb,2,100,0,0,,,,,,
t,greedy,place,2,bulb,1,50,0,0,,,,,,
t,greedy,pay,,,,,,,,,,card,150,1
t,ghost,place,1,unheard-of,1,1,0,0,,,,,,
t,plain,deliver,,,,,,,,,,,,
t,plain,ship,,,,,,,,,,,,
t,plain,pay,,,,,,,,,,voucher,0,0
t,plain,pay,,,,,,,,,,card,300,1
t,late,place,1,lamp,1,70,0,0,,,,,,
t,late,pay,,,,,,,,,,card,70,1
t,late,cancel,,,,,,,,,,,,
t,late,cancel,,,,,,,,,,,,
t,late,ship,,,,,,,,,,,,
t,open,place,1,bulb,1,50,0,0,,,,,,
";

/// What the rules make of it. `plain` is shipped and delivered by retries; `early` stays reserved, since a
/// payment from before its placement is ignored; `greedy` asks for 3 bulbs of which 2 are left.
fn expected() -> Value {
    json!({
        "orders": 8,
        "states": {"cancelled": 1, "delivered": 1, "invalid": 2, "rejected": 2, "reserved": 2},
        "answers": {
            "accepted_on_retry": 2,
            "cancel_accepted": 1,
            "deliver_accepted": 1,
            "ignored": 3,
            "pay_accepted": 3,
            "place_accepted": 4,
            "place_invalid": 2,
            "place_rejected": 2,
            "refused_cancel": 1,
            "refused_ship": 1,
            "ship_accepted": 1,
        },
        "money_minor": {"due": 290 + 50 + 70 + 50, "paid": 370, "refunded": 70},
        "stock": {
            "skus": 3, "opening": 13, "available": 8, "reserved": 2, "committed": 0, "shipped": 3,
            "sold_out_skus": 1,
        },
    })
}

fn arguments(folder: &Path, durability: &str) -> Result<Arguments> {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }
    let (trace, stock) = (folder.join("trace.csv"), folder.join("stock.csv"));
    std::fs::write(&trace, format!("{HEADER}{TRACE}"))?;
    std::fs::write(&stock, STOCK)?;
    let line: [PathBuf; 6] =
        ["trace".into(), trace, "--stock".into(), stock, "--durability".into(), durability.into()];
    Ok(Line::try_parse_from(line)?.arguments)
}

fn broken(result: &TraceResult) -> Vec<&str> {
    result.promises.iter().filter(|promise| !promise.is_kept()).map(|promise| promise.name).collect()
}

/// The outcome without the hash, which no person can write down.
fn without_hash(result: &TraceResult) -> Value {
    let mut outcome = result.outcome.clone();
    if let Value::Object(parts) = &mut outcome {
        parts.remove("stock_sha256");
    }
    outcome
}

#[test]
fn every_rule_of_a_trace_is_kept_one_event_at_a_time() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let arguments = arguments(folder.path(), "memory")?;
    let data = folder.path().join("data");
    let replayed = replay::replay(&arguments, link::Embedded::open(&arguments, &data)?)?;
    let result = conclude(&arguments, &data, replayed, None)?;
    assert_eq!(broken(&result), Vec::<&str>::new(), "{result:#?}");
    assert_eq!(without_hash(&result), expected());
    Ok(())
}

#[test]
fn every_rule_of_a_trace_is_kept_where_each_operation_is_a_flow() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let arguments = Arguments { flows: true, ..arguments(folder.path(), "process")? };
    let data = folder.path().join("data");
    let replayed = replay::replay(&arguments, link::Embedded::open(&arguments, &data)?)?;
    let result = conclude(&arguments, &data, replayed, None)?;
    assert_eq!(broken(&result), Vec::<&str>::new(), "{result:#?}");
    assert_eq!(without_hash(&result), expected());
    Ok(())
}

#[test]
fn the_state_hash_of_a_durable_replay_survives_a_close() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let arguments = arguments(folder.path(), "process")?;
    let data = folder.path().join("data");
    let replayed = replay::replay(&arguments, link::Embedded::open(&arguments, &data)?)?;
    let result = conclude(&arguments, &data, replayed, None)?;
    assert!(result.promises.iter().any(|promise| promise.name.starts_with("the state hash")));
    assert_eq!(broken(&result), Vec::<&str>::new(), "{result:#?}");
    Ok(())
}

#[test]
fn a_difference_from_the_expected_answers_breaks_a_promise() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let arguments = arguments(folder.path(), "memory")?;
    let data = folder.path().join("data");
    let replayed = replay::replay(&arguments, link::Embedded::open(&arguments, &data)?)?;
    let mut wrong = expected();
    if let Some(orders) = wrong.get_mut("orders") {
        *orders = json!(9);
    }
    let result = conclude(&arguments, &data, replayed, Some(&wrong))?;
    assert_eq!(broken(&result), ["the answers are the expected ones"]);
    assert!(!result.is_kept());
    Ok(())
}

#[test]
fn with_many_orders_in_flight_every_invariant_holds() -> Result<()> {
    for in_flight in [1, 3, 64] {
        let folder = tempfile::tempdir()?;
        let mut arguments = arguments(folder.path(), "memory")?;
        arguments.in_flight = NonZeroUsize::new(in_flight);
        let data = folder.path().join("data");
        let replayed = concurrent::replay(&arguments, &data, in_flight)?;
        let result = conclude(&arguments, &data, replayed, Some(&expected()))?;
        assert_eq!(broken(&result), Vec::<&str>::new(), "{in_flight} in flight: {result:#?}");
    }
    Ok(())
}
