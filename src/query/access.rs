//! Which part of an index a query needs: ranges of the keys in which every row is that the
//! predicate may hold. Must not know where keys are stored.

use crate::doc::codec::{Items, NULL};
use crate::doc::key::{self, Direction};
use crate::doc::row::Row;
use crate::operator::order::Order;
use crate::operator::predicate::{Predicate, Relation};

/// Keys from the first up to, and without, the second.
pub type Range = (Vec<u8>, Vec<u8>);

/// Most bytes of a value in a key: what is longer is cut, and lies among those that begin alike.
pub const VALUE_BYTES_MAX: usize = 256;

/// Appends a value, which comes in its binary form, as keys of an index have it. What is the same
/// there may differ behind the cut; what is less is not greater there.
pub fn push_value(key: &mut Vec<u8>, value: &[u8]) {
    let end = key.len() + VALUE_BYTES_MAX;
    key::encode_binary(key, value);
    key.truncate(end);
}

/// What a key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The id, as it is.
    Id,
    /// Values, each in its order-preserving encoding, and then what tells documents apart.
    Values,
}

/// A part of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// How much of the predicate it serves: two for each column that is fixed, one for a column
    /// that is bounded.
    pub weight: usize,
    /// Where the rows are; none overlaps another.
    pub ranges: Vec<Range>,
}

/// The part of an index over these columns that the predicate needs: all of it, with the weight 0,
/// if it demands nothing of the first column. Keys begin with `prefix`.
pub fn access(predicate: &Predicate, columns: &[usize], form: Form, prefix: Vec<u8>) -> Access {
    let demands = demands(predicate);
    let mut access = served(demands, columns, form, prefix.clone());
    for demand in demands {
        if let Predicate::After { order, place } = demand
            && agrees(demands, order, place)
            && let Some(found) = ordered(predicate, columns, order)
        {
            let key = key_of_place(demands, columns, (&found, place), prefix);
            access.begin_at(&key, found.direction);
            break;
        }
    }
    access
}

impl Access {
    /// Leaves out what is before a key, in the direction in which the keys are read.
    fn begin_at(&mut self, key: &[u8], direction: Direction) {
        let mut end = key.to_vec();
        end.push(0xff);
        for (from, to) in &mut self.ranges {
            if direction == Direction::Ascending {
                *from = std::mem::take(from).max(key.to_vec());
            } else {
                *to = std::mem::take(to).min(end.clone());
            }
        }
        self.ranges.retain(|(from, to)| from < to);
    }
}

/// Whether a place has the values that columns of the order must have. Where it has others, these
/// decide which rows come after it.
fn agrees(demands: &[Predicate], order: &Order, place: &Row) -> bool {
    let value = |column| demands.iter().find_map(|demand| fixed(demand, column));
    let mut columns = order.columns().iter().map(|(column, _)| *column);
    columns.all(|column| value(column).is_none_or(|value| value == place.cell(column)))
}

/// What the key of a place in the order begins with, as far as the order says.
fn key_of_place(
    demands: &[Predicate],
    columns: &[usize],
    (found, place): (&Ordered, &Row),
    mut key: Vec<u8>,
) -> Vec<u8> {
    let mut ordered = found.columns.iter().peekable();
    for column in columns.iter().filter(|column| **column > 0) {
        let whole = key.len() + VALUE_BYTES_MAX;
        match demands.iter().find_map(|demand| fixed(demand, *column)) {
            Some(value) => push_value(&mut key, value),
            None if ordered.next_if_eq(&column).is_none() => return key,
            None => push_value(&mut key, place.cell(*column)),
        }
        // What comes behind a cut says nothing.
        if key.len() == whole && !crate::planted::is("index_cursor_past_a_cut") {
            return key;
        }
    }
    if ordered.next() == Some(&0) {
        key.extend_from_slice(place.id());
    }
    key
}

fn served(demands: &[Predicate], columns: &[usize], form: Form, prefix: Vec<u8>) -> Access {
    let mut keys = Keys { prefix, form };
    let mut weight = 0;
    for column in columns {
        if let Some(value) = demands.iter().find_map(|demand| fixed(demand, *column)) {
            keys.prefix = keys.of(value);
            weight += 2;
            continue;
        }
        if let Some(ranges) = keys.bounded(demands, *column) {
            weight += 1;
            return Access { weight, ranges };
        }
        break;
    }
    let mut end = keys.prefix.clone();
    // Of an id that is fixed there are no other keys behind it.
    end.push(if form == Form::Id && weight > 0 {
        0
    } else {
        0xff
    });
    let ranges = vec![(keys.prefix, end)];
    Access { weight, ranges }
}

/// What all rows must hold.
fn demands(predicate: &Predicate) -> &[Predicate] {
    match predicate {
        Predicate::And(args) => args,
        one => std::slice::from_ref(one),
    }
}

/// How the keys of an index have the rows in a query's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ordered {
    /// From which end.
    pub direction: Direction,
    /// The columns by which they are ordered. Rows that are the same in them come in any order.
    pub columns: Vec<usize>,
}

impl Ordered {
    /// What rows have in common that may come in any order. What is cut in keys is cut here, and
    /// what comes behind it says nothing.
    pub fn group(&self, row: &Row) -> Vec<u8> {
        let mut group = Vec::new();
        for column in &self.columns {
            let whole = group.len() + VALUE_BYTES_MAX;
            push_value(&mut group, row.cell(*column));
            if group.len() == whole && !crate::planted::is("index_order_past_a_cut") {
                break;
            }
        }
        group
    }
}

/// Whether an index over these columns, behind which comes the id, has the rows that hold the
/// predicate in this order.
pub fn ordered(predicate: &Predicate, columns: &[usize], order: &Order) -> Option<Ordered> {
    let demands = demands(predicate);
    let is_free = |column: &usize| demands.iter().all(|one| fixed(one, *column).is_none());
    let mut keys = columns
        .iter()
        .copied()
        .chain([0])
        .skip_while(|column| !is_free(column));
    let mut found = Ordered {
        direction: Direction::Ascending,
        columns: Vec::new(),
    };
    for (column, direction) in order.columns() {
        if !is_free(column) {
            continue;
        }
        let is_other = !found.columns.is_empty() && found.direction != *direction;
        if is_other || keys.next() != Some(*column) {
            return None;
        }
        found.direction = *direction;
        found.columns.push(*column);
    }
    // The id comes after all, and ascends.
    if found.direction == Direction::Ascending && keys.next() == Some(0) {
        found.columns.push(0);
    }
    (!found.columns.is_empty()).then_some(found)
}

/// The only value that the column may have.
fn fixed(demand: &Predicate, of: usize) -> Option<&[u8]> {
    match demand {
        Predicate::Compare {
            column,
            relation: Relation::Equal,
            operand,
        } if *column == of => Some(operand),
        Predicate::IsNull { column } if *column == of => Some(&[NULL]),
        _ => None,
    }
}

/// Keys that begin with some bytes.
struct Keys {
    prefix: Vec<u8>,
    form: Form,
}

impl Keys {
    fn of(&self, value: &[u8]) -> Vec<u8> {
        let mut key = self.prefix.clone();
        match self.form {
            Form::Id => key.extend(
                Items::new(value)
                    .string()
                    .map(str::as_bytes)
                    .unwrap_or_default(),
            ),
            Form::Values => push_value(&mut key, value),
        }
        key
    }

    /// What the keys of all texts that begin so begin with.
    fn of_start(&self, start: &str) -> Vec<u8> {
        let mut key = self.prefix.clone();
        match self.form {
            Form::Id => key.extend_from_slice(start.as_bytes()),
            Form::Values => {
                let end = key.len() + VALUE_BYTES_MAX;
                key::encode_start(&mut key, start);
                key.truncate(end);
            }
        }
        key
    }

    /// Whether all of the last value is in a key.
    fn is_whole(&self, key: &[u8]) -> bool {
        self.form == Form::Id || key.len() < self.prefix.len() + VALUE_BYTES_MAX
    }

    /// The first key after all that have these values; an id has no other keys behind it.
    fn end_of(&self, key: &[u8]) -> Vec<u8> {
        let mut end = key.to_vec();
        // Behind an encoding comes another one or an id, neither of which has ff.
        end.push(if self.form == Form::Id { 0 } else { 0xff });
        end
    }

    /// The ranges of the next column that the demands on it leave; none if they leave all.
    fn bounded(&self, demands: &[Predicate], of: usize) -> Option<Vec<Range>> {
        // No key goes on with ff, and a comparison with null is false.
        let mut from = match self.form {
            Form::Id => self.prefix.clone(),
            Form::Values => self.end_of(&self.of(&[NULL])),
        };
        let mut to = self.prefix.clone();
        to.push(0xff);
        let mut is_bounded = false;
        for demand in demands {
            match demand {
                Predicate::In { column, operands } if *column == of => {
                    let mut ranges = Vec::new();
                    for operand in operands {
                        let key = self.of(operand);
                        let end = self.end_of(&key);
                        // Operands are sorted: what is the same up to the cut comes together.
                        if ranges.last().is_none_or(|(from, _)| *from != key) {
                            ranges.push((key, end));
                        }
                    }
                    return Some(ranges);
                }
                Predicate::Compare {
                    column,
                    relation,
                    operand,
                } if *column == of && *relation != Relation::NotEqual => {
                    is_bounded = true;
                    let mut key = self.of(operand);
                    // Behind a cut there may be both less and more.
                    let is_after = match relation {
                        Relation::LessOrEqual => true,
                        Relation::Greater => self.is_whole(&key),
                        Relation::Less => !self.is_whole(&key),
                        _ => false,
                    };
                    if is_after && !crate::planted::is("index_end_left_out") {
                        key = self.end_of(&key);
                    }
                    if matches!(relation, Relation::Less | Relation::LessOrEqual) {
                        if key < to {
                            to = key;
                        }
                    } else if key > from {
                        from = key;
                    }
                }
                Predicate::Like { column, pattern } if *column == of => {
                    is_bounded = true;
                    let key = self.of_start(pattern.start());
                    let mut end = key.clone();
                    end.push(0xff);
                    to = to.min(end);
                    from = from.max(key);
                }
                _ => {}
            }
        }
        is_bounded.then(|| vec![(from, to)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::codec::binary;
    use crate::doc::value::Value;
    use crate::operator::pattern::Pattern;
    use proptest::prelude::*;

    fn compare(column: usize, relation: Relation, operand: i64) -> Predicate {
        Predicate::Compare {
            column,
            relation,
            operand: binary(&Value::int(operand)),
        }
    }

    /// Numbers as strings of which some begin alike beyond the cut.
    fn long(number: i64) -> Value {
        let common = "x".repeat(VALUE_BYTES_MAX * usize::from(number >= 0));
        Value::text(&format!("{common}{}", number + 5))
    }

    /// The same about long strings instead of numbers.
    fn lengthen(value: &[u8]) -> Vec<u8> {
        match Items::new(value).value() {
            Value::Number(number) => binary(&long(number.get() as i64)),
            other => binary(&other),
        }
    }

    fn lengthened(demand: &Predicate) -> Predicate {
        match demand.clone() {
            Predicate::Compare {
                column,
                relation,
                operand,
            } => Predicate::Compare {
                column,
                relation,
                operand: lengthen(&operand),
            },
            Predicate::In { column, operands } => Predicate::one_of(
                column,
                operands.iter().map(|operand| lengthen(operand)).collect(),
            ),
            other => other,
        }
    }

    fn any_demand() -> impl Strategy<Value = Predicate> {
        let relation = prop_oneof![
            Just(Relation::Equal),
            Just(Relation::NotEqual),
            Just(Relation::Less),
            Just(Relation::LessOrEqual),
            Just(Relation::Greater),
            Just(Relation::GreaterOrEqual),
        ];
        let compared = (1_usize..4, relation, -2_i64..3)
            .prop_map(|(column, relation, operand)| compare(column, relation, operand));
        let among = (1_usize..4, proptest::collection::vec(-2_i64..3, 0..3)).prop_map(
            |(column, operands)| {
                let operands = operands
                    .into_iter()
                    .map(|operand| binary(&Value::int(operand)));
                Predicate::one_of(column, operands.collect())
            },
        );
        let null = (1_usize..4).prop_map(|column| Predicate::IsNull { column });
        let begun = (1_usize..4, 0_usize..3).prop_map(|(column, part)| Predicate::Like {
            column,
            pattern: Pattern::prefix(&"x".repeat(part * VALUE_BYTES_MAX / 2)),
        });
        prop_oneof![4 => compared, 1 => among, 1 => null, 1 => begun]
    }

    fn any_order() -> impl Strategy<Value = Order> {
        let way = |down| {
            if down {
                Direction::Descending
            } else {
                Direction::Ascending
            }
        };
        proptest::collection::vec((0_usize..4, any::<bool>()), 0..4).prop_map(move |columns| {
            Order::new(
                columns
                    .into_iter()
                    .map(|(column, down)| (column, way(down))),
            )
        })
    }

    fn row_of(id: &str, cells: &[Vec<u8>]) -> Row {
        let cells: Vec<_> = cells.iter().map(Vec::as_slice).collect();
        Row::new(id, &cells)
    }

    fn any_cell() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![1 => Just(Value::Null), 5 => (-3_i64..4).prop_map(Value::int)]
            .prop_map(|value| binary(&value))
    }

    proptest! {
        #[test]
        fn every_row_that_holds_is_in_just_one_range(
            demands in proptest::collection::vec(any_demand(), 0..4),
            cells in proptest::collection::vec(any_cell(), 3),
            after in proptest::option::of((any_order(), proptest::collection::vec(any_cell(), 3))),
            columns in proptest::sample::subsequence(vec![1_usize, 2, 3], 1..=3),
            is_long: bool,
        ) {
            let (mut demands, mut values, mut after) = (demands, cells, after);
            if is_long {
                demands = demands.iter().map(lengthened).collect();
                let of_place = after.iter_mut().flat_map(|(_, place)| place);
                for value in values.iter_mut().chain(of_place) {
                    *value = lengthen(value);
                }
            }
            if let Some((order, place)) = after {
                demands.push(Predicate::After { order, place: row_of("w", &place) });
            }
            let predicate = Predicate::all(demands);
            let row = row_of("x", &values);
            let mut key = Vec::new();
            for column in &columns {
                push_value(&mut key, row.cell(*column));
            }
            key.extend_from_slice(b"x");
            let access = access(&predicate, &columns, Form::Values, Vec::new());
            let hits = access.ranges.iter().filter(|(from, to)| *from <= key && key < *to);
            let count = hits.count();
            prop_assert!(count <= 1);
            prop_assert!(count == 1 || !predicate.holds(&row), "{predicate:?} {row:?}");
        }

        #[test]
        fn the_order_of_keys_is_that_of_the_rows(
            demands in proptest::collection::vec(any_demand(), 0..3),
            rows in proptest::collection::vec(proptest::collection::vec(any_cell(), 3), 2..12),
            columns in proptest::sample::subsequence(vec![1_usize, 2, 3], 1..=3),
            order in any_order(),
            is_long: bool,
        ) {
            let (mut demands, mut rows) = (demands, rows);
            if is_long {
                demands = demands.iter().map(lengthened).collect();
                rows.iter_mut().flatten().for_each(|cell| *cell = lengthen(cell));
            }
            let predicate = Predicate::all(demands);
            let access = access(&predicate, &columns, Form::Values, Vec::new());
            let Some(found) = ordered(&predicate, &columns, &order) else { return Ok(()) };
            let mut keyed = Vec::new();
            for (nth, cells) in rows.iter().enumerate() {
                let row = std::rc::Rc::new(row_of(&nth.to_string(), cells));
                let mut key = Vec::new();
                for column in &columns {
                    push_value(&mut key, row.cell(*column));
                }
                key.extend_from_slice(row.id());
                if predicate.holds(&row) {
                    keyed.push((key, row));
                }
            }
            keyed.sort();
            // The ranges ascend, and none goes back into the one before.
            let is_sorted = access.ranges.iter().is_sorted_by(|a, b| a.1 <= b.0);
            prop_assert!(is_sorted, "{:?}", access.ranges);
            if found.direction == Direction::Descending {
                keyed.reverse();
            }
            // Whatever is before another group in the index is before it in the order.
            for pair in keyed.windows(2) {
                let [(_, a), (_, b)] = pair else { unreachable!() };
                if found.group(a) != found.group(b) {
                    prop_assert!(order.entry(a).key < order.entry(b).key, "{a:?} {b:?}");
                }
            }
        }

        #[test]
        fn an_id_is_found_where_it_is(
            ids in proptest::collection::btree_set("[ab]{0,3}", 1..6),
            operand in "[ab]{0,3}",
        ) {
            for relation in [Relation::Equal, Relation::Less, Relation::GreaterOrEqual] {
                let predicate = Predicate::Compare {
                    column: 0, relation, operand: binary(&Value::text(&operand)),
                };
                let access = access(&predicate, &[0], Form::Id, b"p".to_vec());
                for id in &ids {
                    let row = crate::doc::row::Row::new(id, &[]);
                    let key = [b"p", id.as_bytes()].concat();
                    let is_in = access.ranges.iter().any(|(from, to)| *from <= key && key < *to);
                    prop_assert_eq!(is_in, predicate.holds(&row));
                }
            }
        }
    }

    #[test]
    fn a_place_with_another_value_where_one_is_fixed_leaves_nothing_out() {
        let order = Order::new([(3, Direction::Ascending), (1, Direction::Descending)]);
        let place = Row::of("w", &[Value::Null, Value::Null, Value::Null]);
        let after = Predicate::After { order, place };
        let predicate = Predicate::all(vec![compare(3, Relation::Equal, -2), after]);
        let all = access(
            &compare(3, Relation::Equal, -2),
            &[3],
            Form::Values,
            Vec::new(),
        );
        assert_eq!(access(&predicate, &[3], Form::Values, Vec::new()), all);
    }

    #[test]
    fn what_narrows_nothing_down_needs_all_of_an_index() {
        for predicate in [
            Predicate::always(),
            compare(2, Relation::Equal, 1),
            compare(1, Relation::NotEqual, 1),
            Predicate::any(vec![
                compare(1, Relation::Equal, 1),
                compare(2, Relation::Equal, 1),
            ]),
        ] {
            let access = access(&predicate, &[1], Form::Values, Vec::new());
            assert_eq!(access.weight, 0, "{predicate:?}");
        }
    }
}
