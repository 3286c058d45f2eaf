//! Waits between attempts.

use earmark::domain::flow::Retry;
use proptest::prelude::*;

#[test]
fn the_wait_doubles_from_attempt_to_attempt_up_to_the_longest() {
    let retry = Retry { retries: 9, backoff_ms: 100, backoff_max_ms: 2_000, jitter_percent: 0 };
    let waits: Vec<u64> = (1..=8).map(|attempt| retry.wait_ms(attempt, 7)).collect();
    assert_eq!(waits, [0, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
    assert_eq!((retry.wait_ms(0, 7), retry.wait_ms(u16::MAX, 7)), (0, 2_000));
}

#[test]
fn the_jitter_goes_from_nothing_to_its_whole_share() {
    let retry = Retry { retries: 9, backoff_ms: 1_000, backoff_max_ms: 1_000, jitter_percent: 20 };
    assert_eq!((retry.wait_ms(2, 0), retry.wait_ms(2, u64::MAX)), (1_000, 800));
    assert_eq!(retry.wait_ms(2, u64::MAX / 2), 900);
    let whole = Retry { jitter_percent: 100, ..retry };
    assert_eq!(whole.wait_ms(2, u64::MAX), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_wait_grows_with_the_attempts_and_stays_within_its_bounds(
        backoff_ms in 0..=u64::MAX,
        longest in 0..=u64::MAX,
        jitter_percent in 0..=100_u8,
        attempt in 1..u16::MAX,
        chance in any::<u64>(),
    ) {
        let retry = Retry { retries: 1, backoff_ms, backoff_max_ms: longest, jitter_percent };
        let full = Retry { jitter_percent: 0, ..retry };
        let (wait, next) = (retry.wait_ms(attempt, chance), retry.wait_ms(attempt + 1, chance));
        prop_assert!(wait <= next, "{wait} ms, then {next} ms");
        let most = full.wait_ms(attempt, chance);
        prop_assert!(most <= longest);
        prop_assert!(wait <= most, "the jitter makes a wait longer");
        let least = u128::from(most) * u128::from(100 - jitter_percent) / 100;
        prop_assert!(u128::from(wait) >= least, "{wait} ms is less than {least} ms");
    }
}
