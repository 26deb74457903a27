//! Bloom filters: whether a leaf may hold a key, in ten bits a key (about one wrong yes in a
//! hundred).

use xxhash_rust::xxh64::xxh64;

const BITS_PER_KEY: usize = 10;
const PROBES: u32 = 6;

/// The hash that filters are made of.
pub(super) fn hash(key: &[u8]) -> u64 {
    xxh64(key, 0)
}

/// A filter that says yes to all keys with these hashes.
pub(super) fn build(hashes: &[u64]) -> Vec<u8> {
    let mut filter = vec![0; (hashes.len() * BITS_PER_KEY).div_ceil(8)];
    for hash in hashes {
        add(&mut filter, *hash);
    }
    filter
}

/// Makes a filter say yes to the keys with this hash.
pub(super) fn add(filter: &mut [u8], hash: u64) {
    for bit in probes(hash, filter.len()) {
        if let Some(byte) = filter.get_mut(bit / 8) {
            *byte |= 1 << (bit % 8);
        }
    }
}

/// Whether the key with this hash may be there. Never a wrong no. An empty filter always says yes.
pub(super) fn may_hold(filter: &[u8], hash: u64) -> bool {
    let is_set = |bit: usize| {
        filter
            .get(bit / 8)
            .is_none_or(|byte| byte & 1 << (bit % 8) != 0)
    };
    probes(hash, filter.len()).all(is_set)
}

/// Kirsch and Mitzenmacher (2006): two halves of one hash make as many as are needed.
fn probes(hash: u64, bytes: usize) -> impl Iterator<Item = usize> {
    let (mut place, step) = (hash as u32, (hash >> 32) as u32 | 1);
    (0..PROBES).map(move |_| {
        place = place.wrapping_add(step);
        ((u64::from(place) * (bytes as u64 * 8)) >> 32) as usize
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_what_is_not_is_mostly_ruled_out() {
        let hashes: Vec<u64> = (0..4_000_u32).map(|n| hash(&n.to_be_bytes())).collect();
        let filter = build(&hashes);
        assert_eq!(filter.len(), 5_000);
        assert!(hashes.iter().all(|hash| may_hold(&filter, *hash)));
        let wrong = (4_000..104_000_u32).filter(|n| may_hold(&filter, hash(&n.to_be_bytes())));
        let wrong = wrong.count();
        assert!(wrong < 2_000, "{wrong} of 100,000");
    }

    #[test]
    fn an_empty_filter_rules_nothing_out() {
        assert!(may_hold(&[], 7));
    }
}
