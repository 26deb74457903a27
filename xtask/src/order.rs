//! Puts functions that are alike beside each other, where gzip finds what they share: it looks back
//! 32 KiB. Tries some ways to compare them and keeps the smallest module. Saves 1 % of the
//! compressed module, and changes nothing else.

#![allow(
    clippy::indexing_slicing,
    reason = "all places are those of one list of functions"
)]

use crate::pack::pack;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::Write;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{
    CodeSection, ElementSection, ExportSection, FunctionSection, Module, RawSection, StartSection,
};
use wasmparser::{FunctionBody, Parser, Payload, TypeRef};

/// Bytes of a piece of code by which two functions are compared.
const PIECES: [usize; 3] = [4, 5, 6];
/// Kinds of pieces that are told apart.
const KINDS: usize = 1 << 20;
/// How far back a function is compared: less than gzip looks, since its window slides.
const WINDOWS_BYTES: [usize; 4] = [1_000, 2_000, 3_000, 4_000];

/// Old function indices to new ones. Imports keep theirs.
struct Renumber {
    imports: u32,
    /// The new place of each function of the module.
    places: Vec<u32>,
}

impl Renumber {
    fn new(imports: u32, order: &[usize]) -> Self {
        let mut places = vec![0; order.len()];
        for (place, at) in order.iter().enumerate() {
            places[*at] = u32::try_from(place).expect("a module has fewer functions");
        }
        Self { imports, places }
    }
}

impl Reencode for Renumber {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, old: u32) -> Result<u32, Error<Self::Error>> {
        let own = old.checked_sub(self.imports);
        let place = own.and_then(|own| self.places.get(own as usize));
        Ok(place.map_or(old, |place| self.imports + place))
    }
}

/// The module and the lines `index:name` of its functions, in the new order.
pub fn reorder(module: &[u8], names: &str) -> Result<(Vec<u8>, String), String> {
    let told = |error: &dyn std::fmt::Display| format!("the module cannot be ordered: {error}");
    let (imports, bodies) = functions(module).map_err(|error| told(&error))?;
    let way = |piece, window| {
        let order = order_of(&bodies, piece, window);
        let mut renumber = Renumber::new(imports, &order);
        let ordered = rewrite(module, &bodies, &order, &mut renumber);
        let ordered = ordered.map_err(|error| told(&error))?;
        Ok((compressed_bytes(&pack(&ordered)?.data), ordered, renumber))
    };
    let tried = std::thread::scope(|scope| {
        let ways = PIECES.map(|piece| WINDOWS_BYTES.map(|window| (piece, window)));
        let ways = ways.into_iter().flatten();
        let threads: Vec<_> = ways
            .map(|(piece, window)| scope.spawn(move || way(piece, window)))
            .collect();
        let tried = threads.into_iter().map(|thread| thread.join());
        tried.collect::<Result<Vec<_>, _>>().expect("no way panics")
    });
    let tried: Vec<_> = tried.into_iter().collect::<Result<_, String>>()?;
    let best = tried.into_iter().min_by_key(|(bytes, ..)| *bytes);
    let (_, ordered, mut renumber) = best.expect("there are ways");
    let mut lines: Vec<(u32, &str)> = Vec::new();
    for line in names.lines() {
        let (index, name) = line.split_once(':').ok_or("a name without an index")?;
        let old: u32 = index.parse().map_err(|error| told(&error))?;
        let new = renumber.function_index(old);
        lines.push((new.map_err(|error| told(&error))?, name));
    }
    lines.sort_unstable();
    let line = |(index, name): &(u32, &str)| format!("{index}:{name}\n");
    Ok((ordered, lines.iter().map(line).collect()))
}

fn compressed_bytes(module: &[u8]) -> usize {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(module).expect("memory takes it");
    encoder.finish().expect("memory takes it").len()
}

type Parsed<'a> = (u32, Vec<FunctionBody<'a>>);

/// How many functions are imported, and the bodies of the others.
fn functions(module: &[u8]) -> Result<Parsed<'_>, wasmparser::BinaryReaderError> {
    let (mut imports, mut bodies) = (0, Vec::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imports += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body),
            _ => {}
        }
    }
    Ok((imports, bodies))
}

/// The largest function first; then, each time, the one that has most of its pieces behind it.
fn order_of(bodies: &[FunctionBody<'_>], piece: usize, window: usize) -> Vec<usize> {
    let pieces: Vec<Vec<u32>> = bodies
        .iter()
        .map(|body| pieces_of(body.as_bytes(), piece))
        .collect();
    let length = |at: usize| bodies[at].as_bytes().len();
    let mut left: Vec<usize> = (0..bodies.len()).collect();
    let (mut order, mut seen) = (Vec::new(), vec![0_u32; KINDS]);
    let (mut first, mut bytes) = (0, 0);
    while !left.is_empty() {
        let share = |at: usize| {
            let known = pieces[at].iter().filter(|piece| seen[**piece as usize] > 0);
            known.count() * 1_000_000 / (pieces[at].len() + 4)
        };
        let best = (0..left.len()).max_by_key(|place| {
            let at = left[*place];
            (share(at), length(at), std::cmp::Reverse(at))
        });
        let at = left.swap_remove(best.expect("some are left"));
        pieces[at]
            .iter()
            .for_each(|piece| seen[*piece as usize] += 1);
        bytes += length(at);
        order.push(at);
        while bytes > window && first + 1 < order.len() {
            let passed = order[first];
            pieces[passed]
                .iter()
                .for_each(|piece| seen[*piece as usize] -= 1);
            bytes -= length(passed);
            first += 1;
        }
    }
    order
}

/// The kinds of pieces that some code has.
fn pieces_of(code: &[u8], length: usize) -> Vec<u32> {
    let kind = |piece: &[u8]| {
        let mix = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        let sum = piece.iter().fold(0x811c_9dc5, mix);
        (sum ^ (sum >> 16)) % KINDS as u32
    };
    let mut pieces: Vec<u32> = code.windows(length).map(kind).collect();
    pieces.sort_unstable();
    pieces.dedup();
    pieces
}

fn rewrite(
    module: &[u8],
    bodies: &[FunctionBody<'_>],
    order: &[usize],
    renumber: &mut Renumber,
) -> Result<Vec<u8>, Error<std::convert::Infallible>> {
    let mut out = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::FunctionSection(section) => {
                let types = section.into_iter().collect::<Result<Vec<u32>, _>>()?;
                let mut functions = FunctionSection::new();
                for at in order {
                    functions.function(types[*at]);
                }
                out.section(&functions);
            }
            Payload::ExportSection(section) => {
                let mut exports = ExportSection::new();
                renumber.parse_export_section(&mut exports, section)?;
                out.section(&exports);
            }
            Payload::StartSection { func, .. } => {
                let function_index = renumber.function_index(func)?;
                out.section(&StartSection { function_index });
            }
            Payload::ElementSection(section) => {
                let mut elements = ElementSection::new();
                renumber.parse_element_section(&mut elements, section)?;
                out.section(&elements);
            }
            Payload::CodeSectionStart { .. } => {
                let mut code = CodeSection::new();
                for at in order {
                    renumber.parse_function_body(&mut code, bodies[*at].clone())?;
                }
                out.section(&code);
            }
            other => {
                if let Some((id, range)) = other.as_section() {
                    let data = &module[range];
                    out.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(out.finish())
}

#[cfg(test)]
mod tests;
