//! No write is lost in silence: at the end each is accepted, or refused and kept with its reason,
//! or thrown away by its user. What was refused at the call has no effect at all.

use super::Checker;
use super::ledger::{Held, Ledger, Said, Write};
use super::verdicts::Accepted;
use crate::fact::{End, Fact, Rows};
use crate::json::{column, row_id};
use std::collections::BTreeMap;

/// See the head of the file.
#[derive(Default)]
pub struct NoSilence {
    ledger: Ledger,
    accepted: Accepted,
}

impl NoSilence {
    fn judge(
        &self,
        name: &str,
        (write, held): (&Write, &Held),
        outbox: &BTreeMap<&str, &str>,
    ) -> Result<(), String> {
        let state = outbox.get(name).copied();
        let is_accepted = self.accepted.names.contains_key(name);
        let is_kept = matches!(state, Some("rejected" | "quarantined"));
        // Of a store that was copied one life may have had it accepted, and the other refused.
        if is_accepted && state.is_some() && !(write.is_copied && is_kept) {
            return Err(format!("{name} was accepted and is still {state:?}"));
        }
        match &held.said {
            Said::Refused(code) if !held.is_doubtful && (is_accepted || state.is_some()) => Err(
                format!("{name} was refused with {code}, and is {state:?} all the same"),
            ),
            Said::Saved(entry)
                if *entry > 0 && !is_accepted && !is_kept && !held.is_discarded() =>
            {
                Err(format!(
                    "{name} is neither accepted nor kept: {write:?} {held:?}"
                ))
            }
            Said::Saved(0) if write.is_synced() => {
                Err(format!("{name} was saved but is not to be sent"))
            }
            _ => Ok(()),
        }
    }

    fn judge_device(&self, device: usize, rows: &Rows) -> Result<(), String> {
        let outbox = rows.get("$outbox").map(Vec::as_slice).unwrap_or_default();
        for row in outbox {
            if column(row, 4).as_str().is_none_or(str::is_empty) {
                return Err(format!(
                    "device {device} keeps {} without a reason",
                    row_id(row)
                ));
            }
        }
        let named = outbox.iter().map(|row| {
            (
                column(row, 3).as_str().unwrap_or(""),
                column(row, 1).as_str().unwrap_or(""),
            )
        });
        let named: BTreeMap<&str, &str> = named.collect();
        let mut held = self.ledger.of(device);
        held.try_for_each(|(name, write, held)| self.judge(name, (write, held), &named))
    }
}

impl Checker for NoSilence {
    fn name(&self) -> &'static str {
        "no silent loss"
    }

    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String> {
        self.ledger.see(fact);
        self.accepted.see(fact);
        Ok(())
    }

    fn finish(&mut self, end: &End) -> Result<(), String> {
        let views = end.views.iter().enumerate();
        views
            .into_iter()
            .try_for_each(|(device, rows)| self.judge_device(device, rows))
    }
}
