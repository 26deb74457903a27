//! A list of rows that is kept by patches, as `docs/PAGE.md` says they are applied.

use crate::json::{list_of, whole_of};
use holm::doc::value::Value;
use std::collections::BTreeSet;

/// The rows that a live query shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List {
    /// In order.
    pub rows: Vec<Value>,
}

fn pair(value: &Value) -> Option<(usize, &Value)> {
    let [at, second] = value.as_list()? else {
        return None;
    };
    Some((at.as_u64()? as usize, second))
}

impl List {
    /// A first result.
    pub fn new(rows: Vec<Value>) -> Self {
        Self { rows }
    }

    /// Applies a patch. The error says what about it makes no sense.
    pub fn apply(&mut self, patch: &Value) -> Result<(), String> {
        self.try_apply(patch).ok_or_else(|| {
            let count = self.rows.len();
            let subscription = whole_of(patch, "subscription");
            format!("a patch for {subscription} does not fit a list of {count} rows: {patch:?}")
        })
    }

    fn try_apply(&mut self, patch: &Value) -> Option<()> {
        let mut gone = BTreeSet::new();
        for at in list_of(patch, "removes") {
            gone.insert(at.as_u64()? as usize);
        }
        let mut placed: Vec<(usize, Value)> = Vec::new();
        for each in list_of(patch, "moves") {
            let (from, to) = pair(each)?;
            gone.insert(from);
            placed.push((to.as_u64()? as usize, self.rows.get(from)?.clone()));
        }
        for each in list_of(patch, "inserts") {
            let (at, row) = pair(each)?;
            placed.push((at, row.clone()));
        }
        if gone.iter().any(|at| *at >= self.rows.len()) {
            return None;
        }
        let old = std::mem::take(&mut self.rows).into_iter().enumerate();
        self.rows = old
            .filter(|(at, _)| !gone.contains(at))
            .map(|(_, row)| row)
            .collect();
        placed.sort_by_key(|(at, _)| *at);
        for (at, row) in placed {
            if at > self.rows.len() {
                return None;
            }
            self.rows.insert(at, row);
        }
        list_of(patch, "updates")
            .iter()
            .try_for_each(|update| self.update(update))
    }

    fn update(&mut self, update: &Value) -> Option<()> {
        let (at, columns) = pair(update)?;
        let Some(Value::List(row)) = self.rows.get_mut(at) else {
            return None;
        };
        for column in columns.as_list()? {
            let (column, value) = pair(column)?;
            *row.get_mut(column)? = value.clone();
        }
        Some(())
    }
}
