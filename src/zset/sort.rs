//! The one sort of the query layers.
//!
//! Sorts positions by a comparison behind a pointer, so that the WebAssembly module holds one copy
//! of the algorithm whatever is sorted. Equal items keep their order.

use std::cmp::Ordering;

/// The items in order.
pub fn sorted<T>(items: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    if items.is_sorted_by(|a, b| compare(a, b).is_le()) {
        return items;
    }
    let mut positions: Vec<u32> = (0..items.len() as u32).collect();
    sort_positions(&mut positions, &|a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    let mut slots: Vec<Option<T>> = items.into_iter().map(Some).collect();
    let take = |at: u32| slots.get_mut(at as usize).and_then(Option::take);
    positions.into_iter().filter_map(take).collect()
}

fn sort_positions(positions: &mut [u32], compare: &dyn Fn(usize, usize) -> Ordering) {
    positions.sort_unstable_by(|a, b| compare(*a as usize, *b as usize).then(a.cmp(b)));
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
