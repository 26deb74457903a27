//! Changes an input into another one.

use crate::dice::Dice;

/// Longest input: some targets are asked for more than they take.
const LENGTH_MAX: usize = 1 << 16;
/// Bytes at which mistakes are likely.
const EDGES: [u8; 10] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'\\', b'[', b'{', b'0'];
/// Numbers at which mistakes are likely.
const NUMBERS: [u64; 8] = [
    0,
    1,
    0x7f,
    0xffff,
    u32::MAX as u64,
    1 << 53,
    u64::MAX >> 1,
    u64::MAX,
];

/// One of the corpus, changed in a few places; now and then nothing but chance.
pub fn mutate(dice: &mut Dice, corpus: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    if corpus.is_empty() || dice.chance(2) {
        return (0..dice.below(80)).map(|_| dice.draw() as u8).collect();
    }
    let mut input = dice.pick(corpus).clone();
    for _ in 0..=dice.below(4) {
        change(dice, &mut input, corpus, words);
    }
    input.truncate(LENGTH_MAX);
    input
}

fn change(dice: &mut Dice, input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str]) {
    let (from, to) = range(dice, input.len());
    match dice.below(11) {
        0 => {
            if let Some(byte) = input.get_mut(from) {
                *byte ^= 1 << dice.below(8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(from) {
                *byte = *dice.pick(&EDGES);
            }
        }
        2 => drop(input.drain(from..to)),
        3 => {
            let copy = input.get(from..to).unwrap_or_default().to_vec();
            let times = 1 << dice.below(8);
            input.splice(from..from, copy.repeat(times));
        }
        4 | 5 if !words.is_empty() => {
            let word = dice.pick(words).bytes();
            let end = if dice.chance(50) { from } else { to };
            input.splice(from..end, word);
        }
        6 => {
            let other = dice.pick(corpus);
            let (begin, end) = range(dice, other.len());
            let part = other.get(begin..end).unwrap_or_default().to_vec();
            input.splice(from..to, part);
        }
        7 => drop(input.splice(from..from, varint(*dice.pick(&NUMBERS)))),
        8 => drop(input.splice(
            from..(from + 1).min(input.len()),
            varint(dice.draw() >> dice.below(64)),
        )),
        9 => drop(input.splice(from..to, dice.pick(&NUMBERS).to_string().into_bytes())),
        _ => input.truncate(to),
    }
}

/// A part of so many bytes, mostly a short one.
fn range(dice: &mut Dice, length: usize) -> (usize, usize) {
    let from = dice.below(length as u64 + 1);
    let longest = if dice.chance(80) { 8 } else { length as u64 };
    let to = (from + dice.below(longest + 1)).min(length as u64);
    (from as usize, to as usize)
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
