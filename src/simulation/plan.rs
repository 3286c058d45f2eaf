//! A schedule as data: who asks for what, what goes wrong, and how each life ends. All of it follows from a seed.

use super::workload::Shop;
use crate::domain::command::{Command, EditChange, Request, ScopedKey};
use crate::domain::ids::{InvalidId, OrderId, SkuId};
use crate::port::fs_sim::SplitMix;

/// Everything that happens in one schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What it follows from.
    pub seed: u64,
    /// The engine's lives, one after another in the same folder.
    pub lives: Vec<Life>,
}

/// From one opening to the end that is put to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Chance within the life follows from this.
    pub seed: u64,
    /// How often in a hundred an actor gives way before it takes up a message.
    pub gives_way_percent: u64,
    /// The longest time that a commit takes, in milliseconds.
    pub commit_ms_max: u64,
    /// After how many milliseconds without a message a SKU goes to rest.
    pub idle_ms: u64,
    /// Whether what stands before the older snapshot is dropped.
    pub retention: bool,
    /// Whether copies of the folder are looked at before it is opened: each snapshot by itself, the journal alone,
    /// and with a bit turned over.
    pub probed: bool,
    /// What clients do, each one step after another.
    pub clients: Vec<Vec<Step>>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// How it ends.
    pub end: End,
}

/// What a client does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Milliseconds before it.
    pub pause_ms: u64,
    /// What it does.
    pub what: What,
}

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Gives commands, several as one batch, and waits for the answers.
    Submit(Vec<Request<Command>>),
    /// Looks at an order.
    ReadOrder(OrderId),
    /// Looks at a SKU.
    ReadSku(SkuId),
    /// Has an edit staged, looks at what it would make of the order, and then decides on it.
    Edit {
        /// The order.
        order: OrderId,
        /// What is to change.
        changes: Vec<EditChange>,
        /// Milliseconds between the preview and the decision.
        think_ms: u64,
        /// The decision.
        then: Edited,
        /// The key that it is given under.
        key: Option<ScopedKey>,
    },
    /// Has an order split by the locations of its units, as they are.
    SplitByLocation(OrderId),
    /// Has a snapshot taken.
    Snapshot,
    /// Has the answers of keys forgotten that are older than this many milliseconds.
    ForgetKeys(u64),
    /// Lets timers go on after a step of the clock.
    ResumeTimers,
}

/// What becomes of an edit that was staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edited {
    /// It is accepted.
    Accepted,
    /// It is accepted twice at once.
    AcceptedTwice,
    /// It is accepted as if an earlier version had been previewed.
    Outdated,
    /// It is declined.
    Declined,
    /// It stays staged.
    Left,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The nth write fails.
    WriteError(u64),
    /// The nth sync fails, and what it was to make durable is lost.
    SyncError(u64),
    /// The nth read fails.
    ReadError(u64),
    /// Reads give less than they could, by a seed.
    ShortReads(u64),
    /// The disk is full for a while.
    DiskFull {
        /// Milliseconds from the opening on; 0 begins with it.
        at_ms: u64,
        /// For so many milliseconds.
        for_ms: u64,
        /// Bytes that are left.
        left: u64,
    },
    /// The clock is set.
    ClockStep {
        /// Milliseconds from the opening on.
        at_ms: u64,
        /// Forward or back.
        by_ms: i64,
    },
    /// One decision in so many panics.
    Panics(u64),
}

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub when: When,
    /// How.
    pub how: How,
}

/// When a life ends, at the latest when the clients are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When the clients are done.
    Done,
    /// So many milliseconds after it began.
    After(u64),
    /// At the nth operation of the file system, the opening's included.
    Operation(u64),
}

/// What becomes of machine and process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The engine is closed.
    Close,
    /// The process ends; the machine and its page cache live on.
    Kill,
    /// The power goes, and nothing survives but what was synced.
    PowerCut,
    /// The power goes, and what was not synced survives by sectors, by a seed.
    TornPowerCut(u64),
    /// The same, with bits turned over in what was being written.
    GarbledPowerCut(u64),
}

impl Plan {
    /// The schedule of a seed.
    ///
    /// # Errors
    /// Never for the ids that it makes; they are checked like any other.
    pub fn of(seed: u64) -> Result<Self, InvalidId> {
        let mut random = SplitMix::new(seed);
        let mut shop = Shop::new(random.next_u64());
        let count = 2 + random.below(3);
        let mut lives = Vec::new();
        for number in 0..count {
            lives.push(life(&mut random, &mut shop, number)?);
        }
        Ok(Self { seed, lives })
    }

    /// Number of commands in it.
    #[must_use]
    pub fn commands(&self) -> usize {
        let steps = self.lives.iter().flat_map(|life| life.clients.iter().flatten());
        steps.map(|step| if let What::Submit(requests) = &step.what { requests.len() } else { 0 }).sum()
    }

    /// Number of faults in it, ends that are no clean close included.
    #[must_use]
    pub fn faults(&self) -> usize {
        let ends = self.lives.iter().filter(|life| life.end.how != How::Close).count();
        ends + self.lives.iter().map(|life| life.faults.len()).sum::<usize>()
    }
}

fn life(random: &mut SplitMix, shop: &mut Shop, number: u64) -> Result<Life, InvalidId> {
    let mut clients = vec![if number == 0 { shop.opening()? } else { Vec::new() }];
    for _ in 0..1 + random.below(5) {
        let steps = 4 + random.below(16);
        clients.push((0..steps).map(|_| shop.step()).collect::<Result<_, _>>()?);
    }
    Ok(Life {
        seed: random.next_u64(),
        gives_way_percent: one_of(random, [0, 30, 80]),
        commit_ms_max: one_of(random, [0, 2, 6, 25]),
        idle_ms: one_of(random, [1, 3, 20, 10_000]),
        retention: random.below(3) == 0,
        probed: random.below(3) == 0,
        faults: faults(random),
        end: end(random),
        clients,
    })
}

fn one_of<const N: usize>(random: &mut SplitMix, values: [u64; N]) -> u64 {
    values.get(random.below(N as u64) as usize).copied().unwrap_or_default()
}

fn faults(random: &mut SplitMix) -> Vec<Fault> {
    let mut faults = Vec::new();
    if random.below(12) == 0 {
        faults.push(Fault::WriteError(1 + random.below(90)));
    }
    if random.below(10) == 0 {
        faults.push(Fault::SyncError(1 + random.below(60)));
    }
    if random.below(12) == 0 {
        faults.push(Fault::ReadError(1 + random.below(50)));
    }
    if random.below(8) == 0 {
        faults.push(Fault::ShortReads(random.next_u64()));
    }
    if random.below(8) == 0 {
        let (at_ms, for_ms) = (random.below(80).saturating_sub(40), 1 + random.below(300));
        faults.push(Fault::DiskFull { at_ms, for_ms, left: random.below(3_000) });
    }
    for _ in 0..random.below(6).saturating_sub(3) {
        let by_ms = match random.below(4) {
            0 => -(random.below(5_000) as i64),
            1 => 3_600_000,
            _ => random.below(400) as i64,
        };
        faults.push(Fault::ClockStep { at_ms: random.below(80), by_ms });
    }
    if random.below(10) == 0 {
        faults.push(Fault::Panics(5 + random.below(40)));
    }
    faults
}

fn end(random: &mut SplitMix) -> End {
    let when = match random.below(10) {
        0 | 1 => When::Done,
        2 | 3 => When::After(random.below(120)),
        // Some of these fall into the opening.
        4 => When::Operation(1 + random.below(25)),
        _ => When::Operation(1 + random.below(260)),
    };
    let how = match random.below(8) {
        0 if when == When::Done => How::Close,
        0 | 1 => How::PowerCut,
        2 | 3 => How::Kill,
        4 => How::GarbledPowerCut(random.next_u64()),
        _ => How::TornPowerCut(random.next_u64()),
    };
    End { when, how }
}
