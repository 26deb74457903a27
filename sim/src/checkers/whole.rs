//! A transaction is there whole or not at all, on every device, at every moment.
//!
//! Two documents that one device always writes together have the same value wherever they are
//! shown.

use super::Checker;
use crate::fact::{End, Fact, Rows};
use crate::json::{column, row_id};
use holm::doc::value::Value;
use std::collections::BTreeMap;

/// See the head of the file.
pub struct Whole;

fn judge(rows: &Rows) -> Result<(), String> {
    let mut pairs: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in rows.get("pairs").into_iter().flatten() {
        let name = row_id(row).get(2..).unwrap_or_default();
        pairs.entry(name).or_default().push(column(row, 1));
    }
    let torn = pairs
        .iter()
        .find(|(_, values)| !matches!(values.as_slice(), [a, b] if a == b));
    torn.map_or(Ok(()), |(name, values)| {
        Err(format!("half of a pair {name} is shown: {values:?}"))
    })
}

impl Checker for Whole {
    fn name(&self) -> &'static str {
        "whole transactions"
    }

    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Shown { rows, .. } => judge(rows),
            _ => Ok(()),
        }
    }

    fn finish(&mut self, end: &End) -> Result<(), String> {
        end.views.iter().try_for_each(judge)
    }
}
