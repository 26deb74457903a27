//! Locks where the platform has none (Node before 24): among the hosts of this module instance.

use super::lock_name;
use crate::arrivals::Arrivals;
use holm::event::Event;
use holm::platform::locks::Locks;
use std::cell::{Cell, RefCell};
use wasm_bindgen_futures::spawn_local;

thread_local! {
    /// Everybody who wants a lock, in order of asking. The first who wants a lock has it.
    static WAITERS: RefCell<Vec<Waiter>> = const { RefCell::new(Vec::new()) };
    static REQUESTS: Cell<u64> = const { Cell::new(0) };
}

#[derive(Clone)]
struct Waiter {
    request: u64,
    lock: String,
    arrivals: Arrivals,
}

/// At most one lock, held or queued for.
pub struct TableLocks {
    arrivals: Arrivals,
    request: Option<u64>,
}

impl TableLocks {
    /// Nothing held.
    pub fn new(arrivals: Arrivals) -> Self {
        Self {
            arrivals,
            request: None,
        }
    }
}

impl Locks for TableLocks {
    fn request(&mut self, name: &str) {
        self.release();
        let request = REQUESTS.get() + 1;
        REQUESTS.set(request);
        self.request = Some(request);
        let waiter = Waiter {
            request,
            lock: lock_name(name),
            arrivals: self.arrivals.clone(),
        };
        let is_holder = WAITERS.with_borrow_mut(|waiters| {
            waiters.push(waiter);
            is_holder(waiters, request)
        });
        if is_holder {
            self.arrivals.arrive(Event::LockGranted);
        }
    }

    fn release(&mut self) {
        let Some(request) = self.request.take() else {
            return;
        };
        let Some(next) = WAITERS.with_borrow_mut(|waiters| leave(waiters, request)) else {
            return;
        };
        // Later, so that one host's step never runs within another's.
        spawn_local(async move {
            if WAITERS.with_borrow(|waiters| is_holder(waiters, next.request)) {
                next.arrivals.arrive(Event::LockGranted);
            }
        });
    }
}

impl Drop for TableLocks {
    fn drop(&mut self) {
        self.release();
    }
}

/// Whether this request has the lock that it wants.
fn is_holder(waiters: &[Waiter], request: u64) -> bool {
    let asked = waiters.iter().find(|waiter| waiter.request == request);
    asked.is_some_and(|asked| {
        let holder = waiters.iter().find(|waiter| waiter.lock == asked.lock);
        holder.is_some_and(|holder| holder.request == request)
    })
}

/// Takes a request out. Returns who has its lock now, if that changed.
fn leave(waiters: &mut Vec<Waiter>, request: u64) -> Option<Waiter> {
    let was_holder = is_holder(waiters, request);
    let place = waiters
        .iter()
        .position(|waiter| waiter.request == request)?;
    let gone = waiters.remove(place);
    let next = waiters.iter().find(|waiter| waiter.lock == gone.lock);
    next.filter(|_| was_holder).cloned()
}
