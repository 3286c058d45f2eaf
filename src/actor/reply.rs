//! The caller's end of a command.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::domain::command::{Answer, Outcome};
use crate::error::Error;

/// What a caller waits for: the final word on its command, or what went wrong with the machine.
pub(crate) type Reply = Result<Outcome, Error>;

/// The caller's end of a command. The admission permit lives until the command has ended, whether or
/// not the caller still waits.
#[derive(Debug, Default)]
pub(crate) struct ReplyTo {
    pub(crate) caller: Caller,
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

/// Who waits. Whoever does learns that nothing will come when this is dropped.
#[derive(Debug, Default)]
pub(crate) enum Caller {
    #[default]
    Nobody,
    One(oneshot::Sender<Reply>),
    /// Somebody who gave many commands at once.
    Many(Part),
}

impl ReplyTo {
    /// The end of a command that one caller waits for, and what it waits on.
    pub(crate) fn one(permit: Option<OwnedSemaphorePermit>) -> (Self, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        (Self { caller: Caller::One(sender), permit }, receiver)
    }

    /// Whether whoever waited has gone away.
    pub(crate) fn is_abandoned(&self) -> bool {
        match &self.caller {
            Caller::Nobody => true,
            Caller::One(sender) => sender.is_closed(),
            Caller::Many(part) => part.gather.gathered().done.as_ref().is_none_or(oneshot::Sender::is_closed),
        }
    }

    /// Sends the reply; a caller that has gone away is no concern of the engine's.
    pub(crate) fn send(self, reply: Reply) {
        // First, so that a caller who has the answer finds the room that its command took.
        drop(self.permit);
        match self.caller {
            Caller::Nobody => {}
            Caller::One(sender) => drop(sender.send(reply)),
            Caller::Many(part) => part.put(reply),
        }
    }
}

/// Waits for the final word. A reply that was dropped unsent means that the engine went down with the
/// command under way.
pub(crate) async fn wait(receiver: oneshot::Receiver<Reply>) -> Result<Answer, Error> {
    receiver.await.map_or(Err(Error::OutcomeUnknown), answered)
}

fn answered(reply: Reply) -> Result<Answer, Error> {
    reply?.map_err(Error::Refused)
}

/// Where the answers to many commands come together, whose caller is woken once.
#[derive(Debug)]
pub(crate) struct Gather(Mutex<Gathered>);

#[derive(Debug)]
struct Gathered {
    replies: Vec<Option<Reply>>,
    missing: usize,
    done: Option<oneshot::Sender<()>>,
}

/// The place of one of the answers.
#[derive(Debug)]
pub(crate) struct Part {
    gather: Arc<Gather>,
    at: usize,
    is_put: bool,
}

impl Gather {
    /// Room for so many answers, and what is told when all have come.
    pub(crate) fn new(count: usize) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        let mut replies = Vec::new();
        replies.resize_with(count, || None);
        let done = if count == 0 { None } else { Some(sender) };
        (Arc::new(Self(Mutex::new(Gathered { replies, missing: count, done }))), receiver)
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of an answer; each is to be asked for once.
    pub(crate) fn part(self: &Arc<Self>, at: usize) -> Part {
        Part { gather: self.clone(), at, is_put: false }
    }

    fn put(&self, at: usize, reply: Option<Reply>) {
        let mut gathered = self.gathered();
        if let Some(place) = gathered.replies.get_mut(at) {
            *place = reply;
        }
        gathered.missing = gathered.missing.saturating_sub(1);
        if gathered.missing == 0
            && let Some(done) = gathered.done.take()
        {
            drop(gathered);
            // Nobody waits any more where this fails.
            let _ = done.send(());
        }
    }

    /// The answers, in the order of their places.
    pub(crate) fn take(&self) -> Vec<Result<Answer, Error>> {
        let replies = std::mem::take(&mut self.gathered().replies);
        let answer = |reply: Option<Reply>| reply.map_or(Err(Error::OutcomeUnknown), answered);
        replies.into_iter().map(answer).collect()
    }
}

impl Part {
    /// Puts the answer into its place.
    pub(crate) fn put(mut self, reply: Reply) {
        self.is_put = true;
        self.gather.put(self.at, Some(reply));
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_put {
            self.gather.put(self.at, None);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::domain::command::StockAnswer;

    fn answer(version: u64) -> Reply {
        Ok(Ok(Answer::Stock(StockAnswer { available: 0, held: 0, version })))
    }

    #[tokio::test]
    async fn answers_to_many_commands_come_in_their_order_and_a_lost_one_is_told() {
        let (gather, done) = Gather::new(3);
        let parts: Vec<_> = (0..3).map(|at| gather.part(at)).collect();
        let [first, second, third] = <[Part; 3]>::try_from(parts).unwrap();
        third.put(answer(3));
        drop(second);
        first.put(answer(1));
        done.await.unwrap();
        let answers = gather.take();
        let versions: Vec<_> = answers
            .iter()
            .map(|answer| match answer {
                Ok(Answer::Stock(stock)) => Some(stock.version),
                _ => None,
            })
            .collect();
        assert_eq!(versions, [Some(1), None, Some(3)]);
        assert!(matches!(answers.get(1), Some(Err(Error::OutcomeUnknown))));
    }
}
