//! What was injected, and what the engine made of it.

use std::collections::BTreeMap;

use super::moves::Deed;

/// What can befall an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The power goes; unsynced data is lost.
    PowerCut,
    /// The power goes; unsynced data survives by sectors, in any combination.
    TornPowerCut,
    /// The same, with bits turned over in it.
    GarbledPowerCut,
    /// The process ends.
    Kill,
    /// One of these while the engine is being opened.
    CrashInOpening,
    /// A write fails.
    WriteError,
    /// A sync fails.
    SyncError,
    /// A read fails.
    ReadError,
    /// Reads give less than they could.
    ShortReads,
    /// The disk is full.
    DiskFull,
    /// Commits take long.
    SlowDisk,
    /// The clock is set forward.
    ClockForward,
    /// The clock is set back.
    ClockBack,
    /// A decision panics.
    DecisionPanic,
    /// A bit of the journal turns over at rest.
    FlipInJournal,
    /// A bit of a snapshot turns over at rest.
    FlipInSnapshot,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::PowerCut,
        Self::TornPowerCut,
        Self::GarbledPowerCut,
        Self::Kill,
        Self::CrashInOpening,
        Self::WriteError,
        Self::SyncError,
        Self::ReadError,
        Self::ShortReads,
        Self::DiskFull,
        Self::SlowDisk,
        Self::ClockForward,
        Self::ClockBack,
        Self::DecisionPanic,
        Self::FlipInJournal,
        Self::FlipInSnapshot,
    ];

    /// What it means, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::PowerCut => "power cut: unsynced data is lost",
            Self::TornPowerCut => "power cut: unsynced data survives by sectors, in any combination",
            Self::GarbledPowerCut => "power cut: the same, with bits turned over in it",
            Self::Kill => "the process is killed; what was not synced stays in the page cache only",
            Self::CrashInOpening => "any of these while the engine is being opened",
            Self::WriteError => "a write fails (EIO), half of it done",
            Self::SyncError => "a sync fails (EIO); what the cache holds is lost and looks well",
            Self::ReadError => "a read fails (EIO)",
            Self::ShortReads => "reads give less than was asked for",
            Self::DiskFull => "the disk is full (ENOSPC) for a while",
            Self::SlowDisk => "a commit takes up to 25 ms, while actors go on",
            Self::ClockForward => "the clock is set forward, by up to an hour",
            Self::ClockBack => "the clock is set back, by up to 5 s",
            Self::DecisionPanic => "a decision panics",
            Self::FlipInJournal => "a bit of the journal turns over at rest",
            Self::FlipInSnapshot => "a bit of a snapshot turns over at rest",
        }
    }

    /// What the engine promises.
    #[must_use]
    pub const fn promise(self) -> &'static str {
        match self {
            Self::PowerCut | Self::TornPowerCut | Self::Kill => {
                "opens; all that was told is there, nothing is there by half"
            }
            Self::GarbledPowerCut => "opens likewise, or names what it cannot read",
            Self::CrashInOpening => "the next opening finds everything",
            Self::WriteError | Self::SyncError => {
                "halts, or goes on if nothing depended on it; opening again finds out what is durable"
            }
            Self::ReadError => "names the file; changes nothing",
            Self::ShortReads => "nothing of it shows",
            Self::DiskFull => "refuses new work, lets stock be freed, comes back",
            Self::SlowDisk => "nothing leaves before what it rests on is durable",
            Self::ClockForward => "engine time follows; at a long step timers halt until they are resumed",
            Self::ClockBack => "engine time stands still until the clock has caught up",
            Self::DecisionPanic => "the command is refused or its order parked; nobody else notices",
            Self::FlipInJournal => "damage is named; of the last unsealed batch it is reported as cut",
            Self::FlipInSnapshot => "an older snapshot or the journal is taken, and it is said why",
        }
    }
}

/// How often something befell an engine, and what it made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How often.
    pub injected: u64,
    /// How often it did what, in words.
    pub did: BTreeMap<&'static str, u64>,
}

/// The sum of schedules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Schedules that ran to their end.
    pub schedules: u64,
    /// Openings that were tried.
    pub openings: u64,
    /// Lives, from an opening that succeeded to the end that was put to it.
    pub lives: u64,
    /// Commands given.
    pub commands: u64,
    /// Commands that were granted.
    pub granted: u64,
    /// Commands that were refused.
    pub refused: u64,
    /// Commands whose outcome nobody was told.
    pub unknown: u64,
    /// Reads.
    pub reads: u64,
    /// Answers, refusals and reads that were held against the journal after a crash or a close.
    pub verified: u64,
    /// Records that became durable.
    pub records: u64,
    /// Snapshots taken.
    pub snapshots: u64,
    /// Copies of a folder whose state was compared: the journal alone, and each snapshot by itself.
    pub compared: u64,
    /// Edits that were staged, and clients told so.
    pub edits_staged: u64,
    /// … that were accepted.
    pub edits_accepted: u64,
    /// … that were declined.
    pub edits_declined: u64,
    /// Shipments that were short.
    pub short_shipments: u64,
    /// Orders that were split.
    pub splits: u64,
    /// Flows that came to their end.
    pub flows: u64,
    /// … that failed, and were rolled back.
    pub flows_failed: u64,
    /// Decisions of operators about steps of flows that stood still.
    pub remedies: u64,
    /// By what befell the engine.
    pub by_kind: BTreeMap<Kind, Count>,
}

impl Tally {
    /// Counts something that befell the engine.
    pub(super) fn injected(&mut self, kind: Kind, times: u64) {
        if times > 0 {
            self.by_kind.entry(kind).or_default().injected += times;
        }
    }

    /// Counts what the engine made of it.
    pub(super) fn did(&mut self, kind: Kind, what: &'static str) {
        *self.by_kind.entry(kind).or_default().did.entry(what).or_default() += 1;
    }

    /// Counts what was done to orders, as clients were told.
    pub(super) fn changed(&mut self, deeds: BTreeMap<Deed, u64>) {
        for (deed, times) in deeds {
            match deed {
                Deed::Staged => self.edits_staged += times,
                Deed::Edited => self.edits_accepted += times,
                Deed::Declined => self.edits_declined += times,
                Deed::Shipped => self.short_shipments += times,
                Deed::Split => self.splits += times,
                Deed::Cancelled => {}
            }
        }
    }

    /// Faults of every kind.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.by_kind.values().map(|count| count.injected).sum()
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.schedules += other.schedules;
        self.openings += other.openings;
        self.lives += other.lives;
        self.commands += other.commands;
        self.granted += other.granted;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.reads += other.reads;
        self.verified += other.verified;
        self.records += other.records;
        self.snapshots += other.snapshots;
        self.compared += other.compared;
        self.edits_staged += other.edits_staged;
        self.edits_accepted += other.edits_accepted;
        self.edits_declined += other.edits_declined;
        self.short_shipments += other.short_shipments;
        self.splits += other.splits;
        self.flows += other.flows;
        self.flows_failed += other.flows_failed;
        self.remedies += other.remedies;
        for (kind, count) in &other.by_kind {
            let sum = self.by_kind.entry(*kind).or_default();
            sum.injected += count.injected;
            for (what, times) in &count.did {
                *sum.did.entry(what).or_default() += times;
            }
        }
    }
}
