//! A folder of files as a disk that refuses every write.

use crate::Failure;
use holm::ids::FileId;
use holm::platform::disk::{Disk, DiskError};
use holm::store::inspect::is_of_store;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The files of one database, open for reading.
pub struct Folder {
    files: Vec<File>,
    /// The names of the store's files, sorted.
    pub names: Vec<(String, FileId)>,
    /// Names of what else lies there, sorted.
    pub others: Vec<String>,
}

impl Folder {
    /// Opens every file of the store. A folder without any is refused.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error| format!("{}: {error}", path.display());
        let mut folder = Self {
            files: Vec::new(),
            names: Vec::new(),
            others: Vec::new(),
        };
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !is_of_store(&name) || !entry.path().is_file() {
                folder.others.push(name);
                continue;
            }
            let id = FileId(u32::try_from(folder.files.len())?);
            folder
                .files
                .push(File::open(entry.path()).map_err(|error| format!("{name}: {error}"))?);
            folder.names.push((name, id));
        }
        folder.names.sort();
        folder.others.sort();
        if folder.names.is_empty() {
            let inside = folder.others.iter().find(|name| name.starts_with("db-"));
            let hint = inside.map_or(String::new(), |name| format!(" Did you mean its `{name}`?"));
            let path = path.display();
            return Err(format!("{path}: there are no files of a database here.{hint}").into());
        }
        Ok(folder)
    }

    fn file(&self, file: FileId) -> Result<&File, DiskError> {
        self.files.get(file.0 as usize).ok_or(DiskError::NotFound)
    }
}

impl Disk for Folder {
    fn read(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let mut file = self.file(file)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut filled = 0;
        while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(filled)
    }

    fn write(&mut self, _: FileId, _: u64, _: &[u8]) -> Result<usize, DiskError> {
        Err(read_only())
    }

    fn truncate(&mut self, _: FileId, _: u64) -> Result<(), DiskError> {
        Err(read_only())
    }

    fn size(&mut self, file: FileId) -> Result<u64, DiskError> {
        let metadata = self.file(file)?.metadata();
        Ok(metadata.map_err(failed)?.len())
    }
}

fn read_only() -> DiskError {
    DiskError::Failed("the folder is only read".into())
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "it is what `map_err` calls with an error"
)]
fn failed(error: io::Error) -> DiskError {
    DiskError::Failed(error.to_string())
}
