//! Tables that are wrong are found, and the built-in ones are not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;

const fn table(rows: &'static [Row], terminal: &'static [State]) -> Lifecycle {
    Lifecycle { id: LifecycleId(999), name: "test", rows, initial: State::Created, terminal, views: VIEWS }
}

static VIEWS: &[View] = &[View::of(State::Created, "s", "m", "b"), View::of(State::Cancelled, "s", "m", "b")];

#[test]
fn every_built_in_lifecycle_passes_its_own_check() {
    for lifecycle in Lifecycle::all() {
        lifecycle.check().unwrap();
        assert_eq!(Lifecycle::of(lifecycle.id).unwrap().name, lifecycle.name);
    }
}

#[test]
fn a_state_that_cannot_be_reached_is_named() {
    let t = table(
        &[
            (State::Created, Action::Refuse, State::Cancelled),
            (State::Paid, Action::Cancel, State::Cancelled),
        ],
        &[State::Cancelled],
    );
    assert_eq!(t.check(), Err(LifecycleError::Unreachable { lifecycle: "test", state: State::Paid }));
}

#[test]
fn a_state_without_a_way_to_an_end_is_a_trap() {
    let t = table(
        &[
            (State::Created, Action::Reserve, State::Reserved),
            (State::Created, Action::Refuse, State::Cancelled),
        ],
        &[State::Cancelled],
    );
    assert_eq!(t.check(), Err(LifecycleError::Trap { lifecycle: "test", state: State::Reserved }));
}

#[test]
fn two_rows_for_one_state_and_action_are_ambiguous() {
    let t = table(
        &[(State::Created, Action::Refuse, State::Cancelled), (State::Created, Action::Refuse, State::Paid)],
        &[State::Cancelled, State::Paid],
    );
    assert!(matches!(t.check(), Err(LifecycleError::Ambiguous { .. })));
}

#[test]
fn every_state_of_every_lifecycle_has_words_for_system_merchant_and_buyer() {
    for lifecycle in Lifecycle::all() {
        for state in lifecycle.states() {
            let view = lifecycle.view(state).unwrap();
            assert_eq!(view.state, state);
            for words in [view.system, view.merchant, view.buyer] {
                assert!(!words.trim().is_empty(), "{}: {state}", lifecycle.name);
            }
        }
        let of_others = |state: &State| !lifecycle.states().contains(state);
        for state in Lifecycle::all().iter().flat_map(|other| other.states()).filter(of_others) {
            assert_eq!(lifecycle.view(state), None, "{}: {state}", lifecycle.name);
        }
    }
}

#[test]
fn a_state_without_a_view_and_a_view_without_a_state_are_found() {
    let lacking = table(&[(State::Created, Action::Refuse, State::Closed)], &[State::Closed]);
    let missing = LifecycleError::Views { lifecycle: "test", state: State::Closed, rows: 0 };
    assert_eq!(lacking.check(), Err(missing));
    let fine = || table(&[(State::Created, Action::Refuse, State::Cancelled)], &[State::Cancelled]);
    assert_eq!(fine().check(), Ok(()));
    let stray = Lifecycle {
        views: const {
            &[
                View::of(State::Created, "s", "m", "b"),
                View::of(State::Cancelled, "s", "m", "b"),
                View::of(State::Paid, "s", "m", "b"),
            ]
        },
        ..fine()
    };
    let unknown = LifecycleError::Views { lifecycle: "test", state: State::Paid, rows: 1 };
    assert_eq!(stray.check(), Err(unknown));
    let twice = Lifecycle {
        views: const {
            &[
                View::of(State::Created, "s", "m", "b"),
                View::of(State::Created, "s", "m", "other"),
                View::of(State::Cancelled, "s", "m", "b"),
            ]
        },
        ..fine()
    };
    let double = LifecycleError::Views { lifecycle: "test", state: State::Created, rows: 2 };
    assert_eq!(twice.check(), Err(double));
}
