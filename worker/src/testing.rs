//! Test-only: ports without an engine, driven from JavaScript and by the conformance suites. Not in
//! the shipped module.

use crate::arrivals::Arrivals;
use crate::clock::WebClock;
use crate::entropy::WebEntropy;
use crate::fatal;
use crate::host::Platform;
use crate::locks::PlatformLocks;
use crate::page::Page;
use crate::socket::Socket;
use crate::storage::StorageFiles;
use crate::tabs::Tabs;
use gloo_timers::callback::Timeout;
use holm::doc::value::Value;
use holm::driver::Ports;
use holm::engine::message;
use holm::ids::{FileId, TabId, Ticket};
use holm::platform::disk::{Access, DiskError, When};
use holm::platform::inbox::Inbox;
use holm::platform::suite::{self, Turn};
use js_sys::{Function, Promise};
use std::cell::RefCell;
use std::panic;
use std::rc::{Rc, Weak};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

thread_local! {
    static FAILED: RefCell<Option<Function>> = const { RefCell::new(None) };
}

fn tell(message: &str) {
    if let Some(failed) = FAILED.take() {
        let _told = failed.call1(&JsValue::NULL, &JsValue::from_str(message));
    }
}

/// Runs the suite of one port. A promise that is broken fails an assertion, which `failed` is told.
#[wasm_bindgen]
pub async fn conform(
    port: String,
    platform: Platform,
    failed: Function,
    socket: String,
    nowhere: String,
) {
    FAILED.set(Some(failed));
    panic::set_hook(Box::new(|info| tell(&info.to_string())));
    let platform = Rc::new(platform);
    match port.as_str() {
        "files" => {
            let make = |inbox| Box::new(StorageFiles::new(platform.storage(), alone(inbox)));
            suite::files(&Ms, &mut |inbox| make(inbox)).await;
        }
        "clock" => suite::clock(&Ms, &mut |inbox| Box::new(WebClock::new(alone(inbox)))).await,
        "entropy" => suite::entropy(&mut WebEntropy),
        "locks" => {
            let make = |inbox| Box::new(PlatformLocks::new(platform.clone(), alone(inbox)));
            suite::locks(&Ms, &mut |inbox| make(inbox)).await;
        }
        "channel" => channel_conforms().await,
        "transport" => {
            let make = &mut |inbox| Box::new(Socket::new(alone(inbox))) as Box<_>;
            suite::transport(&Ms, make, &socket, Some(&nowhere)).await;
        }
        other => panic!("there is no suite for {other}"),
    }
}

async fn channel_conforms() {
    let posts = Rc::new(RefCell::new(Vec::new()));
    let to = posts.clone();
    let post =
        Closure::<dyn Fn(Vec<u8>)>::new(move |bytes| to.borrow_mut().push((TabId(5), bytes)));
    let page = Rc::new(Page::new(post.as_ref().unchecked_ref::<Function>().clone()));
    let message = Value::map(vec![("tab".into(), Value::int(5))]);
    page.number_from(&message::write(message));
    let make = &mut |inbox| Box::new(Tabs::new(alone(inbox), page.clone())) as Box<_>;
    suite::channel(&Ms, make, &mut || posts.take()).await;
}

/// The world's turn: a millisecond by the platform's timer.
struct Ms;

impl Turn for Ms {
    async fn turn(&self) {
        let passed = Promise::new(&mut |resolve, _reject| {
            let done = move || _ = resolve.call0(&JsValue::NULL);
            Timeout::new(1, done).forget();
        });
        JsFuture::from(passed).await.expect("it is never rejected");
    }
}

/// Arrivals that only queue: no driver takes from the inbox.
fn alone(inbox: Inbox) -> Arrivals {
    Arrivals::new(inbox, Weak::new())
}

/// One of each port and the queue that they push into. Nobody takes from it but `event`.
#[wasm_bindgen]
pub struct Rig {
    inbox: Inbox,
    ports: Ports,
}

#[wasm_bindgen]
impl Rig {
    #[wasm_bindgen(constructor)]
    pub fn new(post: Function, platform: Platform) -> Self {
        fatal::throw_panics();
        let page = Rc::new(Page::new(post));
        let inbox = Inbox::default();
        let platform = Rc::new(platform);
        let ports = Ports {
            files: Box::new(StorageFiles::new(platform.storage(), alone(inbox.clone()))),
            clock: Box::new(WebClock::new(alone(inbox.clone()))),
            entropy: Box::new(WebEntropy),
            transport: Box::new(Socket::new(alone(inbox.clone()))),
            channel: Box::new(Tabs::new(alone(inbox.clone()), page)),
            locks: Box::new(PlatformLocks::new(platform, alone(inbox.clone()))),
        };
        Self { inbox, ports }
    }

    /// The oldest event, in Rust's debug form.
    pub fn event(&self) -> Option<String> {
        self.inbox.pop().map(|event| format!("{event:?}"))
    }

    pub fn list(&mut self, name: &str) {
        self.ports.files.list(name, Access::Alone);
    }

    pub fn list_around(&mut self, name: &str) {
        self.ports.files.list(name, Access::Around);
    }

    pub fn make(&mut self, name: &str) {
        self.ports.files.make(name);
    }

    pub fn flush(&mut self, file: u32, ticket: u64) {
        let file = FileId(file);
        self.ports.files.flush(file, Ticket(ticket), When::Now);
    }

    pub fn close(&mut self) {
        self.ports.files.close();
    }

    pub fn read(&mut self, file: u32, offset: f64, length: usize) -> Result<Vec<u8>, String> {
        let mut into = vec![0; length];
        let count = self
            .ports
            .files
            .read(FileId(file), offset as u64, &mut into)
            .map_err(shown)?;
        into.truncate(count);
        Ok(into)
    }

    pub fn write(&mut self, file: u32, offset: f64, bytes: &[u8]) -> Result<usize, String> {
        self.ports
            .files
            .write(FileId(file), offset as u64, bytes)
            .map_err(shown)
    }

    pub fn truncate(&mut self, file: u32, length: f64) -> Result<(), String> {
        self.ports
            .files
            .truncate(FileId(file), length as u64)
            .map_err(shown)
    }

    pub fn monotonic_ms(&mut self) -> f64 {
        self.ports.clock.monotonic_ms() as f64
    }

    pub fn wake_at(&mut self, monotonic_ms: f64) {
        self.ports.clock.wake_at(monotonic_ms as u64);
    }

    pub fn connect(&mut self, connection: u64, url: &str) {
        self.ports.transport.connect(connection, url);
    }

    pub fn send(&mut self, frame: &str) {
        self.ports.transport.send(frame);
    }

    pub fn join(&mut self, name: &str) {
        self.ports.channel.join(name);
    }

    pub fn request_lock(&mut self, name: &str) {
        self.ports.locks.request(name);
    }

    /// Fails an assertion, for good.
    pub fn panic(&self, message: &str) {
        assert!(message.is_empty(), "{message}");
    }
}

fn shown(error: DiskError) -> String {
    format!("{error:?}")
}
