//! The simulated world: the engine under random workloads and faults, all of it from one seed.
//!
//! A schedule ([`Plan`]) is several lives of one folder. In each, an engine is opened on a simulated file system,
//! clock and entropy, with its writer as a task on a paused current-thread runtime; clients work in it side by
//! side; things go wrong; and an end is put to it, often in the middle of something, while it is being opened
//! too. Then the next life begins with what is left.
//!
//! After each opening it is checked, in this order:
//! 1. every invariant of every entity, and orders against holds ([`crate::replay::audit`]);
//! 2. the state against the one that the durable records make (`history`), which are never fewer than were seen;
//!    at each of them, what SKUs hold for an order against its lines (`moves`), and an order that was split
//!    against its children (`family`);
//! 3. every answer, refusal and read that clients were given since (`ledger`), against these records; what edits,
//!    short shipments, cancellations and splits made of an order, against what they ask for (`changes`);
//! 4. what flows have done outside of the engine (`line`, `outside`), against what the journal says of them; in the
//!    end, when none is under way, all of a flow stands there or nothing of it;
//! 5. on copies, that each snapshot and the journal alone lead to the same state, and that bits that turned over
//!    are named (`probe`).
//!
//! The same seed gives the same schedule, the same file operations and the same states; [`Ran::digest`] says so.
//! Compiled for tests and under the feature `simulation`.

mod changes;
mod client;
mod counting;
mod family;
mod history;
mod ledger;
mod life;
mod line;
mod moves;
mod outside;
mod plan;
mod probe;
mod setting;
mod shrink;
mod stories;
mod tally;
mod trips;
mod words;
mod workload;

#[cfg(test)]
mod tests;

use crate::domain::time::Timestamp;
pub use crate::port::chaos::Sabotage;
use crate::port::fs_sim::SimFs;
use life::{After, Common, World};
pub use plan::{Edited, End, Fault, How, Life, Plan, Step, What, When};
use probe::Probe;
pub use shrink::{Shrunk, shrink};
pub use tally::{Count, Kind, Tally};

/// How a schedule came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// What was done and injected.
    pub tally: Tally,
    /// The first promise that was broken, if one was.
    pub broken: Option<Broken>,
    /// Follows from every file operation and every state: two runs of one schedule have the same.
    pub digest: [u8; 32],
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// In which life it was found, from 1.
    pub life: usize,
    /// What is wrong, in words.
    pub what: String,
}

/// Runs a schedule, with the engine broken on purpose if `sabotage` says so.
#[must_use]
pub fn run(plan: &Plan, sabotage: Option<Sabotage>) -> Ran {
    let world = World::default();
    let common = Common { sabotage, revives: plan.seed.is_multiple_of(2) };
    let mut image = SimFs::new();
    let mut now = Timestamp::from_millis(workload::BEGAN_MS);
    let last = last_life(plan);
    let mut number = 0;
    for life in plan.lives.iter().chain([&last]) {
        number += 1;
        let probe = Probe { life, common, now };
        if life.probed && number > 1 {
            probe.look(&world, &image);
        }
        if world.is_broken() {
            break;
        }
        let After { image: left, instead, now: then } = match life::live(&world, &image, life, common, now) {
            Ok(after) => after,
            Err(error) => {
                world.broken(format!("there is no runtime: {error}"));
                break;
            }
        };
        now = then;
        image = match instead {
            Some(instead) if Probe { now, ..probe }.refuses_by_name(&world, &left) => instead,
            _ => left,
        };
        if world.is_broken() {
            break;
        }
    }
    let shared = &mut *world.lock();
    shared.tally.schedules = 1;
    Ran {
        tally: std::mem::take(&mut shared.tally),
        broken: shared.problem.take().map(|what| Broken { life: number, what }),
        digest: *shared.digest.finalize().as_bytes(),
    }
}

/// Nothing goes wrong in the last life: it has to open, and what it shows to be right.
fn last_life(plan: &Plan) -> Life {
    Life {
        seed: plan.seed,
        gives_way_percent: 0,
        commit_ms_max: 0,
        idle_ms: 10,
        retention: false,
        probed: true,
        clients: Vec::new(),
        faults: Vec::new(),
        end: End { when: When::Done, how: How::Close },
    }
}
