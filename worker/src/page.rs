//! The page at the other end: one function that takes bytes.

use js_sys::{Function, Uint8Array};
use wasm_bindgen::JsValue;
use web_sys::console;

/// A page's `post` function.
pub struct Page {
    post: Function,
}

impl Page {
    /// The page that takes messages through `post`.
    pub fn new(post: Function) -> Self {
        Self { post }
    }

    /// Sends a copy of `bytes`, which the page may transfer on. What the page throws is its own fault: it goes to
    /// the console and changes nothing here.
    pub fn post(&self, bytes: &[u8]) {
        if let Err(thrown) = self.post.call1(&JsValue::NULL, &Uint8Array::from(bytes)) {
            console::error_1(&thrown);
        }
    }
}
