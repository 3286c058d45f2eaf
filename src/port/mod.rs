//! The seams to what is not deterministic: clocks, randomness and the ids made of it, the file system.
//! Each is a narrow trait with a real and a simulated side.

#[cfg(any(test, feature = "simulation"))]
pub mod chaos;
pub mod clock;
#[cfg(any(test, feature = "simulation"))]
pub mod clock_sim;
pub mod entropy;
pub mod fs;
pub mod fs_sim;
pub mod ids;

pub(crate) use clock::stopwatch;
pub use clock::{Clock, EngineClock, FastClock, ManualClock, SystemClock};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use ids::{IdScheme, OrderIds};
