//! The business line of the load test: a chain of eleven nodes. Nine work on the context alone, one places the order,
//! one asks a payment provider, which is outside of the engine and remembers what it did under which key.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use earmark::domain::flow::NodeFailure;
use earmark::flow::{
    BusinessLine, Definition, DefinitionErrors, Node, NodeCall, NodeError, OrderContext, Plugins, Scope,
};
use earmark::{Currency, CustomerId, Delivery, LineRequest, PlaceOrder, SkuId};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

/// The most lines of a basket.
const LINES_MAX: usize = 50;
/// From so many minor units on a basket of a buyer without an address is suspicious.
const SUSPICIOUS_MINOR: i64 = 1_000_000;
/// From so many minor units on shipping is free.
const FREE_SHIPPING_MINOR: i64 = 10_000;
const SHIPPING_MINOR: i64 = 590;
/// Tax that the prices hold, in percent.
const TAX_PERCENT: i64 = 19;

/// A basket on its way to an order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Basket {
    /// Who buys.
    buyer: SmolStr,
    /// What, and how many.
    items: Vec<(SkuId, u32)>,
    /// Where it goes, as it was typed.
    address: SmolStr,
    /// A code that makes it cheaper.
    #[serde(skip_serializing_if = "Option::is_none")]
    coupon: Option<SmolStr>,
    /// The basket as nodes have priced it: by item, in minor units.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    lines: Vec<Priced>,
    #[serde(default)]
    tax: i64,
    #[serde(default)]
    points: i64,
    #[serde(skip_serializing_if = "SmolStr::is_empty", default)]
    receipt: SmolStr,
    /// The order.
    #[serde(default)]
    pub(crate) order: OrderContext,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Priced {
    gross: i64,
    discount: i64,
    shipping: i64,
}

impl Basket {
    /// A basket that no node has worked on yet.
    pub(crate) fn new(
        buyer: SmolStr,
        items: Vec<(SkuId, u32)>,
        address: &str,
        coupon: Option<SmolStr>,
    ) -> Self {
        Self { buyer, items, address: address.into(), coupon, ..Self::default() }
    }

    fn net(&self) -> i64 {
        self.lines.iter().map(|line| line.gross - line.discount).sum()
    }
}

/// A payment provider: authorises once under a key, and gives that up again.
#[derive(Default)]
pub(crate) struct Provider {
    open: Mutex<HashSet<SmolStr>>,
    asked: AtomicU64,
    /// One request in so many is declined; 0 declines none.
    decline_every: u64,
}

impl Provider {
    /// Declines one request in `every`; none if that is 0.
    pub(crate) fn new(every: u64) -> Self {
        Self { decline_every: every, ..Self::default() }
    }

    /// Authorisations that are open.
    pub(crate) fn open(&self) -> u64 {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    fn authorise(&self, key: &SmolStr) -> bool {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        if self.decline_every > 0 && asked.is_multiple_of(self.decline_every) {
            return false;
        }
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        true
    }

    fn void(&self, key: &SmolStr) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

struct Validate;
struct Risk;
struct Price;
struct Promotion;
struct Address;
struct Shipping;
struct Tax;
struct Place;
struct PrePay(Arc<Provider>);
struct Points;
struct Receipt;

impl Node<Basket> for Validate {
    async fn process(&self, basket: &mut Basket, _: &NodeCall) -> Result<(), NodeError> {
        if basket.items.is_empty() || basket.items.len() > LINES_MAX {
            return Err(NodeError::refused(format_smolstr!("{} lines", basket.items.len())));
        }
        let mut skus: Vec<&SkuId> = basket.items.iter().map(|(sku, _)| sku).collect();
        skus.sort_unstable();
        let before = skus.len();
        skus.dedup();
        if skus.len() < before || basket.items.iter().any(|(_, units)| *units == 0) {
            return Err(NodeError::refused("a line twice, or without units"));
        }
        Ok(())
    }
}

impl Node<Basket> for Risk {
    async fn process(&self, basket: &mut Basket, _: &NodeCall) -> Result<(), NodeError> {
        let units: i64 = basket.items.iter().map(|(_, units)| i64::from(*units)).sum();
        if basket.address.is_empty() && units * 1_000 > SUSPICIOUS_MINOR {
            return Err(NodeError::refused(format_smolstr!("{} is not to be trusted", basket.buyer)));
        }
        Ok(())
    }
}

impl Node<Basket> for Price {
    async fn process(&self, basket: &mut Basket, _: &NodeCall) -> Result<(), NodeError> {
        // A price list without a list: every SKU always has the same price.
        let price = |sku: &SkuId| {
            let sum = sku.as_str().bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
            199 + i64::try_from(sum % 4_800).unwrap_or(0)
        };
        let priced = |(sku, units): &(SkuId, u32)| Priced {
            gross: price(sku) * i64::from(*units),
            ..Priced::default()
        };
        basket.lines = basket.items.iter().map(priced).collect();
        Ok(())
    }
}

impl Node<Basket> for Promotion {
    async fn process(&self, basket: &mut Basket, _: &NodeCall) -> Result<(), NodeError> {
        let percent = match basket.coupon.as_deref() {
            None => 0,
            Some("TEN") => 10,
            Some(code) => return Err(NodeError::refused(format_smolstr!("coupon {code} is unknown"))),
        };
        for line in &mut basket.lines {
            line.discount = line.gross * percent / 100;
        }
        Ok(())
    }
}

impl Node<Basket> for Address {
    async fn process(&self, basket: &mut Basket, _: &NodeCall) -> Result<(), NodeError> {
        let words: Vec<&str> = basket.address.split_whitespace().collect();
        if words.len() < 2 {
            return Err(NodeError::refused("the address is incomplete"));
        }
        basket.address = words.join(" ").into();
        Ok(())
    }
}

impl Node<Basket> for Shipping {
    async fn process(&self, basket: &mut Basket, _: &NodeCall) -> Result<(), NodeError> {
        let cost = if basket.net() >= FREE_SHIPPING_MINOR { 0 } else { SHIPPING_MINOR };
        let lines = i64::try_from(basket.lines.len()).unwrap_or(i64::MAX);
        let rest = cost % lines.max(1);
        for line in &mut basket.lines {
            line.shipping = cost / lines.max(1);
        }
        if let Some(first) = basket.lines.first_mut() {
            first.shipping += rest;
        }
        Ok(())
    }
}

impl Node<Basket> for Tax {
    async fn process(&self, basket: &mut Basket, _: &NodeCall) -> Result<(), NodeError> {
        basket.tax = basket.net() * TAX_PERCENT / (100 + TAX_PERCENT);
        Ok(())
    }
}

impl Node<Basket> for Place {
    async fn process(&self, basket: &mut Basket, call: &NodeCall) -> Result<(), NodeError> {
        let lines = basket.items.iter().zip(&basket.lines).map(|((sku, quantity), priced)| LineRequest {
            discount: priced.discount,
            shipping: priced.shipping,
            ..LineRequest::new(sku.clone(), *quantity, priced.gross)
        });
        let mut place = PlaceOrder::new(call.business().clone(), Currency::EUR, lines.collect());
        let buyer = CustomerId::new(basket.buyer.clone());
        place.customer = Some(buyer.map_err(|error| NodeError::refused(format_smolstr!("{error}")))?);
        place.delivery = Some(Delivery { address: basket.address.clone(), contact: basket.buyer.clone() });
        let answer = call.submit_order(place).await?;
        basket.order.order = Some(answer.order.clone());
        basket.order.answer = Some(answer);
        Ok(())
    }

    async fn rollback(
        &self,
        basket: &mut Basket,
        failure: &NodeFailure,
        call: &NodeCall,
    ) -> Result<(), NodeError> {
        earmark::flow::standard::Place.rollback(&mut basket.order, failure, call).await
    }
}

impl Node<Basket> for PrePay {
    async fn process(&self, _: &mut Basket, call: &NodeCall) -> Result<(), NodeError> {
        if self.0.authorise(&call.key().into()) { Ok(()) } else { Err(NodeError::refused("declined")) }
    }

    async fn rollback(&self, _: &mut Basket, _: &NodeFailure, call: &NodeCall) -> Result<(), NodeError> {
        call.forward_keys().iter().for_each(|key| self.0.void(key));
        Ok(())
    }
}

impl Node<Basket> for Points {
    async fn process(&self, basket: &mut Basket, _: &NodeCall) -> Result<(), NodeError> {
        basket.points = basket.net() / 100;
        Ok(())
    }
}

impl Node<Basket> for Receipt {
    async fn process(&self, basket: &mut Basket, call: &NodeCall) -> Result<(), NodeError> {
        let order = call.order().ok_or_else(|| NodeError::refused("there is no order"))?;
        let (lines, net, tax) = (basket.lines.len(), basket.net(), basket.tax);
        basket.receipt = format_smolstr!("{order}: {lines} lines, {net}, {tax} of it tax");
        Ok(())
    }
}

/// The line, with the payment provider that it asks.
pub(crate) struct Checkout(pub(crate) Arc<Provider>);

impl BusinessLine for Checkout {
    fn definition(&self) -> Result<Definition, DefinitionErrors> {
        Definition::parse("checkout.toml", include_str!("checkout.toml"))
    }

    fn provide(&self, plugins: Plugins) -> Plugins {
        // A mistake in the file is told anyway.
        let Ok(definition) = self.definition() else { return plugins };
        let mine = &Scope::business(definition.rulebook().business.clone());
        plugins
            .node::<Basket>(mine, "validate", Validate)
            .node::<Basket>(mine, "risk", Risk)
            .node::<Basket>(mine, "price", Price)
            .node::<Basket>(mine, "promotion", Promotion)
            .node::<Basket>(mine, "address", Address)
            .node::<Basket>(mine, "shipping", Shipping)
            .node::<Basket>(mine, "tax", Tax)
            .node::<Basket>(mine, "place", Place)
            .node::<Basket>(mine, "pre-pay", PrePay(self.0.clone()))
            .node::<Basket>(mine, "points", Points)
            .node::<Basket>(mine, "receipt", Receipt)
    }
}
