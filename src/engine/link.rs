//! The link to the server: the session, and what of it outlives the process.

use crate::doc::codec::{Reader, write_value};
use crate::doc::value::Value;
use crate::engine::out::Asker;
use crate::ids::{Seq, Token, Version};
use crate::store::Batch;
use crate::sync::session::Session;
use crate::txn::table;

/// What the store keeps of the link. One record, written with every commit that moves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bearing {
    /// The space that the database belongs to.
    pub home: String,
    /// Whose it is, once a server has said.
    pub subject: Option<String>,
    /// The incarnation of the space's log.
    pub epoch: Option<String>,
    /// Where the last complete pull ended.
    pub cursor: Option<String>,
    /// The version that the base equals.
    pub checkpoint: Version,
    /// Whether a pull has ever been completed.
    pub is_pulled: bool,
    /// Pages of the pull under way that are staged.
    pub staged: u64,
    /// Where the last staged page ended.
    pub staged_cursor: Option<String>,
    /// Whether the pull under way begins again from nothing.
    pub is_resetting: bool,
    /// Lives under which the server may last have seen us.
    pub lives: Vec<Token>,
}

/// The link of an open database.
pub struct Link {
    /// What to say next.
    pub session: Session,
    /// What is stored.
    pub bearing: Bearing,
    /// The token of this opening of the store.
    pub life: Token,
    /// Where to connect.
    pub url: String,
    /// Bearer token, once the page has given it.
    pub token: Option<String>,
    /// Cursors of the pages with others to follow that came on this connection.
    pub pages: Vec<String>,
    /// The part of a large transaction that is to be sent next.
    pub part: Option<(Seq, u32)>,
    /// Seqs pushed and not answered yet.
    pub in_flight: Vec<Seq>,
    /// Most transactions in a push: halved when a batch fails as a whole.
    pub push_max: usize,
    /// How often the first transaction failed alone.
    pub failures: u32,
    /// What the server last refused or sent wrongly, for the status.
    pub problem: Option<String>,
    /// The replica is a new one, since the server took the store for a copy, and was not welcomed
    /// yet.
    pub is_renewed: bool,
    /// Requests `sync` that wait for a push and pull to end.
    pub wanted: Vec<Asker>,
}

/// Most transactions in a push while all goes well.
pub const PUSH_MAX: usize = 500;

impl Link {
    /// A link at rest. A database that belongs to another space stays apart: nothing of it is sent.
    pub fn new(url: String, space: &str, life: Token, stored: Option<Bearing>) -> Self {
        let mut session = Session::new();
        let bearing = match stored {
            Some(bearing) if bearing.home == space => bearing,
            Some(bearing) if bearing.subject.is_some() => {
                let message = [
                    "This database belongs to the space `",
                    &bearing.home,
                    "`. Open another database for `",
                    space,
                    "`; nothing was sent.",
                ]
                .concat();
                session.refuse("wrong_subject", &message);
                bearing
            }
            _ => Bearing {
                home: space.into(),
                ..Bearing::default()
            },
        };
        Self {
            session,
            bearing,
            life,
            url,
            token: None,
            pages: Vec::new(),
            part: None,
            in_flight: Vec::new(),
            push_max: PUSH_MAX,
            failures: 0,
            problem: None,
            is_renewed: false,
            wanted: Vec::new(),
        }
    }
}

impl Bearing {
    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::text);
        let mut lives = Vec::new();
        for life in &self.lives {
            lives.push(Value::String(life.to_text()));
        }
        let list = Value::List(vec![
            Value::text(&self.home),
            text(&self.subject),
            text(&self.epoch),
            text(&self.cursor),
            Value::int(self.checkpoint.0 as i64),
            Value::Bool(self.is_pulled),
            Value::int(self.staged as i64),
            text(&self.staged_cursor),
            Value::Bool(self.is_resetting),
            Value::List(lives),
        ]);
        let mut out = Vec::new();
        write_value(&mut out, &list);
        out
    }

    /// Puts it into a batch.
    pub fn put(&self, batch: &mut Batch) {
        batch.put(table::meta("link"), self.encode());
    }

    /// Reads what `encode` wrote.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let value = Reader::new(bytes).value()?;
        let mut bearing = Self::default();
        bearing.read(value.as_list()?)?;
        Some(bearing)
    }

    fn read(&mut self, values: &[Value]) -> Option<()> {
        let [
            home,
            subject,
            epoch,
            cursor,
            checkpoint,
            is_pulled,
            staged,
            staged_cursor,
            is_resetting,
            lives,
        ] = values
        else {
            return None;
        };
        self.home = text(home)?;
        self.subject = text(subject);
        self.epoch = text(epoch);
        self.cursor = text(cursor);
        self.checkpoint = Version(checkpoint.as_u64()?);
        self.is_pulled = is_pulled.as_bool()?;
        self.staged = staged.as_u64()?;
        self.staged_cursor = text(staged_cursor);
        self.is_resetting = is_resetting.as_bool()?;
        for life in lives.as_list()? {
            self.lives.push(Token::from_text(life.as_str()?)?);
        }
        Some(())
    }

    /// Forgets where pulling stood, so that it begins again from nothing.
    pub fn restart(&mut self, epoch: &str) {
        self.epoch = Some(epoch.into());
        self.cursor = None;
        self.checkpoint = Version(0);
        self.drop_staged();
    }

    /// Forgets the pages of a pull that is not complete.
    pub fn drop_staged(&mut self) {
        self.staged = 0;
        self.staged_cursor = None;
        self.is_resetting = false;
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearing_round_trips() {
        let bearing = Bearing {
            home: "ws://x/y".into(),
            epoch: Some("e".into()),
            checkpoint: Version(7),
            is_pulled: true,
            lives: vec![Token([1; 10]), Token([2; 10])],
            ..Bearing::default()
        };
        assert_eq!(Bearing::decode(&bearing.encode()), Some(bearing));
    }
}
