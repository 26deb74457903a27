//! What JavaScript sees: one engine with its driver, its queue and its ports.

use crate::arrivals::Arrivals;
use crate::clock::WebClock;
use crate::entropy::WebEntropy;
use crate::fatal;
use crate::locks::locks;
use crate::page::Page;
use crate::socket::Socket;
use crate::storage::BestFiles;
use crate::tabs::Tabs;
use holm::driver::{Driver, Ports};
use holm::event::Event;
use holm::platform::disk::Files;
use holm::platform::inbox::Inbox;
use holm::platform::memory::{MemoryDisk, MemoryFiles};
use js_sys::Function;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export interface HostOptions {
  /** `auto`: OPFS where it works, else memory. */
  readonly storage: "auto" | "memory";
}
"#;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "HostOptions")]
    pub type HostOptions;
    #[wasm_bindgen(method, getter)]
    fn storage(this: &HostOptions) -> String;

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
    /// `free` closes all it has open; it may not be called from within `post`.
    #[wasm_bindgen(constructor)]
    pub fn new(post: Post, options: &HostOptions) -> Host {
        let page = Rc::new(Page::new(JsValue::from(post).unchecked_into::<Function>()));
        fatal::watch(&page);
        let inbox = Inbox::default();
        let driver = Rc::new_cyclic(|driver| {
            let arrivals = Arrivals::new(inbox.clone(), driver.clone());
            let files: Box<dyn Files> = match options.storage().as_str() {
                "memory" => Box::new(MemoryFiles::new(MemoryDisk::default(), inbox.clone())),
                _ => Box::new(BestFiles::new(arrivals.clone())),
            };
            let ports = Ports {
                files,
                clock: Box::new(WebClock::new(arrivals.clone())),
                entropy: Box::new(WebEntropy),
                transport: Box::new(Socket::new(arrivals.clone())),
                channel: Box::new(Tabs::new(arrivals.clone(), page.clone())),
                locks: locks(arrivals),
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
        if !fatal::answer(&self.page) {
            let tab = self.page.number_from(&bytes);
            self.arrivals.arrive(Event::Request { tab, bytes });
        }
    }
}
