//! The one sort of the query layers.
//!
//! Sorts positions by a comparison behind a pointer, so that the WebAssembly module holds one copy
//! of the algorithm whatever is sorted. Equal items keep their order.

use std::cmp::Ordering;

/// The items in order.
pub fn sorted<T>(mut items: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let order = sorted_positions(items.len(), &|a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    arrange(order, &mut |a, b| items.swap(a, b));
    items
}

/// Brings to each place the item whose position `order` gives, cycle by cycle.
fn arrange(mut order: Vec<u32>, swap: &mut dyn FnMut(usize, usize)) {
    for start in 0..order.len() {
        let mut at = start;
        while let Some(from) = order.get_mut(at) {
            // What is in its place is marked as coming from there.
            let from = std::mem::replace(from, at as u32) as usize;
            if from == start {
                break;
            }
            swap(at, from);
            at = from;
        }
    }
}

/// Merges runs of one, then of two, of four, and so on.
fn sorted_positions(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<u32> {
    let mut runs: Vec<u32> = (0..count as u32).collect();
    if (1..count).all(|at| compare(at - 1, at).is_le()) {
        return runs;
    }
    let mut merged = Vec::with_capacity(count);
    let mut length = 1;
    while length < count {
        for pair in runs.chunks(length * 2) {
            let (left, right) = pair.split_at(length.min(pair.len()));
            merge(&mut merged, left, right, compare);
        }
        std::mem::swap(&mut runs, &mut merged);
        merged.clear();
        length *= 2;
    }
    runs
}

fn merge(
    out: &mut Vec<u32>,
    mut left: &[u32],
    mut right: &[u32],
    compare: &dyn Fn(usize, usize) -> Ordering,
) {
    while let ([a, after_a @ ..], [b, after_b @ ..]) = (left, right) {
        if compare(*a as usize, *b as usize).is_le() {
            out.push(*a);
            left = after_a;
        } else {
            out.push(*b);
            right = after_b;
        }
    }
    out.extend_from_slice(left);
    out.extend_from_slice(right);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config() -> ProptestConfig {
        ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn it_sorts_like_a_stable_sort(
            items in proptest::collection::vec((0_u8..9, any::<u8>()), 0..99),
        ) {
            let mut expected = items.clone();
            expected.sort_by_key(|item| item.0);
            prop_assert_eq!(sorted(items, |a, b| a.0.cmp(&b.0)), expected);
        }
    }
}
