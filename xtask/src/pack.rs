//! Packs the module that ships: what is alike in its code lies together, where gzip finds it, and
//! what often follows each other is one byte. It becomes the data of a small module that puts it
//! back, byte for byte (`pack/unpack.wat`).
//!
//! ```text
//! lanes    = numbers of one kind, one after the other; what is before the code; what is after it
//! codes    = what instructions there are: parts, each of bytes as they are and a lane (0: none)
//! text     = a lane too: per function codes until LAST, each of which stands for its parts: their
//!            bytes, and of a part with a lane a number from there
//! ```
//!
//! Numbers are LEB128, as in the module. The sizes of functions are counted when they are put back.

#![allow(
    clippy::indexing_slicing,
    reason = "all places are those of one module, its lanes and its codes"
)]

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use wasmparser::{BinaryReaderError, Parser, Payload};

/// In their order, which was found by trying. What is before and after the code must be first and
/// last; the numbers of locals are second, and codes last but one.
const LANES: [&str; 20] = [
    "before", "locals", "i32 5", "i64 3", "call 2", "i32 4", "i32 3", "i32 2", "call 1", "i64 2",
    "store", "load", "i64 1", "i32 1", "get", "set", "tee", "break", "text", "after",
];
/// The code of the end of a function, and only of that.
const LAST: u8 = 0;
const CODES: usize = 256;
/// Of the parts of a code that are pairs of others. A part and its bytes are counted in a byte.
const CODE_BYTES: usize = 127;
const UNPACKER: &str = include_str!("pack/unpack.wat");
const WORD: usize = 4;
const PAGE: usize = 65_536;
/// Behind the module: the last function is put back a little late, and some bytes after it.
const SPARE: usize = 16;

/// Bytes as they are, and the lane of the number after them.
type Part = (Vec<u8>, Option<usize>);

/// What is written.
struct Packer {
    codes: Vec<Vec<Part>>,
    by_part: HashMap<Part, u8>,
    lanes: Vec<Vec<u8>>,
    /// Of all functions, one after the other.
    text: Vec<u8>,
}

/// Packs a module.
pub fn pack(module: &[u8]) -> Result<Packed, String> {
    let told = |error: BinaryReaderError| format!("the module cannot be packed: {error}");
    let mut packer = Packer {
        codes: vec![vec![(vec![END], None)]],
        by_part: HashMap::new(),
        lanes: vec![Vec::new(); LANES.len()],
        text: Vec::new(),
    };
    let mut functions = 0;
    let mut code: Option<Range<usize>> = None;
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CodeSectionEntry(body) = payload.map_err(told)? {
            let range = body.range();
            let first = range.start - number(range.len()).len();
            code = Some(code.map_or(first, |code| code.start)..range.end);
            functions += 1;
            let mut reader = body.get_operators_reader().map_err(told)?;
            let mut at = reader.original_position();
            packer.lane("locals").extend(&module[range.start..at]);
            while !reader.eof() {
                reader.read().map_err(told)?;
                let end = reader.original_position();
                packer.instruction(&module[at..end], reader.eof())?;
                at = end;
            }
        }
    }
    let code = code.ok_or("the module has no code")?;
    packer.lane("before").extend(&module[..code.start]);
    packer.lane("after").extend(&module[code.end..]);
    packer.merge();
    Ok(packer.packed(module.len(), functions))
}

const TOO_MANY: &str = "the module has too many kinds of instructions to be packed";
const END: u8 = 0x0b;

impl Packer {
    fn lane(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.lanes[lane(name)]
    }

    fn instruction(&mut self, bytes: &[u8], is_last: bool) -> Result<(), String> {
        if is_last {
            self.text.push(LAST);
            return Ok(());
        }
        let (fixed, operand) = bytes.split_at(operand_of(bytes));
        if fixed == [BR_TABLE] {
            // How many there are, those, and where to go else: each a number.
            let mut fixed = fixed;
            for number in operand.split_inclusive(|byte| *byte < 128) {
                self.part(fixed, lane_of(BR_TABLE, number), number)?;
                fixed = &[];
            }
            return Ok(());
        }
        self.part(fixed, lane_of(bytes[0], operand), operand)
    }

    fn part(&mut self, fixed: &[u8], lane: Option<usize>, number: &[u8]) -> Result<(), String> {
        let part = (fixed.to_vec(), lane);
        let known = self.by_part.get(&part).copied();
        let code = match known {
            Some(code) => code,
            None => {
                let code = u8::try_from(self.codes.len()).map_err(|_| TOO_MANY)?;
                self.codes.push(vec![part.clone()]);
                self.by_part.insert(part, code);
                code
            }
        };
        self.text.push(code);
        if let Some(lane) = lane {
            self.lanes[lane].extend(number);
        }
        Ok(())
    }

    /// Gives the codes that are left to the pairs that are there most often, and then to pairs of
    /// these.
    fn merge(&mut self) {
        while self.codes.len() < CODES {
            let mut counts: BTreeMap<(u8, u8), usize> = BTreeMap::new();
            for pair in self.text.windows(2) {
                let is_short = self.bytes_of(pair[0]) + self.bytes_of(pair[1]) <= CODE_BYTES;
                if pair[0] != LAST && pair[1] != LAST && is_short {
                    *counts.entry((pair[0], pair[1])).or_default() += 1;
                }
            }
            let Some(((one, other), _)) = counts.into_iter().max_by_key(|(_, count)| *count) else {
                return;
            };
            let code = self.codes.len() as u8;
            let parts = [
                &self.codes[usize::from(one)],
                &self.codes[usize::from(other)],
            ];
            self.codes.push(joined(parts));
            let mut text = Vec::with_capacity(self.text.len());
            for byte in self.text.drain(..) {
                if byte == other && text.last() == Some(&one) {
                    *text.last_mut().expect("it was looked at") = code;
                } else {
                    text.push(byte);
                }
            }
            self.text = text;
        }
    }

    fn bytes_of(&self, code: u8) -> usize {
        let parts = &self.codes[usize::from(code)];
        parts.iter().map(|(fixed, _)| fixed.len() + 2).sum()
    }

    fn packed(mut self, module_bytes: usize, functions: usize) -> Packed {
        *self.lane("text") = std::mem::take(&mut self.text);
        let mut parts = Vec::new();
        for code in 0..CODES {
            let of_code = self.codes.get(code).map_or(&[][..], Vec::as_slice);
            parts.push(small(of_code.len()));
            for (fixed, lane) in of_code {
                parts.push(small(fixed.len()));
                parts.extend(fixed);
                parts.push(small(lane.unwrap_or(0)));
            }
        }
        let mut at = PARTS + parts.len();
        let mut data = Vec::new();
        for bytes in self.lanes.iter().map(Vec::len).chain([0]) {
            data.extend((at as u32).to_le_bytes());
            at += bytes;
        }
        data.resize(PARTS, 0);
        data.extend(parts);
        data.extend(self.lanes.concat());
        Packed {
            data,
            module_bytes,
            functions,
        }
    }
}

/// Where the unpacker notes where the parts of each code lie, behind the lanes and their end.
const STARTS: usize = (LANES.len() + 1) * WORD;
const PARTS: usize = STARTS + CODES * WORD;

fn small(value: usize) -> u8 {
    u8::try_from(value).expect("a code stands for few bytes")
}

/// A module, packed.
pub struct Packed {
    /// What the memory of the unpacker begins with.
    pub data: Vec<u8>,
    module_bytes: usize,
    functions: usize,
}

impl Packed {
    /// The unpacker with the packed module, as text.
    pub fn text(&self) -> String {
        let start = self.data.len();
        let pages = (start + self.module_bytes + SPARE).div_ceil(PAGE);
        let last = LANES.len() - 1;
        let numbers = [
            ("PAGES", pages),
            ("START", start),
            ("TEXT", (last - 1) * WORD),
            ("AFTER", last * WORD),
            ("FUNCTIONS", self.functions),
            ("CODES", STARTS),
            ("PARTS", PARTS),
        ];
        let mut text = UNPACKER.to_owned();
        for (name, number) in numbers {
            text = text.replace(name, &number.to_string());
        }
        let data: String = self
            .data
            .iter()
            .map(|byte| format!("\\{byte:02x}"))
            .collect();
        text.replace("DATA", &data)
    }
}

/// One after the other; bytes after bytes become one part.
fn joined(two: [&Vec<Part>; 2]) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::new();
    for (fixed, lane) in two.into_iter().flatten() {
        match joined.last_mut() {
            Some((before, last @ None)) => {
                before.extend(fixed);
                *last = *lane;
            }
            _ => joined.push((fixed.clone(), *lane)),
        }
    }
    joined
}

const BR_TABLE: u8 = 0x0e;

/// Where in an instruction its number begins; its length if it has none that is worth a lane.
fn operand_of(instruction: &[u8]) -> usize {
    match instruction[0] {
        0x0c..=0x0e | 0x10 | 0x20..=0x22 | 0x41 | 0x42 => 1,
        // How it lies is a number below 64.
        0x28..=0x3e => 2,
        _ => instruction.len(),
    }
}

fn lane_of(opcode: u8, number: &[u8]) -> Option<usize> {
    let name = match (opcode, number.len()) {
        (_, 0) => return None,
        (0x0c..=0x0e, _) => "break",
        (0x10, 1) => "call 1",
        (0x10, _) => "call 2",
        (0x20, _) => "get",
        (0x21, _) => "set",
        (0x22, _) => "tee",
        (0x28..=0x35, _) => "load",
        (0x36..=0x3e, _) => "store",
        (0x41, 1) => "i32 1",
        (0x41, 2) => "i32 2",
        (0x41, 3) => "i32 3",
        (0x41, 4) => "i32 4",
        (0x41, _) => "i32 5",
        (_, 1) => "i64 1",
        (_, 2) => "i64 2",
        (_, _) => "i64 3",
    };
    Some(lane(name))
}

fn lane(name: &str) -> usize {
    let place = LANES.iter().position(|lane| *lane == name);
    place.expect("every lane that is named is listed")
}

fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 127 {
        bytes.push((value as u8) | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[cfg(test)]
mod tests;
