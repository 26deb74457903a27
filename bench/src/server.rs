//! A server in memory: one space, one subject, the shipped authority.

use holm::protocol::codec::{decode_client, encode_server};
use holm::protocol::message::ServerMessage;
use holm::sync::authority::{self, Context, Key};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Its rows. Clones share them.
#[derive(Clone, Default)]
pub struct Server {
    rows: Rc<RefCell<BTreeMap<Key, Vec<u8>>>>,
}

impl Server {
    /// Answers a frame, at this time.
    pub fn serve(&self, frame: &str, time_ms: u64) -> Vec<String> {
        let message = match decode_client(frame.as_bytes()) {
            Ok(message) => message,
            Err(refusal) => return vec![encode_server(&ServerMessage::Refused(refusal))],
        };
        let context = Context {
            subject: "ann".into(),
            time_ms,
            fresh_epoch: "epoch".into(),
            session: None,
        };
        let mut rows = self.rows.borrow_mut();
        let decision = authority::run(&context, &message, |need| {
            Ok::<_, ()>(need.read_from(&rows))
        });
        let decision = decision.expect("reading memory does not fail");
        for (key, row) in decision.writes {
            match row {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
        }
        vec![encode_server(&decision.reply)]
    }
}
