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
    let mut fields = Vec::new();
    if dice.chance(70) {
        let keys = (0..dice.between(1, 2)).map(|_| {
            let direction = *dice.pick(&["asc", "desc"]);
            let field = *dice.pick(&FIELDS);
            fields.push(field);
            Value::List(vec![text(field), text(direction)])
        });
        query = with(query, "orderBy", Value::List(keys.collect()));
    }
    let (first, last) = (fields.first(), fields.get(1));
    if dice.chance(15) && first != last {
        let id = value(dice, "id");
        let mut place = Vec::new();
        for field in &fields {
            let is_id = *field == "id";
            place.push(if is_id {
                id.clone()
            } else {
                value(dice, field)
            });
        }
        place.push(id);
        query = with(query, "after", Value::List(place));
    }
    if dice.chance(20) {
        query = with(query, "offset", whole(dice.between(0, 4)));
    }
    if dice.chance(50) {
        query = with(query, "limit", whole(dice.between(0, 5)));
    }
    query
}

fn condition(dice: &mut Dice, depth: u64) -> Value {
    match dice.below(if depth > 0 { 10 } else { 7 }) {
        0 => {
            let field = *dice.pick(&["id", "title", "genre"]);
            let (op, value) = *dice.pick(&[
                ("prefix", "t1"),
                ("contains", "o"),
                ("like", "%1_"),
                ("like", "_r%"),
            ]);
            let value = ("value", text(value));
            object([("op", text(op)), ("field", text(field)), value])
        }
        1 => {
            let years = [1972, 1976].map(Value::int);
            let op = *dice.pick(&["between", "not in"]);
            let values = ("values", Value::List(years.to_vec()));
            object([("op", text(op)), ("field", text("year")), values])
        }
        2..=5 => {
            let (field, value) = operand(dice);
            let op = *dice.pick(&["=", "!=", "<", "<=", ">", ">="]);
            object([("op", text(op)), ("field", text(field)), ("value", value)])
        }
        6 => {
            let values = (0..3)
                .map(|_| Value::int(dice.between(1970, 1980) as i64))
                .collect();
            object([
                ("op", text("in")),
                ("field", text("year")),
                ("values", Value::List(values)),
            ])
        }
        7 => object([("op", text("not")), ("arg", condition(dice, depth - 1))]),
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
    let field = *dice.pick(&FIELDS);
    (field, value(dice, field))
}

/// A value of a field's kind that some document may have.
fn value(dice: &mut Dice, field: &str) -> Value {
    match field {
        "id" => text(format!("f{}", dice.below(12))),
        "year" => Value::int(dice.between(1970, 1980) as i64),
        "rating" => rating(dice),
        "genre" => text(dice.pick(&GENRES)),
        "watched" => Value::Bool(dice.chance(50)),
        _ => text(format!("t{}", dice.below(20))),
    }
}

/// The values of `films.genre`.
pub const GENRES: [&str; 3] = ["drama", "horror", "noir"];

/// A value for `films.rating`.
pub fn rating(dice: &mut Dice) -> Value {
    let tenths = dice.below(20) as f64;
    Value::Number(holm::doc::value::Number::new(tenths / 4.0).expect("it is finite"))
}
