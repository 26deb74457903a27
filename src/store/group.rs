//! The preamble of a file and the header of a group: `docs/FORMAT.md` section 3.

use super::error::{StoreError, StoreProblem};
use super::name::LogId;
use crate::ids::Commit;
use xxhash_rust::xxh64::xxh64;

/// Bytes of a log's preamble.
pub(super) const PREAMBLE_BYTES: usize = 16;
/// Bytes of a group's header.
pub(super) const HEADER_BYTES: usize = 40;
/// The version of the format that this code writes, and the largest that it reads.
pub(super) const VERSION: u32 = 1;

/// What logs begin with.
pub(super) const LOG_MAGIC: [u8; 8] = *b"holm-log";
/// What runs begin with.
pub(super) const RUN_MAGIC: [u8; 8] = *b"holm-run";
const GROUP_MAGIC: &[u8; 3] = b"HLM";

/// What a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Head = 1,
    Commit = 2,
    Mark = 3,
    Manifest = 4,
}

/// The header of a group whose check held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub kind: Kind,
    pub length: u32,
    pub commit: Commit,
    pub flushed: u64,
    payload_check: u64,
}

/// What a file begins with.
pub(super) enum Preamble {
    Good,
    Newer(u32),
    Bad,
}

/// The preamble of a new file.
pub(super) fn preamble(kind: [u8; 8]) -> Vec<u8> {
    let fields = [kind.as_slice(), &VERSION.to_le_bytes()].concat();
    let check = xxh64(&fields, 0) as u32;
    [fields.as_slice(), &check.to_le_bytes()].concat()
}

/// Judges the start of a log.
pub(super) fn read_preamble(bytes: &[u8]) -> Preamble {
    let Some((fields, rest)) = bytes.split_at_checked(12) else {
        return Preamble::Bad;
    };
    let is_good = fields.starts_with(&LOG_MAGIC)
        && rest.starts_with(&(xxh64(fields, 0) as u32).to_le_bytes());
    match number(fields, 8, 4) as u32 {
        VERSION if is_good => Preamble::Good,
        version if is_good && version > VERSION => Preamble::Newer(version),
        _ => Preamble::Bad,
    }
}

/// A place for the header, to be followed by the payload and then filled in by `seal`.
pub(super) fn start_group() -> Vec<u8> {
    vec![0; HEADER_BYTES]
}

/// Writes the header of the group that begins at `offset` in `log`. `group` is header and payload.
pub(super) fn seal(
    group: &mut [u8],
    log: LogId,
    offset: u64,
    (kind, commit, flushed): (Kind, Commit, u64),
) -> Result<(), StoreError> {
    let payload = group.get(HEADER_BYTES..).unwrap_or_default();
    let Ok(length) = u32::try_from(payload.len()) else {
        return Err(StoreProblem::TooLarge {
            bytes: payload.len(),
        }
        .into());
    };
    let [a, b, c] = *GROUP_MAGIC;
    let marks = u32::from_le_bytes([a, b, c, kind as u8]);
    let first = u64::from(length) << 32 | u64::from(marks);
    fill(
        group,
        log,
        offset,
        [first, commit.0, flushed, xxh64(payload, 0)],
    );
    Ok(())
}

fn fill(group: &mut [u8], log: LogId, offset: u64, fields: [u64; 4]) {
    let [a, b, c, d] = fields;
    let header = bytes_of(&[a, b, c, d, header_check(log, offset, fields)]);
    group
        .iter_mut()
        .zip(header)
        .for_each(|(to, from)| *to = from);
}

/// Makes the checks of a group hold, whatever else is in it.
#[cfg(feature = "oracle")]
pub(super) fn reseal(group: &mut [u8], log: LogId, offset: u64) {
    let [a, b, c] = [0, 8, 16].map(|at| number(group, at, 8));
    let payload = group.get(HEADER_BYTES..).unwrap_or_default();
    fill(group, log, offset, [a, b, c, xxh64(payload, 0)]);
}

/// The length that a header claims for its payload.
#[cfg(feature = "oracle")]
pub(super) fn length_of(header: &[u8]) -> usize {
    number(header, 4, 4) as usize
}

/// The header at `offset` of `log`, if it checks out.
pub(super) fn read_header(log: LogId, bytes: &[u8], offset: usize) -> Option<Header> {
    let header = bytes.get(offset..offset.checked_add(HEADER_BYTES)?)?;
    let fields = [0, 8, 16, 24].map(|at| number(header, at, 8));
    let kind = match header.get(3)? {
        1 => Kind::Head,
        2 => Kind::Commit,
        3 => Kind::Mark,
        4 => Kind::Manifest,
        _ => return None,
    };
    let is_good = header.starts_with(GROUP_MAGIC)
        && number(header, 32, 8) == header_check(log, offset as u64, fields);
    let [first, commit, flushed, payload_check] = fields;
    is_good.then_some(Header {
        kind,
        length: (first >> 32) as u32,
        commit: Commit(commit),
        flushed,
        payload_check,
    })
}

/// The payload of the group at `offset`, if it checks out.
pub(super) fn read_payload<'a>(
    header: &Header,
    bytes: &'a [u8],
    offset: usize,
) -> Option<&'a [u8]> {
    let payload = bytes
        .get(offset + HEADER_BYTES..)?
        .get(..header.length as usize)?;
    let is_good =
        xxh64(payload, 0) == header.payload_check || crate::planted::is("store_checksum_unchecked");
    is_good.then_some(payload)
}

/// The next place at or after `from` that looks like a group.
pub(super) fn find_group(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(GROUP_MAGIC.len())
        .position(|window| window == GROUP_MAGIC)
        .map(|at| from + at)
}

fn header_check(log: LogId, offset: u64, [a, b, c, d]: [u64; 4]) -> u64 {
    let part = u64::from(log.part);
    xxh64(&bytes_of(&[log.term.0, part, offset, a, b, c, d]), 0)
}

fn bytes_of(numbers: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in numbers {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes
}

/// A little-endian number of up to eight bytes; the callers have checked that it is there.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let field = bytes.get(at..at + length).unwrap_or_default();
    field
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Term;

    const LOG: LogId = LogId {
        term: Term(4),
        part: 0,
    };

    fn group(offset: u64) -> Vec<u8> {
        let mut group = start_group();
        group.extend_from_slice(b"payload");
        seal(&mut group, LOG, offset, (Kind::Commit, Commit(9), 16)).expect("it is small");
        group
    }

    #[test]
    fn a_group_is_read_where_it_was_written_and_nowhere_else() {
        let bytes = group(0);
        let header = read_header(LOG, &bytes, 0).expect("the check holds");
        assert_eq!(
            (header.kind, header.commit, header.flushed),
            (Kind::Commit, Commit(9), 16)
        );
        assert_eq!(read_payload(&header, &bytes, 0), Some(&b"payload"[..]));
        let moved = [b"12345".as_slice(), &bytes].concat();
        assert_eq!(find_group(&moved, 0), Some(5));
        assert!(read_header(LOG, &moved, 5).is_none());
        assert!(
            read_header(
                LogId {
                    term: Term(5),
                    part: 0
                },
                &bytes,
                0
            )
            .is_none()
        );
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_seen() {
        let good = group(0);
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let seen = read_header(LOG, &bytes, 0)
                .and_then(|header| read_payload(&header, &bytes, 0).map(<[u8]>::len));
            assert_eq!(seen, None, "bit {bit}");
        }
        for length in 0..good.len() {
            let bytes = &good[..length];
            let seen = read_header(LOG, bytes, 0)
                .and_then(|header| read_payload(&header, bytes, 0).map(<[u8]>::len));
            assert_eq!(seen, None, "length {length}");
        }
    }

    #[test]
    fn only_a_sound_preamble_of_a_later_version_is_newer() {
        assert!(matches!(
            read_preamble(&preamble(LOG_MAGIC)),
            Preamble::Good
        ));
        let mut later = preamble(LOG_MAGIC);
        later[8] = 2;
        assert!(matches!(read_preamble(&later), Preamble::Bad));
        let check = xxh64(&later[..12], 0) as u32;
        later[12..].copy_from_slice(&check.to_le_bytes());
        assert!(matches!(read_preamble(&later), Preamble::Newer(2)));
        assert!(matches!(
            read_preamble(&preamble(LOG_MAGIC)[..15]),
            Preamble::Bad
        ));
    }
}
