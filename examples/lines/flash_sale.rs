//! A flash-sale shop: so many units a buyer, a look at who is buying, and then the order. It works on the context of
//! the default line, and so has that line's nodes in its own chain.

use std::sync::Arc;

use earmark::flow::{
    BoxFuture, BusinessLine, Definition, DefinitionErrors, ExtensionPoint, Node, NodeCall, NodeError,
    OrderContext, Plugins, Scope,
};
use earmark::{CustomerId, PlaceOrder};

/// The most units of one order. How many a buyer may have in all his orders, the SKU decides by the order's terms.
const UNITS_MAX: u64 = 2;
/// From this score on an order is refused.
const SCORE_MAX: u8 = 70;

/// How likely it is that a buyer is none.
pub(crate) trait Risk: Send + Sync {
    /// A score from 0 to 100.
    fn score<'a>(&'a self, buyer: &'a CustomerId) -> BoxFuture<'a, Result<u8, NodeError>>;
}

impl ExtensionPoint for dyn Risk {
    const NAME: &'static str = "flash-shop.risk";
}

/// Knows robots by their names.
pub(crate) struct ByName;

impl Risk for ByName {
    fn score<'a>(&'a self, buyer: &'a CustomerId) -> BoxFuture<'a, Result<u8, NodeError>> {
        Box::pin(async move { Ok(if buyer.as_str().starts_with("bot") { 95 } else { 5 }) })
    }
}

fn placement(context: &OrderContext) -> Result<(&PlaceOrder, &CustomerId), NodeError> {
    let place = context.place.as_ref().ok_or_else(|| NodeError::refused("nothing is to be placed"))?;
    let buyer = place.customer.as_ref().ok_or_else(|| NodeError::refused("a flash sale needs a name"))?;
    Ok((place, buyer))
}

struct CheckLimit;
struct CheckRisk;
struct CheckDevice;

impl Node<OrderContext> for CheckLimit {
    async fn process(&self, context: &mut OrderContext, _: &NodeCall) -> Result<(), NodeError> {
        let (place, _) = placement(context)?;
        let units: u64 = place.lines.iter().map(|line| u64::from(line.quantity)).sum();
        if units > UNITS_MAX {
            return Err(NodeError::refused(format!("{units} units; one order has at most {UNITS_MAX}")));
        }
        Ok(())
    }
}

impl Node<OrderContext> for CheckRisk {
    async fn process(&self, context: &mut OrderContext, call: &NodeCall) -> Result<(), NodeError> {
        let (_, buyer) = placement(context)?;
        let score = call.extension::<dyn Risk>()?.score(buyer).await?;
        if score >= SCORE_MAX {
            return Err(NodeError::refused(format!("{buyer} scores {score}")));
        }
        Ok(())
    }
}

impl Node<OrderContext> for CheckDevice {
    async fn process(&self, context: &mut OrderContext, _: &NodeCall) -> Result<(), NodeError> {
        let (place, buyer) = placement(context)?;
        match &place.delivery {
            Some(delivery) if !delivery.contact.is_empty() => Ok(()),
            _ => Err(NodeError::refused(format!("{buyer} left no contact"))),
        }
    }
}

/// The line, with whoever looks at its buyers.
pub(crate) struct FlashSale {
    /// Looks at the buyers.
    pub(crate) risk: Arc<dyn Risk>,
}

impl BusinessLine for FlashSale {
    fn definition(&self) -> Result<Definition, DefinitionErrors> {
        Definition::parse("flash_sale.toml", include_str!("flash_sale.toml"))
    }

    fn provide(&self, plugins: Plugins) -> Plugins {
        // A mistake in the file is told anyway.
        let Ok(definition) = self.definition() else { return plugins };
        let mine = &Scope::business(definition.rulebook().business.clone());
        plugins
            .provide::<dyn Risk>(mine.clone(), self.risk.clone())
            .node::<OrderContext>(mine, "check-limit", CheckLimit)
            .node::<OrderContext>(mine, "check-risk", CheckRisk)
            .node::<OrderContext>(mine, "check-device", CheckDevice)
    }
}
