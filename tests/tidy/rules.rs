//! The rules. Each takes a source and returns what it finds there.

use crate::source::{Finding, Source, Tree, read, root};
use crate::words::{BANNED, NOISE, contains_word, defined, parts};

/// Layers of `src/`, from left to right: a module imports from its own layer and those before it.
const LAYERS: [&[&str]; 8] = [
    &[
        "ids", "limits", "error", "event", "effect", "platform", "planted", "sorted", "text",
    ],
    &["doc", "causal"],
    &["protocol", "merge", "zset"],
    &["operator", "store"],
    &["query", "txn", "outbox"],
    &["sync", "tabs"],
    &["engine"],
    &["driver"],
];

const FILE_LINES_MAX: usize = 600;
const TEST_FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;
const TRAIT_METHODS_MAX: usize = 7;

/// Names of effects the engine must not have.
const EFFECTS: [&str; 9] = [
    "std::time",
    "std::thread",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "tokio",
    "rand",
    "println",
];
const BROWSER: [&str; 5] = [
    "web_sys",
    "js_sys",
    "wasm_bindgen",
    "gloo",
    "indexed_db_futures",
];

/// What the simulator must take from the engine and never have of its own.
const ENGINE_TYPES: [&str; 9] = [
    "outbox",
    "merge",
    "register",
    "verdict",
    "hlc",
    "existence",
    "tombstone",
    "authority",
    "session",
];
const ENGINE_VERBS: [&str; 5] = ["merge", "enqueue", "dequeue", "decide", "restamp"];

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

pub fn layers(source: &Source) -> Vec<Finding> {
    let Some(inside) = source.path.strip_prefix("src/") else {
        return Vec::new();
    };
    let module = inside.split(['/', '.']).next().unwrap_or_default();
    if module == "lib" {
        return Vec::new();
    }
    let Some(own) = layer_of(module) else {
        return vec![source.finding(1, format!("module {module} has no layer in tests/tidy"))];
    };
    let code: String = source
        .shipped_lines()
        .map(|(_, line)| line.to_owned() + "\n")
        .collect();
    let to_root = "super::".repeat(inside.split('/').count());
    let code = code.replace(&to_root, "crate::");
    let imported = code.match_indices("crate::").flat_map(|(at, _)| {
        let line = code[..at].matches('\n').count() + 1;
        heads(&code[at + "crate::".len()..])
            .into_iter()
            .map(move |head| (line, head))
    });
    imported
        .filter(|(_, head)| layer_of(head).is_some_and(|layer| layer > own))
        .map(|(line, head)| source.finding(line, format!("{module} imports {head}, to its right")))
        .collect()
}

/// The first segments of what follows `crate::`: one name, or those of a group in braces.
fn heads(rest: &str) -> Vec<String> {
    let name = |text: &str| {
        let text = text.trim_start();
        text.chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![name(rest)];
    };
    let mut depth = 0;
    let mut found = vec![name(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => found.push(name(&group[at + 1..])),
            _ => {}
        }
    }
    found
}

pub fn sizes(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = source.text.lines().count();
    let most = if source.is_test() {
        TEST_FILE_LINES_MAX
    } else {
        FILE_LINES_MAX
    };
    if lines > most {
        findings.push(source.finding(1, format!("{lines} lines, at most {most}")));
    }
    for (index, line) in source.text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > COLUMNS_MAX && !line.contains("://") {
            findings.push(source.finding(index + 1, format!("{columns} columns")));
        }
    }
    if source.is_rust() {
        findings.extend(long_functions(source));
        findings.extend(large_traits(source));
    }
    findings
}

/// A block ends, after rustfmt, at the first line that is its opening indent and a brace.
fn block<'a>(lines: &'a [&'a str]) -> &'a [&'a str] {
    let Some(first) = lines.first() else {
        return &[];
    };
    let indent: String = first.chars().take_while(|c| *c == ' ').collect();
    let opens = lines
        .iter()
        .position(|line| line.ends_with(['{', ';', '}']));
    let is_block = |at: &usize| lines.get(*at).is_some_and(|line| line.ends_with('{'));
    let Some(opens) = opens.filter(is_block) else {
        return &[];
    };
    let end = format!("{indent}}}");
    let length = lines.iter().skip(opens).position(|line| *line == end);
    length
        .and_then(|length| lines.get(..=opens + length))
        .unwrap_or_default()
}

/// Every block that `keyword` defines, with the index of its first line and its name.
fn blocks<'a>(lines: &'a [&'a str], keyword: &str) -> Vec<(usize, &'a str, &'a [&'a str])> {
    let starts = lines.iter().enumerate().filter_map(|(index, line)| {
        let (found, name) = defined(line)?;
        (found == keyword).then_some((index, name))
    });
    starts
        .map(|(index, name)| (index, name, block(lines.get(index..).unwrap_or_default())))
        .collect()
}

fn long_functions(source: &Source) -> Vec<Finding> {
    let lines: Vec<&str> = source.text.lines().collect();
    let functions = blocks(&lines, "fn").into_iter();
    functions
        .filter(|(_, _, body)| body.len() > FUNCTION_LINES_MAX)
        .map(|(index, name, body)| {
            source.finding(index + 1, format!("{name}: {} lines", body.len()))
        })
        .collect()
}

fn large_traits(source: &Source) -> Vec<Finding> {
    let lines: Vec<&str> = source.text.lines().collect();
    let traits = blocks(&lines, "trait")
        .into_iter()
        .map(|(index, name, body)| {
            (
                index,
                name,
                body.iter()
                    .filter(|line| line.starts_with("    fn "))
                    .count(),
            )
        });
    traits
        .filter(|(_, _, methods)| *methods > TRAIT_METHODS_MAX)
        .map(|(index, name, methods)| {
            source.finding(index + 1, format!("{name}: {methods} methods"))
        })
        .collect()
}

pub fn glossary(source: &Source) -> Vec<Finding> {
    let stem = source.path.rsplit('/').next().unwrap_or_default();
    let stem = stem.split('.').next().unwrap_or_default();
    let names = source
        .code_lines()
        .filter_map(|(line, text)| Some((line, defined(text)?)));
    [(1, ("mod", stem))]
        .into_iter()
        .chain(names)
        .filter_map(|(line, (keyword, name))| {
            let (word, instead) = unwanted_word(keyword, name)?;
            Some(source.finding(line, format!("`{word}` in {name}: say {instead}")))
        })
        .collect()
}

fn unwanted_word(keyword: &str, name: &str) -> Option<(&'static str, &'static str)> {
    let is_type = !["fn", "function", "let", "const", "static"].contains(&keyword);
    let noise = NOISE.iter().filter(|_| is_type);
    let words = parts(name);
    let mut banned = BANNED.iter().chain(noise);
    banned
        .find(|(word, _)| words.iter().any(|part| part == word))
        .copied()
}

pub fn opening(source: &Source) -> Vec<Finding> {
    let wanted: &[&str] = match source.ending() {
        "rs" => &["//!"],
        "ts" | "tsx" | "mjs" if !source.path.contains(".test.") => &["//", "/**", "#!"],
        _ => return Vec::new(),
    };
    let first = source.text.lines().next().unwrap_or_default();
    if wanted.iter().any(|start| first.starts_with(start)) {
        return Vec::new();
    }
    vec![source.finding(1, "does not open with a comment that says what it is")]
}

pub fn marks(source: &Source) -> Vec<Finding> {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
        concat!("HA", "CK"),
    ];
    let lines = source.text.lines().enumerate();
    lines
        .filter_map(|(index, line)| {
            let mark = marks.iter().find(|mark| contains_word(line, mark))?;
            Some(source.finding(index + 1, format!("{mark} is not an owner")))
        })
        .collect()
}

pub fn ascii(source: &Source) -> Vec<Finding> {
    let lines = source
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_ascii());
    lines
        .map(|(index, _)| source.finding(index + 1, "not ASCII"))
        .collect()
}

fn naming(source: &Source, banned: &[&str]) -> Vec<Finding> {
    source
        .code_lines()
        .filter_map(|(line, text)| {
            let name = banned.iter().find(|name| contains_word(text, name))?;
            Some(source.finding(line, format!("names {name}")))
        })
        .collect()
}

pub fn effects(source: &Source) -> Vec<Finding> {
    let is_engine = source.path.starts_with("src/") && !source.is_test();
    if is_engine {
        naming(source, &EFFECTS)
    } else {
        Vec::new()
    }
}

pub fn browser(source: &Source) -> Vec<Finding> {
    let may = source.path.starts_with("worker/") || source.path.starts_with("tests/tidy");
    if source.is_rust() && !may {
        naming(source, &BROWSER)
    } else {
        Vec::new()
    }
}

pub fn sim_definitions(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("sim/src/") {
        return Vec::new();
    }
    source
        .code_lines()
        .filter_map(|(line, text)| {
            let (keyword, name) = defined(text)?;
            let banned: &[&str] = match keyword {
                "struct" | "enum" | "trait" | "type" | "mod" => &ENGINE_TYPES,
                "fn" => &ENGINE_VERBS,
                _ => return None,
            };
            let first = parts(name).into_iter().next()?;
            let holds = banned.contains(&first.as_str());
            holds.then(|| source.finding(line, format!("{name} belongs to the engine")))
        })
        .collect()
}

/// Public functions of the engine and exported functions of the client.
pub fn booleans(source: &Source) -> Vec<Finding> {
    let (start, kind): (&[&str], &str) = match source.path.split('/').next() {
        Some("src") => (&["pub fn ", "pub const fn "], ": bool"),
        Some("js") => (&["export function ", "export async function "], ": boolean"),
        _ => return Vec::new(),
    };
    let lines: Vec<&str> = source.text.lines().collect();
    let public = |line: &str| {
        start
            .iter()
            .any(|start| line.trim_start().starts_with(start))
    };
    let headers = lines.iter().enumerate().filter(|(_, line)| public(line));
    headers
        .filter(|(index, _)| {
            let header: String = lines.iter().skip(*index).take(20).copied().collect();
            let parameters = header.split(['{', ';']).next().unwrap_or_default();
            let parameters = parameters
                .rsplit_once(')')
                .map_or(parameters, |(left, _)| left);
            parameters.contains(kind)
        })
        .map(|(index, _)| source.finding(index + 1, "a boolean argument: use two names or an enum"))
        .collect()
}

pub fn typescript(source: &Source) -> Vec<Finding> {
    if !source.is_typescript() || !source.path.starts_with("js/") {
        return Vec::new();
    }
    let name = source.path.rsplit('/').next().unwrap_or_default();
    let is_generated = name.ends_with(".d.ts");
    let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let mut findings = Vec::new();
    if !is_generated && !name.chars().all(kebab) {
        findings.push(source.finding(1, "a file name is kebab-case"));
    }
    for (line, text) in source.code_lines() {
        if is_any_type(text) {
            findings.push(source.finding(line, "`any` in a signature"));
        }
        if !is_generated && text.starts_with("export default") {
            findings.push(source.finding(line, "exports are named"));
        }
    }
    findings
}

/// Whether `any` stands where a type does: after a colon, an angle, a bar, a comma or `as`.
fn is_any_type(text: &str) -> bool {
    let before: Vec<&str> = text.split("any").collect();
    contains_word(text, "any")
        && before.iter().rev().skip(1).any(|left| {
            let left = left.trim_end();
            left.ends_with([':', '<', '|']) || left.ends_with(" as")
        })
}

pub fn documents(tree: &Tree) -> Vec<Finding> {
    let wanted = [
        "README.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "docs/ARCHITECTURE.md",
        "docs/PROTOCOL.md",
        "docs/GLOSSARY.md",
        "docs/PAGE.md",
        "docs/PLANTED.md",
    ];
    let absent = |path: &&str| !root().join(path).exists();
    let missing = wanted
        .into_iter()
        .filter(absent)
        .map(|path| finding(path, "is not there"));
    let old_layout = tree
        .sources
        .iter()
        .filter(|source| source.path.ends_with("/mod.rs"));
    let old_layout = old_layout.map(|source| source.finding(1, "foo.rs beside foo/, no mod.rs"));
    missing.chain(old_layout).chain(broken_links()).collect()
}

/// Links of README.md and docs/ to files that are not there.
fn broken_links() -> Vec<Finding> {
    let pages = [
        "README.md",
        "docs/ARCHITECTURE.md",
        "docs/PROTOCOL.md",
        "docs/PAGE.md",
    ];
    let mut findings = Vec::new();
    for page in pages.into_iter().filter(|page| root().join(page).exists()) {
        let folder = root().join(page);
        let folder = folder.parent().expect("a page lies in a folder");
        let text = read(page);
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next());
        for target in targets.filter(|t| !t.is_empty() && !t.contains(':')) {
            if !folder.join(target).exists() {
                findings.push(finding(
                    page,
                    &format!("links to {target}, which is not there"),
                ));
            }
        }
    }
    findings
}

fn finding(file: &str, what: &str) -> Finding {
    Finding {
        file: file.to_owned(),
        line: 1,
        what: what.to_owned(),
    }
}
