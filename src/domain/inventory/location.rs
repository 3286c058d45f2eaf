//! Where units lie: a warehouse, a shop, a shelf.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use crate::domain::ids::{InvalidId, check};

/// The name of the default location.
const MAIN: &str = "main";

/// A location of units of a SKU. Units lie at [`LocationId::MAIN`], which is called `main`, where nobody
/// names another one. A location is there from the first movement that names it.
///
/// The default one is kept as an empty text: it costs one byte in the journal, and comes before all others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocationId(SmolStr);

impl LocationId {
    /// The default location.
    pub const MAIN: Self = Self(SmolStr::new_static(""));

    /// Checks a text and makes it a location.
    ///
    /// # Errors
    /// When the text is empty, longer than [`crate::domain::ids::ID_BYTES_MAX`] bytes or holds a control
    /// character.
    pub fn new(text: impl Into<SmolStr>) -> Result<Self, InvalidId> {
        let text = text.into();
        check("location", &text)?;
        Ok(if text == MAIN { Self::MAIN } else { Self(text) })
    }

    /// Whether it is the default location.
    #[must_use]
    pub fn is_main(&self) -> bool {
        self.0.is_empty()
    }

    /// The location as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        if self.is_main() { MAIN } else { &self.0 }
    }

    /// ` at berlin`, or nothing for the default location: the end of a sentence.
    pub(crate) fn words(&self) -> At<'_> {
        At(self)
    }
}

impl Default for LocationId {
    fn default() -> Self {
        Self::MAIN
    }
}

/// See [`LocationId::words`].
pub(crate) struct At<'a>(&'a LocationId);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_main() { Ok(()) } else { write!(f, " at {}", self.0) }
    }
}

impl TryFrom<&str> for LocationId {
    type Error = InvalidId;
    fn try_from(text: &str) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl std::str::FromStr for LocationId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl fmt::Debug for LocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for LocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for LocationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.as_str())
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for LocationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let in_bytes = !deserializer.is_human_readable();
        let text = SmolStr::deserialize(deserializer)?;
        if in_bytes && text.is_empty() { Ok(Self::MAIN) } else { Self::new(text).map_err(D::Error::custom) }
    }
}
