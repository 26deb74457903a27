//! The status that pages see: storage, synchronisation, outbox. Told on every change, never more
//! than once a step.

use super::database::Database;
use super::exchange::explain;
use super::out::{Step, map, member, member_text, member_whole, notice, write_head, write_name};
use crate::doc::codec::MAP;
use crate::doc::value::Value;
use crate::event::Input;
use crate::platform::disk::Survival;
use crate::sync::session::Phase;

impl Database {
    /// Tells every page, if there is anything new.
    pub fn tell_status(&mut self, step: &mut Step<'_>) {
        let status = self.status(step.input);
        if status == self.told_status {
            return;
        }
        for tab in &self.pages {
            let mut notice = notice("status", 1);
            write_name(&mut notice, "status");
            notice.extend_from_slice(&status);
            step.out.post(*tab, &notice);
        }
        self.told_status = status;
    }

    /// The status as a value.
    pub fn status(&self, input: &Input) -> Vec<u8> {
        let mut out = map(3);
        write_name(&mut out, "storage");
        self.write_storage(&mut out);
        write_name(&mut out, "sync");
        self.write_sync(&mut out, input);
        write_name(&mut out, "outbox");
        let counts = self.outbox.counts();
        write_head(&mut out, MAP, 5);
        for (name, count) in [
            ("queued", counts.queued),
            ("sent", counts.sent),
            ("accepted", counts.accepted),
            ("rejected", counts.rejected),
            ("quarantined", counts.quarantined),
        ] {
            member_whole(&mut out, name, count as u64);
        }
        out
    }

    fn write_storage(&self, out: &mut Vec<u8>) {
        let storage = &self.storage;
        let is_durable = storage.survival != Survival::Nothing;
        write_head(out, MAP, 8);
        member_text(out, "kind", Some(storage.kind));
        member(out, "durable", &Value::Bool(is_durable));
        member_text(out, "state", Some(storage.state));
        member(out, "full", &Value::Bool(self.store.is_full()));
        member_text(out, "message", storage.problem.as_deref());
        member_whole(out, "bytes", self.store.bytes());
        member_whole(out, "cutBytes", storage.cut_bytes);
        member_whole(out, "indexing", self.indexes.building() as u64);
    }

    fn write_sync(&self, out: &mut Vec<u8>, input: &Input) {
        write_head(out, MAP, 5);
        let mut until_ms = None;
        match &self.link {
            None => write_state(out, "off", None),
            Some(link) => {
                let problem = link.problem.as_deref();
                match link.session.phase() {
                    Phase::Offline => write_state(out, "offline", problem),
                    Phase::Connecting => write_state(out, "connecting", problem),
                    Phase::Pulling => write_state(out, "pulling", problem),
                    Phase::Pushing => write_state(out, "pushing", problem),
                    Phase::Idle => write_state(out, "idle", problem),
                    Phase::NeedsAuth => write_state(out, "needs_auth", problem),
                    Phase::Refused { code, message } => {
                        write_state(out, "refused", Some(&explain(code, message)));
                    }
                    Phase::Backoff {
                        reason,
                        until_ms: until,
                    } => {
                        write_state(out, "backoff", Some(reason));
                        let wait_ms = until.saturating_sub(input.monotonic_ms);
                        until_ms = Some(input.wall_ms + wait_ms);
                    }
                }
            }
        }
        member_optional(out, "until", until_ms);
        let bearing = self.link.as_ref().map(|link| &link.bearing);
        let pulled = bearing.filter(|bearing| bearing.is_pulled);
        member(out, "pulled", &Value::Bool(pulled.is_some()));
        member_optional(out, "version", pulled.map(|bearing| bearing.checkpoint.0));
    }
}

/// The word for where the session stands, and why.
fn write_state(out: &mut Vec<u8>, state: &str, reason: Option<&str>) {
    member_text(out, "state", Some(state));
    member_text(out, "reason", reason);
}

fn member_optional(out: &mut Vec<u8>, name: &str, number: Option<u64>) {
    match number {
        Some(number) => member_whole(out, name, number),
        None => member_text(out, name, None),
    }
}
