//! A patch: what a commit did to a list, as the page applies it (`docs/PAGE.md`, the notice
//! `patch`).
//!
//! Rows that did not change are not in it. A row moves only if its place among the rows that stay
//! changes. Must not know tabs or
//! subscriptions.

use crate::doc::codec::NULL;
use crate::doc::row::Row;
use crate::operator::window::ListDelta;
use crate::zset::sort::sorted;
use std::rc::Rc;

/// An ordered change of a list. First rows are taken out at `removes` and at the first position of
/// each of `moves`; then moved and inserted rows are put in by ascending position of the new list;
/// then come the updates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// Positions in the old list, ascending.
    pub removes: Vec<usize>,
    /// Positions in the old list, ascending, each with the row's position in the new list.
    pub moves: Vec<(usize, usize)>,
    /// Positions in the new list, ascending, with their rows.
    pub inserts: Vec<(usize, Rc<Row>)>,
    /// Rows of the new list that were in the old one and changed, by ascending position.
    pub updates: Vec<Update>,
}

/// A row that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Its position in the new list.
    pub position: usize,
    /// The columns that changed: 0 is the id, n is field n-1.
    pub columns: Vec<usize>,
    /// The row now.
    pub row: Rc<Row>,
}

impl Patch {
    /// From what a window says. None if the list is as it was.
    pub fn new(delta: ListDelta) -> Option<Self> {
        let mut patch = Self::default();
        let ListDelta {
            gone,
            came,
            changed,
        } = delta;
        let partners = pair(&gone, &came);
        let mut stays: Option<(usize, usize)> = None;
        let mut has_partner = vec![false; gone.len()];
        for (came_before, ((to, row), partner)) in came.into_iter().zip(partners).enumerate() {
            let Some((gone_before, (from, old))) = partner.and_then(|at| Some((at, gone.get(at)?)))
            else {
                patch.inserts.push((to, row));
                continue;
            };
            if let Some(has) = has_partner.get_mut(gone_before) {
                *has = true;
            }
            // How many rows that stay are before it, then and now. Where that is equal it need not
            // move, unless it passes another one between the same two rows.
            let gap = to - came_before;
            let is_still =
                *from - gone_before == gap && stays.is_none_or(|last| (gap, *from) > last);
            if is_still {
                stays = Some((gap, *from));
            } else {
                patch.moves.push((*from, to));
            }
            patch.update(to, old, row);
        }
        for (gone, has) in gone.iter().zip(has_partner) {
            if !has {
                patch.removes.push(gone.0);
            }
        }
        for (position, old, new) in changed {
            patch.update(position, &old, new);
        }
        patch.moves = sorted(patch.moves, Ord::cmp);
        patch.updates = sorted(patch.updates, |a, b| a.position.cmp(&b.position));
        (!patch.is_empty()).then_some(patch)
    }

    fn update(&mut self, position: usize, old: &Row, row: Rc<Row>) {
        let mut columns = Vec::new();
        for column in 1..row.columns() {
            let (old, new) = (old.cell(column), row.cell(column));
            if old != new && !(crate::planted::is("query_patch_drops_null") && new == [NULL]) {
                columns.push(column);
            }
        }
        if !columns.is_empty() {
            self.updates.push(Update {
                position,
                columns,
                row,
            });
        }
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.removes.is_empty()
            && self.moves.is_empty()
            && self.inserts.is_empty()
            && self.updates.is_empty()
    }
}

/// For each row that came, where it is among those gone.
fn pair(gone: &[(usize, Rc<Row>)], came: &[(usize, Rc<Row>)]) -> Vec<Option<usize>> {
    let id_of = |at: usize| gone.get(at).map_or(&[][..], |gone| gone.1.id());
    let by_id = sorted((0..gone.len()).collect(), |a, b| id_of(*a).cmp(id_of(*b)));
    let mut partners = Vec::with_capacity(came.len());
    for (_, came) in came {
        let found = by_id.binary_search_by(|at| id_of(*at).cmp(came.id()));
        partners.push(found.ok().and_then(|at| by_id.get(at).copied()));
    }
    partners
}

/// What the page does, for tests.
#[cfg(any(test, feature = "oracle"))]
impl Patch {
    /// The list after the patch. Panics where the patch does not fit the list.
    pub fn applied_to(&self, list: &[Rc<Row>]) -> Vec<Rc<Row>> {
        let at = |position: usize| list.get(position).expect("a position of the old list");
        let leaves = |position: &usize| {
            self.removes.contains(position) || self.moves.iter().any(|step| step.0 == *position)
        };
        let mut put: Vec<(usize, Rc<Row>)> = self.inserts.clone();
        put.extend(
            self.moves
                .iter()
                .map(|(from, to)| (*to, Rc::clone(at(*from)))),
        );
        put.sort_by_key(|entry| entry.0);
        let kept = (0..list.len()).filter(|position| !leaves(position));
        let mut new: Vec<Rc<Row>> = kept.map(|position| Rc::clone(at(position))).collect();
        for (position, row) in put {
            assert!(position <= new.len(), "a position of the new list");
            new.insert(position, row);
        }
        for update in &self.updates {
            let place = new
                .get_mut(update.position)
                .expect("a position of the new list");
            assert_eq!(place.id(), update.row.id(), "an update keeps the id");
            let cell = |column: usize| {
                if update.columns.contains(&column) {
                    update.row.cell(column)
                } else {
                    place.cell(column)
                }
            };
            let id = str::from_utf8(place.id()).expect("an id is a text");
            let values: Vec<_> = (1..place.columns()).map(cell).collect();
            let row = Row::new(id, &values);
            *place = Rc::new(row);
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::value::Value;

    fn row(id: &str, value: i64) -> Rc<Row> {
        Rc::new(Row::of(id, &[Value::int(value), Value::Null]))
    }

    #[test]
    fn a_row_that_keeps_its_place_among_the_others_does_not_move() {
        let delta = ListDelta {
            gone: vec![(0, row("a", 1)), (2, row("c", 3))],
            came: vec![(0, row("a", 0)), (1, row("n", 0)), (3, row("c", 4))],
            changed: vec![],
        };
        let patch = Patch::new(delta).unwrap();
        assert_eq!((patch.removes.len(), patch.moves.len()), (0, 0));
        assert_eq!(patch.inserts, [(1, row("n", 0))]);
        let list = [row("a", 1), row("b", 2), row("c", 3)];
        assert_eq!(
            patch.applied_to(&list),
            [row("a", 0), row("n", 0), row("b", 2), row("c", 4)]
        );
    }

    #[test]
    fn rows_that_swap_within_one_gap_move_once() {
        let delta = ListDelta {
            gone: vec![(0, row("a", 1)), (1, row("b", 2))],
            came: vec![(0, row("b", 0)), (1, row("a", 1))],
            changed: vec![],
        };
        let patch = Patch::new(delta).unwrap();
        assert_eq!(patch.moves.len(), 1);
        assert_eq!(
            patch.applied_to(&[row("a", 1), row("b", 2)]),
            [row("b", 0), row("a", 1)]
        );
    }

    #[test]
    fn a_delta_without_effect_is_no_patch() {
        assert_eq!(Patch::new(ListDelta::default()), None);
        let changed = vec![(0, row("a", 1), row("a", 1))];
        assert_eq!(
            Patch::new(ListDelta {
                changed,
                ..ListDelta::default()
            }),
            None
        );
    }
}
