//! Holm's engine: a reactive database as a function of events to effects.
//!
//! Layers, left uses nothing to its right (`docs/ARCHITECTURE.md`): numbers, errors, events and
//! ports; documents and stamps; protocol, merging and Z-sets; operators and the store; queries,
//! transactions and the outbox; synchronisation; the engine; the driver.
//!
//! ```
//! use holm::doc::json;
//! use holm::effect::Effect;
//! use holm::engine::{Engine, message};
//! use holm::event::{Event, Input};
//! use holm::ids::TabId;
//! use holm::platform::inbox::Inbox;
//! use holm::platform::memory::{MemoryDisk, MemoryFiles};
//!
//! let mut disk = MemoryFiles::new(MemoryDisk::default(), Inbox::default());
//! let mut engine = Engine::new();
//! let asked = json::read(br#"{"tab":1,"requests":[{"number":1,"kind":"get"}]}"#)?;
//! let bytes = message::write(asked);
//! let request = Event::Request { tab: TabId(1), bytes };
//! let effects = engine.step(&Input::default(), request, &mut disk);
//! let [Effect::Post { bytes, .. }] = effects.as_slice() else { panic!("one answer") };
//! let [notice] = message::notices(bytes).try_into().expect("one notice");
//! assert_eq!(notice.get("number").and_then(|number| number.as_u64()), Some(1));
//! assert!(notice.get("error").is_some(), "no database is open");
//! # Ok::<(), json::NotJson>(())
//! ```

pub mod causal;
pub mod doc;
pub mod driver;
pub mod effect;
pub mod engine;
pub mod error;
pub mod event;
pub mod ids;
pub mod limits;
pub mod merge;
pub mod operator;
pub mod outbox;
pub mod planted;
pub mod platform;
pub mod protocol;
pub mod query;
pub mod sorted;
pub mod store;
pub mod sync;
pub mod text;
pub mod txn;
pub mod zset;
