//! What the parent was told of each order: the acknowledged truth that the engine is held to.

use anyhow::{Result, bail};
use hdrhistogram::Histogram;

use super::frame::{Answered, SaleAnswer};
use crate::latency;

/// The last answer acknowledged for an order. One byte, in which form it is handed to a new child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Known {
    /// No answer has arrived.
    #[default]
    Nothing = 0,
    /// The order holds its unit.
    Granted = 1,
    /// The order is paid.
    Paid = 2,
    /// The order was turned down.
    Refused = 3,
}

impl Known {
    /// The answer that a byte stands for.
    pub(crate) fn from_byte(byte: u8) -> Result<Self> {
        Ok(match byte {
            0 => Self::Nothing,
            1 => Self::Granted,
            2 => Self::Paid,
            3 => Self::Refused,
            other => bail!("{other} stands for no answer"),
        })
    }
}

/// Every acknowledged answer of the sale.
pub(crate) struct Ledger {
    known: Vec<Known>,
    /// Orders granted, whether paid or not.
    pub(crate) granted: u32,
    /// Orders turned down.
    pub(crate) refused: u32,
    /// Orders paid.
    pub(crate) paid: u32,
    /// Latency of placements, in nanoseconds.
    pub(crate) placements: Histogram<u64>,
    /// Latency of payments, in nanoseconds.
    pub(crate) payments: Histogram<u64>,
    /// Answers that contradict an earlier one.
    pub(crate) contradictions: Vec<String>,
}

impl Ledger {
    /// A ledger of `orders` orders of which nothing is known.
    pub(crate) fn new(orders: u32) -> Result<Self> {
        Ok(Self {
            known: vec![Known::Nothing; orders as usize],
            granted: 0,
            refused: 0,
            paid: 0,
            placements: latency::histogram()?,
            payments: latency::histogram()?,
            contradictions: Vec::new(),
        })
    }

    /// Takes down an answer.
    pub(crate) fn acknowledge(&mut self, answered: Answered) {
        let Answered { answer, order, micros } = answered;
        let Some(known) = self.known.get_mut(order as usize) else {
            self.contradictions.push(format!("order {order} was answered but never asked for"));
            return;
        };
        let next = match (*known, answer) {
            (Known::Nothing, SaleAnswer::Granted) => Known::Granted,
            (Known::Nothing, SaleAnswer::Refused) => Known::Refused,
            (Known::Granted, SaleAnswer::Paid) => Known::Paid,
            (before, answer) => {
                self.contradictions
                    .push(format!("order {order} was {before:?} and then answered {answer:?}"));
                return;
            }
        };
        *known = next;
        let waited = std::time::Duration::from_micros(u64::from(micros));
        match answer {
            SaleAnswer::Granted => self.granted += 1,
            SaleAnswer::Refused => self.refused += 1,
            SaleAnswer::Paid => self.paid += 1,
        }
        match answer {
            SaleAnswer::Paid => latency::record(&mut self.payments, waited),
            SaleAnswer::Granted | SaleAnswer::Refused => latency::record(&mut self.placements, waited),
        }
    }

    /// Answers to placements so far.
    pub(crate) fn placed(&self) -> u32 {
        self.granted + self.refused
    }

    /// All acknowledged answers so far.
    pub(crate) fn answers(&self) -> u64 {
        u64::from(self.granted) + u64::from(self.refused) + u64::from(self.paid)
    }

    /// What is known of each order, by its number.
    pub(crate) fn known(&self) -> impl Iterator<Item = (u32, Known)> {
        (0..).zip(self.known.iter().copied())
    }

    /// One byte for each order, for the next child.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.known.iter().map(|known| *known as u8).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(answer: SaleAnswer, order: u32) -> Answered {
        Answered { answer, order, micros: 100 }
    }

    #[test]
    fn answers_are_counted_and_handed_on() -> Result<()> {
        let mut ledger = Ledger::new(4)?;
        ledger.acknowledge(answered(SaleAnswer::Granted, 0));
        ledger.acknowledge(answered(SaleAnswer::Granted, 1));
        ledger.acknowledge(answered(SaleAnswer::Paid, 1));
        ledger.acknowledge(answered(SaleAnswer::Refused, 3));
        assert_eq!((ledger.granted, ledger.paid, ledger.refused), (2, 1, 1));
        assert_eq!((ledger.placements.len(), ledger.payments.len()), (3, 1));
        let known: Result<Vec<_>> = ledger.to_bytes().into_iter().map(Known::from_byte).collect();
        assert_eq!(known?, [Known::Granted, Known::Paid, Known::Nothing, Known::Refused]);
        assert!(ledger.contradictions.is_empty());
        Ok(())
    }

    #[test]
    fn an_answer_that_contradicts_an_earlier_one_is_noted_and_not_counted() -> Result<()> {
        let mut ledger = Ledger::new(1)?;
        ledger.acknowledge(answered(SaleAnswer::Refused, 0));
        ledger.acknowledge(answered(SaleAnswer::Granted, 0));
        ledger.acknowledge(answered(SaleAnswer::Granted, 9));
        assert_eq!((ledger.granted, ledger.refused), (0, 1));
        assert_eq!(ledger.contradictions.len(), 2);
        Ok(())
    }
}
