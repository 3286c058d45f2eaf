//! The money of an order's life: as due, short, too much, twice, late.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use earmark::{Currency, Error, Money, OrderAnswer, PayOrder, PaymentId, Refusal, Request, State};

use super::super::ledger::End;
use super::super::measure::Step;
use super::super::shares::Fate;
use super::super::workload::Twice;
use super::Life;

/// What a life goes on with.
pub(super) enum Paid {
    /// The order is paid and can be shipped.
    InFull,
    /// It is over.
    Over(End),
}

impl Life {
    /// Pays in the way that the order's fate says.
    pub(super) async fn pay(&mut self) -> Result<Paid> {
        let due = self.draft.due();
        let amount = match self.draft.fate {
            Fate::ShortPaidUp | Fate::ShortForGood => due * 6 / 10,
            Fate::Excess => due + due / 10,
            _ => due,
        };
        let twice = self.draft.twice.filter(|_| amount == due);
        let answer = match twice {
            Some(Twice::Key) => self.pay_with_one_key(amount).await?,
            _ => self.pay_amount(Step::Pay, "1", amount).await?,
        };
        let mut state = self.after_payment(Step::Pay, amount, &answer);
        if self.draft.fate == Fate::ShortForGood && state == State::Reserved {
            return Ok(Paid::Over(End::TimedOut));
        }
        if self.draft.fate == Fate::ShortPaidUp && state == State::Reserved {
            let rest = due - amount;
            let answer = self.pay_amount(Step::Pay, "2", rest).await?;
            state = self.after_payment(Step::Pay, rest, &answer);
        }
        if state != State::Paid {
            return Ok(Paid::Over(End::TimedOut));
        }
        match twice {
            Some(Twice::Id) => {
                let answer = self.pay_amount(Step::PayTwice, "1", amount).await?;
                if answer != Err(Refusal::DuplicatePayment) {
                    self.surprise(Step::PayTwice, &answer);
                }
            }
            Some(Twice::Amount) => {
                let answer = self.pay_amount(Step::PayTwice, "2", amount).await?;
                self.after_payment(Step::PayTwice, amount, &answer);
            }
            _ => {}
        }
        Ok(Paid::InFull)
    }

    fn payment(&self, id: &str, amount: i64) -> Result<PayOrder> {
        let amount = Money::new(amount, Currency::EUR);
        let mut pay = PayOrder::new(self.order.clone(), self.shop.method.clone(), amount);
        pay.payment = Some(PaymentId::new(id)?);
        Ok(pay)
    }

    async fn pay_amount(
        &mut self,
        step: Step,
        id: &str,
        amount: i64,
    ) -> Result<Result<OrderAnswer, Refusal>> {
        let (shop, pay) = (Arc::clone(&self.shop), self.payment(id, amount)?);
        self.ask(step, shop.engine.pay(pay)).await
    }

    /// Sends one payment twice at the same time, under one idempotency key: it counts once, and both are told
    /// the same.
    async fn pay_with_one_key(&mut self, amount: i64) -> Result<Result<OrderAnswer, Refusal>> {
        let shop = Arc::clone(&self.shop);
        let key = smol_str::format_smolstr!("pay-{}", self.draft.number).try_into()?;
        let request = Request::from(self.payment("1", amount)?).with_key(self.draft.business()?, key);
        let started = Instant::now();
        let (engine, again) = (shop.engine.clone(), request.clone());
        let second = tokio::spawn(async move { engine.pay(again).await });
        let first = self.ask(Step::Pay, shop.engine.pay(request)).await?;
        let second = match second.await? {
            Ok(answer) => Ok(answer),
            Err(Error::Refused(refusal)) => Err(refusal),
            Err(error) => return Err(error.into()),
        };
        self.recorder.answered(Step::PayTwice, started);
        if first != second {
            self.surprise(Step::PayTwice, &second);
        }
        Ok(first)
    }

    /// Notes what a payment came to; answers the state in which it left the order.
    fn after_payment(&mut self, step: Step, amount: i64, answer: &Result<OrderAnswer, Refusal>) -> State {
        let Ok(paid) = answer else {
            self.surprise(step, answer);
            return State::Cancelled;
        };
        self.entry.note_payment(amount);
        self.entry.note(paid);
        let beyond = self.entry.paid - self.draft.due();
        self.entry.beyond_due |= beyond > 0;
        let fits = match paid.state {
            State::Reserved => beyond < 0 && paid.refund_due == 0,
            // Whatever came beyond what was due is due back, also what came before the order was revived.
            State::Paid => paid.refund_due == beyond,
            State::Cancelled => paid.refund_due == self.entry.paid,
            _ => false,
        };
        if !fits || paid.paid != self.entry.paid {
            self.surprise(step, answer);
        }
        paid.state
    }

    /// Pays an order that has timed out: it lives again, or its money is due back.
    pub(super) async fn pay_late(mut self) -> Result<()> {
        self.since = Some(Instant::now());
        self.began = Instant::now();
        let due = self.draft.due();
        let answer = self.pay_amount(Step::PayLate, "1", due).await?;
        if let Err(Refusal::InsufficientStock { .. } | Refusal::Contended { .. }) = answer {
            // The payment is recorded, and due back.
            self.entry.note_payment(due);
            self.entry.refund_due = due;
            self.end(End::LateRefunded);
            return Ok(());
        }
        match self.after_payment(Step::PayLate, due, &answer) {
            State::Paid => {
                self.entry.revived = true;
                let end = self.fulfil(false).await?;
                self.end(end);
            }
            _ => self.end(End::LateRefunded),
        }
        Ok(())
    }
}
