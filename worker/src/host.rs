//! What JavaScript sees: one engine with its driver, its queue and its ports.

use crate::arrivals::Arrivals;
use crate::clock::WebClock;
use crate::entropy::WebEntropy;
use crate::locks::PlatformLocks;
use crate::page::Page;
use crate::socket::Socket;
use crate::storage::{Storage, StorageFiles};
use crate::tabs::Tabs;
use holm::driver::{Driver, Ports};
use holm::event::Event;
use holm::platform::inbox::Inbox;
use js_sys::Function;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"import type { Platform, Storage } from "../platform.js";"#;

#[wasm_bindgen]
extern "C" {
    /// `js/platform.ts`: what of the platform gives promises.
    #[wasm_bindgen(typescript_type = "Platform")]
    pub type Platform;
    #[wasm_bindgen(method, getter)]
    pub fn storage(this: &Platform) -> Storage;
    #[wasm_bindgen(method, js_name = requestLock)]
    pub fn request_lock(this: &Platform, database: &str, told: &Function) -> Function;

    #[wasm_bindgen(typescript_type = "(bytes: Uint8Array<ArrayBuffer>) => void")]
    pub type Post;
}

/// An engine and the page it serves. Messages are those of `docs/PAGE.md`, as bytes.
#[wasm_bindgen]
pub struct Host {
    page: Rc<Page>,
    arrivals: Arrivals,
    // Kept alive here and nowhere else.
    _driver: Rc<RefCell<Driver>>,
}

#[wasm_bindgen]
impl Host {
    /// A host that sends to its page through `post`, whose bytes are the page's own to transfer.
    /// `free` closes all it has open; it may not be called from within `post`. Whatever a call or
    /// a callback of it throws means that the engine is lost.
    #[wasm_bindgen(constructor)]
    pub fn new(post: Post, platform: Platform) -> Host {
        let page = Rc::new(Page::new(JsValue::from(post).unchecked_into::<Function>()));
        let inbox = Inbox::default();
        let driver = Rc::new_cyclic(|driver| {
            let arrivals = Arrivals::new(inbox.clone(), driver.clone());
            let platform = Rc::new(platform);
            let ports = Ports {
                files: Box::new(StorageFiles::new(platform.storage(), arrivals.clone())),
                clock: Box::new(WebClock::new(arrivals.clone())),
                entropy: Box::new(WebEntropy),
                transport: Box::new(Socket::new(arrivals.clone())),
                channel: Box::new(Tabs::new(arrivals.clone(), page.clone())),
                locks: Box::new(PlatformLocks::new(platform, arrivals)),
            };
            RefCell::new(Driver::new(ports, inbox.clone()))
        });
        let arrivals = Arrivals::new(inbox, Rc::downgrade(&driver));
        Self {
            page,
            arrivals,
            _driver: driver,
        }
    }

    /// Takes one message from the page.
    pub fn receive(&self, bytes: Vec<u8>) {
        let tab = self.page.number_from(&bytes);
        self.arrivals.arrive(Event::Request { tab, bytes });
    }
}
