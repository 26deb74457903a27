//! `Locks` over `js/locks.ts`: Web Locks where there are any, else the engines of this process.

use crate::arrivals::Arrivals;
use crate::host::Platform;
use holm::event::Event;
use holm::platform::locks::Locks;
use js_sys::Function;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// At most one lock, held or queued for.
pub struct PlatformLocks {
    platform: Rc<Platform>,
    arrivals: Arrivals,
    asked: Option<Asked>,
}

struct Asked {
    release: Function,
    // Kept alive here until it can no longer be called.
    _told: Closure<dyn Fn(bool)>,
}

impl PlatformLocks {
    /// Nothing held.
    pub fn new(platform: Rc<Platform>, arrivals: Arrivals) -> Self {
        Self {
            platform,
            arrivals,
            asked: None,
        }
    }
}

impl Locks for PlatformLocks {
    fn request(&mut self, name: &str) {
        self.release();
        let to = self.arrivals.clone();
        let told = Closure::new(move |is_held| {
            to.arrive(match is_held {
                true => Event::LockGranted,
                false => Event::LockLost,
            });
        });
        let release = self
            .platform
            .request_lock(name, told.as_ref().unchecked_ref());
        self.asked = Some(Asked {
            release,
            _told: told,
        });
    }

    fn release(&mut self) {
        if let Some(asked) = self.asked.take() {
            // It throws nothing.
            let _released = asked.release.call0(&JsValue::NULL);
        }
    }
}

impl Drop for PlatformLocks {
    fn drop(&mut self) {
        self.release();
    }
}
