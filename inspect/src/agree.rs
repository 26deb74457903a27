//! Whether records say the same: documents and the dictionary, outbox and bases, indexes and
//! documents.
//!
//! An index is known by a number that only the schema explains. Its collection is taken to be the
//! one that most of its entries lead to, a column's field the one that contradicts fewest entries.
//! So an index that is wrong for most of its documents is not found out, and one that is right is
//! never accused.

use crate::Failure;
use crate::record::{IndexEntry, Names, hex};
use crate::survey::{Problem, Survey};
use holm::doc::codec::binary;
use holm::doc::key::decode;
use holm::doc::path::DocumentKey;
use holm::doc::value::Value;
use holm::engine::inspect::{indexes, single};
use holm::ids::EntryId;
use holm::merge::record::{self, StoredDocument};
use holm::outbox::codec;
use holm::query::access::push_value;
use holm::txn::table;
use std::collections::{BTreeMap, BTreeSet};

/// Living documents of a collection: their fields by id.
type Documents = BTreeMap<String, BTreeMap<String, Value>>;

/// Every disagreement between records that can be read.
pub fn disagreements(survey: &mut Survey) -> Result<Vec<Problem>, Failure> {
    let mut problems = Vec::new();
    let mut names = Names::default();
    survey.scan(table::DICTIONARY, &mut |key, value| names.load(key, value))?;
    let mut collections: BTreeMap<String, Documents> = BTreeMap::new();
    survey.scan(table::VISIBLE, &mut |key, value| {
        let stored = record::decode(value).filter(StoredDocument::is_alive);
        if let (Some(key), Some(stored)) = (table::document_key(key), stored) {
            let fields = names.fields(&stored).into_iter().collect();
            let documents = collections.entry(key.collection).or_default();
            documents.insert(key.id, fields);
        }
    })?;
    let mut bases = BTreeSet::new();
    survey.scan(table::BASE, &mut |key, value| {
        bases.extend(table::document_key(key));
        // For the numbers that are missing.
        record::decode(value).map(|stored| names.fields(&stored));
    })?;
    for number in names.missing.keys() {
        problems.push(Problem::of(format!("dictionary {number}"), "it is missing"));
    }
    let mut singles = BTreeMap::new();
    survey.scan(table::META, &mut |key, value| {
        let name = key.get(1..).unwrap_or_default().to_vec();
        singles.insert(name, value.to_vec());
    })?;
    check_outbox(survey, &singles, &bases, &mut problems)?;
    check_indexes(survey, &singles, &collections, &mut problems)?;
    Ok(problems)
}

type Singles = BTreeMap<Vec<u8>, Vec<u8>>;

fn check_outbox(
    survey: &mut Survey,
    singles: &Singles,
    bases: &BTreeSet<DocumentKey>,
    problems: &mut Vec<Problem>,
) -> Result<(), Failure> {
    let counters = singles.get(&b"counters"[..]);
    let counters = counters.and_then(|bytes| single(b"counters", bytes));
    let next_entry = counters
        .as_ref()
        .and_then(|all| all.get("nextEntry")?.as_u64());
    survey.scan(table::OUTBOX, &mut |key, value| {
        let id = table::number(key).map(EntryId);
        let Some(entry) = id.and_then(|id| codec::decode(id, value)) else {
            return;
        };
        let mut tell = |what: &str| {
            problems.push(Problem::of(format!("outbox {}", entry.id.0), what));
        };
        if next_entry.is_none_or(|next| entry.id.0 >= next) {
            tell("its number is still to be given, by the counters");
        }
        let deltas = entry.deltas.iter().filter(|_| entry.state.is_overlaid());
        for delta in deltas.filter(|delta| !bases.contains(&delta.key)) {
            let DocumentKey { collection, id } = &delta.key;
            tell(&format!(
                "the document {collection}/{id} that it lies over has no base"
            ));
        }
    })
}

/// An entry, without its index.
struct Entry {
    values: Vec<u8>,
    id: String,
}

fn check_indexes(
    survey: &mut Survey,
    singles: &Singles,
    collections: &BTreeMap<String, Documents>,
    problems: &mut Vec<Problem>,
) -> Result<(), Failure> {
    let kept = singles.get(&b"indexes"[..]).map(|bytes| indexes(bytes));
    let kept: BTreeMap<u64, bool> = kept.flatten().into_iter().flatten().collect();
    let mut found: BTreeMap<u64, Vec<Entry>> = BTreeMap::new();
    survey.scan(table::INDEX, &mut |key, value| {
        let Some(entry) = IndexEntry::read(key, value) else {
            return;
        };
        if !kept.contains_key(&entry.index) {
            problems.push(Problem::of(
                format!("index entry {}", hex(key)),
                "no such index is kept",
            ));
        }
        found.entry(entry.index).or_default().push(Entry {
            values: entry.values.to_vec(),
            id: entry.id.into(),
        });
    })?;
    // While an index is built or removed, entries lack, or are of the past.
    for (index, _) in kept.iter().filter(|(_, is_ready)| **is_ready) {
        let entries = found.get(index).map_or(&[][..], Vec::as_slice);
        let led_to = |documents: &Documents| {
            let leads = |entry: &&Entry| documents.contains_key(&entry.id);
            entries.iter().filter(leads).count()
        };
        let most = collections
            .values()
            .max_by_key(|documents| led_to(documents));
        if let Some(documents) = most
            && led_to(documents) > 0
        {
            compare(*index, entries, documents, problems);
        }
    }
    Ok(())
}

/// Compares the entries of an index with the documents of its collection.
fn compare(index: u64, entries: &[Entry], documents: &Documents, problems: &mut Vec<Problem>) {
    let mut tell =
        |id: &str, what| problems.push(Problem::of(format!("index {index:016x}, id {id}"), what));
    let mut ids = BTreeSet::new();
    let mut rests = Vec::new();
    for entry in entries {
        match documents.get(&entry.id) {
            None => tell(&entry.id, "an entry leads to no document"),
            Some(_) if !ids.insert(&entry.id) => tell(&entry.id, "a document has two entries"),
            Some(fields) => rests.push((entry, fields, entry.values.as_slice())),
        }
    }
    for id in documents.keys().filter(|id| !ids.contains(id)) {
        tell(id, "a document has no entry");
    }
    let fields: BTreeSet<&String> = documents.values().flat_map(BTreeMap::keys).collect();
    while rests.iter().any(|(.., rest)| !rest.is_empty()) {
        let best = fields
            .iter()
            .map(|field| (votes(&rests, field), *field))
            .min_by_key(|((against, votes), _)| (*against, std::cmp::Reverse(*votes)));
        let Some(((against, votes), field)) = best else {
            return;
        };
        if votes <= against {
            return;
        }
        rests.retain_mut(|(entry, fields, rest)| match judge(fields, field, rest) {
            Some(after) => {
                *rest = after;
                true
            }
            None => {
                if fields.contains_key(field) {
                    tell(&entry.id, "an entry does not say what its document does");
                }
                false
            }
        });
    }
}

type Rest<'a> = (&'a Entry, &'a BTreeMap<String, Value>, &'a [u8]);

/// How many entries a field contradicts, and how many it explains.
fn votes(rests: &[Rest<'_>], field: &str) -> (usize, usize) {
    let mut votes = (0, 0);
    for (_, fields, rest) in rests {
        if fields.contains_key(field) {
            match judge(fields, field, rest) {
                None => votes.0 += 1,
                Some(_) => votes.1 += 1,
            }
        }
    }
    votes
}

/// What is left of an entry's values after the column of this field. A field that the document does
/// not have may have any value there, its default.
fn judge<'a>(fields: &BTreeMap<String, Value>, field: &str, rest: &'a [u8]) -> Option<&'a [u8]> {
    let Some(value) = fields.get(field) else {
        return decode(rest).map(|(_, after)| after);
    };
    let mut column = Vec::new();
    push_value(&mut column, &binary(value));
    rest.strip_prefix(column.as_slice())
}
