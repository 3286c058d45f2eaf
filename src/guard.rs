//! Runs pure code of the domain so that a panic in it harms nobody but its own entity.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use smol_str::SmolStr;

use crate::domain::refusal::Refusal;

/// Runs a decision; a panic in it becomes a refusal and changes nothing, because a decision only borrows.
pub(crate) fn decide<T>(decision: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    let decision = || {
        #[cfg(any(test, feature = "simulation"))]
        crate::port::chaos::may_panic();
        decision()
    };
    catch_unwind(AssertUnwindSafe(decision)).unwrap_or_else(|panic| {
        let reason = panic_text(&*panic);
        tracing::error!(%reason, "a decision panicked");
        Err(Refusal::DecisionPanicked { reason })
    })
}

/// Runs an application of events; a panic in it is an invariant broken, and its entity is to be parked.
pub(crate) fn apply<E: std::fmt::Display>(
    application: impl FnOnce() -> Result<(), E>,
) -> Result<(), SmolStr> {
    match catch_unwind(AssertUnwindSafe(application)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(broken)) => Err(smol_str::format_smolstr!("{broken}")),
        Err(panic) => Err(panic_text(&*panic)),
    }
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> SmolStr {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "the panic is what is tested")]
mod tests {
    use super::*;

    #[test]
    fn a_decision_that_panics_is_a_refusal_that_burns_no_key() {
        let refusal = decide::<()>(|| panic!("at line {}", 7)).unwrap_err();
        assert_eq!(refusal, Refusal::DecisionPanicked { reason: "at line 7".into() });
        assert_eq!((refusal.code(), refusal.is_final()), ("DECISION_PANICKED", false));
    }

    #[test]
    fn an_application_that_panics_or_fails_says_why() {
        let panicked = apply(|| -> Result<(), String> { panic!("oh") });
        assert_eq!(panicked, Err("oh".into()));
        assert_eq!(apply(|| Err("broken")), Err("broken".into()));
        assert_eq!(apply(|| Ok::<(), String>(())), Ok(()));
    }
}
