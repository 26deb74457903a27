//! `Entropy` over `crypto.getRandomValues`.

use holm::platform::entropy::Entropy;
use wasm_bindgen::prelude::*;
use wasm_bindgen::throw_val;
use web_sys::Crypto;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = crypto)]
    static CRYPTO: Crypto;
}

/// The most that one call gives, in bytes.
const CALL_BYTES_MAX: usize = 65_536;

/// The platform's secure randomness.
pub struct WebEntropy;

impl Entropy for WebEntropy {
    fn fill(&mut self, into: &mut [u8]) {
        for part in into.chunks_mut(CALL_BYTES_MAX) {
            // It refuses only more than 65,536 bytes.
            CRYPTO
                .with(|crypto| crypto.get_random_values_with_u8_array(part))
                .unwrap_or_else(|thrown| throw_val(thrown));
        }
    }
}
