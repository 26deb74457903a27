//! `Transport` over `WebSocket`. Text frames only: a binary frame is not of the protocol and is
//! dropped.

use crate::arrivals::Arrivals;
use crate::thrown;
use holm::event::Event;
use holm::platform::transport::Transport;
use holm::text::{decimal, filled};
use wasm_bindgen::prelude::*;
use web_sys::{CloseEvent, MessageEvent, WebSocket};

/// The one connection.
pub struct Socket {
    arrivals: Arrivals,
    link: Option<Link>,
}

/// A connection and its handlers. When it goes, its handlers go first: no event comes from it any
/// more.
struct Link {
    socket: WebSocket,
    on_open: Closure<dyn Fn()>,
    on_message: Closure<dyn Fn(MessageEvent)>,
    on_close: Closure<dyn Fn(CloseEvent)>,
}

impl Socket {
    /// A transport that is not connected.
    pub fn new(arrivals: Arrivals) -> Self {
        Self {
            arrivals,
            link: None,
        }
    }
}

impl Transport for Socket {
    fn connect(&mut self, connection: u64, url: &str) {
        self.disconnect();
        match WebSocket::new(url) {
            Ok(socket) => self.link = Some(Link::new(socket, connection, &self.arrivals)),
            Err(thrown) => {
                let reason = refusal(&thrown);
                self.arrivals
                    .arrive(Event::Disconnected { connection, reason });
            }
        }
    }

    fn send(&mut self, frame: &str) {
        let open = |link: &&Link| link.socket.ready_state() == WebSocket::OPEN;
        if let Some(link) = self.link.as_ref().filter(open) {
            // Refused only before the connection is open, which has just been asked.
            let _sent = link.socket.send_with_str(frame);
        }
    }

    fn disconnect(&mut self) {
        self.link = None;
    }
}

impl Link {
    fn new(socket: WebSocket, connection: u64, arrivals: &Arrivals) -> Self {
        let to = arrivals.clone();
        let on_open = Closure::new(move || to.arrive(Event::Connected { connection }));
        let to = arrivals.clone();
        let on_message = Closure::new(move |message: MessageEvent| {
            if let Some(text) = message.data().as_string() {
                to.arrive(Event::Frame { connection, text });
            }
        });
        // `error` says nothing and `close` always follows it, once.
        let to = arrivals.clone();
        let on_close = Closure::new(move |close: CloseEvent| {
            let reason = closing(close.code(), &close.reason());
            to.arrive(Event::Disconnected { connection, reason });
        });
        let link = Self {
            socket,
            on_open,
            on_message,
            on_close,
        };
        link.socket
            .set_onopen(Some(link.on_open.as_ref().unchecked_ref()));
        link.socket
            .set_onmessage(Some(link.on_message.as_ref().unchecked_ref()));
        link.socket
            .set_onclose(Some(link.on_close.as_ref().unchecked_ref()));
        link
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // Without arguments it throws nothing.
        let _closed = self.socket.close();
    }
}

fn closing(code: u16, reason: &str) -> String {
    match (code, reason) {
        (1006, "") => "the connection could not be made or was lost (1006)".into(),
        (code, "") => filled(
            "the connection was closed ({})",
            &[&decimal(u64::from(code))],
        ),
        (code, reason) => filled("{} ({})", &[reason, &decimal(u64::from(code))]),
    }
}

fn refusal(thrown: &JsValue) -> String {
    match thrown::name_of(thrown).as_str() {
        "ReferenceError" => "there is no WebSocket here (Node has one from version 22)".into(),
        _ => thrown::describe(thrown),
    }
}
