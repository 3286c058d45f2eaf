#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

//! What every scheme of ids promises: unique, ordered as issued, never issued twice over a restart.

use std::collections::HashSet;
use std::sync::Arc;

use super::*;
use crate::port::entropy::SeededEntropy;

/// Each test has workers of its own: the claims are process-wide, and tests run side by side.
const WORKERS: std::ops::Range<u16> = 100..104;

const NOW: Timestamp = Timestamp::from_millis(SNOWFLAKE_EPOCH_MS + 1_000_000);

fn open(scheme: &IdScheme) -> Box<dyn OrderIds> {
    scheme.build(Arc::new(SeededEntropy::new(1))).unwrap()
}

fn schemes(worker: u16) -> [IdScheme; 4] {
    [
        IdScheme::Sequence { prefix: Some("order-".into()) },
        IdScheme::UuidV7,
        IdScheme::Snowflake { worker },
        IdScheme::Custom { prefix: "BR-".into() },
    ]
}

fn text(ids: &dyn OrderIds, now: Timestamp) -> String {
    ids.next(now).unwrap().0.as_str().to_owned()
}

#[test]
fn each_scheme_issues_ids_of_its_form() {
    let plain = open(&IdScheme::Sequence { prefix: None });
    let (id, origin) = plain.next(NOW).unwrap();
    assert_eq!((id.as_str(), origin), ("0000000001", IdOrigin::Sequence(1)));

    let [sequence, uuid, snowflake, custom] = schemes(WORKERS.start).map(|scheme| open(&scheme));
    assert_eq!(text(sequence.as_ref(), NOW), "order-0000000001");
    assert_eq!(text(sequence.as_ref(), NOW), "order-0000000002");
    assert_eq!(text(custom.as_ref(), NOW), "BR-00000000013");

    let parsed = uuid::Uuid::parse_str(&text(uuid.as_ref(), NOW)).unwrap();
    assert_eq!(parsed.get_version_num(), 7);
    assert_eq!(parsed.as_u128() >> 80, u128::from(NOW.as_millis()));

    let (id, origin) = snowflake.next(NOW).unwrap();
    let number = (1_000_000 << 22) | (100 << 12);
    assert_eq!((id.as_str(), origin), (number.to_string().as_str(), IdOrigin::Snowflake(number)));
}

#[test]
fn ids_keep_their_order_when_the_clock_steps_back_and_when_a_millisecond_is_used_up() {
    for scheme in schemes(WORKERS.start + 1) {
        let ids = open(&scheme);
        let mut last = String::new();
        for count in 0..10_000u64 {
            let now = if count % 7 == 0 { NOW } else { Timestamp::from_millis(NOW.as_millis() - count % 50) };
            let next = text(ids.as_ref(), now);
            assert!(next > last, "{scheme:?}: {next} after {last}");
            last = next;
        }
    }
}

#[test]
fn no_id_is_issued_again_after_a_restart() {
    for scheme in schemes(WORKERS.start + 2) {
        let ids = open(&scheme);
        let issued: Vec<_> = (0..5_000).map(|_| ids.next(NOW).unwrap()).collect();
        drop(ids);
        let ids = open(&scheme);
        for (_, origin) in &issued {
            ids.observe(*origin);
        }
        ids.observe(IdOrigin::Caller);
        let issued: HashSet<_> = issued.into_iter().map(|(id, _)| id).collect();
        for _ in 0..5_000 {
            // The entropy has the same seed after the restart, which real entropy never has: its
            // UUIDs are told apart by the time alone, so that the time moves on by the ids issued.
            let now = if scheme == IdScheme::UuidV7 { NOW.plus_millis(2) } else { NOW };
            assert!(!issued.contains(&ids.next(now).unwrap().0), "{scheme:?}");
        }
    }
}

#[test]
fn many_threads_never_get_the_same_id() {
    for scheme in schemes(WORKERS.start + 3) {
        let ids = open(&scheme);
        let issue = || (0..5_000).map(|_| text(ids.as_ref(), NOW)).collect::<Vec<_>>();
        let all: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(issue)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 40_000, "{scheme:?}");
    }
}

#[test]
fn a_worker_number_belongs_to_one_generator_at_a_time() {
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
    let scheme = IdScheme::Snowflake { worker: WORKER_MAX };
    let first = open(&scheme);
    let refused = scheme.build(Arc::clone(&entropy)).err();
    assert_eq!(refused, Some(IdError::WorkerInUse { worker: WORKER_MAX }));
    drop(first);
    assert!(scheme.build(entropy).is_ok());
}

#[test]
fn a_worker_number_that_was_let_go_belongs_to_the_next_one_and_is_not_taken_from_it() {
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
    let scheme = IdScheme::Snowflake { worker: WORKER_MAX - 1 };
    let first = open(&scheme);
    first.let_go();
    let _second = open(&scheme);
    drop(first);
    let third = scheme.build(entropy).err();
    assert_eq!(third, Some(IdError::WorkerInUse { worker: WORKER_MAX - 1 }));
}

#[test]
fn a_snowflake_before_its_epoch_or_beyond_its_bits_is_an_error() {
    let ids = SnowflakeIds::new(110).unwrap();
    let end = SNOWFLAKE_EPOCH_MS + (1 << 41) - 1;
    let refused = |now_ms| IdError::TimeOutOfRange { now_ms, from_ms: SNOWFLAKE_EPOCH_MS, to_ms: end };
    for now_ms in [0, SNOWFLAKE_EPOCH_MS - 1, end + 1, u64::MAX] {
        assert_eq!(ids.next(Timestamp::from_millis(now_ms)), Err(refused(now_ms)));
    }
    for _ in 0..4096 {
        ids.next(Timestamp::from_millis(end)).unwrap();
    }
    assert_eq!(ids.next(Timestamp::from_millis(end)), Err(refused(end + 1)));
}

#[test]
fn a_uuid_beyond_its_bits_is_an_error() {
    let ids = open(&IdScheme::UuidV7);
    let refused = ids.next(Timestamp::from_millis(1 << 48)).err();
    assert_eq!(refused, Some(IdError::TimeOutOfRange { now_ms: 1 << 48, from_ms: 0, to_ms: (1 << 48) - 1 }));
}

#[test]
fn a_sequence_ends_instead_of_wrapping() {
    let ids = open(&IdScheme::Sequence { prefix: None });
    ids.observe(IdOrigin::Sequence(u64::MAX));
    ids.observe(IdOrigin::Sequence(3));
    assert_eq!(ids.next(NOW), Err(IdError::Exhausted { last: u64::MAX }));
}

#[test]
fn unusable_schemes_are_refused_with_a_reason() {
    let cases = [
        (IdScheme::Snowflake { worker: 1024 }, "Snowflake worker 1024 is out of range"),
        (IdScheme::Custom { prefix: String::new() }, "the order id prefix is not usable"),
        (IdScheme::Custom { prefix: "a\n".into() }, "the order id prefix is not usable"),
        (IdScheme::Sequence { prefix: Some("x".repeat(65)) }, "the order id prefix has 65 bytes"),
    ];
    for (scheme, expected) in cases {
        let error = scheme.check().unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(scheme.build(Arc::new(SeededEntropy::new(1))).err(), Some(error));
    }
}
