//! Exclusive Web Locks, shared by all tabs and workers of the origin.

use super::lock_name;
use crate::arrivals::Arrivals;
use holm::event::Event;
use holm::platform::locks::Locks;
use js_sys::{Function, Object, Promise, Reflect};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, AbortSignal};

// Declared here, since web-sys has Web Locks only behind a compiler flag.
#[wasm_bindgen]
extern "C" {
    type Navigator;
    #[wasm_bindgen(thread_local_v2, js_name = navigator)]
    static NAVIGATOR: Option<Navigator>;
    #[wasm_bindgen(method, getter)]
    fn locks(this: &Navigator) -> Option<LockManager>;

    #[derive(Clone)]
    pub type LockManager;
    #[wasm_bindgen(method, catch)]
    fn request(
        this: &LockManager,
        name: &str,
        options: &Object,
        granted: &Function,
    ) -> Result<Promise, JsValue>;
}

/// The platform's lock manager, if it has one.
pub fn manager() -> Option<LockManager> {
    NAVIGATOR.with(|navigator| navigator.as_ref().and_then(Navigator::locks))
}

/// At most one lock, held or queued for.
pub struct WebLocks {
    manager: LockManager,
    arrivals: Arrivals,
    asked: Option<Rc<Asked>>,
}

/// One request. The lock is held until the promise that the callback returned is resolved.
struct Asked {
    arrivals: Arrivals,
    abort: AbortController,
    is_over: Cell<bool>,
    release: RefCell<Option<Function>>,
}

impl WebLocks {
    /// Nothing held.
    pub fn new(manager: LockManager, arrivals: Arrivals) -> Self {
        Self {
            manager,
            arrivals,
            asked: None,
        }
    }
}

impl Locks for WebLocks {
    fn request(&mut self, name: &str) {
        self.release();
        let abort = AbortController::new().expect("whoever has Web Locks has AbortController");
        let asked = Rc::new(Asked {
            arrivals: self.arrivals.clone(),
            abort,
            is_over: Cell::default(),
            release: RefCell::default(),
        });
        self.asked = Some(asked.clone());
        let options = exclusive(&asked.abort.signal());
        let granted = Closure::once_into_js({
            let asked = asked.clone();
            move || Asked::granted(&asked)
        });
        let held = self
            .manager
            .request(&lock_name(name), &options, granted.unchecked_ref());
        spawn_local(async move {
            let ended = match held {
                Ok(held) => JsFuture::from(held).await,
                Err(thrown) => Err(thrown),
            };
            if ended.is_err() && !asked.is_over.replace(true) {
                asked.arrivals.arrive(Event::LockLost);
            }
        });
    }

    fn release(&mut self) {
        let Some(asked) = self.asked.take() else {
            return;
        };
        asked.is_over.set(true);
        // Bound first: resolving may not run while the cell is borrowed.
        let release = asked.release.take();
        match release {
            Some(release) => _ = release.call0(&JsValue::NULL),
            None => asked.abort.abort(),
        }
    }
}

impl Drop for WebLocks {
    fn drop(&mut self) {
        self.release();
    }
}

impl Asked {
    /// Called by the browser with the lock in hand. Without a promise it is given back at once.
    fn granted(asked: &Rc<Self>) -> JsValue {
        if asked.is_over.get() {
            return JsValue::UNDEFINED;
        }
        let held = Promise::new(&mut |resolve, _reject| {
            *asked.release.borrow_mut() = Some(resolve);
        });
        asked.arrivals.arrive(Event::LockGranted);
        held.into()
    }
}

fn exclusive(signal: &AbortSignal) -> Object {
    let options = Object::new();
    let members = [
        ("mode", JsValue::from_str("exclusive")),
        ("signal", signal.into()),
    ];
    for (name, value) in members {
        Reflect::set(&options, &JsValue::from_str(name), &value)
            .expect("a fresh object takes members");
    }
    options
}
