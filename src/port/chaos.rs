//! What a simulated world does to an engine beyond files, clock and chance: it gives way at odd moments, lets
//! the disk take its time, makes decisions panic, and can break the engine on purpose.
//!
//! Compiled for tests and under the feature `simulation` only; other builds contain nothing of it. The state
//! belongs to a thread, as a simulated engine does: several worlds can run side by side on their own threads.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use super::fs_sim::SplitMix;

/// A way to break the engine, to see that the checks find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sabotage {
    /// A commit writes its frame and does not sync it.
    SyncSkipped,
    /// Neither the checksum nor the chain of a frame is looked at.
    ChecksumIgnored,
    /// The journal has the records of a batch in another order than they were applied in.
    AppliedOutOfOrder,
    /// A SKU checks a reservation in one message and takes it in another.
    CheckedThenTaken,
    /// A refusal leaves before what it rests on is durable.
    RefusedEarly,
    /// What a hold gives back is put into stock twice.
    ReleasedTwice,
    /// An actor goes to rest although messages wait for it.
    MailLost,
    /// Opening goes on writing behind what it could read, and does not make that durable.
    PageCacheTrusted,
    /// An edit is accepted at whatever version it was previewed.
    PreviewIgnored,
    /// The first child of a split comes into being with less money than its part.
    SplitCheated,
    /// A child does not tell its parent what becomes of it.
    NewsLost,
    /// A node of a flow acts on the world before the journal says that it begins.
    BegunUnsaid,
    /// A rollback counts as done and was not called.
    RollbackForgotten,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::SyncSkipped,
        Self::ChecksumIgnored,
        Self::AppliedOutOfOrder,
        Self::CheckedThenTaken,
        Self::RefusedEarly,
        Self::ReleasedTwice,
        Self::MailLost,
        Self::PageCacheTrusted,
        Self::PreviewIgnored,
        Self::SplitCheated,
        Self::NewsLost,
        Self::BegunUnsaid,
        Self::RollbackForgotten,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SyncSkipped => "sync-skipped",
            Self::ChecksumIgnored => "checksum-ignored",
            Self::AppliedOutOfOrder => "applied-out-of-order",
            Self::CheckedThenTaken => "checked-then-taken",
            Self::RefusedEarly => "refused-early",
            Self::ReleasedTwice => "released-twice",
            Self::MailLost => "mail-lost",
            Self::PageCacheTrusted => "page-cache-trusted",
            Self::PreviewIgnored => "preview-ignored",
            Self::SplitCheated => "split-cheated",
            Self::NewsLost => "news-lost",
            Self::BegunUnsaid => "begun-unsaid",
            Self::RollbackForgotten => "rollback-forgotten",
        }
    }

    /// What is broken, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::SyncSkipped => "a commit does not sync",
            Self::ChecksumIgnored => "checksum and chain of a frame are not looked at",
            Self::AppliedOutOfOrder => "records are journaled in another order than they were applied in",
            Self::CheckedThenTaken => "a reservation is checked in one message and taken in another",
            Self::RefusedEarly => "a refusal leaves before what it rests on is durable",
            Self::ReleasedTwice => "what a hold gives back is put into stock twice",
            Self::MailLost => "an actor goes to rest although messages wait for it",
            Self::PageCacheTrusted => "opening trusts what it can read to be durable",
            Self::PreviewIgnored => "an edit is accepted at whatever version it was previewed",
            Self::SplitCheated => "the first child of a split has less money than its part",
            Self::NewsLost => "a child does not tell its parent what becomes of it",
            Self::BegunUnsaid => "a node acts on the world before the journal says that it begins",
            Self::RollbackForgotten => "a rollback counts as done and was not called",
        }
    }
}

impl fmt::Display for Sabotage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a world treats its engine. The default leaves it in peace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What follows from chance follows from this.
    pub seed: u64,
    /// How often in a hundred an actor gives way to others before it takes up a message.
    pub gives_way_percent: u64,
    /// The longest time that a commit takes, in milliseconds of simulated time; 0 for none.
    pub commit_ms_max: u64,
    /// One decision in so many panics; 0 for none.
    pub panics_one_in: u64,
    /// How the engine is broken.
    pub sabotage: Option<Sabotage>,
}

#[derive(Debug)]
struct World {
    settings: Settings,
    random: SplitMix,
    panics: u64,
    slow_commits: u64,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// While it lives, engines that run on this thread are treated as it says.
#[derive(Debug)]
pub struct Chaos(());

impl Chaos {
    /// Begins to treat the engines of this thread so, and in no other way.
    #[must_use]
    pub fn begin(settings: Settings) -> Self {
        let random = SplitMix::new(settings.seed);
        WORLD.set(Some(World { settings, random, panics: 0, slow_commits: 0 }));
        Self(())
    }

    /// From now on one decision in so many panics; 0 for none.
    pub fn panic_one_in(&self, decisions: u64) {
        with(|world| world.settings.panics_one_in = decisions);
    }

    /// How many decisions have panicked since it began.
    #[must_use]
    pub fn panics(&self) -> u64 {
        with(|world| world.panics).unwrap_or(0)
    }

    /// How many commits were made to wait since it began.
    #[must_use]
    pub fn slow_commits(&self) -> u64 {
        with(|world| world.slow_commits).unwrap_or(0)
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        WORLD.set(None);
    }
}

fn with<T>(look: impl FnOnce(&mut World) -> T) -> Option<T> {
    WORLD.with_borrow_mut(|world| world.as_mut().map(look))
}

/// Whether the engine is broken in this way.
pub(crate) fn is_broken(sabotage: Sabotage) -> bool {
    with(|world| world.settings.sabotage == Some(sabotage)) == Some(true)
}

/// Lets others go first, now and then.
pub(crate) async fn give_way() {
    let times = with(|world| {
        let gives_way = world.random.below(100) < world.settings.gives_way_percent;
        if gives_way { 1 + world.random.below(4) } else { 0 }
    });
    for _ in 0..times.unwrap_or(0) {
        tokio::task::yield_now().await;
    }
}

/// Takes the time that a commit takes.
pub(crate) async fn commit_latency() {
    let millis = with(|world| {
        let millis = world.random.below(world.settings.commit_ms_max + 1);
        world.slow_commits += u64::from(millis > 0);
        millis
    });
    if let Some(millis) = millis.filter(|millis| *millis > 0) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

/// Panics, now and then. The panic hook is not called, so that nothing is printed.
pub(crate) fn may_panic() {
    let panics = with(|world| {
        let one_in = world.settings.panics_one_in;
        let panics = one_in > 0 && world.random.below(one_in) == 0;
        world.panics += u64::from(panics);
        panics
    });
    if panics == Some(true) {
        std::panic::resume_unwind(Box::new("simulated: the decision panics"));
    }
}
