//! `TabChannel` over the page's `post` function and `BroadcastChannel`.

use crate::arrivals::Arrivals;
use crate::page::Page;
use holm::event::Event;
use holm::ids::TabId;
use holm::platform::channel::TabChannel;
use holm::text::filled;
use js_sys::{ArrayBuffer, Uint8Array};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

#[wasm_bindgen]
extern "C" {
    /// A channel in Node.
    type Unref;
    #[wasm_bindgen(method, catch)]
    fn unref(this: &Unref) -> Result<(), JsValue>;
}

/// The page of this worker, and the channel that was joined.
pub struct Tabs {
    arrivals: Arrivals,
    page: Rc<Page>,
    channel: Option<Channel>,
}

/// A joined channel. When it goes it is left.
struct Channel {
    channel: BroadcastChannel,
    on_message: Closure<dyn Fn(MessageEvent)>,
}

impl Tabs {
    /// Its own page, and no channel yet.
    pub fn new(arrivals: Arrivals, page: Rc<Page>) -> Self {
        Self {
            arrivals,
            page,
            channel: None,
        }
    }
}

impl TabChannel for Tabs {
    /// Other pages have workers of their own: a message for one of them is not ours to deliver.
    fn post(&mut self, tab: TabId, bytes: Vec<u8>) {
        if self.page.is(tab) {
            self.page.post(&bytes);
        }
    }

    /// Where there are no channels this worker hears and reaches nobody, which the port allows.
    fn join(&mut self, name: &str) {
        self.channel = None;
        let channel = BroadcastChannel::new(&filled("holm:{}", &[name]));
        self.channel = channel
            .ok()
            .map(|channel| Channel::new(channel, &self.arrivals));
    }

    fn broadcast(&mut self, bytes: &[u8]) {
        if let Some(joined) = &self.channel {
            // Bytes can always be cloned, and the channel is open as long as it is here.
            let _sent = joined.channel.post_message(&Uint8Array::from(bytes));
        }
    }
}

impl Channel {
    fn new(channel: BroadcastChannel, arrivals: &Arrivals) -> Self {
        let to = arrivals.clone();
        let on_message = Closure::new(move |message: MessageEvent| {
            let content = message.data();
            // Anybody on the origin may speak here: a number, say, would become that many zeros.
            if ArrayBuffer::is_view(&content) {
                to.arrive(Event::Broadcast {
                    bytes: Uint8Array::new(&content).to_vec(),
                });
            }
        });
        let joined = Self {
            channel,
            on_message,
        };
        joined
            .channel
            .set_onmessage(Some(joined.on_message.as_ref().unchecked_ref()));
        let_process_end(&joined.channel);
        joined
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }
}

/// In Node an open channel keeps the process alive, unless told not to.
fn let_process_end(channel: &BroadcastChannel) {
    let channel: &Unref = channel.unchecked_ref();
    // Elsewhere there is no such function.
    let _missing = channel.unref();
}
