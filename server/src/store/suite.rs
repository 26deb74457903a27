//! What every store must do, whatever it keeps its rows in.

use super::Store;
use holm::causal::stamp::{Stamp, Time};
use holm::doc::path::{DocumentKey, Path as FieldPath};
use holm::doc::value::Value;
use holm::ids::{Life, Seq, Term, Token, Version};
use holm::protocol::message::{
    ClientMessage, Delta, Hello, Page, PathWrite, Pull, Push, Pushed, ServerMessage, ShapePull,
};
use holm::sync::authority::Context;
use std::path::{Path, PathBuf};

/// A folder that goes with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("holm-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn context() -> Context {
    Context {
        subject: "ann".into(),
        time_ms: 1_000,
        fresh_epoch: "e1".into(),
        session: None,
    }
}

/// How many rows a database has.
pub fn count(connection: &rusqlite::Connection) -> i64 {
    connection
        .query_row("SELECT count(*) FROM rows", [], |row| row.get(0))
        .unwrap()
}

/// Says hello, which must be answered by a welcome.
pub fn welcome(store: &mut dyn Store, space: &str) -> Version {
    let hello = ClientMessage::Hello(Hello {
        protocol: (1, 1),
        replica: Token([1; 10]),
        term: Term(1),
        life: Token([2; 10]),
        previous_lives: vec![],
        next_seq: Seq(100),
        confirmed: Seq(0),
        schema_version: 1,
        capabilities: vec![],
        token: None,
    });
    match store.handle(space, &context(), &hello).unwrap().reply {
        ServerMessage::Welcome(welcome) => welcome.version,
        other => panic!("expected a welcome, got {other:?}"),
    }
}

/// One transaction that inserts these documents.
pub fn push(seq: u64, ids: &[&str]) -> ClientMessage {
    let stamp = Stamp {
        time: Time(5),
        replica: Token([1; 10]),
    };
    let insert = |id: &&str| {
        let write = |path, value| PathWrite {
            path,
            value,
            saw: None,
            stamp: None,
        };
        let paths = vec![
            write(FieldPath::existence(), Value::int(1)),
            write(FieldPath::field("title"), Value::text(id)),
        ];
        Delta {
            key: DocumentKey::new("films", id),
            life: Life(1),
            stamp,
            upsert: true,
            paths,
        }
    };
    let deltas = ids.iter().map(insert).collect();
    let pushed = Pushed {
        seq: Seq(seq),
        schema_version: 1,
        mutation: None,
        part: None,
        is_void: false,
        deltas,
    };
    let (replica, term) = (Token([1; 10]), Term(1));
    ClientMessage::Push(Push {
        replica,
        term,
        confirmed: Seq(0),
        transactions: vec![pushed],
    })
}

/// Everything in a space that fits in a page of `limit` documents.
pub fn pull(store: &mut dyn Store, space: &str, limit: u32) -> Page {
    let shapes = vec![ShapePull {
        id: "all".into(),
        cursor: None,
    }];
    let pull = ClientMessage::Pull(Pull {
        replica: Token([1; 10]),
        confirmed: Seq(0),
        shapes,
        limit,
    });
    match store.handle(space, &context(), &pull).unwrap().reply {
        ServerMessage::Page(page) => page,
        other => panic!("expected a page, got {other:?}"),
    }
}

/// The suite, on a store that is empty.
pub fn check(store: &mut dyn Store) {
    assert_eq!(welcome(store, "films"), Version(0));
    let decision = store
        .handle("films", &context(), &push(1, &["2", "1", "3"]))
        .unwrap();
    assert_eq!(decision.poke, Some(Version(1)));
    let again = store.handle("films", &context(), &push(1, &["9"])).unwrap();
    assert_eq!(
        (again.reply, again.poke),
        (decision.reply, None),
        "one verdict, one effect"
    );
    let page = pull(store, "films", 2);
    let ids: Vec<_> = page
        .deltas
        .iter()
        .map(|delta| delta.key.id.as_str())
        .collect();
    assert_eq!(
        (ids, page.has_more),
        (vec!["1", "2"], true),
        "rows are scanned in order"
    );
    assert_eq!(
        welcome(store, "books"),
        Version(0),
        "spaces know nothing of each other"
    );
    assert_eq!(pull(store, "books", 10).deltas.len(), 0);
    store.handle("films", &context(), &push(2, &["1"])).unwrap();
    let page = pull(store, "films", 10);
    assert_eq!((page.deltas.len(), page.checkpoint), (3, Version(2)));
    check_kept(store);
}

/// What `check` left, also after the store was closed and opened again.
pub fn check_kept(store: &mut dyn Store) {
    let page = pull(store, "films", 10);
    assert_eq!(
        (page.deltas.len(), page.checkpoint, page.has_more),
        (3, Version(2), false)
    );
    assert_eq!(page.verdicts.len(), 2);
    assert_eq!(welcome(store, "films"), Version(2));
}
