//! Filter: keeps the rows that hold a predicate.
//!
//! ```text
//! filter(z)[row] = z[row] if p(row), else 0
//! apply(delta)   = filter(delta)               linear: keeps nothing
//! ```

use super::Operator;
use super::predicate::Predicate;
use crate::zset::ZSet;
use std::rc::Rc;

/// The filter by one predicate.
#[derive(Clone, Debug)]
pub struct Filter {
    predicate: Rc<Predicate>,
}

impl Filter {
    /// Keeps what holds `predicate`.
    pub fn new(predicate: Rc<Predicate>) -> Self {
        Self { predicate }
    }
}

impl Operator for Filter {
    type Output = ZSet;

    fn apply(&mut self, delta: ZSet) -> ZSet {
        delta.filter(&mut |row| self.predicate.holds(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::codec::binary;
    use crate::doc::row::Row;
    use crate::doc::value::Value;
    use crate::operator::predicate::Relation;

    #[test]
    fn a_row_that_leaves_the_predicate_goes_and_its_new_version_does_not_come() {
        let is_one = Predicate::Compare {
            column: 1,
            relation: Relation::Equal,
            operand: binary(&Value::int(1)),
        };
        let row = |value| Rc::new(Row::of("a", &[Value::int(value)]));
        let (old, new) = (row(1), row(2));
        let delta = ZSet::from_iter([(Rc::clone(&old), -1), (new, 1)]);
        let out = Filter::new(Rc::new(is_one)).apply(delta);
        assert_eq!(out.entries(), [(old, -1)]);
    }
}
