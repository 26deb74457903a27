//! The end: everything is mended, and the world must come to rest by itself, within a time, with
//! nothing left over.

use super::{Happening, World};
use crate::dice::Dice;
use crate::fact::{End, Ending, Rows};
use crate::json::{object, text_of, whole_of};
use crate::page::Stage;
use holm::doc::json::to_text;

/// How long a mended world may take to come to rest, in milliseconds.
const REST_MS: u64 = 300_000;
/// And how long each page of a pull of everything: two flushes and a round trip.
const PAGE_MS: u64 = 1_000;
/// How often is looked.
const LOOK_MS: u64 = 500;

impl World {
    /// Mends the world, waits for rest, lets one more device join, and crashes every machine once
    /// more.
    pub(super) fn finish(&mut self) -> Option<End> {
        if self.failure.is_some() {
            return None;
        }
        self.calm();
        self.note("world", "is mended", b"");
        self.rest("after everything was mended")?;
        let mut dice = Dice::new(self.dice.draw());
        self.add_device(self.devices.len(), &mut dice);
        self.rest("after a new device has joined")?;
        let views = self.views()?;
        for index in 0..self.devices.len() {
            self.crash(index, Ending::Machine);
        }
        self.rest("after a last crash of every machine")?;
        let reopened = self.views()?;
        Some(End {
            views,
            reopened,
            version: self.server.version.0,
        })
    }

    fn views(&mut self) -> Option<Vec<Rows>> {
        let mut views = Vec::new();
        for index in 0..self.devices.len() {
            self.show(index);
            match self.read_all(index) {
                Some(rows) => views.push(rows),
                None => self.fail("liveness", format!("device {index} does not answer")),
            }
        }
        self.failure.is_none().then_some(views)
    }

    /// Waits until nothing is left to be done. None if that takes too long.
    fn rest(&mut self, when: &str) -> Option<()> {
        let pages = self.server.version.0 / u64::from(self.server.page_limit);
        let deadline_ms = self.agenda.now_ms() + REST_MS + pages * PAGE_MS;
        loop {
            let next_ms = self.agenda.now_ms() + LOOK_MS;
            self.agenda.put(next_ms, Happening::Look);
            self.go_on_until(next_ms);
            if self.failure.is_some() {
                return None;
            }
            self.sign_in_again();
            let unrest = self.unrest();
            match unrest {
                None => return Some(()),
                Some(unrest) if self.agenda.now_ms() >= deadline_ms => {
                    self.fail("liveness", format!("no rest {when}: {unrest}"));
                    return None;
                }
                Some(_) => {}
            }
        }
    }

    /// Users who see that their token is not taken sign in again.
    fn sign_in_again(&mut self) {
        for index in 0..self.devices.len() {
            let page = &mut self.device(index).page;
            let state = page
                .status
                .get("sync")
                .map_or("", |sync| text_of(sync, "state"));
            if state == "needs_auth" && page.stage == Stage::Ready && page.pending.is_empty() {
                page.ask("sync", object([]));
                self.flush_page(index);
            }
        }
    }

    /// What keeps the world from rest.
    fn unrest(&self) -> Option<String> {
        self.devices.iter().find_map(|device| {
            let index = device.index;
            let page = &device.page;
            if page.stage != Stage::Ready {
                return Some(format!("device {index}: the page is {:?}", page.stage));
            }
            if let Some(request) = page.pending.values().next() {
                let count = page.pending.len();
                let (kind, number) = (text_of(request, "kind"), whole_of(request, "number"));
                return Some(format!(
                    "device {index}: {count} unanswered, the first is {kind} {number}"
                ));
            }
            let (sync, outbox) = (page.status.get("sync")?, page.status.get("outbox")?);
            let left: u64 = ["queued", "sent", "accepted"]
                .iter()
                .map(|s| whole_of(outbox, s))
                .sum();
            let is_current = whole_of(sync, "version") == self.server.version.0;
            let is_idle = text_of(sync, "state") == "idle";
            (left > 0 || !is_current || !is_idle).then(|| {
                format!(
                    "device {index}: {} at {}",
                    to_text(&page.status),
                    self.server.version.0
                )
            })
        })
    }
}
