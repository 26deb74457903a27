//! The store by itself, over the files of a database that is closed.

use crate::device::DATABASE;
use crate::native::{Calls, NativeFiles};
use holm::event::Event;
use holm::platform::disk::{Access, Files};
use holm::platform::inbox::Inbox;
use holm::store::{Direction, Recovery, Sizes, Store, StoreProblem};
use std::ops::ControlFlow;
use std::path::Path;

/// A store that is read and not written.
pub struct Reading {
    files: NativeFiles,
    store: Store,
}

impl Reading {
    /// Of the database in this folder.
    pub fn open(folder: &Path, calls: Calls) -> Self {
        let inbox = Inbox::default();
        let mut files = NativeFiles::new(folder.to_owned(), calls, inbox.clone());
        files.list(DATABASE, Access::Alone);
        let Some(Event::Listed { files: listed, .. }) = inbox.pop() else {
            panic!("no answer")
        };
        let listed = listed.expect("the files can be opened");
        let recovery = Recovery::read(&mut files, &listed, Sizes::default());
        let mut recovery = recovery.expect("it can be read");
        assert_eq!(recovery.report().damage, [], "nothing is damaged");
        let store = recovery.read_only(StoreProblem::Full.into());
        Self { files, store }
    }

    /// Visits every pair, and gives how many there are and their bytes.
    pub fn scan(&mut self, direction: Direction) -> (u64, u64) {
        let (mut count, mut bytes) = (0, 0);
        let visit = &mut |key: &[u8], value: &[u8]| {
            count += 1;
            bytes += (key.len() + value.len()) as u64;
            ControlFlow::Continue(())
        };
        let all = (&[][..], &[0xff][..]);
        let scanned = self
            .store
            .scan(&mut self.files, all.0, all.1, direction, visit);
        scanned.expect("it can be read");
        (count, bytes)
    }

    /// Pairs and bytes by the table that the first byte of the key names.
    pub fn tables(&mut self) -> Vec<(char, u64, u64)> {
        let mut tables: Vec<(char, u64, u64)> = Vec::new();
        let visit = &mut |key: &[u8], value: &[u8]| {
            let name = key.first().copied().map_or(' ', char::from);
            if tables.last().is_none_or(|(last, ..)| *last != name) {
                tables.push((name, 0, 0));
            }
            if let Some((_, count, bytes)) = tables.last_mut() {
                *count += 1;
                *bytes += (key.len() + value.len()) as u64;
            }
            ControlFlow::Continue(())
        };
        let scanned = self
            .store
            .scan(&mut self.files, &[], &[0xff], Direction::Forward, visit);
        scanned.expect("it can be read");
        tables
    }
}
