//! All chance in the world: one seed, split into streams, so that a change in one place leaves the
//! others alone.

use holm::platform::memory::SeededEntropy;

/// A stream of chance.
#[derive(Clone)]
pub struct Dice(SeededEntropy);

impl Dice {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    /// A stream of its own for somebody else.
    pub fn fork(&mut self) -> Self {
        Self::new(self.draw())
    }

    /// 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0.draw()
    }

    /// Below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound.max(1)
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in so many of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them. There is at least one.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let at = self.below(all.len() as u64) as usize;
        all.get(at).expect("there is something to pick")
    }

    /// The position of one, each as likely as its weight.
    pub fn weigh(&mut self, weights: &[u64]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (at, weight) in weights.iter().enumerate() {
            if left < *weight {
                return at;
            }
            left -= weight;
        }
        0
    }
}
