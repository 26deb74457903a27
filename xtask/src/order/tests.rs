//! A module of few functions, each with a number of its own, before and after it is ordered.

use super::reorder;
use std::collections::BTreeMap;
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, ImportSection, Module, RefType, StartSection, TableSection,
    TableType, TypeSection,
};
use wasmparser::{ElementItems, ExternalKind, Operator, Parser, Payload};

/// Calls of each function: to the import, to others and to itself.
const CALLS: [&[u32]; 6] = [&[0, 3], &[1, 1], &[6, 2], &[], &[5, 0], &[4, 3]];
const IMPORTS: u32 = 1;

/// Function `n` pushes 1000 + n, then constants that every second one has too, and calls.
fn module() -> Vec<u8> {
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    imports.import("page", "tell", EntityType::Function(0));
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    for (number, calls) in (0..).zip(CALLS) {
        functions.function(0);
        let mut body = Function::new([]);
        body.instructions().i32_const(1000 + number).drop();
        for part in 0..20 {
            body.instructions().i32_const(part + number % 2 * 77).drop();
        }
        for call in calls {
            body.instructions().call(*call);
        }
        body.instructions().end();
        code.function(&body);
    }
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 2,
        maximum: None,
        shared: false,
    });
    let mut exports = ExportSection::new();
    exports.export("second", ExportKind::Func, IMPORTS + 1);
    exports.export("last", ExportKind::Func, IMPORTS + 5);
    let mut elements = ElementSection::new();
    let listed = Elements::Functions([IMPORTS + 4, IMPORTS].as_slice().into());
    elements.active(None, &ConstExpr::i32_const(0), listed);
    let start = StartSection { function_index: 3 };
    module.section(&types).section(&imports).section(&functions);
    module.section(&tables).section(&exports).section(&start);
    module.section(&elements).section(&code);
    module.finish()
}

/// What a module does, without the numbers of its functions: a function is known by its constant.
#[derive(Debug, Default, PartialEq, Eq)]
struct Meaning {
    calls: BTreeMap<i32, Vec<i32>>,
    exports: Vec<(String, i32)>,
    listed: Vec<i32>,
    start: Option<i32>,
    /// The constants in the order of the functions; not compared.
    order: Vec<i32>,
}

fn meaning(module: &[u8]) -> Meaning {
    let mut meaning = Meaning {
        order: vec![0],
        ..Meaning::default()
    };
    let (mut calls, mut exports, mut listed, mut start) = (vec![], vec![], vec![], None);
    for payload in Parser::new(0).parse_all(module) {
        match payload.expect("it is a module") {
            Payload::ExportSection(section) => {
                for export in section.into_iter().map(|export| export.expect("it reads")) {
                    assert_eq!(export.kind, ExternalKind::Func);
                    exports.push((export.name.to_owned(), export.index));
                }
            }
            Payload::StartSection { func, .. } => start = Some(func),
            Payload::ElementSection(section) => {
                for element in section
                    .into_iter()
                    .map(|element| element.expect("it reads"))
                {
                    let ElementItems::Functions(items) = element.items else {
                        panic!("the elements are functions");
                    };
                    listed.extend(items.into_iter().map(|item| item.expect("it reads")));
                }
            }
            Payload::CodeSectionEntry(body) => {
                let operators = body.get_operators_reader().expect("it reads").into_iter();
                let mut called = Vec::new();
                for operator in operators.map(|operator| operator.expect("it reads")) {
                    match operator {
                        Operator::I32Const { value } if value >= 1000 => meaning.order.push(value),
                        Operator::Call { function_index } => called.push(function_index),
                        _ => {}
                    }
                }
                calls.push(called);
            }
            _ => {}
        }
    }
    let order = meaning.order.clone();
    let known = |index: u32| order[index as usize];
    for (index, called) in (IMPORTS..).zip(calls) {
        meaning
            .calls
            .insert(known(index), called.into_iter().map(known).collect());
    }
    meaning.exports = exports
        .into_iter()
        .map(|(name, at)| (name, known(at)))
        .collect();
    meaning.listed = listed.into_iter().map(known).collect();
    meaning.start = start.map(known);
    meaning
}

#[test]
fn the_functions_move_and_the_module_means_the_same() {
    let module = module();
    let names: String = (0..7).map(|index| format!("{index}:f{index}\n")).collect();
    let (ordered, renamed) = reorder(&module, &names).expect("it is a module");
    let (before, after) = (meaning(&module), meaning(&ordered));
    assert_ne!(before.order, after.order, "none has moved");
    for line in renamed.lines() {
        let (index, name) = line.split_once(':').expect("an index and a name");
        let (index, old): (usize, usize) = (index.parse().unwrap(), name[1..].parse().unwrap());
        assert_eq!(after.order[index], before.order[old], "{line}");
    }
    let order = Vec::new();
    let (before, after) = (
        Meaning {
            order: order.clone(),
            ..before
        },
        Meaning { order, ..after },
    );
    assert_eq!(before, after);
}

#[test]
fn functions_that_are_alike_come_together() {
    let (ordered, _) = reorder(&module(), "").expect("it is a module");
    let kinds: Vec<i32> = meaning(&ordered).order[1..]
        .iter()
        .map(|known| known % 2)
        .collect();
    let changes = kinds.windows(2).filter(|two| two[0] != two[1]).count();
    assert_eq!(changes, 1, "{kinds:?}");
}

#[test]
fn what_is_no_module_is_told() {
    let cut = &module()[..60];
    assert!(reorder(cut, "").is_err());
    assert!(reorder(&module(), "no index").is_err());
}
