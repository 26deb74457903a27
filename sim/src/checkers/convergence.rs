//! Replicas at rest are equal: to each other, to one that pulled everything anew, and to themselves
//! after a crash.

use super::Checker;
use crate::fact::{End, Fact, Rows};
use crate::schema::{NOTE_COLUMN, SYNCED};
use holm::doc::value::Value;

/// See the head of the file.
pub struct Convergence;

/// A row without what stays on the device.
fn shared(collection: &str, row: &Value) -> Value {
    let Value::List(mut row) = row.clone() else {
        return Value::Null;
    };
    if collection == "films" {
        row.remove(NOTE_COLUMN);
    }
    Value::List(row)
}

fn compare(what: &str, a: &Rows, b: &Rows) -> Result<(), String> {
    for collection in SYNCED {
        let rows = |rows: &Rows| -> Vec<Value> {
            let rows = rows.get(collection).map(Vec::as_slice).unwrap_or_default();
            rows.iter().map(|row| shared(collection, row)).collect()
        };
        let (a, b) = (rows(a), rows(b));
        if a != b {
            let only_a: Vec<_> = a.iter().filter(|row| !b.contains(row)).collect();
            let only_b: Vec<_> = b.iter().filter(|row| !a.contains(row)).collect();
            return Err(format!(
                "{collection} of {what} differ: {only_a:?} against {only_b:?}"
            ));
        }
    }
    Ok(())
}

impl Checker for Convergence {
    fn name(&self) -> &'static str {
        "convergence"
    }

    fn see(&mut self, _: &Fact<'_>) -> Result<(), String> {
        Ok(())
    }

    fn finish(&mut self, end: &End) -> Result<(), String> {
        for (index, pair) in end.views.windows(2).enumerate() {
            if let [a, b] = pair {
                compare(&format!("devices {index} and {}", index + 1), a, b)?;
            }
        }
        for (index, (before, after)) in end.views.iter().zip(&end.reopened).enumerate() {
            compare(
                &format!("device {index} before and after a crash"),
                before,
                after,
            )?;
            if before != after {
                return Err(format!(
                    "what only device {index} has is not what it was before a crash"
                ));
            }
        }
        Ok(())
    }
}
