//! What an order takes over from the cart it was made of, and how the cart gets it back.
//!
//! A placement that another SKU refuses must leave the buyer's cart as it was. So the order's hold remembers
//! what the cart held, until a later step of the order changes the hold.

use serde::{Deserialize, Serialize};

use super::draft::{Draft, Units};
use super::holds::{Hold, HoldOwner, Purchase};
use crate::domain::command::StockStep;
use crate::domain::ids::CartId;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// The reserved units of a cart that became an order's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeOver {
    /// The cart.
    pub cart: CartId,
    /// Units that it had reserved; the order may have taken more or fewer.
    pub reserved: u64,
    /// When they would have lapsed.
    pub deadline: Option<Timestamp>,
    /// Whom they counted for.
    pub purchase: Option<Box<Purchase>>,
}

impl TakeOver {
    /// What is to be remembered of a cart's hold; nothing where it is as good as gone.
    pub(super) fn of(cart: &CartId, hold: &Hold, now: Timestamp) -> Option<Box<Self>> {
        let Hold { reserved, deadline, ref purchase, .. } = *hold;
        let (cart, purchase) = (cart.clone(), purchase.clone());
        let lives = reserved > 0 && !hold.lapsed(now);
        lives.then(|| Box::new(Self { cart, reserved, deadline, purchase }))
    }

    /// What the cart gets back when `step` undoes the very step by which the order took it over. A later
    /// cancellation of the order is none of the cart's business.
    pub(super) fn undone_by(step: &StockStep, hold: &Hold) -> Option<Box<Self>> {
        let undoes = step.number == hold.step.saturating_add(1);
        hold.from_cart.clone().filter(|_| undoes)
    }

    /// Reserves for the cart what it had, as far as its units are still there. A cart that has lapsed since
    /// gets nothing, and one that has asked anew keeps what it has now. No budget stands in the way: the buyer
    /// holds no more than before. The SKU's strategy chooses the locations anew.
    pub(super) fn give_back(self, draft: &mut Draft<'_>, now: Timestamp) -> Result<(), Refusal> {
        let Self { cart, reserved, deadline, purchase } = self;
        let owner = HoldOwner::Cart(cart);
        draft.turn_to(&owner);
        let quantity = reserved.min(draft.counters().available);
        let lapsed = deadline.is_some_and(|deadline| deadline <= now);
        if quantity == 0 || lapsed || draft.hold().reserved > 0 {
            return Ok(());
        }
        draft.take(owner, Units { quantity, waiting: None, step: 0, deadline, buyer_max: None }, purchase)
    }
}
