//! The status that pages see: storage, synchronisation, outbox. Told on every change, never more
//! than once a step.

use super::database::Database;
use super::out::{Out, write_member, write_whole};
use crate::doc::json::{self, write_text};
use crate::doc::value::Value;
use crate::event::Input;
use crate::sync::session::Phase;

impl Database {
    /// Tells every page, if there is anything new.
    pub fn tell_status(&mut self, input: &Input, out: &mut Out) {
        let status = self.status(input);
        if status == self.told_status {
            return;
        }
        for tab in &self.pages {
            let notice = out.notice(*tab);
            notice.extend_from_slice(b"{\"kind\":\"status\",\"status\":");
            notice.extend_from_slice(&status);
            notice.push(b'}');
        }
        self.told_status = status;
    }

    /// The status as JSON.
    pub fn status(&self, input: &Input) -> Vec<u8> {
        let mut out = b"{\"storage\":".to_vec();
        self.write_storage(&mut out);
        write_member(&mut out, "sync");
        self.write_sync(&mut out, input);
        write_member(&mut out, "outbox");
        let counts = self.outbox.counts();
        out.push(b'{');
        for (name, count) in [
            ("queued", counts.queued),
            ("sent", counts.sent),
            ("accepted", counts.accepted),
            ("rejected", counts.rejected),
            ("quarantined", counts.quarantined),
        ] {
            write_member(&mut out, name);
            write_whole(&mut out, count as u64);
        }
        out.extend_from_slice(b"}}");
        out
    }

    fn write_storage(&self, out: &mut Vec<u8>) {
        let storage = &self.storage;
        out.push(b'{');
        write_member(out, "kind");
        write_text(out, storage.kind);
        write_member(out, "durable");
        json::write(out, &Value::Bool(storage.is_durable));
        write_member(out, "state");
        write_text(out, storage.state);
        write_member(out, "message");
        write_optional(out, storage.problem.as_deref());
        write_member(out, "bytes");
        write_whole(out, self.store.bytes());
        write_member(out, "cutBytes");
        write_whole(out, storage.cut_bytes);
        out.push(b'}');
    }

    fn write_sync(&self, out: &mut Vec<u8>, input: &Input) {
        let (state, reason, until_ms) = self.sync_state(input);
        out.push(b'{');
        write_member(out, "state");
        write_text(out, state);
        write_member(out, "reason");
        write_optional(out, reason.as_deref());
        write_member(out, "until");
        match until_ms {
            Some(until_ms) => write_whole(out, until_ms),
            None => out.extend_from_slice(b"null"),
        }
        let bearing = self.link.as_ref().map(|link| &link.bearing);
        let is_pulled = bearing.is_some_and(|bearing| bearing.is_pulled);
        write_member(out, "pulled");
        json::write(out, &Value::Bool(is_pulled));
        write_member(out, "version");
        match bearing.filter(|bearing| bearing.is_pulled) {
            Some(bearing) => write_whole(out, bearing.checkpoint.0),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
    }

    /// The word for where the session stands, why, and until when by the wall clock.
    fn sync_state(&self, input: &Input) -> (&'static str, Option<String>, Option<u64>) {
        let Some(link) = &self.link else {
            return ("off", None, None);
        };
        let problem = link.problem.clone();
        match link.session.phase() {
            Phase::Offline => ("offline", problem, None),
            Phase::Connecting => ("connecting", problem, None),
            Phase::Pulling => ("pulling", problem, None),
            Phase::Pushing => ("pushing", problem, None),
            Phase::Idle => ("idle", problem, None),
            Phase::NeedsAuth => ("needs_auth", problem, None),
            Phase::Refused { code, message } => {
                ("refused", Some(format!("{code}: {message}")), None)
            }
            Phase::Backoff { reason, until_ms } => {
                let wait_ms = until_ms.saturating_sub(input.monotonic_ms);
                (
                    "backoff",
                    Some(reason.clone()),
                    Some(input.wall_ms + wait_ms),
                )
            }
        }
    }
}

fn write_optional(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => write_text(out, text),
        None => out.extend_from_slice(b"null"),
    }
}
