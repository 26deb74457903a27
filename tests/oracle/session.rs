//! One case: some live queries of several tabs over one random history, each checked after each
//! commit.

use crate::page::{Page, plain};
use crate::rng::Rng;
use crate::world::{self, World};
use holm::doc::row::Row;
use holm::doc::schema::Schema;
use holm::doc::value::Value;
use holm::ids::{SubscriptionId, TabId};
use holm::query::ast::Query;
use holm::query::check::CheckedQuery;
use holm::query::evaluate::evaluate;
use holm::query::live::LiveQueries;
use holm::query::naive;
use std::collections::BTreeMap;
use std::rc::Rc;

const COMMITS: usize = 12;
const QUERIES: usize = 5;

/// What was compared.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub queries: usize,
    pub commits: usize,
    pub comparisons: usize,
    /// The list is not empty, not the whole collection, and this commit changed it.
    pub nontrivial: usize,
    pub patches: usize,
    pub moves: usize,
    pub updates: usize,
    /// Rows came in at the end of a full window from which others left.
    pub refills: usize,
    pub shared: usize,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.queries += other.queries;
        self.commits += other.commits;
        self.comparisons += other.comparisons;
        self.nontrivial += other.nontrivial;
        self.patches += other.patches;
        self.moves += other.moves;
        self.updates += other.updates;
        self.refills += other.refills;
        self.shared += other.shared;
    }

    pub fn report(&self) -> String {
        format!(
            "oracle: {} queries, {} commits, {} comparisons, {}.{} % non-trivial; {} patches, \
             {} moves, {} updates, {} refills, {} shared circuits",
            self.queries,
            self.commits,
            self.comparisons,
            self.nontrivial * 100 / self.comparisons.max(1),
            self.nontrivial * 1_000 / self.comparisons.max(1) % 10,
            self.patches,
            self.moves,
            self.updates,
            self.refills,
            self.shared,
        )
    }
}

/// A live query and the page that shows it.
struct Listener {
    query: Query,
    checked: CheckedQuery,
    page: Page,
}

struct Session {
    schema: Schema,
    world: World,
    live: LiveQueries,
    listeners: BTreeMap<(TabId, SubscriptionId), Listener>,
    tally: Tally,
}

/// Runs the case of a seed. Panics where a list is not what it should be.
pub fn run(seed: u64) -> Tally {
    let rng = &mut Rng(seed);
    let schema = world::schema(rng);
    let mut session = Session {
        schema,
        world: World::default(),
        live: LiveQueries::default(),
        listeners: BTreeMap::new(),
        tally: Tally::default(),
    };
    for _ in 0..3 {
        session.world.commit(rng, &session.schema);
    }
    for number in 0..QUERIES {
        let query = world::query(rng, &session.schema);
        session.subscribe(rng, &query, number);
        if rng.chance(20) {
            session.subscribe(rng, &query, number + QUERIES);
            session.tally.shared += 1;
        }
    }
    for commit in 0..COMMITS {
        session.commit(rng);
        if commit == COMMITS / 2 {
            let late = world::query(rng, &session.schema);
            session.subscribe(rng, &late, 3 * QUERIES);
        }
    }
    session.tally
}

impl Session {
    fn subscribe(&mut self, rng: &mut Rng, query: &Query, number: usize) {
        let tab = TabId(number as u64 % 3);
        let subscription = SubscriptionId(number as u64);
        let read_again = Query::from_value(&query.to_value());
        assert_eq!(
            read_again.as_ref(),
            Some(query),
            "the JSON form round trips"
        );
        let checked = CheckedQuery::read(&query.to_value(), &self.schema)
            .expect("generated queries are valid");
        let mut rows = world::Source::new(&self.world, rng);
        let shown = self
            .live
            .subscribe(tab, subscription, checked.clone(), &mut rows)
            .unwrap();
        let page = Page::show(&shown);
        assert_eq!(
            page.list,
            self.expected(query),
            "the first result of {query:?}"
        );
        let listener = Listener {
            query: query.clone(),
            checked,
            page,
        };
        self.listeners.insert((tab, subscription), listener);
        self.tally.queries += 1;
    }

    fn naive(&self, query: &Query) -> Vec<Rc<Row>> {
        naive::evaluate(query, &self.schema, &self.world.rows(0))
    }

    fn expected(&self, query: &Query) -> Vec<Value> {
        self.naive(query).iter().map(|row| plain(row)).collect()
    }

    fn commit(&mut self, rng: &mut Rng) {
        let before: BTreeMap<_, _> = self
            .listeners
            .iter()
            .map(|(name, listener)| (*name, listener.page.clone()))
            .collect();
        let changes = self.world.commit(rng, &self.schema);
        self.tally.commits += 1;
        let mut rows = world::Source::new(&self.world, rng);
        for (tab, subscription, patch) in self.live.apply(&changes, &mut rows) {
            let listener = self
                .listeners
                .get_mut(&(tab, subscription))
                .expect("a subscriber");
            let old = listener.page.list.len();
            assert!(!patch.is_empty(), "an empty patch is not sent");
            listener.page.apply(&patch);
            self.tally.patches += 1;
            self.tally.moves += patch.moves.len();
            self.tally.updates += patch.updates.len();
            let is_full = listener.checked.limit == Some(old) && old == listener.page.list.len();
            let is_last = patch
                .inserts
                .last()
                .is_some_and(|insert| insert.0 + 1 == old);
            self.tally.refills += usize::from(is_full && is_last);
        }
        for (name, listener) in &self.listeners {
            let expected = self.expected(&listener.query);
            assert_eq!(
                listener.page.list, expected,
                "{:?} after {changes:?}",
                listener.query
            );
            let has_changed = before[name].list != expected;
            self.tally.comparisons += 1;
            let is_some = !expected.is_empty() && expected.len() < self.world.rows(0).len();
            self.tally.nontrivial += usize::from(is_some && has_changed);
            let can_match = changes
                .iter()
                .any(|change| listener.checked.can_match(change));
            assert!(
                can_match || !has_changed,
                "a change that matters was said not to"
            );
            let once = evaluate(&listener.checked, &self.world.rows(0));
            assert_eq!(
                once,
                self.naive(&listener.query),
                "one-shot {:?}",
                listener.query
            );
        }
    }
}
