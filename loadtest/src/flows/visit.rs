//! What a caller does with one order of each line.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use earmark::flow::{BusinessLine, OrderContext, Standard, scene_of};
use earmark::{
    BeginFlow, BusinessId, CancelOrder, Currency, Delivery, Engine, Error, FlowDone, LineRequest, Money,
    OrderId, OrderType, PayOrder, PlaceOrder, Refusal, SkuId, State,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use smol_str::{SmolStr, format_smolstr};

use super::checkout::{self, Checkout, Provider};
use super::drive::Notes;
use super::flash_sale::{ByName, FlashSale};
use super::membership::{Doors, Membership};
use super::supermarket::{self, Store, Supermarket};
use super::{Arguments, LineName};

/// Lines of an order.
const LINES: usize = 3;
/// SKUs that flash sales and memberships are about: a few that all want.
const HOT_SKUS: usize = 10;
/// What a unit costs where the line has no prices of its own, in minor units.
const UNIT_MINOR: i64 = 1_000;

/// The systems outside of the engine, and what all callers share.
pub(super) struct Town {
    pub(super) name: LineName,
    pub(super) skus: Vec<SkuId>,
    one_fails_in: u64,
    business: BusinessId,
    pub(super) provider: Arc<Provider>,
    pub(super) store: Arc<Store>,
    pub(super) doors: Arc<Doors>,
}

impl Town {
    pub(super) fn new(name: LineName, arguments: &Arguments) -> Result<Self> {
        let skus = (0..arguments.skus).map(|number| Ok(SkuId::new(format_smolstr!("sku-{number}"))?));
        let skus = skus.collect::<Result<Vec<_>>>()?;
        let store = Arc::<Store>::default();
        if arguments.one_fails_in > 0 {
            // Every order that has such a SKU in it comes short of it.
            let every = usize::try_from(arguments.one_fails_in)?.saturating_mul(LINES);
            skus.iter().step_by(every).for_each(|sku| store.lose(sku.clone(), 1));
        }
        Ok(Self {
            name,
            skus,
            one_fails_in: arguments.one_fails_in,
            business: BusinessId::new(match name {
                LineName::Chain => "checkout",
                LineName::Supermarket => "supermarket",
                LineName::FlashSale => "flash-shop",
                LineName::Membership => "club",
            })?,
            provider: Arc::new(Provider::new(arguments.one_fails_in)),
            store,
            doors: Arc::default(),
        })
    }

    /// The lines that the engine is opened with.
    pub(super) fn lines(&self) -> Vec<Arc<dyn BusinessLine>> {
        let own: Arc<dyn BusinessLine> = match self.name {
            LineName::Chain => Arc::new(Checkout(self.provider.clone())),
            LineName::Supermarket => Arc::new(Supermarket::new(self.store.clone())),
            LineName::FlashSale => Arc::new(FlashSale { risk: Arc::new(ByName) }),
            LineName::Membership => Arc::new(Membership { entitlements: self.doors.clone() }),
        };
        vec![Arc::new(Standard), own]
    }

    const fn order_type(&self) -> OrderType {
        match self.name {
            LineName::Chain => OrderType::Simple,
            LineName::Supermarket => OrderType::Physical,
            LineName::FlashSale => OrderType::FlashSale,
            LineName::Membership => OrderType::Membership,
        }
    }
}

/// One caller.
pub(super) struct Caller {
    engine: Engine,
    town: Arc<Town>,
    random: fastrand::Rng,
    number: u32,
    visits: u64,
}

impl Caller {
    pub(super) fn new(engine: Engine, town: Arc<Town>, number: u32) -> Self {
        let random = fastrand::Rng::with_seed(u64::from(number));
        Self { engine, town, random, number, visits: 0 }
    }

    /// Leads one order through its flows.
    pub(super) async fn visit(&mut self, notes: &mut Notes) -> Result<()> {
        self.visits += 1;
        match self.town.name {
            LineName::Chain => self.checkout(notes).await,
            LineName::Supermarket => self.supermarket(notes).await,
            LineName::FlashSale => self.flash_sale(notes).await,
            LineName::Membership => self.membership(notes).await,
        }
    }

    async fn checkout(&mut self, notes: &mut Notes) -> Result<()> {
        let coupon = self.random.bool().then(|| SmolStr::new_static("TEN"));
        let items = self.items(LINES, self.town.skus.len());
        let basket = checkout::Basket::new(self.buyer(), items, "1  High Street", coupon);
        match self.run(notes, "submit", &basket, None).await? {
            Ok(done) => notes.ended(answered(done.context.order)?.state),
            // The provider declines; what was placed is called off.
            Err(Refusal::FlowFailed { node, .. }) if node == "pre-pay" => notes.ended(State::Cancelled),
            Err(refusal) => return Err(unexpected(&refusal)),
        }
        Ok(())
    }

    async fn supermarket(&mut self, notes: &mut Notes) -> Result<()> {
        let place = self.placement(LINES, self.town.skus.len())?;
        let basket = supermarket::Basket::new(OrderContext::placing(place), "monday 9-11");
        let placed = self.must(notes, "submit", &basket, None).await?;
        let answer = answered(placed.context.order)?;
        let order = answer.order;
        self.must(notes, "pay", &paying(&order, answer.due)?, Some(&order)).await?;
        let about = supermarket::Basket::new(OrderContext::about(order.clone()), "");
        let fulfilled = self.must(notes, "fulfil", &about, Some(&order)).await?;
        notes.ended(answered(fulfilled.context.order)?.state);
        Ok(())
    }

    async fn flash_sale(&mut self, notes: &mut Notes) -> Result<()> {
        let mut place = self.placement(1, HOT_SKUS)?;
        let is_robot = self.is_odd_one_out();
        if is_robot {
            place.customer = Some(format_smolstr!("bot-{}-{}", self.number, self.visits).as_str().parse()?);
        }
        let placed = match self.run(notes, "submit", &OrderContext::placing(place), None).await? {
            Err(Refusal::FlowFailed { node, .. }) if is_robot && node == "check-risk" => return Ok(()),
            Err(refusal) => return Err(unexpected(&refusal)),
            Ok(placed) => answered(placed.context)?,
        };
        let paying = paying(&placed.order, placed.due)?;
        let paid = self.must(notes, "pay", &paying, Some(&placed.order)).await?;
        notes.ended(answered(paid.context)?.state);
        Ok(())
    }

    async fn membership(&mut self, notes: &mut Notes) -> Result<()> {
        let place = self.placement(1, HOT_SKUS)?;
        let placed =
            answered(self.must(notes, "submit", &OrderContext::placing(place), None).await?.context)?;
        let order = placed.order;
        let paid = self.must(notes, "pay", &paying(&order, placed.due)?, Some(&order)).await?;
        let mut state = answered(paid.context)?.state;
        if self.is_odd_one_out() {
            let leave = OrderContext::cancelling(CancelOrder::all(order.clone(), "moved away"));
            state = answered(self.must(notes, "cancel", &leave, Some(&order)).await?.context)?.state;
        }
        notes.ended(state);
        Ok(())
    }

    /// Whether this is the one visit in so many that goes another way.
    fn is_odd_one_out(&self) -> bool {
        let visit = self.visits + u64::from(self.number);
        self.town.one_fails_in > 0 && visit.is_multiple_of(self.town.one_fails_in)
    }

    fn buyer(&self) -> SmolStr {
        format_smolstr!("c-{}-{}", self.number, self.visits)
    }

    /// Units of so many different SKUs, one each.
    fn items(&mut self, lines: usize, of: usize) -> Vec<(SkuId, u32)> {
        let mut chosen: Vec<usize> = Vec::with_capacity(lines);
        while chosen.len() < lines {
            let sku = self.random.usize(0..of.min(self.town.skus.len()));
            if !chosen.contains(&sku) {
                chosen.push(sku);
            }
        }
        chosen.iter().filter_map(|at| Some((self.town.skus.get(*at)?.clone(), 1))).collect()
    }

    fn placement(&mut self, lines: usize, of: usize) -> Result<PlaceOrder> {
        let items = self.items(lines, of).into_iter();
        let lines = items.map(|(sku, units)| LineRequest::new(sku, units, UNIT_MINOR * i64::from(units)));
        let mut place = PlaceOrder::new(self.town.business.clone(), Currency::EUR, lines.collect());
        let buyer = self.buyer();
        place.customer = Some(buyer.as_str().parse()?);
        place.delivery = Some(Delivery { address: "1 High Street".into(), contact: buyer });
        Ok(place.of_type(self.town.order_type()))
    }

    /// Runs a flow and notes how long it took.
    async fn run<C: Serialize + DeserializeOwned>(
        &self,
        notes: &mut Notes,
        chain: &'static str,
        context: &C,
        about: Option<&OrderId>,
    ) -> Result<Result<FlowDone<C>, Refusal>> {
        let begin = BeginFlow::new(self.town.business.clone(), chain, context)?;
        let mut begin = begin.for_scene(scene_of(self.town.order_type()));
        begin.order = about.cloned();
        let started = notes.begins();
        let result = match self.engine.run_flow::<C>(begin).await {
            Ok(done) => Ok(done),
            Err(Error::Refused(refusal)) => Err(refusal),
            Err(error) => return Err(error).with_context(|| format!("running {chain}")),
        };
        notes.flow(chain, started, result.is_ok())?;
        Ok(result)
    }

    /// The same where nothing can fail.
    async fn must<C: Serialize + DeserializeOwned>(
        &self,
        notes: &mut Notes,
        chain: &'static str,
        context: &C,
        about: Option<&OrderId>,
    ) -> Result<FlowDone<C>> {
        self.run(notes, chain, context, about).await?.map_err(|refusal| unexpected(&refusal))
    }
}

fn paying(order: &OrderId, due: i64) -> Result<OrderContext> {
    let amount = Money::new(due, Currency::EUR);
    Ok(OrderContext::paying(PayOrder::new(order.clone(), "card".parse()?, amount)))
}

fn answered(context: OrderContext) -> Result<earmark::OrderAnswer> {
    context.answer.context("a flow came back without an answer")
}

fn unexpected(refusal: &Refusal) -> anyhow::Error {
    anyhow!("a flow failed that should not: {refusal}")
}
