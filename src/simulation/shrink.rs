//! Makes a failing schedule smaller: as long as it still fails, lives, clients, faults and commands are left out.

use super::plan::{How, Life, Plan, Step, What, When};
use super::{Broken, Sabotage, run};

/// A schedule from which nothing more could be left out, or for which the tries were used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// What is left.
    pub plan: Plan,
    /// How it fails.
    pub broken: Broken,
    /// Schedules that were run to find it.
    pub tries: u64,
}

/// Leaves out of a failing schedule what it can, in at most `tries_max` runs; `None` when it does not fail. What is
/// left can fail in another way than the whole did.
#[must_use]
pub fn shrink(plan: &Plan, sabotage: Option<Sabotage>, tries_max: u64) -> Option<Shrunk> {
    let broken = run(plan, sabotage).broken?;
    let mut least = Shrunk { plan: plan.clone(), broken, tries: 1 };
    least.plan.lives.truncate(least.broken.life);
    match run(&least.plan, sabotage).broken {
        Some(broken) => least.broken = broken,
        None => least.plan = plan.clone(),
    }
    loop {
        let before = least.plan.clone();
        let mut next = 0;
        while let Some(smaller) = smaller(&least.plan).into_iter().nth(next) {
            if least.tries >= tries_max {
                return Some(least);
            }
            least.tries += 1;
            match run(&smaller, sabotage).broken {
                Some(broken) => (least.plan, least.broken) = (smaller, broken),
                None => next += 1,
            }
        }
        if least.plan == before {
            return Some(least);
        }
    }
}

/// Everything that a schedule can be made by leaving one thing out, the largest things first.
fn smaller(plan: &Plan) -> Vec<Plan> {
    let mut found = Vec::new();
    let mut add = |number: usize, change: &dyn Fn(&mut Life)| {
        let mut changed = plan.clone();
        if let Some(life) = changed.lives.get_mut(number) {
            change(life);
        }
        if changed != *plan {
            found.push(changed);
        }
    };
    for (number, life) in plan.lives.iter().enumerate() {
        for client in 0..life.clients.len() {
            add(number, &|life| drop(life.clients.remove(client)));
        }
        add(number, &|life| life.commit_ms_max = 0);
        add(number, &|life| life.gives_way_percent = 0);
        add(number, &|life| life.idle_ms = 10_000);
        add(number, &|life| (life.retention, life.probed) = (false, false));
        for fault in 0..life.faults.len() {
            add(number, &|life| {
                life.faults.remove(fault);
            });
        }
        if life.end.how != How::Close {
            add(number, &|life| (life.end.when, life.end.how) = (When::Done, How::Close));
            add(number, &|life| life.end.how = How::PowerCut);
        }
    }
    let without_life = (0..plan.lives.len()).map(|number| {
        let mut changed = plan.clone();
        changed.lives.remove(number);
        changed
    });
    let mut all: Vec<Plan> = without_life.collect();
    all.append(&mut found);
    all.extend(with_fewer_steps(plan));
    all
}

/// The schedule with a half, a quarter … of a client's steps left out, or one command of a batch.
fn with_fewer_steps(plan: &Plan) -> Vec<Plan> {
    let mut found = Vec::new();
    for (number, life) in plan.lives.iter().enumerate() {
        for (client, steps) in life.clients.iter().enumerate() {
            let mut change = |change: &dyn Fn(&mut Vec<Step>)| {
                let mut changed = plan.clone();
                let lives = changed.lives.get_mut(number);
                if let Some(steps) = lives.and_then(|life| life.clients.get_mut(client)) {
                    change(steps);
                    found.push(changed);
                }
            };
            let mut piece = steps.len().div_ceil(2).max(1);
            loop {
                for from in (0..steps.len()).step_by(piece) {
                    change(&|steps| drop(steps.drain(from..steps.len().min(from + piece))));
                }
                if piece == 1 {
                    break;
                }
                piece = piece.div_ceil(2);
            }
            for (at, step) in steps.iter().enumerate() {
                let What::Submit(requests) = &step.what else { continue };
                for left_out in (0..requests.len()).filter(|_| requests.len() > 1) {
                    change(&|steps| {
                        if let Some(Step { what: What::Submit(requests), .. }) = steps.get_mut(at) {
                            requests.remove(left_out);
                        }
                    });
                }
            }
        }
    }
    found
}
