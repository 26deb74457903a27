//! All live queries: who listens to what.
//!
//! Equal queries share one circuit, across components and tabs. A commit visits only the circuits
//! it is routed to, and its patches come out in a fixed order: by circuit in the order of making,
//! then by tab and subscription. A circuit that lost its last subscriber is kept up to date for a
//! while, so that coming back is cheap. Must not know messages or stores.

use super::check::CheckedQuery;
use super::circuit::Circuit;
use super::evaluate::Rows;
use super::patch::Patch;
use super::router::{CircuitId, Route, Router};
use crate::doc::row::{Change, Row};
use crate::error::Error;
use crate::ids::{SubscriptionId, TabId};
use crate::limits::CIRCUIT_KEPT_MS;
use crate::sorted::{SortedMap, SortedSet};
use std::rc::Rc;

/// Who listens: a tab and its number for the subscription.
type Subscriber = (TabId, SubscriptionId);

/// The open live queries of a database.
#[derive(Debug, Default)]
pub struct LiveQueries {
    next: u64,
    circuits: SortedMap<CircuitId, Shared>,
    by_query: SortedMap<Rc<CheckedQuery>, CircuitId>,
    subscriptions: SortedMap<Subscriber, CircuitId>,
    router: Router,
}

/// A circuit and who shares it.
#[derive(Debug)]
struct Shared {
    query: Rc<CheckedQuery>,
    circuit: Circuit,
    route: Route,
    subscribers: SortedSet<Subscriber>,
    /// Since when nobody listens, as far as `sweep` has seen.
    idle_since_ms: Option<u64>,
}

impl LiveQueries {
    /// Opens a subscription, in place of one with the same name, and returns the rows as of the
    /// last commit. `rows` is read only if no equal query is open.
    pub fn subscribe(
        &mut self,
        tab: TabId,
        subscription: SubscriptionId,
        query: CheckedQuery,
        rows: &mut dyn Rows,
    ) -> Result<Vec<Rc<Row>>, Error> {
        let id = match self.by_query.get(&query) {
            Some(id) => *id,
            None => self.open(query, rows)?,
        };
        let subscriber = (tab, subscription);
        if self.subscriptions.get(&subscriber) != Some(&id) {
            self.unsubscribe(tab, subscription);
        }
        self.subscriptions.insert(subscriber, id);
        let shared = self
            .circuits
            .get_mut(&id)
            .expect("a query that is known has its circuit");
        shared.subscribers.insert(subscriber);
        shared.idle_since_ms = None;
        Ok(shared.circuit.rows().cloned().collect())
    }

    /// Whether a query over the collection is open, or was.
    pub fn watches(&self, collection: usize) -> bool {
        self.router.watches(collection)
    }

    /// Whether an equal query is open.
    pub fn is_open(&self, query: &CheckedQuery) -> bool {
        self.by_query.get(query).is_some()
    }

    fn open(&mut self, query: CheckedQuery, rows: &mut dyn Rows) -> Result<CircuitId, Error> {
        let query = Rc::new(query);
        let circuit = Circuit::new(Rc::clone(&query), rows)?;
        let id = CircuitId(self.next);
        self.next += 1;
        let route = self.router.insert(id, &query);
        self.by_query.insert(Rc::clone(&query), id);
        let subscribers = SortedSet::new();
        self.circuits.insert(
            id,
            Shared {
                query,
                circuit,
                route,
                subscribers,
                idle_since_ms: None,
            },
        );
        Ok(id)
    }

    /// Ends a subscription. One that is not there is ended already.
    pub fn unsubscribe(&mut self, tab: TabId, subscription: SubscriptionId) {
        let subscriber = (tab, subscription);
        let Some(id) = self.subscriptions.remove(&subscriber) else {
            return;
        };
        if let Some(shared) = self.circuits.get_mut(&id) {
            shared.subscribers.remove(&subscriber);
        }
    }

    /// Ends all subscriptions of a tab.
    pub fn drop_tab(&mut self, tab: TabId) {
        let first = (tab, SubscriptionId(0));
        let last = (tab, SubscriptionId(u64::MAX));
        let ended: Vec<Subscriber> = self
            .subscriptions
            .range(first..=last)
            .map(|entry| *entry.0)
            .collect();
        for (tab, subscription) in ended {
            self.unsubscribe(tab, subscription);
        }
    }

    /// Takes a whole commit and says whose lists changed how. `rows` are as of its end.
    pub fn apply(
        &mut self,
        changes: &[Change],
        rows: &mut dyn Rows,
    ) -> Vec<(TabId, SubscriptionId, Rc<Patch>)> {
        let Self {
            circuits, router, ..
        } = self;
        let mut touched = SortedSet::new();
        for change in changes {
            router.route(change, &mut |id| {
                if let Some(shared) = circuits.get_mut(&id) {
                    shared.circuit.push(change);
                    touched.insert(id);
                }
            });
        }
        let mut patches = Vec::new();
        for id in touched {
            let Some(shared) = circuits.get_mut(&id) else {
                continue;
            };
            let Some(patch) = shared.circuit.finish(rows).map(Rc::new) else {
                continue;
            };
            let first_only = crate::planted::is("query_live_first_subscriber_only");
            let subscribers =
                shared
                    .subscribers
                    .iter()
                    .take(if first_only { 1 } else { usize::MAX });
            patches.extend(subscribers.map(|(tab, number)| (*tab, *number, Rc::clone(&patch))));
        }
        patches
    }

    /// Drops circuits that nobody has listened to for long enough. Returns when to come again, if
    /// there is a reason.
    pub fn sweep(&mut self, now_ms: u64) -> Option<u64> {
        let mut due_ms: Option<u64> = None;
        let mut ended = Vec::new();
        for (id, shared) in &mut self.circuits {
            if !shared.subscribers.is_empty() {
                continue;
            }
            let end_ms = *shared.idle_since_ms.get_or_insert(now_ms) + CIRCUIT_KEPT_MS;
            if end_ms <= now_ms {
                ended.push(*id);
            } else {
                due_ms = Some(due_ms.map_or(end_ms, |due| due.min(end_ms)));
            }
        }
        for id in ended {
            self.close(id);
        }
        due_ms
    }

    fn close(&mut self, id: CircuitId) {
        let Some(shared) = self.circuits.remove(&id) else {
            return;
        };
        self.by_query.remove(&shared.query);
        self.router.remove(id, &shared.query, &shared.route);
    }

    /// How many circuits there are.
    pub fn circuits(&self) -> usize {
        self.circuits.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::codec::binary;
    use crate::doc::value::Value;
    use crate::operator::order::Order;
    use crate::operator::predicate::{Predicate, Relation};
    use crate::operator::window::Found;

    /// Rows that may be read only so often.
    struct Counted(Vec<Rc<Row>>, usize);

    impl Rows for Counted {
        fn read(&mut self, query: &CheckedQuery, enough: usize) -> Result<Found, Error> {
            self.1 += 1;
            self.0.read(query, enough)
        }
    }

    fn row(id: &str, value: i64) -> Rc<Row> {
        Rc::new(Row::of(id, &[Value::int(value)]))
    }

    fn query(value: i64, limit: usize) -> CheckedQuery {
        let (column, operand) = (1, binary(&Value::int(value)));
        let predicate = Predicate::Compare {
            column,
            relation: Relation::Equal,
            operand,
        };
        CheckedQuery {
            collection: 0,
            predicate: predicate.into(),
            order: Order::default(),
            offset: 0,
            limit: Some(limit),
        }
    }

    fn insert(row: Rc<Row>) -> [Change; 1] {
        [Change {
            collection: 0,
            old: None,
            new: Some(row),
        }]
    }

    #[test]
    fn equal_queries_share_a_circuit_and_all_subscribers_hear() {
        let mut rows = Counted(vec![row("a", 1)], 0);
        let mut live = LiveQueries::default();
        for (tab, number) in [(2, 1), (1, 2), (1, 1)] {
            let shown = live.subscribe(TabId(tab), SubscriptionId(number), query(1, 9), &mut rows);
            assert_eq!(shown.unwrap(), [row("a", 1)]);
        }
        live.subscribe(TabId(3), SubscriptionId(1), query(1, 1), &mut rows)
            .unwrap();
        assert_eq!((live.circuits(), rows.1), (2, 2));
        let heard = live.apply(&insert(row("b", 1)), &mut Vec::new());
        let heard: Vec<_> = heard
            .iter()
            .map(|(tab, number, _)| (tab.0, number.0))
            .collect();
        assert_eq!(heard, [(1, 1), (1, 2), (2, 1)]);
        assert!(live.apply(&insert(row("c", 2)), &mut Vec::new()).is_empty());
    }

    #[test]
    fn a_late_subscriber_of_a_shared_circuit_sees_the_list_as_it_is() {
        let mut live = LiveQueries::default();
        let mut none = Vec::new();
        live.subscribe(TabId(1), SubscriptionId(1), query(1, 9), &mut none)
            .unwrap();
        live.apply(&insert(row("b", 1)), &mut Vec::new());
        let shown = live
            .subscribe(TabId(1), SubscriptionId(2), query(1, 9), &mut none)
            .unwrap();
        assert_eq!(shown, [row("b", 1)]);
    }

    #[test]
    fn a_circuit_outlives_its_last_subscriber_for_a_while_and_stays_true() {
        let mut rows = Counted(vec![], 0);
        let mut live = LiveQueries::default();
        live.subscribe(TabId(1), SubscriptionId(1), query(1, 9), &mut rows)
            .unwrap();
        assert_eq!(live.sweep(1_000), None);
        live.drop_tab(TabId(1));
        assert_eq!(live.sweep(2_000), Some(2_000 + CIRCUIT_KEPT_MS));
        assert!(live.apply(&insert(row("b", 1)), &mut Vec::new()).is_empty());
        let shown = live
            .subscribe(TabId(1), SubscriptionId(7), query(1, 9), &mut rows)
            .unwrap();
        assert_eq!((shown, rows.1), (vec![row("b", 1)], 1));
        live.unsubscribe(TabId(1), SubscriptionId(7));
        live.unsubscribe(TabId(1), SubscriptionId(7));
        live.sweep(10_000);
        assert_eq!(live.sweep(10_000 + CIRCUIT_KEPT_MS), None);
        assert_eq!(live.circuits(), 0);
    }

    #[test]
    fn subscribing_again_under_the_same_name_replaces_the_query() {
        let mut live = LiveQueries::default();
        let mut none = Vec::new();
        for value in [1, 1, 2] {
            live.subscribe(TabId(1), SubscriptionId(1), query(value, 9), &mut none)
                .unwrap();
        }
        assert!(live.apply(&insert(row("a", 1)), &mut Vec::new()).is_empty());
        assert_eq!(live.apply(&insert(row("b", 2)), &mut Vec::new()).len(), 1);
    }
}
