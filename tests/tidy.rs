//! Style as a test: layers, sizes, words, and what each folder may name.
//!
//! Each rule reads the sources and returns its findings. A finding that must stay is listed in
//! `EXEMPTIONS` with its reason; an exemption whose finding is gone is itself an error, so the list
//! can only shrink. Reads text, not syntax: it relies on rustfmt's and biome's layout.

#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/words.rs"]
mod words;

use std::collections::BTreeSet;

use source::{Finding, Source, Tree};

/// (rule, file, why it must stay). The list may only shrink.
const EXEMPTIONS: &[(&str, &str, &str)] = &[];

/// A rule that looks at one source at a time.
type Rule = fn(&Source) -> Vec<Finding>;

/// Fails with every finding of `rule` that is not exempt, and with every exemption not needed.
fn enforce(rule: &str, findings: Vec<Finding>) {
    let exempt: BTreeSet<&str> = EXEMPTIONS
        .iter()
        .filter(|(name, ..)| *name == rule)
        .map(|(_, file, _)| *file)
        .collect();
    let found: BTreeSet<String> = findings
        .iter()
        .map(|finding| finding.file.clone())
        .collect();
    let mut lines: Vec<String> = findings
        .into_iter()
        .filter(|finding| !exempt.contains(finding.file.as_str()))
        .map(|finding| format!("{}:{}: {}", finding.file, finding.line, finding.what))
        .collect();
    let stale = exempt.iter().filter(|file| !found.contains(**file));
    lines.extend(stale.map(|file| format!("{file}: no longer needs its exemption from {rule}")));
    assert!(
        lines.is_empty(),
        "{rule}, {} findings:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

fn enforce_each(rule: &str, check: impl Fn(&Source) -> Vec<Finding>) {
    enforce(rule, Tree::read().sources.iter().flat_map(check).collect());
}

#[test]
fn there_are_sources_to_check() {
    let tree = Tree::read();
    for folder in [
        "src/",
        "worker/src/",
        "server/src/",
        "sim/src/",
        "inspect/src/",
        "js/",
        "tests/",
        "scripts/",
    ] {
        assert!(
            tree.sources.iter().any(|s| s.path.starts_with(folder)),
            "{folder} has no sources"
        );
    }
}

#[test]
fn a_layer_imports_nothing_to_its_right() {
    enforce_each("layers", rules::layers);
}

#[test]
fn files_functions_lines_and_traits_stay_small() {
    enforce_each("sizes", rules::sizes);
}

#[test]
fn names_come_from_the_glossary() {
    enforce_each("glossary", rules::glossary);
}

#[test]
fn every_module_opens_with_what_it_is() {
    enforce_each("opening", rules::opening);
}

#[test]
fn no_work_is_left_as_a_mark() {
    enforce_each("marks", rules::marks);
}

#[test]
fn sources_are_ascii() {
    enforce_each("ascii", rules::ascii);
}

#[test]
fn the_engine_names_no_effect() {
    enforce_each("effects", rules::effects);
}

#[test]
fn only_the_worker_names_a_browser() {
    enforce_each("browser", rules::browser);
}

#[test]
fn the_simulator_holds_no_logic_of_the_engine() {
    enforce_each("sim", rules::sim_definitions);
    let tree = Tree::read();
    for wanted in ["holm::driver", "authority"] {
        let used = |s: &&Source| s.path.starts_with("sim/src/") && s.code().contains(wanted);
        assert!(
            tree.sources.iter().any(|s| used(&s)),
            "sim does not construct {wanted}"
        );
    }
}

#[test]
fn public_functions_take_no_booleans() {
    enforce_each("booleans", rules::booleans);
}

#[test]
fn typescript_is_named_and_typed_as_agreed() {
    enforce_each("typescript", rules::typescript);
}

#[test]
fn documents_are_there_and_their_links_hold() {
    enforce("documents", rules::documents(&Tree::read()));
}

#[test]
fn the_lock_file_names_no_address() {
    let text = source::read("package-lock.json");
    assert!(
        !text.contains("://") || !text.contains("\"resolved\": \"http"),
        "see .npmrc"
    );
}

/// Planted defects: every rule must be able to fail.
#[test]
fn each_rule_finds_its_planted_defect() {
    let mark = format!("//! x\n// {}: later\n", concat!("TO", "DO"));
    let long_function = format!("//! x\nfn f() {{\n{}}}\n", "    g();\n".repeat(80));
    let cases: [(Rule, &str, &str); 17] = [
        (
            rules::layers,
            "src/doc/a.rs",
            "//! x\nuse crate::store::wal;\n",
        ),
        (
            rules::layers,
            "src/doc/a.rs",
            "//! x\nuse crate::{\n    ids::A,\n    sync::B,\n};\n",
        ),
        (
            rules::layers,
            "src/doc/a.rs",
            "//! x\nuse super::super::engine;\n",
        ),
        (rules::layers, "src/novel.rs", "//! x\n"),
        (rules::sizes, "src/a.rs", &"//! x\n".repeat(601)),
        (rules::sizes, "src/a.rs", &long_function),
        (
            rules::sizes,
            "js/a.ts",
            &format!("// {}\n", "x".repeat(101)),
        ),
        (
            rules::glossary,
            "src/a.rs",
            "//! x\npub struct FileManager;\n",
        ),
        (
            rules::glossary,
            "js/a.ts",
            "// x\nexport function openHelper() {}\n",
        ),
        (rules::opening, "src/a.rs", "use std::fmt;\n"),
        (rules::marks, "src/a.rs", &mark),
        (rules::ascii, "src/a.rs", "//! caf\u{e9}\n"),
        (
            rules::effects,
            "src/a.rs",
            "//! x\nuse std::time::Instant;\n",
        ),
        (rules::browser, "src/a.rs", "//! x\nuse web_sys::Window;\n"),
        (
            rules::sim_definitions,
            "sim/src/a.rs",
            "//! x\nstruct Outbox;\n",
        ),
        (
            rules::booleans,
            "src/a.rs",
            "//! x\npub fn open(\n    create: bool,\n) {\n}\n",
        ),
        (
            rules::typescript,
            "js/fileName.ts",
            "// x\nexport const a: any = 1;\n",
        ),
    ];
    for (index, (rule, path, text)) in cases.iter().enumerate() {
        let findings = rule(&Source::new(path, text));
        assert!(
            !findings.is_empty(),
            "case {index}: the defect in {path} is not found"
        );
    }
}
