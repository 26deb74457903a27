//! Routing: which circuits a change can touch, without asking each.
//!
//! A circuit whose condition demands `column = constant` is entered under that constant and is
//! asked only about changes whose old or new row has it; any other circuit is asked about every
//! change of its collection. A change that is not routed to a circuit cannot alter its answer. Must
//! not know what circuits hold.

use super::check::CheckedQuery;
use crate::doc::row::Change;
use crate::operator::predicate::{Predicate, Relation};
use crate::sorted::{SortedMap, SortedSet};

/// Names a circuit. Never used twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CircuitId(pub u64);

/// Why a circuit is asked about a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The column has this value in the old or the new row.
    Constant {
        /// The column.
        column: usize,
        /// The value in its binary form.
        value: Vec<u8>,
    },
    /// The collection is the circuit's.
    Every,
}

/// All routes.
#[derive(Debug, Default)]
pub struct Router {
    collections: SortedMap<usize, Collection>,
}

#[derive(Debug, Default)]
struct Collection {
    every: SortedSet<CircuitId>,
    columns: SortedMap<usize, SortedMap<Vec<u8>, SortedSet<CircuitId>>>,
}

impl Router {
    /// Enters a circuit and says how. The route must be given back to [`Router::remove`].
    pub fn insert(&mut self, id: CircuitId, query: &CheckedQuery) -> Route {
        let collection = self.collections.get_or_default(query.collection);
        let crowd = |(column, value): &(usize, &[u8])| {
            let found = collection
                .columns
                .get(column)
                .and_then(|values| values.get(*value));
            found.map_or(0, SortedSet::len)
        };
        // The constant that fewest circuits share tells most. Ties go to the first in the
        // predicate's order.
        let mut constants = Vec::new();
        add_constants(&query.predicate, &mut constants);
        let Some((column, value)) = constants.into_iter().min_by_key(crowd) else {
            collection.every.insert(id);
            return Route::Every;
        };
        let values = collection.columns.get_or_default(column);
        values.get_or_default(value.to_vec()).insert(id);
        Route::Constant {
            column,
            value: value.to_vec(),
        }
    }

    /// Whether any circuit was entered for the collection.
    pub fn watches(&self, collection: usize) -> bool {
        self.collections.contains_key(&collection)
    }

    /// Forgets a circuit.
    pub fn remove(&mut self, id: CircuitId, query: &CheckedQuery, route: &Route) {
        let Some(collection) = self.collections.get_mut(&query.collection) else {
            return;
        };
        let Route::Constant { column, value } = route else {
            collection.every.remove(&id);
            return;
        };
        let Some(values) = collection.columns.get_mut(column) else {
            return;
        };
        if let Some(circuits) = values.get_mut(value) {
            circuits.remove(&id);
            if circuits.is_empty() {
                values.remove(value);
            }
        }
        if values.is_empty() {
            collection.columns.remove(column);
        }
    }

    /// Visits each circuit that the change can touch, once.
    pub fn route(&self, change: &Change, visit: &mut dyn FnMut(CircuitId)) {
        let Some(collection) = self.collections.get(&change.collection) else {
            return;
        };
        collection.every.iter().for_each(|id| visit(*id));
        for (column, values) in &collection.columns {
            let old = change.old.as_ref().map(|row| row.cell(*column));
            let new = change.new.as_ref().map(|row| row.cell(*column));
            let old = if old == new || crate::planted::is("query_router_skips_old") {
                None
            } else {
                old
            };
            for value in [old, new].into_iter().flatten() {
                if let Some(circuits) = values.get(value) {
                    circuits.iter().for_each(|id| visit(*id));
                }
            }
        }
    }
}

/// A column by whose value a query's circuit is found, if there is one.
pub fn constant(query: &CheckedQuery) -> Option<usize> {
    let mut constants = Vec::new();
    add_constants(&query.predicate, &mut constants);
    constants.first().map(|constant| constant.0)
}

/// Adds the constants that the predicate demands.
fn add_constants<'a>(predicate: &'a Predicate, into: &mut Vec<(usize, &'a [u8])>) {
    match predicate {
        Predicate::Compare {
            column,
            relation: Relation::Equal,
            operand,
        } => into.push((*column, operand)),
        Predicate::And(args) => {
            for arg in args {
                add_constants(arg, into);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::codec::binary;
    use crate::doc::row::Row;
    use crate::doc::value::Value;
    use crate::operator::order::Order;
    use std::rc::Rc;

    fn equal(column: usize, operand: &Value) -> Predicate {
        Predicate::Compare {
            column,
            relation: Relation::Equal,
            operand: binary(operand),
        }
    }

    fn query(predicate: Predicate) -> CheckedQuery {
        CheckedQuery {
            collection: 0,
            predicate: predicate.into(),
            order: Order::default(),
            offset: 0,
            limit: None,
        }
    }

    fn row(id: &str, value: i64) -> Rc<Row> {
        Rc::new(Row::of(id, &[Value::int(value), Value::text("open")]))
    }

    fn routed(router: &Router, old: Option<Rc<Row>>, new: Option<Rc<Row>>) -> Vec<u64> {
        let mut ids = Vec::new();
        router.route(
            &Change {
                collection: 0,
                old,
                new,
            },
            &mut |id| ids.push(id.0),
        );
        ids
    }

    #[test]
    fn only_circuits_of_the_old_and_new_constants_are_visited_each_once() {
        let mut router = Router::default();
        for number in 0..1_000 {
            router.insert(
                CircuitId(number),
                &query(equal(1, &Value::int(number.cast_signed()))),
            );
        }
        router.insert(CircuitId(1_000), &query(equal(0, &Value::text("x"))));
        router.insert(CircuitId(1_001), &query(Predicate::always()));
        assert_eq!(
            routed(&router, Some(row("a", 3)), Some(row("a", 7))),
            [1_001, 3, 7]
        );
        assert_eq!(
            routed(&router, Some(row("a", 3)), Some(row("a", 3))),
            [1_001, 3]
        );
        assert_eq!(routed(&router, None, Some(row("x", -1))), [1_001, 1_000]);
        let elsewhere = Change {
            collection: 1,
            old: None,
            new: Some(row("x", 1)),
        };
        router.route(&elsewhere, &mut |_| panic!("another collection"));
    }

    #[test]
    fn the_rarer_constant_is_chosen() {
        let mut router = Router::default();
        let both = |value| {
            Predicate::all(vec![
                equal(1, &Value::int(value)),
                equal(2, &Value::text("open")),
            ])
        };
        for number in 0..10 {
            router.insert(CircuitId(number), &query(both(number.cast_signed())));
        }
        assert!(routed(&router, None, Some(row("a", 5))).len() <= 2);
    }

    #[test]
    fn a_removed_circuit_leaves_nothing_behind() {
        let mut router = Router::default();
        for predicate in [
            Predicate::always(),
            equal(1, &Value::int(1)),
            equal(0, &Value::text("a")),
        ] {
            let query = query(predicate);
            let route = router.insert(CircuitId(1), &query);
            router.remove(CircuitId(1), &query, &route);
            assert_eq!(routed(&router, None, Some(row("a", 1))), Vec::<u64>::new());
        }
        assert!(
            router
                .collections
                .values()
                .all(|collection| collection.columns.is_empty())
        );
    }
}
