//! Packs a small module and puts it back in the way of `unpack.wat`. That the unpacker does the
//! same with the module that ships is in js/tests/unpack.test.ts.

use super::{LANES, LAST, PARTS, Packed, STARTS, WORD, pack};
use wasm_encoder::{
    CodeSection, DataSection, Function, FunctionSection, MemArg, Module, TypeSection, ValType,
};

/// Functions with locals, every kind of number that has a lane, and long bodies.
fn module() -> Vec<u8> {
    let mut module = Module::new();
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    types.ty().function([], []);
    let mut code = CodeSection::new();
    for nth in 0..40_i32 {
        functions.function(0);
        let mut body = Function::new([(3, ValType::I32), (nth as u32 + 200, ValType::I64)]);
        let mut to = body.instructions();
        for at in 0..nth {
            let offset = u64::from(at.unsigned_abs()).pow(3);
            let place = |align| MemArg {
                offset,
                align,
                memory_index: 0,
            };
            to.local_get(at as u32).i32_const(-at.pow(5)).i32_const(at);
            to.i32_add().i32_load(place(2)).drop();
            to.i64_const(i64::from(at).pow(7)).local_tee(200).drop();
            to.i32_const(at).f64_const(0.1.into()).f64_store(place(0));
        }
        to.block(wasm_encoder::BlockType::Empty).i32_const(nth);
        to.br_table([0, 1, 0], 0)
            .end()
            .call(0)
            .call(nth as u32)
            .end();
        code.function(&body);
    }
    let mut data = DataSection::new();
    data.passive(*b"after the code");
    module.section(&types).section(&functions).section(&code);
    module.section(&data);
    module.finish()
}

fn unpacked(packed: &Packed) -> Vec<u8> {
    let data = &packed.data;
    let word = |at: usize| u32::from_le_bytes(data[at..at + WORD].try_into().unwrap()) as usize;
    let mut lanes: Vec<usize> = (0..=LANES.len()).map(|lane| word(lane * WORD)).collect();
    let mut from = PARTS;
    let starts: Vec<usize> = (STARTS..PARTS)
        .step_by(WORD)
        .map(|_| {
            let start = from;
            from += 1;
            (0..data[start]).for_each(|_| from += usize::from(data[from]) + 2);
            start
        })
        .collect();
    let after = LANES.len() - 1;
    let mut out = data[lanes[0]..lanes[1]].to_vec();
    let number = |lanes: &mut Vec<usize>, lane: usize, body: &mut Vec<u8>| loop {
        let byte = data[lanes[lane]];
        lanes[lane] += 1;
        body.push(byte);
        if byte < 128 {
            return;
        }
    };
    for _ in 0..packed.functions {
        let mut body = Vec::new();
        let locals = 2 * data[lanes[1]] + 1;
        (0..locals).for_each(|_| number(&mut lanes, 1, &mut body));
        loop {
            let code = data[lanes[after - 1]];
            lanes[after - 1] += 1;
            let mut from = starts[usize::from(code)] + 1;
            for _ in 0..data[from - 1] {
                let bytes = usize::from(data[from]);
                body.extend(&data[from + 1..=from + bytes]);
                from += bytes + 2;
                if data[from - 1] > 0 {
                    number(&mut lanes, usize::from(data[from - 1]), &mut body);
                }
            }
            if code == LAST {
                break;
            }
        }
        out.extend(super::number(body.len()));
        out.extend(body);
    }
    out.extend(&data[lanes[after]..]);
    out
}

#[test]
fn a_module_is_put_back_byte_for_byte() {
    let module = module();
    wasmparser::Parser::new(0)
        .parse_all(&module)
        .for_each(|part| drop(part.unwrap()));
    let packed = pack(&module).unwrap();
    assert_eq!(unpacked(&packed), module);
    assert!(packed.data.len() < module.len() + PARTS + 1_000);
}

#[test]
fn the_unpacker_has_no_names_left() {
    let text = pack(&module()).unwrap().text();
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with(";;"));
    let is_name = |word: &str| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    for line in code.filter(|line| !line.contains("(data")) {
        let mut words = line.split(|char: char| !char.is_ascii_alphabetic());
        assert_eq!(words.find(|word| is_name(word)), None, "{line}");
    }
}

#[test]
fn what_cannot_be_packed_is_told() {
    assert!(pack(&module()[..60]).is_err());
    assert!(pack(&Module::new().finish()).is_err());
    // More kinds of instructions than there are codes.
    let mut body = Function::new([]);
    for nth in 0..300 {
        body.instructions().f64_const(f64::from(nth).into()).drop();
    }
    body.instructions().end();
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    let mut code = CodeSection::new();
    types.ty().function([], []);
    functions.function(0);
    code.function(&body);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    assert!(pack(&module.finish()).is_err_and(|error| error.contains("too many kinds")));
}
