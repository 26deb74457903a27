//! A failed assertion stops the module for good; the pages are told what it was and where.
//!
//! A panic aborts: what was on the stack is never dropped and nothing of the engine may run again.
//! The message is kept, so that whoever still asks gets the same answer.

use crate::page::Page;
use js_sys::JSON;
use std::cell::{OnceCell, RefCell};
use std::panic;
use std::rc::{Rc, Weak};
use std::sync::Once;
use wasm_bindgen::JsValue;
use web_sys::console;

thread_local! {
    static PAGES: RefCell<Vec<Weak<Page>>> = const { RefCell::new(Vec::new()) };
    static ENVELOPE: OnceCell<String> = const { OnceCell::new() };
}

/// Tells this page of a panic for as long as it is there.
pub fn watch(page: &Rc<Page>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| panic::set_hook(Box::new(|info| stop(&info.to_string()))));
    PAGES.with_borrow_mut(|pages| {
        pages.retain(|page| page.strong_count() > 0);
        pages.push(Rc::downgrade(page));
    });
}

/// Whether the module is dead. If so the page is told again.
pub fn answer(page: &Page) -> bool {
    ENVELOPE.with(|envelope| match envelope.get() {
        Some(envelope) => {
            page.post(envelope.as_bytes());
            true
        }
        None => false,
    })
}

fn stop(message: &str) {
    console::error_1(&JsValue::from_str(message));
    let envelope = ENVELOPE.with(|kept| kept.get_or_init(|| envelope(message)).clone());
    // A copy, since a page may make or free a host while it is being told.
    let pages = PAGES.with(|pages| pages.try_borrow().map(|pages| pages.clone()));
    for page in pages.unwrap_or_default().iter().filter_map(Weak::upgrade) {
        page.post(envelope.as_bytes());
    }
}

/// The message `fatal` of `docs/PAGE.md`.
fn envelope(message: &str) -> String {
    let text = JSON::stringify(&JsValue::from_str(message)).map(String::from);
    let text = text.unwrap_or_else(|_| r#""the engine stopped""#.into());
    format!(r#"{{"messages":[{{"kind":"fatal","message":{text}}}]}}"#)
}
