//! The sources, and the little of their structure that the rules need.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders with sources of our own, relative to the root.
const FOLDERS: [&str; 12] = [
    "src", "worker", "server", "sim", "bench", "inspect", "xtask", "js", "tests", "scripts",
    "examples", ".ci",
];
const SKIPPED: [&str; 4] = ["node_modules", "target", "dist", "proptest-regressions"];
const ENDINGS: [&str; 6] = ["rs", "ts", "tsx", "mjs", "css", "html"];

/// One thing a rule does not accept.
#[derive(Debug)]
pub struct Finding {
    pub file: String,
    pub line: usize,
    pub what: String,
}

/// One source file.
pub struct Source {
    /// Relative to the root, with forward slashes.
    pub path: String,
    pub text: String,
}

/// All sources.
pub struct Tree {
    pub sources: Vec<Source>,
}

impl Tree {
    pub fn read() -> Self {
        let mut files = Vec::new();
        for folder in FOLDERS {
            collect(&root().join(folder), &mut files);
        }
        files.sort();
        Self {
            sources: files.iter().map(|file| Source::read(file)).collect(),
        }
    }
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    fn read(file: &Path) -> Self {
        let relative = file
            .strip_prefix(root())
            .expect("sources lie under the root");
        let path = relative.to_string_lossy().replace('\\', "/");
        Self::new(&path, &read(&path))
    }

    /// What follows the last dot of the file's name.
    pub fn ending(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    pub fn is_rust(&self) -> bool {
        self.ending() == "rs"
    }

    pub fn is_typescript(&self) -> bool {
        ["ts", "tsx"].contains(&self.ending())
    }

    /// Files whose job is to test: they may be longer.
    pub fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.contains(".test.")
            || self.path.ends_with("tests.rs")
    }

    /// The lines with comments blanked. Strings stay: a URL in one ends the line early, no more.
    pub fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines.map(|(index, line)| (index + 1, line.find("//").map_or(line, |at| &line[..at])))
    }

    /// The code without comments.
    pub fn code(&self) -> String {
        self.code_lines()
            .map(|(_, line)| line.to_owned() + "\n")
            .collect()
    }

    /// The code before the unit tests at the bottom of the file.
    pub fn shipped_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code_lines()
            .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
    }

    pub fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding {
            file: self.path.clone(),
            line,
            what: what.into(),
        }
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Text of a file that must be there.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if SKIPPED.iter().any(|skipped| name == *skipped) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|end| ENDINGS.iter().any(|known| end == *known))
        {
            files.push(path);
        }
    }
}
