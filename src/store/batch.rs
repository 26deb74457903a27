//! What one transaction puts and deletes, and its form in a group (`docs/FORMAT.md` section 3).
//!
//! Also the varints of the format. It must not know what keys and values mean.

use super::reserve::Room;

/// Ordered puts and deletes that are committed together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub(super) entries: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    bytes: usize,
    /// What it may take of the disk.
    pub room: Room,
}

impl Batch {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives `key` this value.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        self.entries.push((key, Some(value)));
    }

    /// Removes `key`; no error if it is not there.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.bytes += key.len();
        self.entries.push((key, None));
    }

    /// Adds what another one puts and deletes.
    pub fn append(&mut self, mut other: Self) {
        self.bytes += other.bytes;
        self.entries.append(&mut other.entries);
    }

    /// Whether it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of its keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends the entries as a payload.
    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        into.reserve(self.bytes + self.entries.len() * 4);
        for (key, value) in &self.entries {
            push_entry(into, key, value.as_deref());
        }
    }
}

/// What is called with each key, and its value if the entry is a put.
pub(super) type VisitEntry<'a> = dyn FnMut(&[u8], Option<&[u8]>) + 'a;

/// Appends one entry: a put, or a delete if there is no value.
pub(super) fn push_entry(into: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    push_varint(into, key.len() as u64);
    into.extend_from_slice(key);
    match value {
        None => push_varint(into, 0),
        Some(value) => {
            push_varint(into, value.len() as u64 + 1);
            into.extend_from_slice(value);
        }
    }
}

/// Calls `visit` for each entry. `None` if the payload is not made of entries; those before were
/// visited.
pub(super) fn read_entries(mut payload: &[u8], visit: &mut VisitEntry) -> Option<()> {
    let payload = &mut payload;
    while !payload.is_empty() {
        let key_length = read_varint(payload)?;
        let key = take(payload, key_length)?;
        match read_varint(payload)?.checked_sub(1) {
            None => visit(key, None),
            Some(value_length) => visit(key, Some(take(payload, value_length)?)),
        }
    }
    Some(())
}

fn take<'a>(from: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(usize::try_from(length).ok()?)?;
    *from = rest;
    Some(taken)
}

/// Appends a number in seven-bit bytes, the low ones first.
pub(super) fn push_varint(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// Takes a number that `push_varint` wrote.
pub(super) fn read_varint(from: &mut &[u8]) -> Option<u64> {
    if let [byte @ ..0x80, rest @ ..] = from {
        *from = rest;
        return Some(u64::from(*byte));
    }
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_and_refuse_what_overflows() {
        for number in [
            0,
            1,
            127,
            128,
            300,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut bytes = Vec::new();
            push_varint(&mut bytes, number);
            assert_eq!(read_varint(&mut bytes.as_slice()), Some(number));
            bytes.pop();
            assert_eq!(read_varint(&mut bytes.as_slice()), None);
        }
        assert_eq!(read_varint(&mut [0xff; 10].as_slice()), None);
        assert_eq!(
            read_varint(&mut [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2].as_slice()),
            None
        );
    }

    #[test]
    fn entries_round_trip_in_order_and_a_cut_payload_is_refused() {
        let mut batch = Batch::new();
        batch.put(b"a".to_vec(), vec![7; 300]);
        batch.delete(b"b".to_vec());
        batch.put(Vec::new(), Vec::new());
        assert_eq!(batch.bytes(), 302);
        let mut payload = Vec::new();
        batch.encode(&mut payload);
        let mut seen = Batch::new();
        let whole = read_entries(&payload, &mut |key, value| match value {
            Some(value) => seen.put(key.to_vec(), value.to_vec()),
            None => seen.delete(key.to_vec()),
        });
        assert_eq!((whole, seen), (Some(()), batch));
        payload.pop();
        assert_eq!(read_entries(&payload, &mut |_, _| {}), None);
    }
}
