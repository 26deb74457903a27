//! `Entropy`: random bytes.

/// A source of randomness: unpredictable in life, from a seed in tests.
pub trait Entropy {
    /// Fills `into`.
    fn fill(&mut self, into: &mut [u8]);
}
