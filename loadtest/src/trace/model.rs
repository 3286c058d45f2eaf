//! The rules of a trace for one order: which answers count as what, and what is tried again when.
//!
//! - An event for an order that was not placed, or was turned down, is `ignored` and not kept.
//! - An event that the order's state does not allow is kept. After each accepted event of the order the
//!   kept ones are tried again, in the order in which they came; each attempt is an operation of its own.
//! - What is still kept at the end is `refused_…`.
//!
//! Ignored events are sent to the engine all the same: that it refuses them is one of the answers.
//!
//! The model does no input or output: [`OrderLife::offer`] and [`OrderLife::replied`] say what to send
//! next, and whoever drives it sends it.

use anyhow::{Context, Result};
use earmark::domain::command::{OrderAnswer, ScopedKey};
use earmark::domain::ids::{BusinessId, IdempotencyKey, SkuId};
use earmark::domain::order::State;
use smol_str::{SmolStr, format_smolstr};

use super::operation::{Action, Ask, Event, Operation, Reply};
use super::outcome::Tally;

/// Whether there is an order behind the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No placement was seen.
    #[default]
    NotPlaced,
    /// The placement was refused because it made no sense.
    Invalid,
    /// The placement was refused for want of stock.
    Rejected,
    /// The order was placed.
    Live,
}

/// An event that is kept, to be tried again.
#[derive(Debug)]
struct Kept {
    event: Event,
    /// How often it was tried and refused.
    attempts: u32,
}

/// What is in flight for the order.
#[derive(Debug)]
enum InFlight {
    /// The first attempt at an event of the file.
    First(Event),
    /// Another attempt at the kept event of this index.
    Again(usize),
}

/// One order's part of the trace, from its first event to its last.
#[derive(Debug, Default)]
pub(crate) struct OrderLife {
    pub(crate) standing: Standing,
    /// The state in the last accepted answer.
    pub(crate) state: Option<State>,
    /// Units asked for, line by line, of an order that was placed.
    pub(crate) demand: Box<[(SkuId, u32)]>,
    /// What the engine said was due when the order was placed.
    pub(crate) due: i64,
    /// What the engine last said was paid.
    pub(crate) paid: i64,
    /// The sum of the payments that the engine accepted.
    pub(crate) paid_in_trace: i64,
    /// What the engine said was to be paid back when the order was cancelled.
    pub(crate) refunded: i64,
    kept: Vec<Kept>,
    in_flight: Option<InFlight>,
}

impl OrderLife {
    /// Takes the order's next event; what to send for it.
    pub(crate) fn offer(&mut self, event: Event, business: &BusinessId) -> Result<Operation> {
        let key = format_smolstr!("event-{}", event.number);
        let operation = operation(business, key, &event)?;
        self.in_flight = Some(InFlight::First(event));
        Ok(operation)
    }

    /// Takes the reply to what was sent last; what to send next, if anything.
    pub(crate) fn replied(
        &mut self,
        reply: &Reply,
        tally: &mut Tally,
        business: &BusinessId,
    ) -> Result<Option<Operation>> {
        let in_flight = self.in_flight.take().context("a reply came to nothing that was asked")?;
        match in_flight {
            InFlight::First(event) if self.standing != Standing::Live => {
                self.first_word(&event, reply, tally);
                Ok(None)
            }
            InFlight::First(event) => match reply {
                Reply::Accepted(answer) => {
                    self.accepted(&event, answer, tally);
                    self.try_again(0, business)
                }
                Reply::Refused { code, .. } => {
                    tally.refusal(event.ask.action(), code);
                    self.kept.push(Kept { event, attempts: 0 });
                    Ok(None)
                }
            },
            InFlight::Again(index) => match reply {
                Reply::Accepted(answer) => {
                    let kept = self.kept.remove(index);
                    tally.count("accepted_on_retry");
                    self.accepted(&kept.event, answer, tally);
                    // The state moved on, so what was refused before may be possible now.
                    self.try_again(0, business)
                }
                Reply::Refused { .. } => self.try_again(index + 1, business),
            },
        }
    }

    /// The next attempt at the kept event of this index, if there is one.
    fn try_again(&mut self, index: usize, business: &BusinessId) -> Result<Option<Operation>> {
        let Some(kept) = self.kept.get_mut(index) else { return Ok(None) };
        kept.attempts += 1;
        let key = format_smolstr!("event-{}-again-{}", kept.event.number, kept.attempts);
        let operation = operation(business, key, &kept.event)?;
        self.in_flight = Some(InFlight::Again(index));
        Ok(Some(operation))
    }

    /// Judges the reply to an event of an order that is not there: its placement, or one to be ignored.
    fn first_word(&mut self, event: &Event, reply: &Reply, tally: &mut Tally) {
        let action = event.ask.action();
        match reply {
            Reply::Accepted(answer) => {
                if let Ask::Place(place) = &event.ask {
                    self.standing = Standing::Live;
                    self.due = answer.due;
                    self.demand = place.lines.iter().map(|l| (l.sku.clone(), l.quantity)).collect();
                }
                self.accepted(event, answer, tally);
            }
            Reply::Refused { code, .. }
                if action == Action::Place && self.standing == Standing::NotPlaced =>
            {
                tally.refusal(action, code);
                self.standing = match code.as_str() {
                    "NO_LINES" | "QUANTITY_NOT_POSITIVE" => Standing::Invalid,
                    _ => Standing::Rejected,
                };
                match code.as_str() {
                    "NO_LINES" | "QUANTITY_NOT_POSITIVE" => tally.count("place_invalid"),
                    "INSUFFICIENT_STOCK" | "UNKNOWN_SKU" => tally.count("place_rejected"),
                    other => tally.count(&format!("place_refused_{}", other.to_lowercase())),
                }
            }
            Reply::Refused { code, .. } => {
                tally.refusal(action, code);
                tally.count("ignored");
            }
        }
    }

    fn accepted(&mut self, event: &Event, answer: &OrderAnswer, tally: &mut Tally) {
        tally.count(&format!("{}_accepted", event.ask.action().name()));
        self.state = Some(answer.state);
        self.paid = answer.paid;
        match &event.ask {
            Ask::Pay(pay) => self.paid_in_trace += pay.amount.minor,
            Ask::Cancel(_) => self.refunded = answer.refund_due,
            Ask::Place(_) | Ask::Ship(_) | Ask::Deliver(_) => {}
        }
    }

    /// Ends the order: what is still kept was refused for good.
    pub(crate) fn end(&mut self, tally: &mut Tally) {
        for kept in self.kept.drain(..) {
            tally.count(&format!("refused_{}", kept.event.ask.action().name()));
        }
    }
}

fn operation(business: &BusinessId, key: SmolStr, event: &Event) -> Result<Operation> {
    let key = ScopedKey { business: business.clone(), key: IdempotencyKey::new(key)? };
    Ok(Operation { key, ask: event.ask.clone() })
}
