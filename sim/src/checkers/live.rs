//! A live query's list, kept by patches, equals a fresh evaluation of the query over all documents.
//!
//! The lists are kept here from what engines post; the evaluation is the naive one, which shares
//! nothing with theirs.

use super::Checker;
use crate::fact::{End, Fact, Place, Rows};
use crate::json::{list_of, row_id, text_of, whole_of};
use crate::page::list::List;
use crate::schema::schema;
use holm::doc::row::Row;
use holm::doc::schema::Schema;
use holm::doc::value::Value;
use holm::query::ast::Query;
use holm::query::naive;
use std::collections::BTreeMap;
use std::rc::Rc;

/// See the head of the file.
#[derive(Default)]
pub struct Live {
    schema: Option<Schema>,
    /// Queries by place, tab and subscription, until they are ended.
    queries: BTreeMap<(Place, u64, u64), Query>,
    lists: BTreeMap<(Place, u64, u64), List>,
    /// Requests to end a live query, whose answer is still to come.
    ending: BTreeMap<(Place, u64, u64), u64>,
}

fn row_of(value: &Value) -> Rc<Row> {
    let values = value.as_list().unwrap_or_default();
    Rc::new(Row::of(row_id(value), values.get(1..).unwrap_or_default()))
}

/// Whether a page shows just these rows.
fn is_shown(rows: &[Rc<Row>], shown: &[Value]) -> bool {
    let is_same = |(row, shown): (&Rc<Row>, &Value)| {
        let values = shown.as_list().unwrap_or_default();
        (0..row.columns())
            .map(|column| row.value(column))
            .eq(values.iter().cloned())
    };
    rows.len() == shown.len() && rows.iter().zip(shown).all(is_same)
}

impl Live {
    fn asked(&mut self, place: Place, tab: u64, request: &Value) {
        let at = (place, tab, whole_of(request, "subscription"));
        match text_of(request, "kind") {
            "subscribe" => {
                let query = Query::from_value(request.get("query").unwrap_or(&Value::Null));
                self.queries
                    .insert(at, query.expect("pages ask valid queries"));
            }
            "unsubscribe" => {
                self.ending
                    .insert((place, tab, whole_of(request, "number")), at.2);
            }
            _ => {}
        }
    }

    fn posted(&mut self, place: Place, tab: u64, notice: &Value) -> Result<(), String> {
        let at = (place, tab, whole_of(notice, "subscription"));
        match text_of(notice, "kind") {
            "result" => {
                self.lists
                    .insert(at, List::new(list_of(notice, "rows").to_vec()));
                Ok(())
            }
            // The queries that the page still has are asked for again.
            "reopen" => {
                self.lists
                    .retain(|(at, to, _), _| (*at, *to) != (place, tab));
                Ok(())
            }
            "patch" => match self.lists.get_mut(&at) {
                Some(list) => list.apply(notice),
                None => Err(format!("a patch for {at:?}, which has no result")),
            },
            "reply" => {
                if let Some(ended) = self
                    .ending
                    .remove(&(place, tab, whole_of(notice, "number")))
                {
                    self.lists.remove(&(place, tab, ended));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn judge(&mut self, place: Place, rows: &Rows) -> Result<(), String> {
        let schema = self.schema.get_or_insert_with(|| {
            Schema::from_value(&schema()).expect("the world's schema is valid")
        });
        let here = self.lists.iter().filter(|((at, ..), _)| *at == place);
        // Collections, as the evaluation takes them.
        let mut read: BTreeMap<&str, Vec<Rc<Row>>> = BTreeMap::new();
        for (at, list) in here {
            let Some(query) = self.queries.get(at) else {
                continue;
            };
            let all = read.entry(&query.from).or_insert_with(|| {
                let all = rows.get(&query.from).into_iter().flatten();
                all.map(row_of).collect()
            });
            let fresh = naive::evaluate(query, schema, all.iter());
            if !is_shown(&fresh, &list.rows) {
                let shown: Vec<Rc<Row>> = list.rows.iter().map(row_of).collect();
                return Err(format!(
                    "{at:?}: {query:?} shows {shown:?}, and is {fresh:?}"
                ));
            }
        }
        Ok(())
    }
}

impl Checker for Live {
    fn name(&self) -> &'static str {
        "live = naive"
    }

    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Asked {
                place,
                tab,
                request,
            } => {
                self.asked(*place, *tab, request);
                Ok(())
            }
            Fact::Posted { place, tab, notice } => self.posted(*place, *tab, notice),
            Fact::Ended { place, .. } => {
                self.lists.retain(|(at, ..), _| at != place);
                Ok(())
            }
            Fact::Shown { place, rows } => self.judge(*place, rows),
            _ => Ok(()),
        }
    }

    fn finish(&mut self, _: &End) -> Result<(), String> {
        Ok(())
    }
}
