//! Who did something, as far as commands say.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::timeline::TimelineEntry;
use crate::domain::ids::Principal;

/// Who did something. Commands name a [`Principal`]; one that begins with `buyer:`, `merchant:` or `operator:` is
/// somebody in that role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", content = "name", rename_all = "snake_case")]
pub enum Actor {
    /// The buyer, or somebody who acts for him.
    Buyer(SmolStr),
    /// Who sells, or whoever handles the goods for him.
    Merchant(SmolStr),
    /// Who runs the shop or the engine.
    Operator(SmolStr),
    /// Somebody else who was named.
    Other(SmolStr),
    /// The engine: a deadline passed, units came for those who wait, a lease was over.
    System,
    /// A caller who named nobody.
    Unnamed,
}

impl Actor {
    /// Who is meant by what a command or a record names.
    #[must_use]
    pub fn of(by: Option<&Principal>) -> Self {
        let Some(by) = by else { return Self::Unnamed };
        if *by == Principal::SYSTEM {
            return Self::System;
        }
        let name = by.as_str();
        match name.split_once(':').filter(|(_, name)| !name.is_empty()) {
            Some(("buyer", name)) => Self::Buyer(name.into()),
            Some(("merchant", name)) => Self::Merchant(name.into()),
            Some(("operator", name)) => Self::Operator(name.into()),
            _ => Self::Other(name.into()),
        }
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Buyer(name) => write!(f, "buyer {name}"),
            Self::Merchant(name) => write!(f, "merchant {name}"),
            Self::Operator(name) => write!(f, "operator {name}"),
            Self::Other(name) => f.write_str(name),
            Self::System => f.write_str("system"),
            Self::Unnamed => f.write_str("somebody"),
        }
    }
}

impl TimelineEntry {
    /// Who did it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::of(self.by.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_says_in_which_role_somebody_acts() {
        for (named, actor, words) in [
            (Some("buyer:ada"), Actor::Buyer("ada".into()), "buyer ada"),
            (Some("merchant:mill:2"), Actor::Merchant("mill:2".into()), "merchant mill:2"),
            (Some("operator:eve"), Actor::Operator("eve".into()), "operator eve"),
            (Some("till"), Actor::Other("till".into()), "till"),
            (Some("buyer:"), Actor::Other("buyer:".into()), "buyer:"),
            (Some("system"), Actor::System, "system"),
            (None, Actor::Unnamed, "somebody"),
        ] {
            let by = named.map(|named| Principal::new(named).unwrap_or(Principal::SYSTEM));
            let found = Actor::of(by.as_ref());
            assert_eq!((found.to_string().as_str(), found), (words, actor));
        }
    }
}
