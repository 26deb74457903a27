//! The store's key space: one ordered space, a byte for the table and then the key in it.
//!
//! `d` visible documents, `b` base of the documents that queued writes lie over, `o` outbox, `s`
//! staged pages of a pull, `n` dictionary, `a` answers until confirmed, `x` entries of indexes, `m`
//! single records.

use crate::doc::path::DocumentKey;
use crate::ids::{EntryId, RequestNumber, TabId};

/// What is visible: base and queued writes joined. Value: a document record.
pub const VISIBLE: u8 = b'd';
/// What the server is known to have, where queued writes lie over it. Value: a document record,
/// empty for none.
pub const BASE: u8 = b'b';
/// Value: an entry.
pub const OUTBOX: u8 = b'o';
/// Frames of a pull that is not complete, by number. Value: the frame.
pub const STAGED: u8 = b's';
/// Paths by their number. Value: a path.
pub const DICTIONARY: u8 = b'n';
/// Answers to writes by tab and number. Value: the answer.
pub const ANSWERS: u8 = b'a';
/// Entries of secondary indexes by the index's number, the values, the id. Value: nothing.
pub const INDEX: u8 = b'x';
/// Single records.
pub const META: u8 = b'm';

/// Key of a document in `VISIBLE` or `BASE`.
pub fn document(table: u8, key: &DocumentKey) -> Vec<u8> {
    let mut bytes = collection(table, &key.collection);
    bytes.extend_from_slice(key.id.as_bytes());
    bytes
}

/// What the keys of a collection's documents begin with.
pub fn collection(table: u8, name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len() + 24);
    bytes.push(table);
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    bytes
}

/// The collection and id in a document's key.
pub fn document_key(bytes: &[u8]) -> Option<DocumentKey> {
    let rest = str::from_utf8(bytes.get(1..)?).ok()?;
    let end = rest.bytes().position(|byte| byte == 0)?;
    Some(DocumentKey::new(rest.get(..end)?, rest.get(end + 1..)?))
}

/// The first key after all that begin with `prefix`.
pub fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            break;
        }
    }
    end
}

/// Key of an outbox entry.
pub fn entry(id: EntryId) -> Vec<u8> {
    numbered(OUTBOX, id.0)
}

/// Key with a number, sorting by it.
pub fn numbered(table: u8, number: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    bytes.push(table);
    push_number(&mut bytes, number);
    bytes
}

/// The number in a `numbered` key.
pub fn number(bytes: &[u8]) -> Option<u64> {
    match bytes {
        [_, number @ ..] => number_of(number),
        [] => None,
    }
}

#[inline(never)]
fn push_number(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend_from_slice(&number.to_be_bytes());
}

#[inline(never)]
fn number_of(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// Key of an answer.
pub fn answer(tab: TabId, number: RequestNumber) -> Vec<u8> {
    let mut bytes = numbered(ANSWERS, tab.0);
    push_number(&mut bytes, number.0);
    bytes
}

/// The tab and number in an answer's key.
pub fn answer_key(bytes: &[u8]) -> Option<(TabId, RequestNumber)> {
    let (tab, number) = bytes.get(1..)?.split_at_checked(8)?;
    Some((TabId(number_of(tab)?), RequestNumber(number_of(number)?)))
}

/// Key of a single record.
pub fn meta(name: &str) -> Vec<u8> {
    let mut bytes = vec![META];
    bytes.extend_from_slice(name.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_a_prefix_ends_before_the_next() {
        let key = DocumentKey::new("films", "17");
        assert_eq!(document_key(&document(VISIBLE, &key)), Some(key.clone()));
        let films = collection(VISIBLE, "films");
        assert!(document(VISIBLE, &key) < end_of(&films));
        assert!(document(VISIBLE, &DocumentKey::new("filmsy", "1")) >= end_of(&films));
        assert_eq!(end_of(&[1, 0xff]), [2]);
        let at = (TabId(9), RequestNumber(3));
        assert_eq!(answer_key(&answer(at.0, at.1)), Some(at));
        assert_eq!(number(&entry(EntryId(7))), Some(7));
    }
}
