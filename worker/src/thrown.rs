//! What JavaScript throws, in words. Classified by `name`, never by the message, which differs
//! between browsers.

use holm::text::filled;
use js_sys::Error;
use wasm_bindgen::{JsCast, JsValue};

/// The `name` of an error or DOM exception; empty for anything else.
pub fn name_of(thrown: &JsValue) -> String {
    thrown
        .dyn_ref::<Error>()
        .map(|error| error.name().into())
        .unwrap_or_default()
}

/// `name: message`, or the value itself where it is no error.
pub fn describe(thrown: &JsValue) -> String {
    match thrown.dyn_ref::<Error>() {
        Some(error) => filled(
            "{}: {}",
            &[&String::from(error.name()), &String::from(error.message())],
        ),
        None => thrown
            .as_string()
            .unwrap_or_else(|| "something that is no error was thrown".into()),
    }
}
