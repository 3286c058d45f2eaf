//! Money: integer minor units with an ISO 4217 currency, checked arithmetic, splits that lose nothing.
//!
//! There are no floats here. Sums that leave the range of `i64` are errors, never wraps; a split by
//! weights uses largest remainders, so that the parts always sum to the whole.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 4217 currency, held as its three-letter alphabetic code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// A currency code that ISO 4217 does not list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ISO 4217 currency code")]
pub struct UnknownCurrency(pub String);

impl Currency {
    /// The euro.
    pub const EUR: Self = Self(*b"EUR");
    /// The United States dollar.
    pub const USD: Self = Self(*b"USD");
    /// The Brazilian real.
    pub const BRL: Self = Self(*b"BRL");

    /// The three-letter alphabetic code, such as `EUR`.
    #[must_use]
    pub fn code(&self) -> &str {
        // The bytes are those of a listed code, and so a text; the other is ISO 4217's code for no currency.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Digits after the decimal separator, from the ISO 4217 table: 2 for `EUR`, 0 for `JPY`, 3 for `KWD`.
    #[must_use]
    pub fn exponent(&self) -> u16 {
        iso_currency::Currency::from_code(self.code()).and_then(|c| c.exponent()).unwrap_or(0)
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        let bytes: [u8; 3] = code.as_bytes().try_into().map_err(|_| UnknownCurrency(code.to_owned()))?;
        match iso_currency::Currency::from_code(code) {
            Some(_) => Ok(Self(bytes)),
            None => Err(UnknownCurrency(code.to_owned())),
        }
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.code())
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let code = String::deserialize(deserializer)?;
            code.parse().map_err(serde::de::Error::custom)
        } else {
            // The journal holds only codes that were checked when they came in.
            Ok(Self(<[u8; 3]>::deserialize(deserializer)?))
        }
    }
}

/// An amount of money in minor units (cents, yen, fils) of one currency. May be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// The amount in minor units of `currency`.
    pub minor: i64,
    /// The currency the amount is in.
    pub currency: Currency,
}

/// Why two amounts could not be combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The amounts are in two currencies.
    #[error("amounts in {0} and {1} cannot be combined")]
    CurrencyMismatch(Currency, Currency),
    /// The result does not fit 64 bits of minor units.
    #[error("the amount does not fit 64 bits of minor units")]
    Overflow,
    /// A split was asked for with no weights, or with weights that sum to zero.
    #[error("an amount cannot be split by weights that sum to zero")]
    NoWeights,
}

impl Money {
    /// An amount from minor units: `Money::new(1999, Currency::EUR)` is 19.99 EUR.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// The sum of two amounts of one currency.
    ///
    /// # Errors
    /// When the currencies differ or the sum leaves the range of `i64`.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_add)
    }

    /// The difference of two amounts of one currency.
    ///
    /// # Errors
    /// When the currencies differ or the difference leaves the range of `i64`.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_sub)
    }

    fn combine(self, other: Self, op: fn(i64, i64) -> Option<i64>) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch(self.currency, other.currency));
        }
        let minor = op(self.minor, other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// Splits the amount in proportion to `weights` by largest remainders: the parts sum to the whole,
    /// each differs from its exact share by less than one minor unit, and ties go to the earlier part.
    ///
    /// # Errors
    /// When there are no weights or they sum to zero.
    pub fn split(self, weights: &[u64]) -> Result<Vec<Self>, MoneyError> {
        let total: u128 = weights.iter().map(|w| u128::from(*w)).sum();
        if total == 0 {
            return Err(MoneyError::NoWeights);
        }
        let whole = u128::from(self.minor.unsigned_abs());
        let mut parts = Vec::with_capacity(weights.len());
        let mut remainders = Vec::with_capacity(weights.len());
        let mut given: u128 = 0;
        for (index, weight) in weights.iter().enumerate() {
            let product = whole * u128::from(*weight);
            given += product / total;
            parts.push(product / total);
            remainders.push((product % total, index));
        }
        remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        for (_, index) in remainders.iter().take(usize::try_from(whole - given).unwrap_or(0)) {
            if let Some(part) = parts.get_mut(*index) {
                *part += 1;
            }
        }
        let signed = |part: u128| {
            let magnitude = i128::try_from(part).map_err(|_| MoneyError::Overflow)?;
            let minor = if self.minor < 0 { -magnitude } else { magnitude };
            // Signed only now: `i64::MIN` has no positive counterpart in 64 bits.
            let minor = i64::try_from(minor).map_err(|_| MoneyError::Overflow)?;
            Ok(Self::new(minor, self.currency))
        };
        parts.into_iter().map(signed).collect()
    }
}

impl fmt::Display for Money {
    /// Writes the amount with as many decimals as ISO 4217 gives the currency: `-19.99 EUR`, `500 JPY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = u32::from(self.currency.exponent());
        let sign = if self.minor < 0 { "-" } else { "" };
        let unit = 10u64.pow(exponent);
        let minor = self.minor.unsigned_abs();
        if exponent == 0 {
            write!(f, "{sign}{minor} {}", self.currency)
        } else {
            let width = exponent as usize;
            write!(f, "{sign}{}.{:0width$} {}", minor / unit, minor % unit, self.currency)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(minor: i64, weights: &[u64], expected: &[i64]) {
        let parts = Money::new(minor, Currency::EUR).split(weights).unwrap();
        assert_eq!(parts.iter().map(|part| part.minor).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_split_gives_what_is_left_to_the_largest_remainders_and_then_to_the_earlier_part() {
        check(100, &[1, 1, 1], &[34, 33, 33]);
        check(-100, &[1, 1, 1], &[-34, -33, -33]);
        check(5, &[0, 3, 7], &[0, 2, 3]);
        check(0, &[1, 2], &[0, 0]);
    }

    #[test]
    fn the_ends_of_the_range_can_be_split() {
        check(i64::MIN, &[1], &[i64::MIN]);
        check(i64::MIN, &[0, u64::MAX], &[0, i64::MIN]);
        check(i64::MAX, &[u64::MAX, u64::MAX], &[(1 << 62), (1 << 62) - 1]);
    }

    #[test]
    fn a_split_without_weight_is_an_error() {
        let amount = Money::new(1, Currency::EUR);
        assert_eq!(amount.split(&[]), Err(MoneyError::NoWeights));
        assert_eq!(amount.split(&[0, 0]), Err(MoneyError::NoWeights));
    }

    #[test]
    fn sums_keep_to_one_currency_and_to_the_range() {
        let euro = |minor| Money::new(minor, Currency::EUR);
        assert_eq!(euro(5).checked_sub(euro(7)), Ok(euro(-2)));
        assert_eq!(euro(i64::MAX).checked_add(euro(1)), Err(MoneyError::Overflow));
        assert_eq!(euro(i64::MIN).checked_sub(euro(1)), Err(MoneyError::Overflow));
        let mismatch = MoneyError::CurrencyMismatch(Currency::EUR, Currency::USD);
        assert_eq!(euro(1).checked_add(Money::new(1, Currency::USD)), Err(mismatch));
    }

    #[test]
    fn amounts_are_written_with_the_decimals_of_their_currency() {
        let cases = [
            (1999, "EUR", "19.99 EUR"),
            (-5, "EUR", "-0.05 EUR"),
            (500, "JPY", "500 JPY"),
            (1, "KWD", "0.001 KWD"),
            (i64::MIN, "USD", "-92233720368547758.08 USD"),
        ];
        for (minor, code, expected) in cases {
            assert_eq!(Money::new(minor, code.parse().unwrap()).to_string(), expected);
        }
    }

    #[test]
    fn only_iso_codes_are_currencies() {
        assert_eq!("BRL".parse(), Ok(Currency::BRL));
        for code in ["", "eur", "EURO", "E€", "ZZZ", "12"] {
            assert_eq!(code.parse::<Currency>(), Err(UnknownCurrency(code.to_owned())));
        }
        assert_eq!(serde_json::to_string(&Currency::EUR).unwrap(), "\"EUR\"");
        assert!(serde_json::from_str::<Currency>("\"ZZZ\"").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_parts_of_a_split_sum_to_the_whole_and_are_off_by_less_than_one(
            minor in any::<i64>(),
            weights in prop::collection::vec(any::<u64>(), 1..9),
        ) {
            let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
            prop_assume!(total > 0);
            let parts = Money::new(minor, Currency::EUR).split(&weights).unwrap();
            let sum: i128 = parts.iter().map(|part| i128::from(part.minor)).sum();
            prop_assert_eq!(sum, i128::from(minor));
            for (part, weight) in parts.iter().zip(&weights) {
                let floor = u128::from(minor.unsigned_abs()) * u128::from(*weight) / total;
                let over = u128::from(part.minor.unsigned_abs()) - floor;
                prop_assert!(over <= 1);
                prop_assert!(part.minor == 0 || (part.minor < 0) == (minor < 0));
            }
        }
    }
}
