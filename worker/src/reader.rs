//! Test-only: reads a file of the IndexedDB rung with another library than the code that wrote it,
//! by what `docs/FORMAT.md` says of it. Not in the shipped module.

use js_sys::{Array, Uint8Array};
use rexie::{Rexie, TransactionMode};
use wasm_bindgen::prelude::*;

const CHUNK_BYTES: usize = 32 << 10;

/// The content of a file. The database must be there.
#[wasm_bindgen]
pub async fn read_indexed_db(database: String, file: String) -> Result<Vec<u8>, String> {
    read(&database, &file)
        .await
        .map_err(|error| error.to_string())
}

async fn read(database: &str, file: &str) -> rexie::Result<Vec<u8>> {
    let database = Rexie::builder(&format!("holm:{database}")).build().await?;
    let transaction = database.transaction(&["files", "chunks"], TransactionMode::ReadOnly)?;
    let name = JsValue::from_str(file);
    let length = transaction.store("files")?.get(name.clone()).await?;
    let length = length
        .and_then(|length| length.as_f64())
        .unwrap_or_default() as usize;
    let mut bytes = Vec::new();
    let chunks = transaction.store("chunks")?;
    for index in 0..length.div_ceil(CHUNK_BYTES) {
        let key = Array::of2(&name, &JsValue::from_f64(index as f64));
        let chunk = chunks.get(key.into()).await?.unwrap_or_default();
        bytes.extend(Uint8Array::new(&chunk).to_vec());
    }
    transaction.done().await?;
    database.close();
    assert_eq!(bytes.len(), length, "the chunks are as long as the file");
    Ok(bytes)
}
