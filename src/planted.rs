//! Planted bugs: one-line faults in shipped code that prove a test can fail. Listed in
//! `docs/PLANTED.md`.
//!
//! Without the feature `planted` every question is answered no at compile time and nothing is left
//! of them.

#[cfg(feature = "planted")]
thread_local! {
    static CHOSEN: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
}

/// Whether this bug is switched on, in this thread.
#[cfg(feature = "planted")]
pub fn is(name: &str) -> bool {
    CHOSEN.with_borrow(|chosen| chosen == name)
}

/// Whether this bug is switched on: never.
#[cfg(not(feature = "planted"))]
pub const fn is(_name: &str) -> bool {
    false
}

/// Switches one bug on, in this thread, and the one before off. The empty name is none.
#[cfg(feature = "planted")]
pub fn choose(name: &str) {
    CHOSEN.with_borrow_mut(|chosen| name.clone_into(chosen));
}
