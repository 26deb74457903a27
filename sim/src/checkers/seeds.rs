//! One document that every device seeds with a value of its own has everywhere the largest of the
//! values that were sent: equal stamps are broken by the value.

use super::Checker;
use super::verdicts::verdicts_of;
use crate::app::write::SEEDED;
use crate::fact::{End, Fact};
use crate::json::{column, row_id};
use holm::doc::value::Value;
use holm::protocol::message::Outcome;

/// See the head of the file.
#[derive(Default)]
pub struct Seeds {
    largest: Option<Value>,
}

impl Checker for Seeds {
    fn name(&self) -> &'static str {
        "seeds"
    }

    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String> {
        for told in verdicts_of(fact) {
            let deltas = told.pushed.deltas.iter();
            let is_accepted = matches!(told.outcome, Outcome::Accepted { .. });
            for delta in deltas.filter(|delta| is_accepted && delta.key.id == SEEDED) {
                let first = delta
                    .paths
                    .iter()
                    .find(|write| write.path.as_field() == Some("first"));
                let value = first.map(|write| write.value.clone());
                self.largest = self.largest.take().max(value);
            }
        }
        Ok(())
    }

    fn finish(&mut self, end: &End) -> Result<(), String> {
        for (device, rows) in end.views.iter().enumerate() {
            let row = rows
                .get("solos")
                .into_iter()
                .flatten()
                .find(|row| row_id(row) == SEEDED);
            let shown = row.map(|row| column(row, 1));
            if shown != self.largest.as_ref() {
                let largest = &self.largest;
                return Err(format!(
                    "device {device} shows the seed {shown:?}, not {largest:?}"
                ));
            }
        }
        Ok(())
    }
}
