//! Taking in what the server has: pages are staged, invisible, and the last one applies them all in
//! one record.

use super::database::{Database, damaged};
use super::link::Link;
use super::out::Step;
use super::verdict::{Bases, Moves, Way};
use crate::doc::row::Change;
use crate::error::Error;
use crate::ids::Version;
use crate::merge::record::StoredDocument;
use crate::planted;
use crate::platform::disk::Disk;
use crate::protocol::codec::decode_server;
use crate::protocol::message::{Delta, Outcome, Page, ServerMessage};
use crate::store::{Batch, Direction, Room};
use crate::sync::session::Phase;
use crate::txn::table;
use std::ops::ControlFlow;

/// The client's name for the one shape there is: the whole space.
pub const SHAPE: &str = "all";

impl Database {
    /// Takes a page in. `frame` is its text, which is what is staged.
    pub fn take_page(
        &mut self,
        step: &mut Step<'_>,
        page: &Page,
        frame: &str,
    ) -> Result<(), Error> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        if page.has_more {
            for (_, cursor) in &page.cursors {
                link.pages.push(cursor.clone());
            }
        }
        let bearing = &mut link.bearing;
        let before = bearing.encode();
        if page.reset.iter().any(|shape| shape == SHAPE) || is_first(bearing) {
            bearing.is_resetting = true;
        }
        let cursor = page.cursors.iter().find(|(shape, _)| shape == SHAPE);
        let cursor = cursor.map(|(_, cursor)| cursor.clone());
        let result = if page.has_more && !planted::is("engine_pages_shown_early") {
            self.stage_page(step, page, frame, cursor)
        } else {
            self.apply_pages(step, page, cursor)
        };
        if result.is_err() {
            self.turn_back(&before);
        }
        result
    }

    fn stage_page(
        &mut self,
        step: &mut Step<'_>,
        page: &Page,
        frame: &str,
        cursor: Option<String>,
    ) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.room = Room::Free;
        let link = self.link.as_mut().expect("pages come over a link");
        batch.put(
            table::numbered(table::STAGED, link.bearing.staged),
            frame.as_bytes().to_vec(),
        );
        link.bearing.staged += 1;
        link.bearing.staged_cursor = cursor;
        link.bearing.put(&mut batch);
        let moves = self.moves_of(&page.verdicts);
        self.commit_moves(step, &moves, batch)
    }

    fn apply_pages(
        &mut self,
        step: &mut Step<'_>,
        page: &Page,
        cursor: Option<String>,
    ) -> Result<(), Error> {
        let staged = self.staged_deltas(step.disk)?;
        // What was written here comes back, and frees what its entries take.
        let is_over = |delta: &Delta| self.outbox.is_over(&delta.key);
        let is_own = staged.is_empty() && page.deltas.iter().all(is_over);
        let is_resetting = self.arrive(page, cursor);
        let moves = self.settling_moves(page);
        self.install(&moves, Way::Forward);
        let mut batch = Batch::new();
        if !is_own {
            batch.room = Room::Free;
        }
        let mut changes = Vec::new();
        let put = self.put_pulled(
            step.disk,
            (&[&staged, &page.deltas], &moves, is_resetting),
            &mut batch,
            &mut changes,
        );
        self.end_moves(step, &moves, put.map(|()| batch), &changes)
    }

    /// Moves the bearing to the checkpoint; says whether the pull that ends here began from
    /// nothing.
    fn arrive(&mut self, page: &Page, cursor: Option<String>) -> bool {
        let bearing = &mut self.link.as_mut().expect("pages come over a link").bearing;
        let is_resetting = std::mem::take(&mut bearing.is_resetting);
        bearing.cursor = cursor;
        bearing.checkpoint = page.checkpoint;
        bearing.is_pulled = true;
        bearing.staged = 0;
        bearing.staged_cursor = None;
        is_resetting
    }

    /// The page's verdicts, and the entries that its checkpoint covers, which go.
    fn settling_moves(&self, page: &Page) -> Moves {
        let mut moves = self.moves_of(&page.verdicts);
        for (before, after) in &mut moves.entries {
            let is_covered = page.verdicts.iter().any(|verdict| {
                Some(verdict.seq) == before.state.seq()
                    && is_within(&verdict.outcome, page.checkpoint)
            });
            if is_covered && before.state.is_overlaid() {
                *after = None;
            }
        }
        let covered = self.outbox.covered(page.checkpoint).into_iter();
        for id in covered.filter(|_| !planted::is("engine_covered_kept")) {
            let entry = self
                .outbox
                .get(id)
                .expect("covered entries are in the outbox");
            moves.entries.push((entry.clone(), None));
        }
        moves
    }

    /// Deltas of the pages that are staged, in their order.
    fn staged_deltas(&self, disk: &mut dyn Disk) -> Result<Vec<Delta>, Error> {
        let staged = self.link.as_ref().map_or(0, |link| link.bearing.staged);
        let mut deltas = Vec::new();
        for number in 0..staged {
            let key = table::numbered(table::STAGED, number);
            let frame = self.store.get(disk, &key)?;
            match frame.map(|frame| decode_server(&frame)) {
                Some(Ok(ServerMessage::Page(mut page))) => deltas.append(&mut page.deltas),
                _ => return Err(damaged("a staged page does not decode")),
            }
        }
        Ok(deltas)
    }

    /// Everything that the end of a pull writes. Moves are installed already.
    fn put_pulled(
        &mut self,
        disk: &mut dyn Disk,
        (deltas, moves, is_resetting): (&[&[Delta]; 2], &Moves, bool),
        batch: &mut Batch,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        if planted::is("engine_cursor_in_own_record") {
            self.put_link(batch, disk)?;
            self.commit(disk, std::mem::take(batch))?;
        }
        self.put_entries(moves, batch, changes);
        let mut bases = Bases::default();
        if is_resetting {
            self.add_empty_bases(disk, &mut bases)?;
        } else {
            for (before, _) in &moves.entries {
                self.add_bases(disk, before, &mut bases)?;
            }
        }
        for delta in deltas.iter().copied().flatten() {
            self.apply_pulled(disk, delta, is_resetting, &mut bases)?;
        }
        self.put_rebased(disk, &bases, batch, changes)?;
        self.put_link(batch, disk)
    }

    /// Applies a delta to the base of its document.
    fn apply_pulled(
        &mut self,
        disk: &mut dyn Disk,
        delta: &Delta,
        is_resetting: bool,
        bases: &mut Bases,
    ) -> Result<(), Error> {
        let place = table::document(table::BASE, &delta.key);
        if is_resetting && bases.get(&place).is_none() {
            bases.insert(place.clone(), StoredDocument::default());
        }
        self.add_base(disk, &delta.key, &place, bases)?;
        let base = bases.get_mut(&place).expect("it was there or put there");
        base.apply(delta, Version(0), &mut |path| self.dictionary.intern(path));
        self.clock.observe(delta.stamp.time);
        for own in delta.paths.iter().filter_map(|write| write.stamp) {
            self.clock.observe(own.time);
        }
        Ok(())
    }

    /// An empty base for every synced document there is, so that those the server no longer has
    /// go when a pull began from nothing.
    fn add_empty_bases(&self, disk: &mut dyn Disk, bases: &mut Bases) -> Result<(), Error> {
        let mut visit = |key: &[u8], _: &[u8]| {
            if let Some(key) = table::document_key(key) {
                let position = self.schema.position(&key.collection);
                if position.map_or(true, |position| !self.schema.at(position).is_local) {
                    let place = table::document(table::BASE, &key);
                    bases.insert(place, StoredDocument::default());
                }
            }
            ControlFlow::Continue(())
        };
        let (from, to) = ([table::VISIBLE], [table::VISIBLE + 1]);
        self.store
            .scan(disk, &from, &to, Direction::Forward, &mut visit)
            .map_err(Error::from)
    }

    /// Writes the bearing and removes what was staged.
    fn put_link(&self, batch: &mut Batch, disk: &mut dyn Disk) -> Result<(), Error> {
        let Some(link) = &self.link else {
            return Ok(());
        };
        link.bearing.put(batch);
        let mut visit = |key: &[u8], _: &[u8]| {
            batch.delete(key.to_vec());
            ControlFlow::Continue(())
        };
        let (from, to) = ([table::STAGED], [table::STAGED + 1]);
        self.store
            .scan(disk, &from, &to, Direction::Forward, &mut visit)
            .map_err(Error::from)
    }
}

/// Whether a page came before, or was not asked for: something on the way sends frames twice, or
/// out of order. Taking it in would end a pull early or lead back to an older checkpoint.
pub fn is_stale(link: &Link, page: &Page) -> bool {
    if planted::is("engine_stale_page_taken") {
        return false;
    }
    let bearing = &link.bearing;
    let is_known = page
        .cursors
        .iter()
        .any(|(_, cursor)| link.pages.contains(cursor));
    let is_old = page.checkpoint < bearing.checkpoint
        || (page.checkpoint == bearing.checkpoint && bearing.staged > 0 && !page.has_more);
    *link.session.phase() != Phase::Pulling || is_old || (page.has_more && is_known)
}

/// Whether a pull up to `checkpoint` has brought what was accepted.
fn is_within(outcome: &Outcome, checkpoint: Version) -> bool {
    matches!(outcome, Outcome::Accepted { version, .. } if *version <= checkpoint)
}

/// Whether this is the first page of a pull that has no cursor to begin from.
fn is_first(bearing: &super::link::Bearing) -> bool {
    bearing.cursor.is_none() && bearing.staged == 0
}
