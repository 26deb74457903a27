//! What a crash may leave of a database, one image after the other: all of them where they are few,
//! else as many as are asked for, drawn by chance.
//!
//! Within what the format assumes of a disk (`docs/FORMAT.md` section 1) places are chosen at which
//! mistakes are likely: the first byte, a preamble, a header, all but the last byte.

use super::TornDisk;
use super::file::File;
use crate::platform::memory::SeededEntropy;
use std::collections::BTreeMap;

/// Names and contents of a database's files after a crash.
pub type Image = BTreeMap<String, Vec<u8>>;

impl TornDisk {
    /// A disk with this on it, all of it durable.
    pub fn of_image(database: &str, image: &Image) -> Self {
        let disk = Self::new();
        for (name, content) in image {
            disk.set_content(database, name, content.clone());
        }
        disk
    }

    /// What is on it now.
    pub fn image(&self, database: &str) -> Image {
        let names = self.names(database).into_iter();
        let content = |name: String| Some((name.clone(), self.content(database, &name)?));
        names.filter_map(content).collect()
    }

    /// What a crash now may leave of a database: every combination if there are at most `most`,
    /// else that many. That everything survives and that nothing unflushed does are always among
    /// them.
    pub fn images(&self, database: &str, most: usize, seed: u64) -> Vec<Image> {
        let mut random = SeededEntropy::new(seed);
        let state = self.state.borrow();
        let own = state.files.iter().filter(|((of, _), _)| of == database);
        let fates: Vec<(&String, Vec<Option<Vec<u8>>>)> = own
            .map(|((_, name), file)| (name, file.fates(most, &mut random)))
            .collect();
        let count = fates.iter().try_fold(1_usize, |count, (_, fates)| {
            count
                .checked_mul(fates.len())
                .filter(|count| *count <= most)
        });
        let image = |choose: &mut dyn FnMut(usize) -> usize| {
            let content = |(name, fates): &(&String, Vec<Option<Vec<u8>>>)| {
                let fate = fates.get(choose(fates.len()))?.clone()?;
                Some(((*name).clone(), fate))
            };
            fates.iter().filter_map(content).collect::<Image>()
        };
        if let Some(count) = count {
            return (0..count).map(|at| image(&mut mixed(at))).collect();
        }
        let mut images = vec![image(&mut |_| 0), image(&mut |count| count - 1)];
        images.extend((2..most).map(|_| image(&mut |count| random.below(count))));
        images
    }
}

/// The digits of a number whose every place has a base of its own.
fn mixed(mut number: usize) -> impl FnMut(usize) -> usize {
    move |base| {
        let digit = number % base.max(1);
        number /= base.max(1);
        digit
    }
}

impl File {
    /// What a crash may leave of this file, at least one: first what is least, last what is most.
    /// None is that it is not there.
    fn fates(&self, most: usize, random: &mut SeededEntropy) -> Vec<Option<Vec<u8>>> {
        let least = self.durable.clone().unwrap_or_default();
        let mut contents = vec![least];
        for change in &self.changes {
            let mut next = Vec::new();
            for content in &contents {
                change.fates(content, random, &mut next);
            }
            // Last, so that everything surviving stays last.
            let whole = next.pop();
            distinct(&mut next);
            while next.len() + 1 > most.max(2) {
                next.swap_remove(1 + random.below(next.len() - 1));
            }
            next.extend(whole);
            contents = next;
        }
        let mut fates: Vec<_> = contents.into_iter().map(Some).collect();
        match (&self.durable, &self.now) {
            (Some(_), Some(_)) => {}
            (None, Some(_)) => fates.insert(0, None),
            (_, None) => fates.push(None),
        }
        fates
    }
}

/// Drops what is there more than once, and leaves the first where it is.
fn distinct(contents: &mut Vec<Vec<u8>>) {
    if let Some((_, rest)) = contents.split_first_mut() {
        rest.sort_unstable();
    }
    contents.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{FileId, Ticket};
    use crate::platform::disk::{Access, Disk, Files, When};
    use crate::platform::inbox::Inbox;
    use std::collections::BTreeSet;

    const FILE: FileId = FileId(1);

    #[test]
    fn few_changes_leave_every_subset_and_beginnings() {
        let disk = TornDisk::new();
        let mut files = disk.files(Inbox::default());
        files.list("db", Access::Alone);
        files.make("f");
        files.write(FILE, 0, b"kept").expect("there is space");
        files.flush(FILE, Ticket(1), When::Now);
        files.write(FILE, 4, b"one").expect("there is space");
        files.write(FILE, 7, b"two").expect("there is space");
        let images: BTreeSet<Vec<u8>> = disk
            .images("db", 1_000, 1)
            .into_iter()
            .map(|image| image["f"].clone())
            .collect();
        for wanted in [
            b"kept".as_slice(),
            b"keptone",
            b"keptonetwo",
            b"kepto",
            b"kept\0\0\0two",
            b"kept\0\0\0",
            b"keptontwo".get(..6).expect("it is long enough"),
        ] {
            assert!(images.contains(wanted), "{wanted:?}");
        }
        assert!(images.iter().all(|image| image.starts_with(b"kept")));
        let few = disk.images("db", 5, 1);
        assert_eq!(few.len(), 5);
        assert_eq!(few[0]["f"], b"kept");
        assert!(few.iter().any(|image| image["f"] == b"keptonetwo"));
    }

    #[test]
    fn making_and_removing_may_be_undone() {
        let disk = TornDisk::new();
        let mut files = disk.files(Inbox::default());
        files.list("db", Access::Alone);
        files.make("new");
        disk.set_content("db", "old", b"x".to_vec());
        files.remove("old");
        let images = disk.images("db", 100, 1);
        let names: BTreeSet<Vec<&String>> = images.iter().map(|i| i.keys().collect()).collect();
        assert_eq!(names.len(), 4, "{names:?}");
        assert_eq!(TornDisk::of_image("db", &images[0]).image("db"), images[0]);
    }
}
