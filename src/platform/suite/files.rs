//! The suite of `Files` and `Disk`.

use super::{Turn, next};
use crate::event::Event;
use crate::ids::{FileId, Ticket};
use crate::platform::disk::{Access, DiskError, Files, When};
use crate::platform::inbox::Inbox;

/// What is under test, with the inbox it pushes into.
struct Subject<'a, T> {
    turn: &'a T,
    inbox: Inbox,
    files: Box<dyn Files>,
}

/// Every promise of the `disk` module. `make` opens the same medium each time; what was made before
/// is dropped first. The databases `suite-a` and `suite-b` on it must be new.
pub async fn files(turn: &impl Turn, make: &mut dyn FnMut(Inbox) -> Box<dyn Files>) {
    let inbox = Inbox::default();
    let mut subject = Subject {
        turn,
        files: make(inbox.clone()),
        inbox,
    };
    assert_eq!(
        subject.list("suite-a").await,
        [],
        "a new database has no files"
    );
    let first = subject.make("first-1").await.expect("a file can be made");
    reads_find_what_was_written(&mut subject, first);
    cuts_shorten(&mut subject, first);
    subject.flushes_are_answered(first).await;
    subject.making_twice_is_refused(first).await;
    subject.closing_voids_handles(first).await;
    subject.databases_are_apart().await;
    subject.removed_files_are_gone().await;

    drop(subject.files);
    let inbox = Inbox::default();
    let mut subject = Subject {
        turn,
        files: make(inbox.clone()),
        inbox,
    };
    let listed = subject.list("suite-a").await;
    let [(name, file)] = listed.as_slice() else {
        panic!("one file was left: {listed:?}")
    };
    assert_eq!(name, "first-1");
    assert_eq!(
        read(&mut *subject.files, *file, 0, 9),
        b"abc",
        "content outlives its opener"
    );
    large_calls_are_whole(&mut subject, *file);
    subject.files.close();
}

impl<T: Turn> Subject<'_, T> {
    async fn next(&self) -> Event {
        next(self.turn, &self.inbox).await
    }

    async fn list(&mut self, database: &str) -> Vec<(String, FileId)> {
        self.files.list(database, Access::Alone);
        match self.next().await {
            Event::Listed {
                files,
                kind,
                survival,
            } => {
                assert_eq!(kind, self.files.kind());
                assert_eq!(survival, self.files.survives());
                files.expect("the files can be opened")
            }
            other => panic!("list is answered by Listed, not {other:?}"),
        }
    }

    async fn make(&mut self, name: &str) -> Result<FileId, DiskError> {
        self.files.make(name);
        match self.next().await {
            Event::FileReady { name: made, result } => {
                assert_eq!(made, name);
                result
            }
            other => panic!("make is answered by FileReady, not {other:?}"),
        }
    }

    async fn flushes_are_answered(&mut self, file: FileId) {
        for (ticket, when) in [(Ticket(7), When::Now), (Ticket(8), When::Later)] {
            self.files.flush(file, ticket, when);
            assert_eq!(
                self.next().await,
                Event::Flushed {
                    ticket,
                    result: Ok(())
                }
            );
        }
        let ticket = Ticket(9);
        self.files.flush(FileId(u32::MAX), ticket, When::Now);
        match self.next().await {
            Event::Flushed {
                ticket: answered,
                result: Err(_),
            } => assert_eq!(answered, ticket),
            other => panic!("a flush of no file fails, but gave {other:?}"),
        }
    }

    async fn making_twice_is_refused(&mut self, file: FileId) {
        let again = self.make("first-1").await;
        assert!(again.is_err(), "a file that is there is not made again");
        assert_eq!(read(&mut *self.files, file, 0, 9), b"abc", "nor emptied");
    }

    async fn closing_voids_handles(&mut self, file: FileId) {
        self.files.close();
        let mut byte = [0];
        assert_eq!(
            self.files.read(file, 0, &mut byte),
            Err(DiskError::NotFound)
        );
        assert_eq!(self.files.write(file, 0, &byte), Err(DiskError::NotFound));
        assert_eq!(self.files.truncate(file, 0), Err(DiskError::NotFound));
        assert_eq!(self.files.size(file), Err(DiskError::NotFound));
        let listed = self.list("suite-a").await;
        let [(name, file)] = listed.as_slice() else {
            panic!("one file was made: {listed:?}")
        };
        assert_eq!(name, "first-1");
        assert_eq!(
            read(&mut *self.files, *file, 0, 9),
            b"abc",
            "content outlives its handle"
        );
    }

    async fn databases_are_apart(&mut self) {
        assert_eq!(
            self.list("suite-b").await,
            [],
            "another database has its own files"
        );
        let file = self.make("first-1").await.expect("under the same name too");
        assert_eq!(self.files.size(file), Ok(0));
        self.files.remove("first-1");
        assert_eq!(self.list("suite-b").await, []);
        assert_eq!(
            self.list("suite-a").await.len(),
            1,
            "removing went to the database in use"
        );
    }

    async fn removed_files_are_gone(&mut self) {
        let second = self
            .make("second-2")
            .await
            .expect("a second file can be made");
        assert_eq!(self.files.write(second, 0, b"x"), Ok(1));
        self.files.remove("second-2");
        self.files.remove("never-made");
        assert_eq!(
            self.files.size(second),
            Err(DiskError::NotFound),
            "its handle is void"
        );
        let names: Vec<String> = self
            .list("suite-a")
            .await
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["first-1"]);
    }
}

fn reads_find_what_was_written<T>(subject: &mut Subject<'_, T>, file: FileId) {
    let files = &mut *subject.files;
    assert_eq!(files.size(file), Ok(0), "a new file is empty");
    assert_eq!(read(files, file, 0, 4), b"", "and has nothing to read");
    assert_eq!(files.write(file, 0, b"hello"), Ok(5));
    assert_eq!(read(files, file, 1, 3), b"ell", "a write is seen at once");
    assert_eq!(read(files, file, 3, 9), b"lo", "reading stops at the end");
    assert_eq!(read(files, file, 99, 9), b"", "there is nothing beyond it");
    assert_eq!(files.write(file, 1, b"a"), Ok(1));
    assert_eq!(read(files, file, 0, 9), b"hallo", "a write replaces");
    assert_eq!(files.write(file, 8, b"!"), Ok(1));
    assert_eq!(read(files, file, 0, 9), b"hallo\0\0\0!", "a gap is zeros");
    assert_eq!(files.size(file), Ok(9));
    assert_eq!(
        files.write(file, 4, b""),
        Ok(0),
        "writing nothing is no error"
    );
    assert_eq!(files.size(file), Ok(9));
}

fn cuts_shorten<T>(subject: &mut Subject<'_, T>, file: FileId) {
    let files = &mut *subject.files;
    assert_eq!(files.write(file, 0, b"abcdefghi"), Ok(9));
    assert_eq!(files.truncate(file, 2), Ok(()));
    assert_eq!(files.size(file), Ok(2));
    assert_eq!(files.write(file, 3, b"d"), Ok(1));
    assert_eq!(
        read(files, file, 0, 9),
        b"ab\0d",
        "what was cut does not come back"
    );
    assert_eq!(files.truncate(file, 2), Ok(()));
    assert_eq!(files.write(file, 2, b"c"), Ok(1));
}

fn large_calls_are_whole<T>(subject: &mut Subject<'_, T>, file: FileId) {
    let large: Vec<u8> = (0..3_000_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    assert_eq!(subject.files.write(file, 3, &large), Ok(large.len()));
    let found = read(&mut *subject.files, file, 3, large.len());
    assert!(found == large, "three megabytes in one call");
}

fn read(files: &mut dyn Files, file: FileId, offset: u64, length: usize) -> Vec<u8> {
    let mut into = vec![0xee; length];
    let count = files
        .read(file, offset, &mut into)
        .expect("the file is open");
    into.truncate(count);
    into
}
