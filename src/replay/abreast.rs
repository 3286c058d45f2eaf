//! Work that several threads do abreast, and that one of them takes in the order in which it was begun.
//!
//! Whoever has nothing else to do reads the next item and works on it, the thread that takes too while the result
//! that it waits for is not there. No more than a few items a thread are under way or wait to be taken.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::Error;

/// Items for each thread that may be under way or wait to be taken.
const AHEAD: u64 = 2;

/// The most threads that are worth having: what is taken is taken by one.
const THREADS_MAX: usize = 8;

/// As many threads as the machine runs at once, within reason.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX)
}

/// A thread panicked, and what it worked on will never come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

impl From<Panicked> for Error {
    fn from(Panicked: Panicked) -> Self {
        Self::Io { what: "recover".to_owned(), detail: "a thread panicked".to_owned() }
    }
}

/// What the threads share: items of `S`, and results `R`.
struct Abreast<S, I, R> {
    source: Mutex<Source<S>>,
    bench: Mutex<Bench<R>>,
    changed: Condvar,
    next: fn(&mut S) -> Option<I>,
    work: fn(I) -> R,
}

struct Source<S> {
    items: S,
    /// Items read so far: the number of the next one.
    read: u64,
    ended: bool,
}

struct Bench<R> {
    ready: BTreeMap<u64, R>,
    begun: u64,
    taken: u64,
    /// How many may be begun and not taken.
    window: u64,
    /// Nothing is begun any more: the items have ended, or nobody wants what comes of them.
    over: bool,
    panicked: bool,
}

impl<R> Bench<R> {
    /// Begins on an item if one may.
    fn begin(&mut self) -> bool {
        let may = !self.over && self.begun < self.taken + self.window;
        self.begun += u64::from(may);
        may
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the work when its thread leaves early.
struct Watch<'a, S, I, R>(&'a Abreast<S, I, R>);

impl<S, I, R> Drop for Watch<'_, S, I, R> {
    fn drop(&mut self) {
        let mut bench = lock(&self.0.bench);
        bench.over = true;
        bench.panicked |= std::thread::panicking();
        self.0.changed.notify_all();
    }
}

/// Works on every item of a source on `threads` threads, the calling one among them, and shows the results to `take`
/// on the calling thread, in the order of the items. `next` is run by one thread at a time. Answers the source.
///
/// # Errors
/// The first error of `take`, behind which nothing is begun; `Panicked` where a thread did.
pub(crate) fn in_order<S: Send, I, R: Send, E: From<Panicked>>(
    items: S,
    threads: usize,
    next: fn(&mut S) -> Option<I>,
    work: fn(I) -> R,
    take: impl FnMut(R) -> Result<(), E>,
) -> Result<S, E> {
    let window = AHEAD * threads.max(1) as u64;
    let bench = Bench { ready: BTreeMap::new(), begun: 0, taken: 0, window, over: false, panicked: false };
    let source = Source { items, read: 0, ended: false };
    let abreast =
        Abreast { source: Mutex::new(source), bench: Mutex::new(bench), changed: Condvar::new(), next, work };
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(|| abreast.help())).collect();
        let taken = abreast.take_all(take);
        // A panic is known from the bench.
        helpers.into_iter().for_each(|helper| drop(helper.join()));
        taken
    })?;
    Ok(abreast.source.into_inner().unwrap_or_else(PoisonError::into_inner).items)
}

impl<S, I, R> Abreast<S, I, R> {
    fn wait<'a>(&self, bench: MutexGuard<'a, Bench<R>>) -> MutexGuard<'a, Bench<R>> {
        self.changed.wait(bench).unwrap_or_else(PoisonError::into_inner)
    }

    /// Works until there is nothing more to begin.
    fn help(&self) {
        let _watch = Watch(self);
        loop {
            let mut bench = lock(&self.bench);
            while !bench.begin() {
                if bench.over {
                    return;
                }
                bench = self.wait(bench);
            }
            drop(bench);
            self.work_on_one();
        }
    }

    /// Reads an item that was begun on, and works on it.
    fn work_on_one(&self) {
        let mut source = lock(&self.source);
        let number = source.read;
        let item = if source.ended { None } else { (self.next)(&mut source.items) };
        source.ended = item.is_none();
        source.read += u64::from(item.is_some());
        drop(source);
        let result = item.map(self.work);
        let mut bench = lock(&self.bench);
        match result {
            Some(result) => drop(bench.ready.insert(number, result)),
            None => {
                bench.begun -= 1;
                bench.over = true;
            }
        }
        self.changed.notify_all();
    }

    /// Takes every result in its turn, and works where the next one is not there.
    fn take_all<E: From<Panicked>>(&self, mut take: impl FnMut(R) -> Result<(), E>) -> Result<(), E> {
        let _watch = Watch(self);
        loop {
            let mut bench = lock(&self.bench);
            let turn = loop {
                if bench.panicked {
                    return Err(Panicked.into());
                }
                let next = bench.taken;
                if let Some(result) = bench.ready.remove(&next) {
                    bench.taken += 1;
                    self.changed.notify_all();
                    break Some(result);
                }
                if bench.over && bench.begun == bench.taken {
                    return Ok(());
                }
                if bench.begin() {
                    break None;
                }
                bench = self.wait(bench);
            };
            drop(bench);
            match turn {
                Some(result) => take(result)?,
                None => self.work_on_one(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(items: &mut std::ops::Range<u64>) -> Option<u64> {
        items.next()
    }

    #[test]
    fn what_is_worked_on_abreast_comes_in_order_and_all_of_it() {
        for threads in [0, 1, 2, 5] {
            let mut taken = Vec::new();
            let left = in_order(
                0..300,
                threads,
                next,
                |item| (0..item).sum::<u64>(),
                |sum| {
                    taken.push(sum);
                    Ok::<(), Panicked>(())
                },
            );
            assert_eq!(left, Ok(300..300));
            assert_eq!(taken, (0..300).map(|item| (0..item).sum()).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn who_takes_no_more_has_nothing_more_begun() {
        #[derive(Debug, PartialEq)]
        enum Stop {
            Here,
            Panicked,
        }
        impl From<Panicked> for Stop {
            fn from(Panicked: Panicked) -> Self {
                Self::Panicked
            }
        }
        for threads in [1, 2, 5] {
            let mut items = 0..1_000_000;
            let mut taken = 0;
            let stopped = in_order(
                &mut items,
                threads,
                |items| items.next(),
                |item: u64| item,
                |item| {
                    taken += 1;
                    if item == 10 { Err(Stop::Here) } else { Ok(()) }
                },
            );
            assert_eq!((stopped.err(), taken), (Some(Stop::Here), 11));
            assert!(items.start <= 11 + AHEAD * threads as u64, "{items:?} of {threads} threads");
        }
    }

    #[test]
    fn a_panic_of_a_helper_ends_the_work() {
        let here = std::thread::current().id();
        let work = |(item, taker)| {
            // One that the taker comes upon it passes over, until a helper has it.
            assert!(item < 5 || std::thread::current().id() == taker, "a helper panics, as it should here");
        };
        let items = (0..u64::MAX, here);
        let next = |(items, taker): &mut (std::ops::Range<u64>, std::thread::ThreadId)| {
            items.next().map(|item| (item, *taker))
        };
        assert_eq!(in_order(items, 2, next, work, |()| Ok(())).err(), Some(Panicked));
    }
}
