//! The folder of one database: the asynchronous half of OPFS.

use super::disk_error;
use super::file::OpfsFile;
use holm::platform::disk::DiskError;
use js_sys::{IteratorNext, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemHandle, FileSystemHandleKind, FileSystemSyncAccessHandle,
};

#[wasm_bindgen]
extern "C" {
    type Navigator;
    #[wasm_bindgen(thread_local_v2, js_name = navigator)]
    static NAVIGATOR: Option<Navigator>;
    #[wasm_bindgen(method, getter)]
    fn storage(this: &Navigator) -> Option<StorageManager>;

    type StorageManager;
    // Missing in some browsers and thrown by others in private mode: so `catch`, unlike in web-sys.
    #[wasm_bindgen(method, catch, js_name = getDirectory)]
    fn get_directory(this: &StorageManager) -> Result<Promise, JsValue>;

    // Exposed exactly where sync access handles are: in dedicated workers.
    #[wasm_bindgen(thread_local_v2, js_name = FileSystemSyncAccessHandle)]
    static SYNC_ACCESS_HANDLE: Option<JsValue>;
}

/// The folder above those of the databases.
const ROOT: &str = "holm";
/// Written, flushed, read back and removed in a fresh folder. No file of a store has this name.
const PROBE: &str = ".probe";
const PROBE_BYTES: &[u8] = b"holm probes what it is going to rely on";

/// An OPFS folder.
#[derive(Clone)]
pub struct Folder {
    handle: FileSystemDirectoryHandle,
}

impl Folder {
    /// Whether this platform lets us at OPFS at all. Private modes have it and refuse.
    pub async fn is_supported() -> bool {
        SYNC_ACCESS_HANDLE.with(Option::is_some) && origin_folder().await.is_ok()
    }

    /// Opens the folder of `database`, making it if need be.
    pub async fn open(database: &str) -> Result<Self, DiskError> {
        let open = async || {
            let root = subfolder(&origin_folder().await?, ROOT).await?;
            subfolder(&root, &folder_name(database)).await
        };
        open()
            .await
            .map(|handle| Self { handle })
            .map_err(|thrown| disk_error(&thrown))
    }

    /// Opens every file, all at once since each may take milliseconds. If one fails none stays
    /// open.
    pub async fn open_files(&self) -> Result<Vec<(String, OpfsFile)>, DiskError> {
        let found = self.found().await.map_err(|thrown| disk_error(&thrown))?;
        let begin = |(name, handle): (String, FileSystemFileHandle)| {
            (name, JsFuture::from(handle.create_sync_access_handle()))
        };
        let opening: Vec<_> = found.into_iter().map(begin).collect();
        let mut files = Vec::new();
        let mut failure = None;
        for (name, opening) in opening {
            match opening.await {
                Ok(handle) => files.push((name, owned(handle))),
                Err(thrown) => failure = failure.or(Some(disk_error(&thrown))),
            }
        }
        failure.map_or(Ok(files), Err)
    }

    /// Makes and opens an empty file.
    pub async fn make(&self, name: &str) -> Result<OpfsFile, DiskError> {
        let file = self
            .made(name)
            .await
            .map_err(|thrown| disk_error(&thrown))?;
        file.truncate(0)?;
        Ok(file)
    }

    /// Removes a file that is not open; one that is not there is no error.
    pub async fn remove(&self, name: &str) -> Result<(), DiskError> {
        let removed = JsFuture::from(self.handle.remove_entry(name)).await;
        match removed.map_err(|thrown| disk_error(&thrown)) {
            Err(DiskError::NotFound) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether what is written here can be read back. A folder that already has files has shown
    /// that; a full one must still open, so nothing is written there.
    pub async fn is_reliable(&self) -> Result<bool, DiskError> {
        if !self
            .found()
            .await
            .map_err(|thrown| disk_error(&thrown))?
            .is_empty()
        {
            return Ok(true);
        }
        let outcome = self.make(PROBE).await.and_then(|file| reads_back(&file));
        self.remove(PROBE).await?;
        outcome
    }

    async fn made(&self, name: &str) -> Result<OpfsFile, JsValue> {
        let create = FileSystemGetFileOptions::new();
        create.set_create(true);
        let file = JsFuture::from(self.handle.get_file_handle_with_options(name, &create)).await?;
        let file: FileSystemFileHandle = file.unchecked_into();
        JsFuture::from(file.create_sync_access_handle())
            .await
            .map(owned)
    }

    /// The files of the store, in the order of their names.
    async fn found(&self) -> Result<Vec<(String, FileSystemFileHandle)>, JsValue> {
        let entries = self.handle.values();
        let mut found = Vec::<(String, FileSystemFileHandle)>::new();
        loop {
            let next: IteratorNext = JsFuture::from(entries.next()?).await?.unchecked_into();
            if next.done() {
                break;
            }
            let entry: FileSystemHandle = next.value().unchecked_into();
            if entry.kind() == FileSystemHandleKind::File && entry.name() != PROBE {
                let name = entry.name();
                let place = found.partition_point(|(earlier, _)| *earlier < name);
                found.insert(place, (name, entry.unchecked_into()));
            }
        }
        Ok(found)
    }
}

fn owned(handle: JsValue) -> OpfsFile {
    OpfsFile::new(handle.unchecked_into::<FileSystemSyncAccessHandle>())
}

fn reads_back(file: &OpfsFile) -> Result<bool, DiskError> {
    let mut back = vec![0; PROBE_BYTES.len()];
    let written = file.write(0, PROBE_BYTES)?;
    file.flush()?;
    let read = file.read(0, &mut back)?;
    Ok(written == PROBE_BYTES.len() && read == written && back == PROBE_BYTES)
}

async fn origin_folder() -> Result<FileSystemDirectoryHandle, JsValue> {
    let storage = NAVIGATOR.with(|navigator| navigator.as_ref().and_then(Navigator::storage));
    let storage = storage.ok_or(JsValue::UNDEFINED)?;
    Ok(JsFuture::from(storage.get_directory()?)
        .await?
        .unchecked_into())
}

async fn subfolder(
    parent: &FileSystemDirectoryHandle,
    name: &str,
) -> Result<FileSystemDirectoryHandle, JsValue> {
    let create = FileSystemGetDirectoryOptions::new();
    create.set_create(true);
    let folder = parent.get_directory_handle_with_options(name, &create);
    Ok(JsFuture::from(folder).await?.unchecked_into())
}

/// A folder name for any database name: different names stay different, also where the file system
/// below does not tell upper from lower case. Small letters, digits, `-` and `_` stand for
/// themselves.
fn folder_name(database: &str) -> String {
    let mut name = String::from("db-");
    for byte in database.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            _ => name.push_str(&format!("~{byte:02x}")),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::folder_name;

    #[test]
    fn folder_names_are_safe_and_distinct() {
        assert_eq!(folder_name("films-2_b"), "db-films-2_b");
        assert_eq!(folder_name("Films"), "db-~46ilms");
        assert_eq!(folder_name("../a b"), "db-~2e~2e~2fa~20b");
        assert_eq!(folder_name("~46ilms"), "db-~7e46ilms");
        assert_eq!(folder_name("caf\u{e9}"), "db-caf~c3~a9");
        assert_eq!(folder_name(""), "db-");
    }
}
