//! Ids that people read out and type: a prefix, ten digits and a Damm check digit.
//!
//! The check digit (Damm 2004) covers the ten digits. It finds every single wrong digit and every swap
//! of two neighbours.

use smol_str::format_smolstr;

use super::sequence::Counter;
use super::{IdError, OrderIds, check_prefix};
use crate::domain::ids::{IdOrigin, OrderId};
use crate::domain::time::Timestamp;

/// Digits of the number; the check digit follows them.
const DIGITS: usize = 10;

/// The largest number of [`DIGITS`] digits.
const NUMBER_MAX: u64 = 9_999_999_999;

/// The totally anti-symmetric quasigroup of order 10 of Damm's thesis, row by row.
const DAMM: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/// Why a text is not an id of a custom scheme.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCustomId {
    /// The text does not begin with the scheme's prefix.
    #[error("the order id does not begin with `{prefix}`")]
    WrongPrefix {
        /// The scheme's prefix.
        prefix: String,
    },
    /// What follows the prefix is not ten digits and a check digit.
    #[error("the order id does not end in {} digits", DIGITS + 1)]
    NotDigits,
    /// The check digit is not that of the digits before it: a digit is wrong or two are swapped.
    #[error("the order id was mistyped: its check digit does not match")]
    WrongCheckDigit,
}

/// [`super::IdScheme::Custom`]: a prefix, a number of ten digits and its check digit.
#[derive(Debug)]
pub struct CustomIds {
    prefix: String,
    counter: Counter,
}

impl CustomIds {
    /// A sequence that starts at 1.
    ///
    /// # Errors
    /// When the prefix is empty, too long or holds a control character.
    pub fn new(prefix: &str) -> Result<Self, IdError> {
        check_prefix(prefix)?;
        Ok(Self { prefix: prefix.to_owned(), counter: Counter::default() })
    }

    /// Checks that `text` is an id this scheme could have issued; answers its number.
    ///
    /// # Errors
    /// When prefix, length or check digit are not those of such an id.
    pub fn verify(&self, text: &str) -> Result<u64, InvalidCustomId> {
        let digits = text
            .strip_prefix(self.prefix.as_str())
            .ok_or_else(|| InvalidCustomId::WrongPrefix { prefix: self.prefix.clone() })?;
        if digits.len() != DIGITS + 1 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidCustomId::NotDigits);
        }
        // The digit of a text with its own check digit behind it is zero.
        if damm(digits) != 0 {
            return Err(InvalidCustomId::WrongCheckDigit);
        }
        let number = digits.get(..DIGITS).and_then(|number| number.parse().ok());
        number.ok_or(InvalidCustomId::NotDigits)
    }
}

/// The Damm digit of a text of decimal digits.
fn damm(digits: &str) -> u8 {
    digits.bytes().fold(0, |interim, byte| {
        let digit = usize::from(byte.wrapping_sub(b'0'));
        DAMM.get(usize::from(interim)).and_then(|row| row.get(digit)).copied().unwrap_or_default()
    })
}

impl OrderIds for CustomIds {
    fn next(&self, _now: Timestamp) -> Result<(OrderId, IdOrigin), IdError> {
        let number = self.counter.next(NUMBER_MAX)?;
        let digits = format_smolstr!("{number:010}");
        let id = OrderId::new(format_smolstr!("{}{digits}{}", self.prefix, damm(&digits)))?;
        Ok((id, IdOrigin::Custom(number)))
    }

    fn observe(&self, origin: IdOrigin) {
        if let IdOrigin::Custom(number) = origin {
            self.counter.observe(number);
        }
    }
}

#[cfg(test)]
#[allow(clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_matches_the_published_example() {
        assert_eq!(damm("572"), 4);
        assert_eq!(damm("5724"), 0);
    }

    #[test]
    fn every_wrong_digit_and_every_swap_of_neighbours_is_found() {
        let Ok(ids) = CustomIds::new("B2-") else { panic!("the prefix is valid") };
        ids.observe(IdOrigin::Custom(1_234_567_088));
        let Ok((id, _)) = ids.next(Timestamp::ZERO) else { panic!("there are numbers left") };
        assert_eq!(ids.verify(id.as_str()), Ok(1_234_567_089));
        let bytes = id.as_str().as_bytes().to_vec();
        for at in 3..bytes.len() {
            for wrong in b'0'..=b'9' {
                let mut typed = bytes.clone();
                typed[at] = wrong;
                let typed = String::from_utf8_lossy(&typed);
                assert_eq!(ids.verify(&typed).is_ok(), typed == id.as_str(), "{typed}");
            }
            if at + 1 < bytes.len() {
                let mut typed = bytes.clone();
                typed.swap(at, at + 1);
                let typed = String::from_utf8_lossy(&typed);
                assert_eq!(ids.verify(&typed).is_ok(), typed == id.as_str(), "{typed}");
            }
        }
    }

    #[test]
    fn texts_of_another_form_are_told_apart() {
        let Ok(ids) = CustomIds::new("B-") else { panic!("the prefix is valid") };
        assert_eq!(ids.verify("C-00000000013"), Err(InvalidCustomId::WrongPrefix { prefix: "B-".into() }));
        for text in ["B-", "B-0000000001", "B-000000000133", "B-0000000001x", "B-00000000é"] {
            assert_eq!(ids.verify(text), Err(InvalidCustomId::NotDigits), "{text}");
        }
    }

    #[test]
    fn the_sequence_ends_with_its_digits() {
        let Ok(ids) = CustomIds::new("B-") else { panic!("the prefix is valid") };
        ids.observe(IdOrigin::Custom(NUMBER_MAX - 1));
        assert!(ids.next(Timestamp::ZERO).is_ok());
        assert_eq!(ids.next(Timestamp::ZERO), Err(IdError::Exhausted { last: NUMBER_MAX }));
    }
}
