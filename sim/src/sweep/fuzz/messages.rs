//! The decoders of the protocol's messages, and the authority behind them.

use super::Target;
use super::documents::JSON_WORDS;
use holm::protocol::codec::{
    decode_client, decode_deltas, decode_server, decode_verdict, encode_client, encode_deltas,
    encode_server, encode_verdict,
};
use holm::protocol::message::ClientMessage;
use holm::sync::authority::{self, Context, Key};
use std::collections::BTreeMap;

const CLIENT: &str = include_str!("../../../../docs/vectors/client.ndjson");
const SERVER: &str = include_str!("../../../../docs/vectors/server.ndjson");
/// A day after 2024: within reach of the vectors' stamps.
const NOW_MS: u64 = 1_735_000_000_000;

/// What is fed.
pub const TARGETS: &[Target] = &[
    Target {
        name: "client message",
        samples: || lines(CLIENT),
        words: JSON_WORDS,
        feed: feed_client,
        is_slow: false,
    },
    Target {
        name: "server message",
        samples: || lines(SERVER),
        words: JSON_WORDS,
        feed: feed_server,
        is_slow: false,
    },
    Target {
        name: "deltas",
        samples: deltas_samples,
        words: JSON_WORDS,
        feed: feed_deltas,
        is_slow: false,
    },
    Target {
        name: "verdict",
        samples: verdict_samples,
        words: JSON_WORDS,
        feed: feed_verdict,
        is_slow: false,
    },
    Target {
        name: "authority",
        samples: || vec![CLIENT.as_bytes().to_vec()],
        words: JSON_WORDS,
        feed: feed_authority,
        is_slow: true,
    },
];

/// The lines of a file of samples.
pub fn lines(text: &str) -> Vec<Vec<u8>> {
    text.lines().map(|line| line.as_bytes().to_vec()).collect()
}

fn deltas_samples() -> Vec<Vec<u8>> {
    let pushes = lines(CLIENT)
        .into_iter()
        .filter_map(|line| match decode_client(&line) {
            Ok(ClientMessage::Push(push)) => Some(push),
            _ => None,
        });
    let pushed = pushes.flat_map(|push| push.transactions);
    pushed.map(|pushed| encode_deltas(&pushed.deltas)).collect()
}

fn verdict_samples() -> Vec<Vec<u8>> {
    use holm::protocol::message::ServerMessage;
    let answers = lines(SERVER)
        .into_iter()
        .filter_map(|line| match decode_server(&line) {
            Ok(ServerMessage::Verdicts(verdicts)) => Some(verdicts.verdicts),
            _ => None,
        });
    answers
        .flatten()
        .map(|verdict| encode_verdict(&verdict))
        .collect()
}

fn feed_client(bytes: &[u8]) -> bool {
    let Ok(message) = decode_client(bytes) else {
        return false;
    };
    let again = encode_client(&message);
    assert_eq!(decode_client(again.as_bytes()), Ok(message));
    true
}

fn feed_server(bytes: &[u8]) -> bool {
    let Ok(message) = decode_server(bytes) else {
        return false;
    };
    let again = encode_server(&message);
    assert_eq!(decode_server(again.as_bytes()), Ok(message));
    true
}

fn feed_deltas(bytes: &[u8]) -> bool {
    let Ok(deltas) = decode_deltas(bytes) else {
        return false;
    };
    assert_eq!(decode_deltas(&encode_deltas(&deltas)), Ok(deltas));
    true
}

fn feed_verdict(bytes: &[u8]) -> bool {
    let Ok(verdict) = decode_verdict(bytes) else {
        return false;
    };
    assert_eq!(decode_verdict(&encode_verdict(&verdict)), Ok(verdict));
    true
}

/// A server in memory.
#[derive(Default)]
pub struct Space {
    rows: BTreeMap<Key, Vec<u8>>,
}

impl Space {
    /// Answers one frame, or says why it is refused.
    pub fn answer(&mut self, frame: &[u8]) -> (String, bool) {
        use holm::protocol::message::ServerMessage;
        let message = match decode_client(frame) {
            Ok(message) => message,
            Err(refusal) => return (encode_server(&ServerMessage::Refused(refusal)), false),
        };
        let context = Context {
            subject: "ann".into(),
            time_ms: NOW_MS,
            fresh_epoch: "epoch".into(),
            session: None,
        };
        let decision = authority::run(&context, &message, |need| {
            Ok::<_, ()>(need.read_from(&self.rows))
        });
        let decision = decision.expect("reading memory does not fail");
        for (key, row) in decision.writes {
            match row {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
        let is_good = !matches!(decision.reply, ServerMessage::Refused(_));
        (encode_server(&decision.reply), is_good)
    }
}

/// Frames of one connection, a line each. What the authority answers is well-formed.
fn feed_authority(bytes: &[u8]) -> bool {
    let mut space = Space::default();
    let mut good = 0;
    for frame in bytes.split(|byte| *byte == b'\n') {
        let (reply, is_good) = space.answer(frame);
        assert!(decode_server(reply.as_bytes()).is_ok(), "{reply}");
        good += u32::from(is_good);
    }
    good > 0
}
