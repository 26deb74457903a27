//! A folder that is gone when it is dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

/// A new folder among the temporary ones.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// One for this purpose, empty.
    pub fn new(purpose: &str) -> Self {
        let name = format!("holm-bench-{}-{purpose}", process::id());
        let path = std::env::temp_dir().join(name);
        // What a process with the same number has left.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("there is a place for temporary files");
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the files of one of its databases.
    pub fn bytes(&self, database: &str) -> u64 {
        let files = fs::read_dir(self.path.join(database)).expect("the database is there");
        let sizes = files.map(|file| file.and_then(|file| file.metadata()));
        sizes
            .map(|facts| facts.expect("it can be looked at").len())
            .sum()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is the system's to remove.
        let _ = fs::remove_dir_all(&self.path);
    }
}
