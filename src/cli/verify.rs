//! `earmark verify`: everything that can be checked, and the first thing that is wrong.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::out::{Exit, Failure, Out};
use super::source::{Source, now_millis};
use super::words::{bytes, count, grouped, hex};
use crate::domain::ids::EntityId;
use crate::replay::{self, Finding, RecordKind, SnapshotVerdict, Verdict};

/// Findings that are printed as text.
const FINDINGS_SHOWN: usize = 10;

#[derive(Serialize)]
struct VerdictJson<'a> {
    folder: &'a str,
    ok: bool,
    first_sequence: u64,
    /// 0 when there is no record.
    last_sequence: u64,
    records: u64,
    batches: u64,
    bytes: u64,
    kinds: BTreeMap<&'static str, u64>,
    first_at: Option<String>,
    last_at: Option<String>,
    epoch: u64,
    chain_hash: String,
    state_hash: Option<String>,
    orders: Option<u64>,
    retired: Option<u64>,
    skus: Option<u64>,
    keys: Option<u64>,
    unfinished: Option<u64>,
    sealed: bool,
    cut: Option<CutJson<'a>>,
    in_use: bool,
    withheld: u32,
    snapshot: Option<String>,
    snapshots: Vec<SnapshotJson>,
    findings: Vec<FindingJson<'a>>,
    findings_total: u64,
    millis: u64,
    records_per_second: u64,
}

#[derive(Serialize)]
struct CutJson<'a> {
    segment: &'a str,
    offset: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct SnapshotJson {
    path: String,
    bytes: u64,
    low: u64,
    high: Option<u64>,
    state_hash: Option<String>,
}

impl SnapshotJson {
    fn of(snapshot: &SnapshotVerdict) -> Self {
        let SnapshotVerdict { path, bytes, low, high, hash } = snapshot;
        let (bytes, low, high) = (*bytes, *low, *high);
        Self { path: path.display().to_string(), bytes, low, high, state_hash: hash.map(|it| it.to_string()) }
    }
}

#[derive(Serialize)]
struct FindingJson<'a> {
    segment: Option<&'a str>,
    offset: Option<u64>,
    sequence: Option<u64>,
    entity: Option<EntityJson<'a>>,
    what: &'a str,
}

/// An entity, named.
#[derive(Serialize)]
struct EntityJson<'a> {
    kind: &'static str,
    id: Cow<'a, str>,
}

impl<'a> EntityJson<'a> {
    fn of(entity: &'a EntityId) -> Self {
        match entity {
            EntityId::Order(id) => Self { kind: "order", id: id.as_str().into() },
            EntityId::Sku(id) => Self { kind: "sku", id: id.as_str().into() },
            EntityId::Flow(id) => Self { kind: "flow", id: id.to_string().into() },
            EntityId::Lock(name) => Self { kind: "lock", id: name.as_str().into() },
        }
    }
}

pub(super) fn run(path: &Path, out: &mut Out) -> Result<Exit, Failure> {
    let mut source = Source::open(path)?;
    let began = now_millis();
    let mut pace = source.pace();
    let verdict = replay::verify(source.folder(), &mut pace);
    source.done();
    let verdict = verdict?;
    let millis = now_millis().saturating_sub(began).max(1);
    let name = source.name();
    if out.is_json() {
        out.json(&json(&name, &verdict, millis));
    } else {
        text(&name, &verdict, millis, out);
    }
    Ok(if verdict.findings_total == 0 { Exit::Fine } else { Exit::Wrong })
}

fn per_second(verdict: &Verdict, millis: u64) -> u64 {
    verdict.reading.records.saturating_mul(1_000) / millis
}

fn json<'a>(name: &'a str, verdict: &'a Verdict, millis: u64) -> VerdictJson<'a> {
    let (reading, summary) = (&verdict.reading, verdict.summary.as_ref());
    let has_records = reading.records > 0;
    VerdictJson {
        folder: name,
        ok: verdict.findings_total == 0,
        first_sequence: reading.first_sequence,
        last_sequence: reading.next_sequence.saturating_sub(1),
        records: reading.records,
        batches: reading.batches,
        bytes: reading.bytes,
        kinds: RecordKind::ALL
            .iter()
            .map(|kind| (kind.name(), verdict.kinds.get(kind).copied().unwrap_or(0)))
            .collect(),
        first_at: reading.first_at.map(|at| at.to_string()),
        last_at: has_records.then(|| reading.last_at.to_string()),
        epoch: reading.epoch,
        chain_hash: hex(&reading.chain),
        state_hash: summary.map(|summary| summary.hash.to_string()),
        orders: summary.map(|summary| summary.orders),
        retired: summary.map(|summary| summary.retired),
        skus: summary.map(|summary| summary.skus),
        keys: summary.map(|summary| summary.keys),
        unfinished: summary.map(|summary| summary.unfinished),
        sealed: reading.sealed,
        cut: reading.cut.as_ref().map(|cut| CutJson {
            segment: &cut.segment,
            offset: cut.offset,
            bytes: cut.bytes,
        }),
        in_use: reading.in_use,
        withheld: reading.withheld,
        snapshot: verdict.base.as_ref().map(|(path, _)| path.display().to_string()),
        snapshots: verdict.snapshots.iter().map(SnapshotJson::of).collect(),
        findings: verdict.findings.iter().map(finding_json).collect(),
        findings_total: verdict.findings_total,
        millis,
        records_per_second: per_second(verdict, millis),
    }
}

fn finding_json(finding: &Finding) -> FindingJson<'_> {
    FindingJson {
        segment: finding.segment.as_deref(),
        offset: finding.offset,
        sequence: finding.sequence,
        entity: finding.entity.as_ref().map(EntityJson::of),
        what: &finding.what,
    }
}

fn text(name: &str, verdict: &Verdict, millis: u64, out: &mut Out) {
    let reading = &verdict.reading;
    let last = reading.next_sequence.saturating_sub(1);
    match reading.first_at {
        Some(first_at) => out.line(format_args!(
            "{name}: records {} to {}, committed {first_at} to {}",
            grouped(reading.first_sequence),
            grouped(last),
            reading.last_at
        )),
        None => out.line(format_args!("{name}: no records")),
    }
    let kinds: Vec<_> =
        verdict.kinds.iter().map(|(kind, count)| format!("{} {}", grouped(*count), kind.name())).collect();
    out.line(format_args!(
        "  read        {} in {}, {}",
        count(reading.records, "record"),
        if reading.batches == 1 {
            "1 batch".to_owned()
        } else {
            format!("{} batches", grouped(reading.batches))
        },
        bytes(reading.bytes)
    ));
    if !kinds.is_empty() {
        out.line(format_args!("  kinds       {}", kinds.join(", ")));
    }
    if let Some(summary) = &verdict.summary {
        out.line(format_args!(
            "  entities    {}, {}, {}",
            count(summary.orders, "order"),
            count(summary.skus, "SKU"),
            count(summary.keys, "answered key")
        ));
        if summary.retired > 0 {
            out.line(format_args!("  retired     {}", count(summary.retired, "order")));
        }
        out.line(format_args!("  state hash  {}", summary.hash));
        if summary.unfinished > 0 {
            let orders = count(summary.unfinished, "order");
            out.line(format_args!(
                "  in flight   {orders} between two steps; opening the engine finishes or undoes them"
            ));
        }
    }
    snapshots(verdict, out);
    out.line(format_args!("  chain hash  {}", hex(&reading.chain)));
    out.line(format_args!("  end         {}", end(verdict)));
    let seconds = format!("{}.{:01} s", millis / 1_000, millis % 1_000 / 100);
    let speed = format!("{seconds}, {} records/s", grouped(per_second(verdict, millis)));
    if verdict.findings_total == 0 {
        out.line(format_args!("OK: nothing is wrong ({speed})."));
        return;
    }
    out.line(format_args!("WRONG: {} ({speed}).", count(verdict.findings_total, "finding")));
    for finding in verdict.findings.iter().take(FINDINGS_SHOWN) {
        out.line(format_args!("  {}", finding_text(finding)));
    }
    let hidden = verdict.findings_total.saturating_sub(FINDINGS_SHOWN as u64);
    if hidden > 0 {
        out.line(format_args!("  and {} more (--json has the first hundred)", grouped(hidden)));
    }
}

fn snapshots(verdict: &Verdict, out: &mut Out) {
    if let Some((path, low)) = &verdict.base {
        out.line(format_args!(
            "  base        the journal's beginning was dropped; from snapshot {} and record {low} on",
            path.display()
        ));
    }
    for snapshot in &verdict.snapshots {
        let expected = verdict.summary.as_ref().map(|summary| summary.hash);
        let said = match snapshot.hash {
            None => "not compared",
            Some(hash) if Some(hash) == expected => "makes the same state",
            Some(_) => "makes another state",
        };
        out.line(format_args!("  snapshot    {}: {said}", snapshot.path.display()));
    }
}

fn end(verdict: &Verdict) -> String {
    let reading = &verdict.reading;
    if !reading.to_the_end {
        return "not reached: what is behind the damage was not read".to_owned();
    }
    if reading.in_use {
        return match reading.withheld {
            0 => "in use by an engine; read up to what is durable".to_owned(),
            withheld => format!(
                "in use by an engine; {} of the batch in flight left out",
                count(u64::from(withheld), "record")
            ),
        };
    }
    if let Some(cut) = &reading.cut {
        return format!(
            "torn: a batch of {} at offset {} of {} was never finished; the next opening cuts it, and nothing of it was answered",
            bytes(cut.bytes),
            cut.offset,
            cut.segment
        );
    }
    if reading.sealed { "sealed".to_owned() } else { "not sealed: the engine was not closed".to_owned() }
}

fn finding_text(finding: &Finding) -> String {
    let mut text = String::new();
    if let (Some(segment), Some(offset)) = (&finding.segment, finding.offset) {
        text = format!("segment {segment}, offset {offset}");
        if let Some(sequence) = finding.sequence {
            text.push_str(&format!(", record {sequence}"));
        }
        text.push_str(": ");
    }
    if let Some(entity) = &finding.entity {
        text.push_str(&format!("{entity}: "));
    }
    text + &finding.what
}
