//! The child: the engine and its buyers. It is killed without warning, so it keeps nothing to itself.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use earmark::domain::command::{
    LineRequest, OrderAnswer, PayOrder, PlaceOrder, Request, Settlement, SkuCommand,
};
use earmark::domain::ids::{BusinessId, PaymentMethod, SkuId};
use earmark::domain::money::{Currency, Money};
use earmark::domain::order::State;
use earmark::domain::refusal::Refusal;
use earmark::{Engine, Error};

use super::frame::{Answered, Frame, Opened, SaleAnswer};
use super::ledger::Known;
use super::{PRICE_MINOR, Plan, business, hot_sku, key, order_id};
use crate::store::{self, Recovery};

/// Frames that wait for the pipe at most; beyond it the buyers' answers wait, as in any slow network.
const FRAMES_WAITING_MAX: usize = 64 * 1024;

/// Frames written with one call.
const FRAMES_AT_ONCE_MAX: usize = 1024;

/// Arguments of the hidden subcommand.
#[derive(Debug, clap::Args)]
pub(crate) struct ChildArguments {
    /// The plan, as JSON.
    plan: String,
}

/// What every buyer shares.
struct Sale {
    engine: Engine,
    plan: Plan,
    known: Vec<Known>,
    next: AtomicU32,
    frames: mpsc::SyncSender<Frame>,
    sku: SkuId,
    business: BusinessId,
    method: PaymentMethod,
}

/// Opens the engine, lets the buyers buy and reports every answer on standard output.
pub(crate) fn run(arguments: &ChildArguments) -> Result<bool> {
    let plan: Plan = serde_json::from_str(&arguments.plan).context("reading the plan")?;
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).context("reading what is known")?;
    let known = bytes.into_iter().map(Known::from_byte).collect::<Result<Vec<_>>>()?;

    let (frames, inbox) = mpsc::sync_channel(FRAMES_WAITING_MAX);
    let pipe = std::thread::spawn(move || write_frames(&inbox));
    store::runtime(plan.workers)?.block_on(sell(plan, known, frames))?;
    pipe.join().map_err(|_| anyhow!("the thread that writes to the parent panicked"))??;
    Ok(true)
}

/// Writes frames to the parent, as many at once as are waiting, up to and with the last one.
fn write_frames(inbox: &mpsc::Receiver<Frame>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut bytes = Vec::new();
    let mut done = false;
    while !done {
        let Ok(first) = inbox.recv() else { break };
        bytes.clear();
        for frame in std::iter::once(first).chain(inbox.try_iter().take(FRAMES_AT_ONCE_MAX)) {
            frame.encode(&mut bytes);
            done |= frame == Frame::Done;
        }
        out.write_all(&bytes).and_then(|()| out.flush()).context("writing to the parent")?;
    }
    Ok(())
}

async fn sell(plan: Plan, known: Vec<Known>, frames: mpsc::SyncSender<Frame>) -> Result<()> {
    let recovering = frames.clone();
    let engine = store::open_with(&plan.folder, plan.durability, |config| {
        config.on_recovery = Some(Arc::new(move |progress| {
            // A parent that has gone ends this process at the next answer.
            let _ = recovering.try_send(Frame::Recovering(progress.bytes_done, progress.bytes_total));
        }));
    })
    .await?;
    let recovery = Recovery::from(engine.recovery());
    let sku = hot_sku()?;
    let business = business()?;
    let receive = SkuCommand::receive(u64::from(plan.stock), "opening stock");
    let receive = Request::from(receive).with_key(business.clone(), key("opening", 0)?);
    engine.stock(&sku, receive).await?;

    let sale = Arc::new(Sale {
        engine,
        plan,
        known,
        next: AtomicU32::new(0),
        frames,
        sku,
        business,
        method: PaymentMethod::new("card")?,
    });
    let (in_doubt, in_doubt_decided) = sale.in_doubt().await?;
    sale.say(Frame::Opened(Opened { recovery, in_doubt, in_doubt_decided }))?;

    let buyers: Vec<_> = (0..sale.plan.buyers).map(|_| tokio::spawn(Arc::clone(&sale).buy())).collect();
    for buyer in buyers {
        buyer.await.context("a buyer panicked")??;
    }
    sale.say(Frame::Done)?;
    sale.engine.clone().close().await?;
    Ok(())
}

impl Sale {
    fn say(&self, frame: Frame) -> Result<()> {
        self.frames.send(frame).map_err(|_| anyhow!("the parent no longer listens"))
    }

    /// Counts the orders whose answer a kill may have swallowed, and those of them that the engine had
    /// decided.
    ///
    /// Orders are taken up in the order of their numbers, so those up to the highest answered one were
    /// asked for; above it at most one for each buyer may have been.
    async fn in_doubt(&self) -> Result<(u32, u32)> {
        let highest = self.known.iter().rposition(|known| *known != Known::Nothing);
        let asked = highest.map_or(0, |highest| highest + 1 + self.plan.buyers as usize);
        let asked = self.known.iter().take(asked);
        let (mut in_doubt, mut decided) = (0, 0);
        let unanswered = (0u32..).zip(asked).filter(|(_, known)| **known == Known::Nothing);
        for (number, _) in unanswered {
            in_doubt += 1;
            if self.engine.order(&order_id(number)?).view().await?.is_some() {
                decided += 1;
            }
        }
        Ok((in_doubt, decided))
    }

    /// One buyer: takes up the next order that has no final answer until there is none left.
    async fn buy(self: Arc<Self>) -> Result<()> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.plan.orders {
                return Ok(());
            }
            let known = self.known.get(number as usize).copied().unwrap_or_default();
            let granted = match known {
                Known::Nothing => self.place(number).await?,
                Known::Granted => true,
                Known::Paid | Known::Refused => false,
            };
            if granted && self.plan.pays(number) {
                self.pay(number).await?;
            }
        }
    }

    /// Places the order, which has one unit; says whether it was granted.
    async fn place(&self, number: u32) -> Result<bool> {
        let lines = vec![LineRequest::new(self.sku.clone(), 1, PRICE_MINOR)];
        let command = PlaceOrder::new(self.business.clone(), Currency::EUR, lines).with_id(order_id(number)?);
        let request = Request::from(command).with_key(self.business.clone(), key("place", number)?);
        let started = Instant::now();
        let answer = self.engine.place(request).await;
        match &answer {
            Ok(OrderAnswer { state: State::Reserved, .. }) => {
                self.acknowledge(SaleAnswer::Granted, number, started)?;
                Ok(true)
            }
            Err(Error::Refused(Refusal::InsufficientStock { .. })) => {
                self.acknowledge(SaleAnswer::Refused, number, started)?;
                Ok(false)
            }
            _ => {
                self.unexpected("placement", number, answer)?;
                Ok(false)
            }
        }
    }

    /// Pays for the order in full.
    async fn pay(&self, number: u32) -> Result<()> {
        let command = PayOrder {
            order: order_id(number)?,
            payment: None,
            method: self.method.clone(),
            amount: Money::new(PRICE_MINOR, Currency::EUR),
            settlement: Settlement::WhenCovered,
        };
        let request = Request::from(command).with_key(self.business.clone(), key("pay", number)?);
        let started = Instant::now();
        let answer = self.engine.pay(request).await;
        match &answer {
            Ok(OrderAnswer { state: State::Paid, .. }) => self.acknowledge(SaleAnswer::Paid, number, started),
            _ => self.unexpected("payment", number, answer),
        }
    }

    fn acknowledge(&self, answer: SaleAnswer, order: u32, started: Instant) -> Result<()> {
        let micros = u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX);
        self.say(Frame::Answered(Answered { answer, order, micros }))
    }

    /// Reports an answer that no sale expects. A refusal or a strange state is a finding and the sale
    /// goes on; a failure of the engine ends it.
    fn unexpected(&self, what: &str, number: u32, answer: Result<OrderAnswer, Error>) -> Result<()> {
        let text = match answer {
            Ok(answer) => format!("the {what} of order {number} left it {}", answer.state),
            Err(Error::Refused(refusal)) => {
                format!("the {what} of order {number} was refused with {}: {refusal}", refusal.code())
            }
            Err(error) => return Err(anyhow!(error).context(format!("the {what} of order {number}"))),
        };
        self.say(Frame::Fault(text))
    }
}
