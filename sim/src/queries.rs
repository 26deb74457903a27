//! Random queries over the world's collections.

use crate::dice::Dice;
use crate::json::{object, text, whole, with};
use holm::doc::value::Value;

const FIELDS: [&str; 6] = ["id", "title", "year", "rating", "genre", "watched"];

/// A query over `films`, valid under the world's schema.
pub fn random(dice: &mut Dice) -> Value {
    let mut query = object([("from", text("films"))]);
    if dice.chance(75) {
        query = with(query, "where", condition(dice, 2));
    }
    if dice.chance(70) {
        let keys = (0..dice.between(1, 2)).map(|_| {
            let direction = *dice.pick(&["asc", "desc"]);
            Value::List(vec![text(dice.pick(&FIELDS)), text(direction)])
        });
        query = with(query, "orderBy", Value::List(keys.collect()));
    }
    if dice.chance(50) {
        query = with(query, "limit", whole(dice.between(0, 5)));
    }
    query
}

fn condition(dice: &mut Dice, depth: u64) -> Value {
    match dice.below(if depth > 0 { 8 } else { 5 }) {
        0..=3 => {
            let (field, value) = operand(dice);
            let op = *dice.pick(&["=", "!=", "<", "<=", ">", ">="]);
            object([("op", text(op)), ("field", text(field)), ("value", value)])
        }
        4 => {
            let values = (0..3)
                .map(|_| Value::int(dice.between(1970, 1980) as i64))
                .collect();
            object([
                ("op", text("in")),
                ("field", text("year")),
                ("values", Value::List(values)),
            ])
        }
        5 => object([("op", text("not")), ("arg", condition(dice, depth - 1))]),
        _ => {
            let args = (0..dice.between(1, 3))
                .map(|_| condition(dice, depth - 1))
                .collect();
            let op = *dice.pick(&["and", "or"]);
            object([("op", text(op)), ("args", Value::List(args))])
        }
    }
}

/// A field, and a value of its kind that some document may have.
fn operand(dice: &mut Dice) -> (&'static str, Value) {
    match dice.below(6) {
        0 => ("id", text(format!("f{}", dice.below(12)))),
        1 => ("year", Value::int(dice.between(1970, 1980) as i64)),
        2 => ("rating", rating(dice)),
        3 => ("genre", text(dice.pick(&GENRES))),
        4 => ("watched", Value::Bool(dice.chance(50))),
        _ => ("title", text(format!("t{}", dice.below(20)))),
    }
}

/// The values of `films.genre`.
pub const GENRES: [&str; 3] = ["drama", "horror", "noir"];

/// A value for `films.rating`.
pub fn rating(dice: &mut Dice) -> Value {
    let tenths = dice.below(20) as f64;
    Value::Number(holm::doc::value::Number::new(tenths / 4.0).expect("it is finite"))
}
