//! Numbers for people.

use crate::replay::ByState;

/// `1234567` as `1,234,567`.
pub(super) fn grouped(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the largest unit that leaves a number.
pub(super) fn bytes(bytes: u64) -> String {
    const KIB: u64 = 1 << 10;
    let (unit, name) = match bytes {
        0..KIB => return format!("{bytes} B"),
        KIB..1_048_576 => (KIB, "KiB"),
        1_048_576..1_073_741_824 => (KIB * KIB, "MiB"),
        _ => (KIB * KIB * KIB, "GiB"),
    };
    let tenths = u128::from(bytes) * 10 / u128::from(unit);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// `3 orders`, `1 order`.
pub(super) fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {one}s", grouped(number)) }
}

/// `12 CANCELLED, 3 PAID`.
pub(super) fn by_state(states: &ByState) -> String {
    let parts: Vec<_> = states.iter().map(|(state, count)| format!("{} {state}", grouped(*count))).collect();
    parts.join(", ")
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three_digits() {
        for (number, text) in [(0_u64, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn bytes_are_said_in_the_largest_unit_that_leaves_a_number() {
        for (number, text) in
            [(0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (1_600_000, "1.5 MiB"), (3 << 30, "3.0 GiB")]
        {
            assert_eq!(bytes(number), text);
        }
    }
}
