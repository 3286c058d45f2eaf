//! The placement of an order.

use serde::{Deserialize, Serialize};

use super::{Command, LineTags, OrderCommand};
use crate::domain::ids::{BusinessId, CartId, CustomerId, OrderId, SellerId, SkuId};
use crate::domain::money::Currency;
use crate::domain::order::{Delivery, OrderType};

/// Place an order: all of its stock is reserved, or none and the order is refused. One that allows a part
/// takes what there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceOrder {
    /// The order's id; `None` asks the engine to make one.
    pub order: Option<OrderId>,
    /// The business line or shop that sells.
    pub business: BusinessId,
    /// The buyer.
    pub customer: Option<CustomerId>,
    /// The currency of all amounts of the order.
    pub currency: Currency,
    /// What is bought; numbered from 1 in this order.
    pub lines: Vec<LineRequest>,
    /// What kind of order it is: decides its lifecycle and its terms.
    pub order_type: OrderType,
    /// Where it goes.
    pub delivery: Option<Delivery>,
    /// The cart that becomes the order: what it holds becomes the order's hold.
    pub cart: Option<CartId>,
    /// Whether the order is content with what there is of each SKU, at least one unit in all. What is
    /// missing is called off and not due; with deduction at payment that is found out at the payment, and
    /// what was paid for it is due back. Lines of one SKU are served in their order.
    pub allow_partial: bool,
    /// Whether the order may wait for units that come later, where the policy of a SKU sells such (backorder,
    /// preorder). What waits is not missing. Parts of kits never wait.
    pub may_wait: bool,
}

/// One line of a placement. Amounts are the line's totals in minor units, not prices of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRequest {
    /// What is bought.
    pub sku: SkuId,
    /// How many; must be positive.
    pub quantity: u32,
    /// The line's total before discount, in minor units of the order's currency.
    pub gross: i64,
    /// The line's discount, in minor units; net = gross − discount.
    pub discount: i64,
    /// The line's share of the shipping cost, in minor units.
    pub shipping: i64,
    /// Who sells it.
    pub seller: Option<SellerId>,
    /// What else is known of it, in the caller's words: orders can be split by it.
    pub tags: Option<Box<LineTags>>,
}

impl LineRequest {
    /// A line without discount, shipping or seller. `gross` is its total in minor units.
    #[must_use]
    pub fn new(sku: SkuId, quantity: u32, gross: i64) -> Self {
        Self { sku, quantity, gross, discount: 0, shipping: 0, seller: None, tags: None }
    }
}

impl PlaceOrder {
    /// An order by nobody in particular, whose id the engine makes.
    #[must_use]
    pub fn new(business: BusinessId, currency: Currency, lines: Vec<LineRequest>) -> Self {
        Self {
            order: None,
            business,
            customer: None,
            currency,
            lines,
            order_type: OrderType::Simple,
            delivery: None,
            cart: None,
            allow_partial: false,
            may_wait: true,
        }
    }

    /// The same order under an id that the caller chose.
    #[must_use]
    pub fn with_id(mut self, order: OrderId) -> Self {
        self.order = Some(order);
        self
    }

    /// The same order of another type.
    #[must_use]
    pub fn of_type(mut self, order_type: OrderType) -> Self {
        self.order_type = order_type;
        self
    }

    /// The same order, made of a cart: it takes over what the cart holds of its SKUs.
    #[must_use]
    pub fn from_cart(mut self, cart: CartId) -> Self {
        self.cart = Some(cart);
        self
    }

    /// The same order, content with what there is.
    #[must_use]
    pub fn in_part(mut self) -> Self {
        self.allow_partial = true;
        self
    }

    /// The same order, content only with units that are there now, whatever the policies sell.
    #[must_use]
    pub fn in_stock_only(mut self) -> Self {
        self.may_wait = false;
        self
    }

    /// The same order by a known buyer.
    #[must_use]
    pub fn by_customer(mut self, customer: CustomerId) -> Self {
        self.customer = Some(customer);
        self
    }
}

impl From<PlaceOrder> for Command {
    fn from(command: PlaceOrder) -> Self {
        Self::Order(command.order.clone(), OrderCommand::Place(command))
    }
}
