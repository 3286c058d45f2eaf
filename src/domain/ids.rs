//! Identifiers: short checked texts, one type for each thing that has a name.
//!
//! Texts of up to 23 bytes are held inline and longer ones are shared, so that cloning an id never
//! copies its text. How ids are *made* (sequence, UUIDv7, Snowflake …) is the business of `port::ids`.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// The longest identifier accepted, in bytes of UTF-8.
pub const ID_BYTES_MAX: usize = 128;

/// Why a text cannot be an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The text is empty.
    #[error("{kind} is empty")]
    Empty {
        /// What the text was meant to identify.
        kind: &'static str,
    },
    /// The text is longer than [`ID_BYTES_MAX`].
    #[error("{kind} has {bytes} bytes; at most {ID_BYTES_MAX} are allowed")]
    TooLong {
        /// What the text was meant to identify.
        kind: &'static str,
        /// Its length in bytes.
        bytes: usize,
    },
    /// The text holds a control character.
    #[error("{kind} holds a control character at byte {at}")]
    ControlCharacter {
        /// What the text was meant to identify.
        kind: &'static str,
        /// Byte offset of the first control character.
        at: usize,
    },
}

pub(crate) fn check(kind: &'static str, text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty { kind });
    }
    if text.len() > ID_BYTES_MAX {
        return Err(InvalidId::TooLong { kind, bytes: text.len() });
    }
    // Nearly every id is of printable ASCII, which a processor tells of many bytes at once.
    if text.bytes().fold(true, |all, byte| all & matches!(byte, b' '..=b'~')) {
        return Ok(());
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, _)) => Err(InvalidId::ControlCharacter { kind, at }),
        None => Ok(()),
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "SmolStr")]
        pub struct $name(SmolStr);

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl $name {
            /// Checks a text and makes it an identifier.
            ///
            /// # Errors
            /// When the text is empty, longer than [`ID_BYTES_MAX`] bytes or holds a control character.
            pub fn new(text: impl Into<SmolStr>) -> Result<Self, InvalidId> {
                let text = text.into();
                check($kind, &text)?;
                Ok(Self(text))
            }

            /// Takes back the text of an identifier that was checked when it was made.
            #[allow(dead_code, reason = "not every kind of id is kept as bytes")]
            pub(in crate::domain) fn known(text: &str) -> Self {
                Self(SmolStr::new(text))
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<SmolStr> for $name {
            type Error = InvalidId;
            fn try_from(text: SmolStr) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidId;
            fn try_from(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for SmolStr {
            fn from(id: $name) -> SmolStr {
                id.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

text_id!(
    /// A stock-keeping unit: the smallest thing that is counted, held and sold.
    SkuId, "SKU"
);
text_id!(
    /// An order.
    OrderId, "order id"
);
text_id!(
    /// A shopping cart or any other holder of stock that is not an order.
    CartId, "cart id"
);
text_id!(
    /// A business line, shop or tenant; the scope of idempotency keys.
    BusinessId, "business id"
);
text_id!(
    /// The buyer.
    CustomerId, "customer id"
);
text_id!(
    /// The merchant who sells a line.
    SellerId, "seller id"
);
text_id!(
    /// A payment, as the caller or its payment provider names it.
    PaymentId, "payment id"
);
text_id!(
    /// Stock that is on its way: a purchase order, an advice note.
    DeliveryId, "delivery id"
);
text_id!(
    /// How a payment is made: `card`, `boleto`, `voucher` …
    PaymentMethod, "payment method"
);
text_id!(
    /// A key under which a command is executed at most once.
    IdempotencyKey, "idempotency key"
);
text_id!(
    /// Who gave a command: a user, a service, an operator.
    Principal, "principal"
);

impl Principal {
    /// The engine itself, which does what has come due. Nobody else should call himself so.
    pub const SYSTEM: Self = Self(SmolStr::new_static("system"));
}

text_id!(
    /// A named lock.
    LockName, "lock"
);
text_id!(
    /// Who has a named lock, or wants to: a process, a worker, a user.
    LockOwner, "lock owner"
);

/// A flow, numbered by the engine from 1 in the order in which flows begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FlowId(pub u64);

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::str::FromStr for FlowId {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// One version of a business line's rules, numbered by the engine from 1 in the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RulesId(pub u32);

impl fmt::Display for RulesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Any entity that is an actor with a state and a version of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EntityId {
    /// An order.
    Order(OrderId),
    /// One SKU's inventory.
    Sku(SkuId),
    /// A flow.
    Flow(FlowId),
    /// A named lock.
    Lock(LockName),
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(id) => write!(f, "order {id}"),
            Self::Sku(id) => write!(f, "SKU {id}"),
            Self::Flow(id) => write!(f, "flow {id}"),
            Self::Lock(name) => write!(f, "lock {name}"),
        }
    }
}

/// How an order id was made. Recorded with the order, so that generators continue after a restart and
/// never issue an id twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdOrigin {
    /// The caller chose it.
    Caller,
    /// The engine's sequence; the number issued.
    Sequence(u64),
    /// A UUID of version 7.
    UuidV7,
    /// A Snowflake number.
    Snowflake(u64),
    /// A business prefix, this sequence number and a check digit.
    Custom(u64),
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_cannot_be_an_id_is_refused_with_the_reason() {
        let kind = "SKU";
        assert_eq!(SkuId::new(""), Err(InvalidId::Empty { kind }));
        let long = "x".repeat(ID_BYTES_MAX + 1);
        assert_eq!(SkuId::new(long), Err(InvalidId::TooLong { kind, bytes: ID_BYTES_MAX + 1 }));
        assert_eq!(SkuId::new("é\tb"), Err(InvalidId::ControlCharacter { kind, at: 2 }));
        assert_eq!(SkuId::new("a\u{85}"), Err(InvalidId::ControlCharacter { kind, at: 1 }));
    }

    #[test]
    fn the_longest_id_and_any_script_are_accepted() {
        assert!(SkuId::new("x".repeat(ID_BYTES_MAX)).is_ok());
        assert_eq!(SkuId::new("棚-7 b").unwrap().as_str(), "棚-7 b");
    }

    #[test]
    fn an_id_is_written_as_its_text_and_checked_again_when_it_is_read() {
        let id: OrderId = "o-1".parse().unwrap();
        assert_eq!(format!("{id}|{id:>5}|{id:?}"), "o-1|  o-1|\"o-1\"");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"o-1\"");
        assert_eq!(serde_json::from_str::<OrderId>("\"o-1\"").unwrap(), id);
        assert!(serde_json::from_str::<OrderId>("\"\"").is_err());
        assert_eq!(EntityId::Order(id).to_string(), "order o-1");
    }
}
