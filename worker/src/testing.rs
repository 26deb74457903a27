//! Test-only: single ports, driven from JavaScript without an engine. Not in the shipped module.

use crate::arrivals::Arrivals;
use crate::clock::WebClock;
use crate::entropy::WebEntropy;
use crate::fatal;
use crate::locks::locks;
use crate::page::Page;
use crate::socket::Socket;
use crate::storage::BestFiles;
use crate::tabs::Tabs;
use holm::driver::Ports;
use holm::ids::{FileId, TabId, Ticket};
use holm::platform::disk::DiskError;
use holm::platform::inbox::Inbox;
use js_sys::Function;
use std::rc::{Rc, Weak};
use wasm_bindgen::prelude::*;

/// One of each port and the queue that they push into. Nobody takes from it but `event`.
#[wasm_bindgen]
pub struct Rig {
    inbox: Inbox,
    ports: Ports,
    page: Rc<Page>,
}

#[wasm_bindgen]
impl Rig {
    #[wasm_bindgen(constructor)]
    pub fn new(post: Function) -> Self {
        let page = Rc::new(Page::new(post));
        fatal::watch(&page);
        let inbox = Inbox::default();
        let arrivals = Arrivals::new(inbox.clone(), Weak::new());
        let ports = Ports {
            files: Box::new(BestFiles::new(arrivals.clone())),
            clock: Box::new(WebClock::new(arrivals.clone())),
            entropy: Box::new(WebEntropy),
            transport: Box::new(Socket::new(arrivals.clone())),
            channel: Box::new(Tabs::new(arrivals.clone(), TabId(1), page.clone())),
            locks: locks(arrivals),
        };
        Self { inbox, ports, page }
    }

    /// The oldest event, in Rust's debug form.
    pub fn event(&self) -> Option<String> {
        self.inbox.pop().map(|event| format!("{event:?}"))
    }

    pub fn list(&mut self, name: &str) {
        self.ports.files.list(name);
    }

    pub fn make(&mut self, name: &str) {
        self.ports.files.make(name);
    }

    pub fn remove(&mut self, name: &str) {
        self.ports.files.remove(name);
    }

    pub fn flush(&mut self, file: u32, ticket: u64) {
        self.ports.files.flush(FileId(file), Ticket(ticket));
    }

    pub fn close(&mut self) {
        self.ports.files.close();
    }

    pub fn read(&mut self, file: u32, offset: f64, length: usize) -> Result<Vec<u8>, String> {
        let mut into = vec![0; length];
        let count = self.ports.files.read(FileId(file), offset as u64, &mut into).map_err(shown)?;
        into.truncate(count);
        Ok(into)
    }

    pub fn write(&mut self, file: u32, offset: f64, bytes: &[u8]) -> Result<usize, String> {
        self.ports.files.write(FileId(file), offset as u64, bytes).map_err(shown)
    }

    pub fn truncate(&mut self, file: u32, length: f64) -> Result<(), String> {
        self.ports.files.truncate(FileId(file), length as u64).map_err(shown)
    }

    pub fn size(&mut self, file: u32) -> Result<f64, String> {
        self.ports.files.size(FileId(file)).map(|size| size as f64).map_err(shown)
    }

    pub fn wall_ms(&mut self) -> f64 {
        self.ports.clock.wall_ms() as f64
    }

    pub fn monotonic_ms(&mut self) -> f64 {
        self.ports.clock.monotonic_ms() as f64
    }

    pub fn wake_at(&mut self, monotonic_ms: f64) {
        self.ports.clock.wake_at(monotonic_ms as u64);
    }

    pub fn random(&mut self, length: usize) -> Vec<u8> {
        let mut into = vec![0; length];
        self.ports.entropy.fill(&mut into);
        into
    }

    pub fn connect(&mut self, connection: u64, url: &str) {
        self.ports.transport.connect(connection, url);
    }

    pub fn send(&mut self, frame: &str) {
        self.ports.transport.send(frame);
    }

    pub fn disconnect(&mut self) {
        self.ports.transport.disconnect();
    }

    pub fn post(&mut self, tab: u64, bytes: Vec<u8>) {
        self.ports.channel.post(TabId(tab), bytes);
    }

    pub fn join(&mut self, name: &str) {
        self.ports.channel.join(name);
    }

    pub fn broadcast(&mut self, bytes: &[u8]) {
        self.ports.channel.broadcast(bytes);
    }

    pub fn request_lock(&mut self, name: &str) {
        self.ports.locks.request(name);
    }

    pub fn release_lock(&mut self) {
        self.ports.locks.release();
    }

    /// Fails an assertion, for good.
    pub fn panic(&self, message: &str) {
        assert!(fatal::answer(&self.page), "{message}");
    }
}

fn shown(error: DiskError) -> String {
    format!("{error:?}")
}
