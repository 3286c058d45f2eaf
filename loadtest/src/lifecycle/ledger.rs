//! What the run was answered: how each order's life ended as far as its caller knows, and what no answer
//! should have been.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use earmark::{OrderAnswer, State};
use serde::{Deserialize, Serialize};

use super::workload::Draft;
use crate::invariant::DIFFERENCES_MAX;

/// How an order's life ended, by the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// Its cart was refused a hold; there is no order.
    RefusedCart,
    /// Its placement was refused.
    Refused,
    /// Cancelled by its buyer before it was paid.
    CancelledUnpaid,
    /// Cancelled by its buyer after it was paid.
    CancelledPaid,
    /// Not paid, or not in full, when time ran out.
    TimedOut,
    /// Paid when it had timed out, and its money is due back.
    LateRefunded,
    /// Delivered.
    Delivered,
}

impl End {
    /// Every end, in the order of the table.
    pub(crate) const ALL: [Self; 7] = [
        Self::Delivered,
        Self::RefusedCart,
        Self::Refused,
        Self::CancelledUnpaid,
        Self::CancelledPaid,
        Self::TimedOut,
        Self::LateRefunded,
    ];

    /// The end in words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::RefusedCart => "refused as a cart",
            Self::Refused => "refused at placement",
            Self::CancelledUnpaid => "cancelled before payment",
            Self::CancelledPaid => "cancelled after payment",
            Self::TimedOut => "timed out unpaid",
            Self::LateRefunded => "timed out, late money due back",
            Self::Delivered => "delivered and completed",
        }
    }

    /// Where the order stands once every timer has fired; `None` where there is no order.
    pub(crate) const fn state(self) -> Option<State> {
        match self {
            Self::RefusedCart => None,
            Self::Delivered => Some(State::Completed),
            _ => Some(State::Cancelled),
        }
    }
}

/// What is known of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) end: End,
    /// What the answered payments sum to, in minor units.
    pub(crate) paid: i64,
    /// Answered payments.
    pub(crate) payments: u32,
    /// Answered shipments.
    pub(crate) shipments: u32,
    /// What the last answer said is due back, in minor units.
    pub(crate) refund_due: i64,
    /// Late money brought it back to life.
    pub(crate) revived: bool,
    /// Money came beyond what was due.
    pub(crate) beyond_due: bool,
}

impl Entry {
    /// An order of which nothing is known yet.
    pub(crate) const fn new(number: u64) -> Self {
        Self {
            number,
            end: End::Refused,
            paid: 0,
            payments: 0,
            shipments: 0,
            refund_due: 0,
            revived: false,
            beyond_due: false,
        }
    }

    /// Notes a payment that is recorded.
    pub(crate) fn note_payment(&mut self, amount: i64) {
        self.paid += amount;
        self.payments += 1;
    }

    /// Notes what an answer says of the order.
    pub(crate) fn note(&mut self, answer: &OrderAnswer) {
        self.refund_due = answer.refund_due;
    }
}

/// Everything that was answered.
#[derive(Default)]
pub(crate) struct Ledger {
    entries: Mutex<Vec<Entry>>,
    surprises: Mutex<Vec<String>>,
    surprise_count: AtomicU64,
    drawn: AtomicU64,
}

impl Ledger {
    /// The number of the next order.
    pub(crate) fn next(&self) -> u64 {
        self.drawn.fetch_add(1, Ordering::Relaxed)
    }

    /// Orders begun so far.
    pub(crate) fn drawn(&self) -> u64 {
        self.drawn.load(Ordering::Relaxed)
    }

    /// An order's life has ended.
    pub(crate) fn ended(&self, entry: Entry) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// An answer is none that the order's life allows.
    pub(crate) fn surprise(&self, draft: &Draft, what: &str) {
        self.surprise_count.fetch_add(1, Ordering::Relaxed);
        let mut surprises = self.surprises.lock().unwrap_or_else(PoisonError::into_inner);
        if surprises.len() < DIFFERENCES_MAX {
            surprises.push(format!("order-{} ({:?}): {what}", draft.number, draft.fate));
        }
    }

    /// Every order by its number.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone();
        entries.sort_unstable_by_key(|entry| entry.number);
        entries
    }

    /// The surprises that are listed, and how many there were in all.
    pub(crate) fn surprises(&self) -> (Vec<String>, u64) {
        let listed = self.surprises.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (listed, self.surprise_count.load(Ordering::Relaxed))
    }
}
