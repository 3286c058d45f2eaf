//! Lengths of time as people write them: `100ms`, `3s`, `5m`, `1h`, `2d`.

/// The longest wait or limit that can be set: 365 days, in milliseconds.
pub const WAIT_MS_MAX: u64 = 365 * 24 * 60 * 60 * 1_000;

const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60 * 1_000), ("h", 60 * 60 * 1_000), ("d", 24 * 60 * 60 * 1_000)];

/// Milliseconds, from 1 to [`WAIT_MS_MAX`].
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = UNITS.iter().find(|(name, _)| *name == unit);
    let (Some((_, millis)), false) = (unit, number.is_empty()) else {
        return Err(format!(
            "`{text}` is no length of time; write a whole number and ms, s, m, h or d, as in 100ms"
        ));
    };
    let length = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*millis));
    match length {
        Some(0) => Err(format!("`{text}` is no time at all; the shortest is 1ms")),
        Some(length) if length <= WAIT_MS_MAX => Ok(length),
        _ => Err(format!("`{text}` is too long; at most 365d are allowed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_a_whole_number_with_a_unit() {
        let cases = [("1ms", 1), ("100ms", 100), ("3s", 3_000), ("5m", 300_000), ("1h", 3_600_000)];
        for (text, millis) in cases.into_iter().chain([("2d", 172_800_000), ("365d", WAIT_MS_MAX)]) {
            assert_eq!(parse(text), Ok(millis), "{text}");
        }
        for text in ["", "5", "s", "5 s", "1.5s", "-1s", "5S", "5min", "ms", "٣s", "1s "] {
            assert!(parse(text).is_err_and(|problem| problem.contains("no length of time")), "{text}");
        }
        assert!(parse("0d").is_err_and(|problem| problem.contains("no time at all")));
        for text in ["366d", "99999999999999999999d", "18446744073709551615d"] {
            assert!(parse(text).is_err_and(|problem| problem.contains("too long")), "{text}");
        }
    }
}
