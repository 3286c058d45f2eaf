//! What is wrong, and where.

use std::fmt;

/// One mistake: in a definition, or in a program that provides something for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file: of a definition as it was named, of a program as the compiler saw it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong, in words.
    pub what: String,
}

/// Everything that is wrong, in the order of file and line. It is shown with a line `file:line: what` for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefinitionErrors(Vec<Mistake>);

impl DefinitionErrors {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The mistakes one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.0.iter()
    }

    pub(in crate::flow) fn push(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// `Ok` where nothing is wrong.
    ///
    /// # Errors
    /// These, sorted by file and line, where there are any.
    pub fn into_result(mut self) -> Result<(), Self> {
        self.0.sort();
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl FromIterator<Mistake> for DefinitionErrors {
    fn from_iter<I: IntoIterator<Item = Mistake>>(mistakes: I) -> Self {
        Self(mistakes.into_iter().collect())
    }
}

impl IntoIterator for DefinitionErrors {
    type Item = Mistake;
    type IntoIter = std::vec::IntoIter<Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a DefinitionErrors {
    type Item = &'a Mistake;
    type IntoIter = std::slice::Iter<'a, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Extend<Mistake> for DefinitionErrors {
    fn extend<I: IntoIterator<Item = Mistake>>(&mut self, mistakes: I) {
        self.0.extend(mistakes);
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

impl fmt::Display for DefinitionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, mistake) in self.iter().enumerate() {
            let end = if position == 0 { "" } else { "\n" };
            write!(f, "{end}{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DefinitionErrors {}
