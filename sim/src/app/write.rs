//! The operations of the app's transactions.

use super::{App, FILMS_LIST, SOLOS_LIST};
use crate::dice::Dice;
use crate::json::{object, row_id, text};
use crate::page::Page;
use crate::plan::{Plan, REPLICAS};
use crate::queries::{GENRES, rating};
use holm::doc::value::Value;

/// Documents of `films` that everybody writes.
const FILMS: u64 = 12;
/// Documents of `duets`.
pub const DUETS: u64 = 3;
/// Documents of `solos` and of `notes` that each device writes.
const SOLOS: u64 = 2;
/// Pairs that each device writes.
const PAIRS: u64 = 2;

fn op(op: &str, collection: &str, id: &str, fields: Value) -> Value {
    object([
        ("op", text(op)),
        ("collection", text(collection)),
        ("id", text(id)),
        ("fields", fields),
    ])
}

/// What every device seeds, all alike but for one document.
pub fn seeds(device: usize) -> Vec<Value> {
    let films = (0..4).map(|n| {
        let fields = [
            ("title", text(format!("t{n}"))),
            ("year", Value::int(1970 + n)),
        ];
        op("seed", "films", &format!("f{n}"), object(fields))
    });
    let duets = (0..DUETS).map(|n| op("seed", "duets", &format!("d{n}"), object([])));
    let first = object([("first", text(format!("version {device}")))]);
    films
        .chain(duets)
        .chain([op("seed", "solos", SEEDED, first)])
        .collect()
}

/// The document that every device seeds with a value of its own.
pub const SEEDED: &str = "seeded";

/// The device that alone writes a field of a duet.
pub fn duet_writer(duet: u64, field: &str) -> usize {
    let first = duet as usize;
    (if field == "left" { first } else { first + 1 }) % REPLICAS
}

impl App {
    /// The operations of a transaction, or of a step of one. `mark` is a name that was never used.
    pub(super) fn operations(&mut self, page: &Page, plan: &Plan, mark: &str) -> Vec<Value> {
        let mut ops = Vec::new();
        for _ in 0..self.dice.between(1, 3) {
            match self.dice.weigh(&[50, 14, 14, 14, 8]) {
                0 => self.write_film(page, mark, &mut ops),
                1 => self.write_duet(mark, &mut ops),
                2 => self.write_solo(page, mark, &mut ops),
                3 => self.write_pair(mark, &mut ops),
                _ => self.write_note(mark, &mut ops),
            }
        }
        if self.dice.chance(70) {
            let body = if self.dice.chance(plan.poisoned) {
                "poison"
            } else {
                "b"
            };
            ops.push(op("insert", "marks", mark, object([("body", text(body))])));
        }
        if self.larges < 1 && self.dice.chance(plan.large) {
            self.larges += 1;
            for n in 0..5 {
                let body = object([("body", text("large ".repeat(33_000)))]);
                ops.push(op("insert", "marks", &format!("{mark}.large{n}"), body));
            }
        }
        ops
    }

    fn write_film(&mut self, page: &Page, mark: &str, ops: &mut Vec<Value>) {
        let id = format!("f{}", self.dice.below(FILMS));
        let is_there = page.rows(FILMS_LIST).iter().any(|row| row_id(row) == id);
        let dice = &mut self.dice;
        let weights = if is_there {
            [3, 60, 15, 12, 10]
        } else {
            [60, 3, 2, 30, 0]
        };
        match dice.weigh(&weights) {
            0 => ops.push(op("insert", "films", &id, whole_film(dice))),
            1 => ops.push(op("update", "films", &id, some_of_film(dice, mark))),
            2 => ops.push(op("delete", "films", &id, object([]))),
            3 => ops.push(op("upsert", "films", &id, whole_film(dice))),
            _ => {
                ops.push(op("delete", "films", &id, object([])));
                ops.push(op("insert", "films", &id, whole_film(dice)));
            }
        }
    }

    fn write_duet(&mut self, mark: &str, ops: &mut Vec<Value>) {
        let duet = self.dice.below(DUETS);
        for field in ["left", "right"] {
            if duet_writer(duet, field) == self.device {
                let fields = object([(field, text(mark))]);
                ops.push(op("update", "duets", &format!("d{duet}"), fields));
            }
        }
    }

    fn write_solo(&mut self, page: &Page, mark: &str, ops: &mut Vec<Value>) {
        let id = format!("s{}-{}", self.device, self.dice.below(SOLOS));
        let is_there = page.rows(SOLOS_LIST).iter().any(|row| row_id(row) == id);
        let both = || object([("first", text(mark)), ("second", text(mark))]);
        match (is_there, self.dice.below(4)) {
            (false, _) => ops.push(op("insert", "solos", &id, both())),
            (true, 0) => ops.push(op("delete", "solos", &id, object([]))),
            (true, 1) => {
                ops.push(op("delete", "solos", &id, object([])));
                ops.push(op("insert", "solos", &id, object([("first", text(mark))])));
            }
            (true, 2) => ops.push(op("update", "solos", &id, object([("second", text(mark))]))),
            (true, _) => ops.push(op("upsert", "solos", &id, both())),
        }
    }

    fn write_pair(&mut self, mark: &str, ops: &mut Vec<Value>) {
        let pair = self.dice.below(PAIRS);
        for side in ["a", "b"] {
            let id = format!("{side}-{}-{pair}", self.device);
            ops.push(op("upsert", "pairs", &id, object([("value", text(mark))])));
        }
    }

    fn write_note(&mut self, mark: &str, ops: &mut Vec<Value>) {
        let id = format!("n{}", self.dice.below(SOLOS));
        ops.push(op("upsert", "notes", &id, object([("text", text(mark))])));
    }
}

fn year(dice: &mut Dice) -> Value {
    if dice.chance(20) {
        Value::Null
    } else {
        Value::int(dice.between(1970, 1980) as i64)
    }
}

fn whole_film(dice: &mut Dice) -> Value {
    object([
        ("title", text(format!("t{}", dice.below(20)))),
        ("year", year(dice)),
        ("rating", rating(dice)),
        ("genre", text(dice.pick(&GENRES))),
    ])
}

fn some_of_film(dice: &mut Dice, mark: &str) -> Value {
    let mut fields = Vec::new();
    for (name, percent) in [
        ("title", 30),
        ("year", 40),
        ("rating", 30),
        ("genre", 20),
        ("watched", 30),
        ("note", 15),
        ("extra", 10),
    ] {
        if !dice.chance(percent) {
            continue;
        }
        let value = match name {
            "title" => text(format!("t{}", dice.below(20))),
            "year" => year(dice),
            "rating" => rating(dice),
            "genre" => text(dice.pick(&GENRES)),
            "watched" => Value::Bool(dice.chance(50)),
            "note" => text(mark),
            _ => Value::List(vec![text(mark), Value::Null]),
        };
        fields.push((name.to_string(), value));
    }
    Value::map(fields)
}
