//! A store in memory, for tests and trials: nothing outlives the process.

use super::{Store, StoreError};
use holm::protocol::message::ClientMessage;
use holm::sync::authority::{Context, Decision, Key, run};
use std::collections::{BTreeMap, HashMap};

/// Rows by space.
#[derive(Debug, Default)]
pub struct MemoryStore {
    spaces: HashMap<String, BTreeMap<Key, Vec<u8>>>,
}

impl Store for MemoryStore {
    fn handle(
        &mut self,
        space: &str,
        context: &Context,
        message: &ClientMessage,
    ) -> Result<Decision, StoreError> {
        let none = BTreeMap::new();
        let rows = self.spaces.get(space).unwrap_or(&none);
        let decision = run(context, message, |need| {
            Ok::<_, StoreError>(need.read_from(rows))
        })?;
        if !decision.writes.is_empty() {
            let rows = self.spaces.entry(space.into()).or_default();
            for (key, row) in &decision.writes {
                match row {
                    Some(row) => rows.insert(key.clone(), row.clone()),
                    None => rows.remove(key),
                };
            }
        }
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::suite;

    #[test]
    fn a_store_in_memory_is_a_store() {
        suite::check(&mut MemoryStore::default());
    }
}
