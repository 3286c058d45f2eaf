//! A schedule in words.

use super::plan::{Edited, End, Fault, How, Life, Plan, Step, What, When};
use crate::domain::command::{Command, Request};

impl Plan {
    /// The schedule in plain sentences, a line each.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (number, life) in (1..).zip(&self.lives) {
            lines.push(format!("life {number}: {}", life.describe()));
            lines.extend(life.faults.iter().map(|fault| format!("  wrong: {}", fault.describe())));
            for (client, steps) in (1..).zip(&life.clients) {
                for step in steps {
                    step.describe(&mut |text| lines.push(format!("  client {client}: {text}")));
                }
            }
            lines.push(format!("  end: {}", life.end.describe()));
        }
        lines
    }
}

impl Life {
    fn describe(&self) -> String {
        let mut parts = vec![format!("SKUs rest after {} ms", self.idle_ms)];
        if self.commit_ms_max > 0 {
            parts.push(format!("commits take up to {} ms", self.commit_ms_max));
        }
        if self.gives_way_percent > 0 {
            parts.push(format!("actors give way at {} % of messages", self.gives_way_percent));
        }
        if self.retention {
            parts.push("the journal is dropped before the older snapshot".to_owned());
        }
        parts.join(", ")
    }
}

impl Fault {
    fn describe(&self) -> String {
        match self {
            Self::WriteError(nth) => format!("write {nth} fails"),
            Self::SyncError(nth) => format!("sync {nth} fails, and what it was to make durable is lost"),
            Self::ReadError(nth) => format!("read {nth} fails"),
            Self::ShortReads(_) => "reads give less than they could".to_owned(),
            Self::DiskFull { at_ms, for_ms, left } => {
                format!("after {at_ms} ms the disk has room for {left} bytes more, for {for_ms} ms")
            }
            Self::ClockStep { at_ms, by_ms } => format!("after {at_ms} ms the clock is set by {by_ms} ms"),
            Self::Panics(one_in) => format!("one decision in {one_in} panics"),
        }
    }
}

impl End {
    fn describe(&self) -> String {
        let when = match self.when {
            When::Done => "when the clients are done".to_owned(),
            When::After(millis) => format!("after {millis} ms"),
            When::Operation(nth) => format!("at operation {nth} of the file system"),
        };
        let how = match self.how {
            How::Close => "the engine is closed",
            How::Kill => "the process is killed",
            How::PowerCut => "the power goes, and nothing survives but what was synced",
            How::TornPowerCut(_) => "the power goes, and what was not synced survives by sectors",
            How::GarbledPowerCut(_) => {
                "the power goes, and what was not synced survives by sectors, some garbled"
            }
        };
        format!("{when} {how}")
    }
}

impl Edited {
    const fn words(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::AcceptedTwice => "accepted, twice at once",
            Self::Outdated => "accepted as of an earlier version",
            Self::Declined => "declined",
            Self::Left => "left as it is",
        }
    }
}

impl Step {
    fn describe(&self, say: &mut dyn FnMut(String)) {
        let pause = if self.pause_ms > 0 { format!("after {} ms ", self.pause_ms) } else { String::new() };
        match &self.what {
            What::Submit(requests) => {
                let together = if requests.len() > 1 { "in one batch: " } else { "" };
                requests.iter().for_each(|request| say(format!("{pause}{together}{}", asked(request))));
            }
            What::ReadOrder(id) => say(format!("{pause}looks at order {id}")),
            What::ReadSku(id) => say(format!("{pause}looks at SKU {id}")),
            What::Edit { order, changes, think_ms, then, key } => {
                let key = key.as_ref().map(|key| format!(" (key {})", key.key)).unwrap_or_default();
                say(format!(
                    "{pause}has the edit {changes:?} of order {order} staged, looks at it for {think_ms} ms, \
                     and then it is{key} {}",
                    then.words()
                ));
            }
            What::SplitByLocation(id) => say(format!("{pause}has order {id} split by location")),
            What::Snapshot => say(format!("{pause}has a snapshot taken")),
            What::ForgetKeys(ms) => {
                say(format!("{pause}has the answers of keys forgotten, but for the last {ms} ms"))
            }
            What::ResumeTimers => say(format!("{pause}lets the timers go on")),
        }
    }
}

fn asked(request: &Request<Command>) -> String {
    let about = match &request.command {
        Command::Order(Some(id), _) => format!("order {id}"),
        Command::Order(None, _) => "a new order".to_owned(),
        Command::Sku(sku, _) => format!("SKU {sku}"),
        Command::Flow(Some(flow), _) => format!("flow {flow}"),
        Command::Flow(None, _) => "a new flow".to_owned(),
        Command::Lock(command) => format!("lock {}", command.lock()),
    };
    let key = request.key.as_ref().map(|key| format!(" (key {})", key.key)).unwrap_or_default();
    format!("{about}{key}: {}", request.command.describe())
}
