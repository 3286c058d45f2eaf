//! The text of a definition, taken apart: tables whose keys are known, and values of the wanted type, each with
//! its line. What is not as wanted is noted, and reading goes on.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::duration;
use super::mistake::{DefinitionErrors, Mistake};
use crate::domain::ids::ID_BYTES_MAX;

/// Where a table stands, and what to call it.
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) what: String,
}

/// A value with the line on which it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At<T> {
    pub(super) line: u32,
    pub(super) value: T,
}

/// What was noticed so far.
pub(super) struct Notes<'t> {
    file: &'t str,
    /// Byte offset of the beginning of each line.
    lines: Vec<usize>,
    wrong: Vec<Mistake>,
    odd: Vec<Mistake>,
}

impl<'t> Notes<'t> {
    pub(super) fn new(file: &'t str, text: &str) -> Self {
        let behind = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { file, lines: std::iter::once(0).chain(behind).collect(), wrong: Vec::new(), odd: Vec::new() }
    }

    /// The line of a byte offset, from 1.
    fn line(&self, at: usize) -> u32 {
        u32::try_from(self.lines.partition_point(|begin| *begin <= at)).unwrap_or(u32::MAX)
    }

    pub(super) fn line_of<T>(&self, spanned: &Spanned<T>) -> u32 {
        self.line(spanned.span().start)
    }

    /// Notes a mistake.
    pub(super) fn wrong(&mut self, line: u32, what: String) {
        self.wrong.push(Mistake { file: self.file.to_owned(), line, what });
    }

    /// Notes something that forbids nothing.
    pub(super) fn odd(&mut self, line: u32, what: String) {
        self.odd.push(Mistake { file: self.file.to_owned(), line, what });
    }

    /// Whether a text can be a name; if not, that is noted.
    pub(super) fn is_name(&mut self, name: &str, line: u32, what: &str) -> bool {
        let odd = |c: char| !(c.is_alphanumeric() || ['-', '_', '.'].contains(&c));
        let problem = if name.is_empty() {
            "is empty".to_owned()
        } else if name.len() > ID_BYTES_MAX {
            format!("has {} bytes; at most {ID_BYTES_MAX} are allowed", name.len())
        } else if let Some(c) = name.chars().find(|c| odd(*c)) {
            format!("holds {c:?}; names are made of letters, digits, `-`, `_` and `.`")
        } else {
            return true;
        };
        self.wrong(line, format!("{what} {problem}"));
        false
    }

    /// Mistakes and oddities, each in the order of the lines.
    pub(super) fn end(mut self) -> (DefinitionErrors, Vec<Mistake>) {
        self.wrong.sort();
        self.wrong.dedup();
        self.odd.sort();
        (self.wrong.into_iter().collect(), self.odd)
    }
}

/// The document; `None` where its syntax is wrong, with every mistake of it noted.
pub(super) fn document<'i>(text: &'i str, notes: &mut Notes<'_>) -> Option<DeTable<'i>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = error.span().map_or(1, |span| notes.line(span.start));
        notes.wrong(line, format!("this is no TOML: {}", error.message()));
    }
    errors.is_empty().then(|| root.into_inner())
}

/// A table, and the keys that it may have.
pub(super) struct Fields<'t, 'i> {
    pub(super) place: Place,
    table: &'t DeTable<'i>,
}

impl<'t, 'i> Fields<'t, 'i> {
    /// A table; keys that are not known are noted.
    pub(super) fn of(table: &'t DeTable<'i>, place: Place, known: &[&str], notes: &mut Notes<'_>) -> Self {
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let (line, key) = (notes.line_of(key), key.get_ref());
            let what = format!("unknown key `{key}` in {}; known are: {}", place.what, known.join(", "));
            notes.wrong(line, what);
        }
        Self { place, table }
    }

    /// The same for a value, which has to be a table.
    pub(super) fn in_value(
        value: &'t Spanned<DeValue<'i>>,
        place: Place,
        known: &[&str],
        notes: &mut Notes<'_>,
    ) -> Option<Self> {
        match value.get_ref().as_table() {
            Some(table) => Some(Self::of(table, place, known, notes)),
            None => {
                notes.wrong(
                    place.line,
                    format!("{} is {}, not a table", place.what, name_of(value.get_ref())),
                );
                None
            }
        }
    }

    fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.table.get(key)
    }

    /// Whether the key is there, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The line of a key; that of the table where the key is not there.
    pub(super) fn line(&self, key: &str, notes: &Notes<'_>) -> u32 {
        self.table.get_key_value(key).map_or(self.place.line, |(key, _)| notes.line_of(key))
    }

    fn mismatch(&self, key: &str, value: &Spanned<DeValue<'i>>, wanted: &str, notes: &mut Notes<'_>) {
        let (line, found) = (notes.line_of(value), name_of(value.get_ref()));
        notes.wrong(line, format!("`{key}` of {} is {found}, not {wanted}", self.place.what));
    }

    /// A text.
    pub(super) fn text(&self, key: &str, notes: &mut Notes<'_>) -> Option<At<&'t str>> {
        let value = self.get(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.mismatch(key, value, "a text", notes);
            return None;
        };
        Some(At { line: notes.line_of(value), value: text })
    }

    /// A text that must be there.
    pub(super) fn required_text(&self, key: &str, notes: &mut Notes<'_>) -> Option<At<&'t str>> {
        if !self.has(key) {
            notes.wrong(self.place.line, format!("{} lacks `{key}`", self.place.what));
        }
        self.text(key, notes)
    }

    /// A text that is a name.
    pub(super) fn name(&self, key: &str, notes: &mut Notes<'_>) -> Option<At<&'t str>> {
        let text = self.text(key, notes)?;
        let what = format!("`{key}` of {}", self.place.what);
        notes.is_name(text.value, text.line, &what).then_some(text)
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)], notes: &mut Notes<'_>) -> Option<T> {
        let text = self.text(key, notes)?;
        let found = words.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let what = format!(
                "`{key}` of {} is `{}`; it can be {}",
                self.place.what,
                text.value.escape_debug(),
                known.join(", ")
            );
            notes.wrong(text.line, what);
        }
        found
    }

    /// Yes or no.
    pub(super) fn flag(&self, key: &str, notes: &mut Notes<'_>) -> Option<bool> {
        let value = self.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.mismatch(key, value, "true or false", notes);
        }
        flag
    }

    /// A whole number within bounds.
    pub(super) fn number(
        &self,
        key: &str,
        bounds: RangeInclusive<u64>,
        notes: &mut Notes<'_>,
    ) -> Option<u64> {
        let value = self.get(key)?;
        let Some(number) = value.get_ref().as_integer() else {
            self.mismatch(key, value, "a whole number", notes);
            return None;
        };
        let found = read_number(number).filter(|number| bounds.contains(number));
        if found.is_none() {
            let (low, high) = (bounds.start(), bounds.end());
            let what = format!("`{key}` of {} is {number}; it can be {low} to {high}", self.place.what);
            notes.wrong(notes.line_of(value), what);
        }
        found
    }

    /// A length of time, in milliseconds.
    pub(super) fn millis(&self, key: &str, notes: &mut Notes<'_>) -> Option<u64> {
        let value = self.get(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.mismatch(key, value, "a text with a unit, as in \"100ms\"", notes);
            return None;
        };
        let parsed = duration::parse(text);
        parsed
            .map_err(|problem| {
                notes.wrong(notes.line_of(value), format!("`{key}` of {}: {problem}", self.place.what));
            })
            .ok()
    }

    /// A list of texts; what is no text in it is noted and left out.
    pub(super) fn texts(&self, key: &str, notes: &mut Notes<'_>) -> Vec<At<&'t str>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.mismatch(key, value, "a list of texts", notes);
            return Vec::new();
        };
        let mut texts = Vec::new();
        for entry in list.iter() {
            let line = notes.line_of(entry);
            match entry.get_ref().as_str() {
                Some(value) => texts.push(At { line, value }),
                None => {
                    let found = name_of(entry.get_ref());
                    let what = format!("an entry of `{key}` of {} is {found}, not a text", self.place.what);
                    notes.wrong(line, what);
                }
            }
        }
        texts
    }

    /// What is in a table of tables: name, line and value of each entry, in the order of the file.
    pub(super) fn entries(&self, key: &str, notes: &mut Notes<'_>) -> Vec<Entry<'t, 'i>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        match value.get_ref().as_table() {
            Some(table) => in_order(table, notes),
            None => {
                self.mismatch(key, value, "a table", notes);
                Vec::new()
            }
        }
    }

    /// All entries of this table, in the order of the file.
    pub(super) fn all(&self, notes: &Notes<'_>) -> Vec<Entry<'t, 'i>> {
        in_order(self.table, notes)
    }
}

/// Name, line and value of something in a table.
pub(super) type Entry<'t, 'i> = (&'t str, u32, &'t Spanned<DeValue<'i>>);

fn in_order<'t, 'i>(table: &'t DeTable<'i>, notes: &Notes<'_>) -> Vec<Entry<'t, 'i>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries.into_iter().map(|(key, value)| (key.get_ref().as_ref(), notes.line_of(key), value)).collect()
}

fn read_number(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// What a value is, for a message.
pub(super) const fn name_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
