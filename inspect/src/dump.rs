//! `dump`: records as lines of JSON.

use crate::folder::Folder;
use crate::record::{Names, TABLES, Wanted, described, exported, exported_entry, fault_of};
use crate::survey::{Problem, Survey};
use crate::{DAMAGED, Failure, WHOLE};
use holm::doc::json;
use holm::doc::value::Value;
use holm::txn::table;
use std::io::Write;

/// Writes the wanted records to `out`, and what is wrong to stderr.
pub fn dump(
    folder: Folder,
    wanted: Wanted,
    collection: Option<&str>,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut survey = Survey::read(folder)?;
    let mut names = Names::default();
    survey.scan(table::DICTIONARY, &mut |key, value| names.load(key, value))?;
    let tables: Vec<u8> = match wanted {
        Wanted::Documents => vec![table::VISIBLE],
        Wanted::Base => vec![table::BASE],
        Wanted::Outbox => vec![table::OUTBOX],
        Wanted::All => TABLES.iter().map(|(table, _)| *table).collect(),
    };
    let mut written = Ok(());
    for at in tables {
        survey.scan(at, &mut |key, value| {
            if written.is_err() || !is_of(key, collection) {
                return;
            }
            let line = match wanted {
                Wanted::Documents => exported(&mut names, key, value),
                Wanted::Outbox => exported_entry(key, value),
                Wanted::Base | Wanted::All => Some(described(&mut names, key, value)),
            };
            if let Some(line) = line {
                written = write_line(out, &line);
            }
            if let Some(what) = fault_of(key, Some(value)) {
                eprintln!("{}", Problem::of(crate::record::hex(key), what));
            }
        })?;
    }
    written?;
    for (number, documents) in &names.missing {
        eprintln!("the name of field {number} is lost: written as `?{number}`, {documents} times");
    }
    for problem in &survey.problems {
        eprintln!("{problem}");
    }
    let is_whole = survey.problems.is_empty() && names.missing.is_empty();
    Ok(if is_whole { WHOLE } else { DAMAGED })
}

fn write_line(out: &mut dyn Write, line: &Value) -> std::io::Result<()> {
    writeln!(out, "{}", json::to_text(line))
}

/// Whether a record is of a document of the wanted collection.
fn is_of(key: &[u8], collection: Option<&str>) -> bool {
    let is_document = matches!(key.first(), Some(&(table::VISIBLE | table::BASE)));
    let Some(wanted) = collection else {
        return true;
    };
    let document = table::document_key(key).filter(|_| is_document);
    document.is_some_and(|document| document.collection == wanted)
}
