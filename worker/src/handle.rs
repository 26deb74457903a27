//! One open file: a sync access handle of the browser, or what `js/mirror.ts` makes in its place.
//! The only place that looks at the counts which browsers return.

use crate::thrown;
use holm::platform::disk::DiskError;
use wasm_bindgen::JsValue;
use web_sys::{FileSystemReadWriteOptions, FileSystemSyncAccessHandle};

/// It is closed when it goes, which makes nothing durable: only a flush does.
pub struct Handle {
    handle: FileSystemSyncAccessHandle,
    options: FileSystemReadWriteOptions,
}

impl Handle {
    /// Owns the handle from here on.
    pub fn new(handle: FileSystemSyncAccessHandle) -> Self {
        Self {
            handle,
            options: FileSystemReadWriteOptions::new(),
        }
    }

    /// Reads at `offset`; returns how many bytes there were.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.options.set_at(offset as f64);
        let read = self
            .handle
            .read_with_u8_array_and_options(into, &self.options);
        let count = read.map_err(failed)?;
        checked(count, into.len())
            .ok_or_else(|| DiskError::Failed("read returned an impossible count".into()))
    }

    /// Writes at `offset`; returns how many bytes were taken, fewer if the quota ends there.
    ///
    /// Not every browser throws at the quota as the specification says: Firefox returns a short
    /// count, and versions of Chromium have returned -8 as an unsigned number.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        self.options.set_at(offset as f64);
        let written = self
            .handle
            .write_with_u8_array_and_options(bytes, &self.options);
        let count = written.map_err(failed)?;
        checked(count, bytes.len()).ok_or(DiskError::Full)
    }

    /// Cuts or grows the file to `length` bytes.
    pub fn truncate(&self, length: u64) -> Result<(), DiskError> {
        self.handle.truncate_with_f64(length as f64).map_err(failed)
    }

    /// Length in bytes.
    pub fn size(&self) -> Result<u64, DiskError> {
        self.handle
            .get_size()
            .map(|size| size as u64)
            .map_err(failed)
    }

    /// Makes everything written so far durable, before it returns, where the storage can do so.
    pub fn flush(&self) -> Result<(), DiskError> {
        self.handle.flush().map_err(failed)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.handle.close();
    }
}

/// What a browser threw, as the port puts it.
pub fn disk_error(thrown: &JsValue) -> DiskError {
    match thrown::name_of(thrown).as_str() {
        "QuotaExceededError" => DiskError::Full,
        "NoModificationAllowedError" => DiskError::Busy,
        "NotFoundError" => DiskError::NotFound,
        _ => DiskError::Failed(thrown::describe(thrown)),
    }
}

fn failed(thrown: JsValue) -> DiskError {
    disk_error(&thrown)
}

/// A byte count that a call of `length` bytes can have.
fn checked(count: f64, length: usize) -> Option<usize> {
    let is_possible = count >= 0.0 && count <= length as f64 && count.fract() == 0.0;
    is_possible.then_some(count as usize)
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn possible_counts_pass() {
        assert_eq!(checked(0.0, 4096), Some(0));
        assert_eq!(checked(100.0, 4096), Some(100));
        assert_eq!(checked(4096.0, 4096), Some(4096));
    }

    #[test]
    fn counts_out_of_range_are_no_success() {
        for count in [4_294_967_288.0, -8.0, 4097.0, 0.5, f64::NAN, f64::INFINITY] {
            assert_eq!(checked(count, 4096), None, "{count}");
        }
    }
}
