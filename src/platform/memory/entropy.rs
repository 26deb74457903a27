//! Bytes that look random and follow from a seed.

use crate::platform::entropy::Entropy;

/// SplitMix64 (Steele, Lea, Flood 2014). Never for a life outside of tests: it can be foreseen.
#[derive(Clone)]
pub struct SeededEntropy {
    state: u64,
}

impl SeededEntropy {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.draw() % (bound as u64).max(1)) as usize
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, into: &mut [u8]) {
        for chunk in into.chunks_mut(8) {
            for (to, byte) in chunk.iter_mut().zip(self.draw().to_le_bytes()) {
                *to = byte;
            }
        }
    }
}
