//! Kits: SKUs that are sold as one and consist of others. A kit has no stock; an order holds its parts.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::policy::StockPolicy;
use super::state::Inventory;
use crate::domain::command::SkuCommand;
use crate::domain::ids::SkuId;
use crate::domain::order::Deduction;
use crate::domain::refusal::Refusal;

/// What one kit takes of one SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KitPart {
    /// The SKU.
    pub sku: SkuId,
    /// Units of it in one kit.
    pub quantity: u32,
}

/// What is wrong with a kit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KitProblem {
    /// It has no part.
    Empty,
    /// A part has no unit.
    NoUnit,
    /// Two parts are of one SKU.
    Twice,
    /// A part is a kit: the same one or another.
    Nested,
    /// The SKU has stock, or a delivery of it is announced.
    HasStock,
    /// The SKU has rules that count units of its own stock.
    HasRules,
}

impl fmt::Display for KitProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it has no part",
            Self::NoUnit => "a part of it has no unit",
            Self::Twice => "two of its parts are of one SKU",
            Self::Nested => "a part of it is a kit",
            Self::HasStock => "it has stock of its own, or a delivery of it is announced",
            Self::HasRules => "it has rules that count units of its own stock",
        })
    }
}

/// What of a SKU's rules has to be known where it is sold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaleRule {
    /// What it consists of, where it is a kit.
    pub kit: Option<Box<[KitPart]>>,
    /// When its stock falls, where it has a rule of its own.
    pub deduction: Option<Deduction>,
}

impl StockPolicy {
    /// What has to be known where the SKU is sold; `None` where that is nothing.
    #[must_use]
    pub fn sale_rule(&self) -> Option<SaleRule> {
        let kit = self.kit.as_deref().map(Into::into);
        (kit.is_some() || self.deduction.is_some()).then_some(SaleRule { kit, deduction: self.deduction })
    }

    /// What is wrong with the policy's kit, as far as it can be told without the SKU.
    fn kit_problem(&self, sku: &SkuId) -> Option<KitProblem> {
        let parts = self.kit.as_ref()?;
        let mut seen = BTreeSet::new();
        if parts.is_empty() {
            Some(KitProblem::Empty)
        } else if parts.iter().any(|part| part.quantity == 0) {
            Some(KitProblem::NoUnit)
        } else if parts.iter().any(|part| part.sku == *sku) {
            Some(KitProblem::Nested)
        } else if !parts.iter().all(|part| seen.insert(&part.sku)) {
            Some(KitProblem::Twice)
        } else if self.counts_buyers() || !self.low_stock.is_empty() {
            Some(KitProblem::HasRules)
        } else {
            None
        }
    }
}

impl Inventory {
    /// Refuses what would give a kit stock of its own, or take it.
    pub(super) fn refuse_kit(&self) -> Result<(), Refusal> {
        match self.policy() {
            Some(StockPolicy { kit: Some(_), .. }) => Err(Refusal::IsKit { sku: self.sku.clone() }),
            _ => Ok(()),
        }
    }

    /// Refuses a command that a kit cannot follow.
    pub(super) fn kit_allows(&self, command: &SkuCommand) -> Result<(), Refusal> {
        match command {
            SkuCommand::Receive { quantity: 0, .. } | SkuCommand::Announce { quantity: 0, .. } => Ok(()),
            SkuCommand::Receive { .. }
            | SkuCommand::Adjust { .. }
            | SkuCommand::Reserve(_)
            | SkuCommand::Announce { .. }
            | SkuCommand::ReceiveDelivery { .. }
            | SkuCommand::ReturnToStock { .. } => self.refuse_kit(),
            _ => Ok(()),
        }
    }

    /// Refuses a policy with a kit that makes no sense. Whether a part is itself a kit is decided where the
    /// kit is sold: it may become one at any time.
    pub(super) fn check_kit(&self, policy: &StockPolicy) -> Result<(), Refusal> {
        let has_stock = self.counters.on_hand() != Some(0) || !self.incoming().is_empty();
        let problem = policy
            .kit_problem(&self.sku)
            .or_else(|| (policy.kit.is_some() && has_stock).then_some(KitProblem::HasStock));
        problem.map_or(Ok(()), |problem| Err(Refusal::InvalidKit { sku: self.sku.clone(), problem }))
    }
}
