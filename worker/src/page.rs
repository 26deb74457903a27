//! The page at the other end: one function that takes bytes, and the number by which the engine
//! knows the page.

use holm::doc::value::Value;
use holm::engine::message;
use holm::ids::TabId;
use js_sys::{Function, Uint8Array};
use std::cell::Cell;
use wasm_bindgen::JsValue;
use web_sys::console;

/// The member of every message in which a page gives its number (`docs/PAGE.md`).
const NUMBER: &str = "tab";

/// The one page of a host.
pub struct Page {
    post: Function,
    number: Cell<Option<TabId>>,
}

impl Page {
    /// The page that takes messages through `post`.
    pub fn new(post: Function) -> Self {
        Self {
            post,
            number: Cell::default(),
        }
    }

    /// The page's number, learnt from the first of its messages that has one. Until then it is 0.
    pub fn number_from(&self, message: &[u8]) -> TabId {
        if self.number.get().is_none() {
            self.number.set(number_in(message));
        }
        self.number.get().unwrap_or_default()
    }

    /// Whether this is the page with that number.
    pub fn is(&self, tab: TabId) -> bool {
        self.number.get().unwrap_or_default() == tab
    }

    /// Sends a copy of `bytes`, which the page may transfer on. What the page throws is its own
    /// fault: it goes to the console and changes nothing here.
    pub fn post(&self, bytes: &[u8]) {
        if let Err(thrown) = self.post.call1(&JsValue::NULL, &Uint8Array::from(bytes)) {
            console::error_1(&thrown);
        }
    }
}

fn number_in(message: &[u8]) -> Option<TabId> {
    let message = message::read(message);
    message.get(NUMBER).and_then(Value::as_u64).map(TabId)
}
