//! What a state means to those who look at an order: the engine, the merchant, the buyer.
//!
//! Each lifecycle has one row a state beside its arrows, so that the same state can mean other things in another
//! lifecycle. That every state has a row is checked with the table.

use super::State;

/// What those who look at an order see while it is in one state of one lifecycle. Texts to be shown, in English;
/// whoever translates them goes by lifecycle and state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The state.
    pub state: State,
    /// What the system does or waits for.
    pub system: &'static str,
    /// What the merchant sees: what is to be done.
    pub merchant: &'static str,
    /// What the buyer sees.
    pub buyer: &'static str,
}

impl View {
    /// A row of a lifecycle's views.
    pub(super) const fn of(
        state: State,
        system: &'static str,
        merchant: &'static str,
        buyer: &'static str,
    ) -> Self {
        Self { state, system, merchant, buyer }
    }
}
