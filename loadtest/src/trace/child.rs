//! An engine in a child process that is killed while it works.
//!
//! Parent and child speak in lines of JSON. After every N operations the parent sends the next one, waits
//! a moment that the seed chooses, and kills the child: the operation may not have begun, may be half
//! done, or may be done with its reply in the pipe. Then a new child opens the folder, and the parent
//! asks twice for what it may ask again without harm: for the last operation that was acknowledged and
//! for the one that was in flight. A reply that had arrived must be given again, word for word.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use earmark::Cut;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Arguments;
use super::link::{EngineLink, Interruptions, Receipt, cut_and_close, receive_all};
use super::operation::{Operation, Reply, Way, submit};
use crate::report::Promise;
use crate::store::{self, DurabilityChoice, Recovery};

/// The longest wait between sending the operation and the kill: about one durable answer, so that kills
/// fall before, within and after the work. The kill itself takes some time to reach the child.
const KILL_AFTER_MICROS_MAX: u64 = 250;

/// Arguments of the hidden subcommand.
#[derive(Debug, clap::Args)]
pub(crate) struct ChildArguments {
    /// What to open, as JSON.
    opening: String,
}

/// What the child opens.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Opening {
    folder: PathBuf,
    durability: DurabilityChoice,
    workers: Option<usize>,
    flows: bool,
}

/// A line to the child.
#[derive(Debug, Serialize, Deserialize)]
enum ToChild {
    Stock(Vec<Receipt>),
    Ask(Operation),
}

/// A line from the child.
#[derive(Debug, Serialize, Deserialize)]
enum FromChild {
    Opened(Recovery),
    Stocked,
    Replied(Reply),
}

/// The child: opens the engine and does what the lines on standard input say, one by one.
pub(crate) fn run(arguments: &ChildArguments) -> Result<bool> {
    let opening: Opening = serde_json::from_str(&arguments.opening).context("reading what to open")?;
    let runtime = store::runtime(opening.workers)?;
    let engine = runtime.block_on(super::open(&opening.folder, opening.durability, opening.flows))?;
    let way = Way::of(opening.flows);
    let mut out = BufWriter::new(std::io::stdout().lock());
    say(&mut out, &FromChild::Opened(Recovery::from(engine.recovery())))?;
    for line in std::io::stdin().lock().lines() {
        let said = match serde_json::from_str(&line?).context("reading from the parent")? {
            ToChild::Stock(receipts) => {
                runtime.block_on(receive_all(&engine, receipts))?;
                FromChild::Stocked
            }
            ToChild::Ask(operation) => FromChild::Replied(runtime.block_on(submit(&engine, operation, way))?),
        };
        say(&mut out, &said)?;
    }
    runtime.block_on(engine.close()).context("closing the engine")?;
    Ok(true)
}

/// Writes one line and sends it off.
fn say(to: &mut impl Write, message: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line).and_then(|()| to.flush()).context("writing to the other process")
}

/// Reads the next whole line; `None` at the end, also when the end cut a line off.
fn hear<T: DeserializeOwned>(from: &mut impl BufRead) -> Result<Option<T>> {
    let mut line = String::new();
    from.read_line(&mut line).context("reading from the other process")?;
    if !line.ends_with('\n') {
        return Ok(None);
    }
    serde_json::from_str(&line).map(Some).with_context(|| format!("the other process said {line:?}"))
}

/// A running child and the pipes to it.
struct Running {
    process: Child,
    /// `None` once the child was told that nothing more comes.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Running {
    /// Starts a child and waits until its engine is open.
    fn start(opening: &Opening) -> Result<(Self, Recovery)> {
        let program = std::env::current_exe().context("finding this program")?;
        let mut process = Command::new(program)
            .arg("trace-child")
            .arg(serde_json::to_string(opening)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the engine's process")?;
        let input = process.stdin.take();
        let output = process.stdout.take().context("the child has no standard output")?;
        let mut running = Self { process, input, output: BufReader::new(output) };
        match running.hear()? {
            FromChild::Opened(recovery) => Ok((running, recovery)),
            other => bail!("the child began with {other:?}"),
        }
    }

    /// The child's next line; an error when the child has ended.
    fn hear(&mut self) -> Result<FromChild> {
        match hear(&mut self.output)? {
            Some(said) => Ok(said),
            None => {
                let status = self.process.wait().context("waiting for the child")?;
                bail!("the engine's process ended with {status}; see its message above")
            }
        }
    }

    fn say(&mut self, message: &ToChild) -> Result<()> {
        say(self.input.as_mut().context("the child's standard input is closed")?, message)
    }

    fn ask(&mut self, operation: &Operation) -> Result<Reply> {
        self.say(&ToChild::Ask(operation.clone()))?;
        match self.hear()? {
            FromChild::Replied(reply) => Ok(reply),
            other => bail!("the child replied {other:?} to an operation"),
        }
    }

    /// Tells the child to close its engine and waits until it has.
    fn close(mut self) -> Result<()> {
        // The end of its input is the child's sign.
        self.input = None;
        std::io::copy(&mut self.output, &mut std::io::sink())?;
        let status = self.process.wait().context("waiting for the child")?;
        if !status.success() {
            bail!("the engine's process ended with {status}; see its message above");
        }
        Ok(())
    }

    /// Kills the child; the reply that it had still written, if it had.
    fn kill(mut self) -> Result<Option<Reply>> {
        // On Unix this is SIGKILL: the child gets no chance to tidy up.
        self.process.kill().context("killing the child")?;
        self.process.wait().context("waiting for the killed child")?;
        match hear(&mut self.output)? {
            Some(FromChild::Replied(reply)) => Ok(Some(reply)),
            Some(other) => bail!("the child replied {other:?} to an operation"),
            None => Ok(None),
        }
    }
}

/// The parent's end: a child after the other, each killed after so many operations.
pub(crate) struct ChildLink {
    opening: Opening,
    running: Option<Running>,
    kill_every: u64,
    /// Operations since the last kill.
    asked: u64,
    random: fastrand::Rng,
    /// The last operation that was acknowledged, with its reply.
    last: Option<(Operation, Reply)>,
    interruptions: Interruptions,
    /// Replies that were not given again word for word.
    changed: Vec<String>,
}

impl ChildLink {
    /// Starts the first child.
    pub(crate) fn start(arguments: &Arguments, folder: &Path, kill_every: u64) -> Result<Self> {
        let opening = Opening {
            folder: folder.to_owned(),
            durability: arguments.durability,
            workers: arguments.workers,
            flows: arguments.flows,
        };
        let (running, _) = Running::start(&opening)?;
        Ok(Self {
            opening,
            running: Some(running),
            kill_every,
            asked: 0,
            random: fastrand::Rng::with_seed(arguments.seed),
            last: None,
            interruptions: Interruptions::default(),
            changed: Vec::new(),
        })
    }

    fn running(&mut self) -> Result<&mut Running> {
        self.running.as_mut().context("the engine's process is gone")
    }

    /// Sends the operation, kills the child meanwhile, and asks a new one again.
    fn ask_through_kill(&mut self, operation: &Operation) -> Result<Reply> {
        let mut running = self.running.take().context("the engine's process is gone")?;
        running.say(&ToChild::Ask(operation.clone()))?;
        std::thread::sleep(Duration::from_micros(self.random.u64(0..=KILL_AFTER_MICROS_MAX)));
        let heard = running.kill()?;

        let (running, recovery) = Running::start(&self.opening)?;
        self.running = Some(running);
        self.note(&recovery, heard.is_some());
        if let Some((acknowledged, reply)) = self.last.take() {
            let again = self.running()?.ask(&acknowledged)?;
            self.same("acknowledged before the kill", &acknowledged, &reply, &again);
        }
        let reply = self.running()?.ask(operation)?;
        if let Some(heard) = heard {
            self.same("in flight at the kill", operation, &heard, &reply);
        }
        Ok(reply)
    }

    fn note(&mut self, recovery: &Recovery, replied: bool) {
        let noted = &mut self.interruptions;
        noted.kills += 1;
        noted.replied_before_kill += u64::from(replied);
        noted.recovery_millis_max = noted.recovery_millis_max.max(recovery.millis);
        noted.finished += recovery.finished;
        noted.undone += recovery.undone;
    }

    fn same(&mut self, when: &str, operation: &Operation, before: &Reply, after: &Reply) {
        if before != after {
            let key = &operation.key.key;
            self.changed.push(format!("{key}, {when}: {before:?} before, {after:?} after"));
        }
    }
}

impl EngineLink for ChildLink {
    fn stock(&mut self, receipts: Vec<Receipt>) -> Result<()> {
        let running = self.running()?;
        running.say(&ToChild::Stock(receipts))?;
        match running.hear()? {
            FromChild::Stocked => Ok(()),
            other => bail!("the child replied {other:?} to opening stock"),
        }
    }

    fn ask(&mut self, operation: Operation) -> Result<Reply> {
        let reply = if self.asked == self.kill_every {
            self.asked = 0;
            self.ask_through_kill(&operation)?
        } else {
            self.running()?.ask(&operation)?
        };
        self.asked += 1;
        self.last = Some((operation, reply.clone()));
        Ok(reply)
    }

    fn finish(mut self) -> Result<(Cut, Interruptions)> {
        self.running.take().context("the engine's process is gone")?.close()?;
        self.interruptions.promises.push(Promise::from_differences(
            "replies from before a kill are given again",
            std::mem::take(&mut self.changed),
        ));
        let Opening { folder, durability, workers, flows } = self.opening;
        let cut = store::runtime(workers)?
            .block_on(async { cut_and_close(super::open(&folder, durability, flows).await?).await })?;
        Ok((cut, self.interruptions))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A replay that ends with an error must not leave an engine behind on the folder.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_the_kill_cut_off_was_not_heard() -> Result<()> {
        let refused = FromChild::Replied(Reply::Refused { code: "NO_LINES".into(), text: "none".into() });
        let mut bytes = Vec::new();
        say(&mut bytes, &refused)?;
        for cut in 0..bytes.len() {
            assert!(hear::<FromChild>(&mut &bytes[..cut])?.is_none(), "cut at {cut}");
        }
        assert!(matches!(hear(&mut bytes.as_slice())?, Some(FromChild::Replied(_))));
        Ok(())
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        assert!(hear::<FromChild>(&mut &b"hello\n"[..]).is_err());
    }
}
