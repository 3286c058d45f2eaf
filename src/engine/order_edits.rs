//! The calls that change what an order is.

use std::collections::BTreeMap;

use super::OrderHandle;
use crate::domain::command::{
    AcceptEdit, DeclineEdit, EditChange, LineQuantity, OrderAnswer, SplitBy, SplitOrder, StageEdit,
};
use crate::domain::ids::SkuId;
use crate::domain::inventory::{HoldOwner, Inventory, LocationId, Part};
use crate::domain::order::{self, EditPreview, SplitProblem};
use crate::domain::refusal::Refusal;
use crate::error::Error;

impl OrderHandle {
    /// Prepares a change of the order, in the place of one that was prepared before. Nothing changes until it is
    /// accepted.
    ///
    /// ```
    /// # async fn run(order: earmark::OrderHandle) -> Result<(), earmark::Error> {
    /// use earmark::{Amounts, EditChange};
    ///
    /// let more = EditChange::AddUnits { line: 1, quantity: 2, amounts: Amounts::of(2_000) };
    /// order.stage_edit(vec![more]).await?;
    /// let preview = order.preview_edit().await?;
    /// if preview.to_pay <= 2_000 {
    ///     order.accept_edit(preview.version).await?;
    /// } else {
    ///     order.decline_edit(preview.version).await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Refusal::InvalidEdit`] and the refusals of a placement when it makes no sense; else as for
    /// [`Engine::submit`](crate::Engine::submit).
    pub async fn stage_edit(&self, changes: Vec<EditChange>) -> Result<OrderAnswer, Error> {
        self.command(StageEdit { order: self.id.clone(), changes }).await
    }

    /// What the order becomes when the prepared change is accepted now, if the stock is there. Computed on a copy
    /// by the very decisions that the acceptance makes; nothing is asked of any SKU.
    ///
    /// # Errors
    /// The refusal that the acceptance would be answered with; [`Refusal::UnknownOrder`]; else as for
    /// [`OrderHandle::view`].
    pub async fn preview_edit(&self) -> Result<EditPreview, Error> {
        let order = self.view().await?.ok_or(Refusal::UnknownOrder)?;
        order::preview(&order, self.engine.inner.core.clock.now()).map_err(Error::Refused)
    }

    /// Carries the prepared change out, if the order is still at the version that was previewed. What it adds is
    /// reserved first, all or nothing; then what it takes away is given back.
    ///
    /// # Errors
    /// [`Refusal::EditOutdated`] when the order has changed since, [`Refusal::NoEdit`] when nothing is prepared, the
    /// refusal of a SKU that does not have what is added: the change then stays prepared. Else as for
    /// [`Engine::submit`](crate::Engine::submit).
    pub async fn accept_edit(&self, version: u64) -> Result<OrderAnswer, Error> {
        self.command(AcceptEdit { order: self.id.clone(), version }).await
    }

    /// Drops the prepared change.
    ///
    /// # Errors
    /// As for [`OrderHandle::accept_edit`], but for stock.
    pub async fn decline_edit(&self, version: u64) -> Result<OrderAnswer, Error> {
        self.command(DeclineEdit { order: self.id.clone(), version }).await
    }

    /// Splits the paid order into orders of their own, before anything of it has left. Their ids are derived from
    /// its own: `4711/1`, `4711/2` … From then on commands go to those, and this one follows them.
    ///
    /// # Errors
    /// [`Refusal::CannotSplit`] with what stands in the way, [`Refusal::OrderSplit`] when it is split already; else
    /// as for [`Engine::submit`](crate::Engine::submit).
    pub async fn split(&self, by: SplitBy) -> Result<OrderAnswer, Error> {
        self.command(SplitOrder { order: self.id.clone(), by }).await
    }

    /// Splits the paid order by the locations at which its units lie, in the order of the locations' ids. Looks at
    /// the order's holds and names the units: should its units move in between, the split is refused and nothing
    /// has changed. What a duplicate under a key finds may be another layout, and so another command; it is better
    /// given without one.
    ///
    /// # Errors
    /// As for [`OrderHandle::split`]; [`Refusal::CannotSplit`] for an order with kits.
    pub async fn split_by_location(&self) -> Result<OrderAnswer, Error> {
        self.split(self.by_location().await?).await
    }

    /// The units of the order by the locations at which they lie now.
    pub(crate) async fn by_location(&self) -> Result<SplitBy, Error> {
        let order = self.view().await?.ok_or(Refusal::UnknownOrder)?;
        if order.lines.iter().any(|line| line.kit.is_some()) {
            return Err(Refusal::CannotSplit { problem: SplitProblem::Kits }.into());
        }
        let mut held = BTreeMap::<SkuId, Vec<Part>>::new();
        let mut groups = BTreeMap::<LocationId, Vec<LineQuantity>>::new();
        for (line, number) in order.lines.iter().zip(1..) {
            if !held.contains_key(&line.sku) {
                let owner = HoldOwner::Order(self.id.clone());
                let look = move |sku: &Inventory| sku.hold(&owner).map(|hold| hold.parts());
                let parts = self.engine.sku(&line.sku).look(look).await?.flatten();
                held.insert(line.sku.clone(), parts.unwrap_or_default());
            }
            let mut left = line.counters.committed;
            for part in held.get_mut(&line.sku).into_iter().flatten() {
                let quantity = u32::try_from(part.committed).map_or(left, |there| left.min(there));
                if quantity > 0 {
                    part.committed -= u64::from(quantity);
                    left -= quantity;
                    groups.entry(part.at.clone()).or_default().push(LineQuantity { line: number, quantity });
                }
            }
        }
        Ok(SplitBy::Located(groups.into_iter().collect()))
    }
}
