//! Medians and ratios.

/// The middle value; the mean of the two in the middle of an even number; `None` of nothing.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

/// The median of the ratios round by round: rounds are compared with themselves, so that a slow minute of the
/// machine counts for both. `None` where a round has nothing to compare with.
pub(crate) fn ratio(over: &[f64], under: &[f64]) -> Option<f64> {
    if over.len() != under.len() || under.iter().any(|rate| *rate <= 0.0) {
        return None;
    }
    let ratios: Vec<f64> = over.iter().zip(under).map(|(over, under)| over / under).collect();
    median(&ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[4.0, 1.0, 100.0, 2.0]), Some(3.0));
    }

    #[test]
    fn a_ratio_compares_each_round_with_itself() {
        // In the second round the machine was ten times as slow for both: the ratio does not show it.
        assert_eq!(ratio(&[200.0, 20.0, 200.0], &[100.0, 10.0, 100.0]), Some(2.0));
        assert_eq!(ratio(&[100.0, 300.0, 500.0], &[100.0, 100.0, 100.0]), Some(3.0));
    }

    #[test]
    fn there_is_no_ratio_to_nothing_or_to_fewer_rounds() {
        assert_eq!(ratio(&[1.0], &[0.0]), None);
        assert_eq!(ratio(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(ratio(&[], &[]), None);
    }
}
