//! The default business line: an order's life by commands to the engine and nothing else. Every other line falls
//! back on its chains, and can take its nodes into chains of its own.

mod context;
mod nodes;

pub use context::OrderContext;
pub use nodes::{
    CancelNode, CheckActive, CloseNode, DeliverNode, HandOver, Pay, Place, Progress, RefundDue, ShipNode,
};

use super::definition::{Definition, DefinitionErrors};
use super::lineup::BusinessLine;
use super::plugins::Plugins;
use super::scope::Scope;
use crate::domain::command::ProgressStep;

/// The file of the default line.
const FILE: &str = "standard.toml";

/// The default business line. Its chains work on an [`OrderContext`]: `submit`, `pay`, `fulfil`, `reverse`, `cancel`
/// and `refund` for every order type, and one for each step of them (`pick`, `pack`, `ship`, `deliver`, `confirm`,
/// `close`).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use earmark::flow::{OrderContext, Standard};
/// use earmark::{BeginFlow, Config, Engine, LineRequest, PlaceOrder, SkuCommand};
///
/// let config = Config { lines: vec![Arc::new(Standard)], ..Config::in_memory() };
/// let engine = Engine::open(config).await?;
/// engine.stock(&"lamp".parse()?, SkuCommand::receive(1, "opening")).await?;
///
/// let line = LineRequest::new("lamp".parse()?, 1, 8_900);
/// let place = PlaceOrder::new("any-shop".parse()?, "EUR".parse()?, vec![line]);
/// let begin = BeginFlow::new("any-shop".parse()?, "submit", &OrderContext::placing(place))?;
/// let done = engine.run_flow::<OrderContext>(begin).await?;
/// assert_eq!(done.order, done.context.answer.map(|answer| answer.order));
/// engine.close().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Standard;

impl BusinessLine for Standard {
    fn definition(&self) -> Result<Definition, DefinitionErrors> {
        Definition::parse(FILE, include_str!("standard.toml"))
    }

    fn provide(&self, plugins: Plugins) -> Plugins {
        let all = &Scope::everywhere();
        plugins
            .node::<OrderContext>(all, "place-order", Place)
            .node::<OrderContext>(all, "record-payment", Pay)
            .node::<OrderContext>(all, "pick", Progress(ProgressStep::Pick))
            .node::<OrderContext>(all, "pack", Progress(ProgressStep::Pack))
            .node::<OrderContext>(all, "ship", ShipNode)
            .node::<OrderContext>(all, "deliver", DeliverNode)
            .node::<OrderContext>(all, "confirm", Progress(ProgressStep::Confirm))
            .node::<OrderContext>(all, "hand-over", HandOver)
            .node::<OrderContext>(all, "check-active", CheckActive)
            .node::<OrderContext>(all, "cancel-order", CancelNode)
            .node::<OrderContext>(all, "refund-due", RefundDue)
            .node::<OrderContext>(all, "close-order", CloseNode)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::domain::flow::STANDARD_CHAINS;
    use crate::domain::order::OrderType;
    use crate::flow::scene_of;

    #[test]
    fn every_order_type_has_the_six_standard_chains() {
        let definition = Standard.definition().unwrap();
        assert_eq!(definition.warnings(), []);
        for order_type in OrderType::ALL {
            for name in STANDARD_CHAINS {
                let chain = definition.rulebook().chain(name, scene_of(order_type));
                assert!(chain.is_some_and(|chain| !chain.nodes.is_empty()), "{name} of {order_type}");
            }
        }
    }
}
