//! The randomness seam: the only place in which the operating system is asked for random bytes.

use std::sync::atomic::{AtomicU64, Ordering};

/// The operating system gave no random bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes: {detail}")]
pub struct EntropyError {
    /// What the system said.
    pub detail: String,
}

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with random bytes.
    ///
    /// # Errors
    /// When the source has none to give; `bytes` is then not to be used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[allow(clippy::disallowed_methods, reason = "this is the seam through which randomness comes in")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|error| EntropyError { detail: error.to_string() })
    }
}

/// Bytes that follow from a seed alone, for simulations and tests. Not for secrets.
#[derive(Debug)]
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// A source whose bytes follow from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next value of SplitMix64 (Steele, Lea, Flood 2014), whose state is a plain counter and so
    /// needs no lock.
    fn next(&self) -> u64 {
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in bytes.chunks_mut(8) {
            for (byte, random) in chunk.iter_mut().zip(self.next().to_le_bytes()) {
                *byte = random;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(source: &dyn Entropy) -> [u8; 20] {
        let mut bytes = [0; 20];
        assert_eq!(source.fill(&mut bytes), Ok(()));
        bytes
    }

    #[test]
    fn a_seed_gives_the_same_bytes_every_time() {
        assert_eq!(bytes(&SeededEntropy::new(7)), bytes(&SeededEntropy::new(7)));
        assert_ne!(bytes(&SeededEntropy::new(7)), bytes(&SeededEntropy::new(8)));
    }

    #[test]
    fn a_seeded_source_matches_the_published_values_of_splitmix64() {
        let source = SeededEntropy::new(0);
        assert_eq!(source.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(source.next(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn the_systems_bytes_differ_from_call_to_call() {
        assert_ne!(bytes(&SystemEntropy), bytes(&SystemEntropy));
    }
}
