//! In tests a failed assertion says what it was and where; in what ships it is a trap, whose stack
//! says in which function.
//!
//! A panic aborts: what was on the stack is never dropped, and nothing of the engine may run again.

use std::panic;
use wasm_bindgen::throw_str;

/// Lets a panic leave the module as an error with its message, file and line, whoever called.
pub fn throw_panics() {
    panic::set_hook(Box::new(|info| throw_str(&info.to_string())));
}
