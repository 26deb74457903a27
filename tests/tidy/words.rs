//! Names: what is defined where, the words they are made of, and the words we do not use.

/// A word that is not part of a type's or a module's name: it says nothing there.
pub const NOISE: [(&str, &str); 2] = [("info", "what it says"), ("data", "what it holds")];

/// A word that is not part of any name, and what to say instead.
pub const BANNED: [(&str, &str); 18] = [
    ("manager", "the noun for what it does"),
    ("helper", "the noun for what it does"),
    ("helpers", "the noun for what they do"),
    ("util", "the noun for what it does"),
    ("utils", "the noun for what they do"),
    ("impl", "the plain noun"),
    ("changeset", "delta or transaction"),
    ("diff", "delta or patch"),
    ("oplog", "outbox or log"),
    ("master", "leader"),
    ("slave", "follower"),
    ("peer", "replica, tab or server"),
    ("observable", "live query"),
    ("watcher", "live query"),
    ("lamport", "stamp"),
    ("tenant", "space"),
    ("generation", "term, life or epoch"),
    ("fencing", "term"),
];

const KEYWORDS: [&str; 12] = [
    "fn",
    "struct",
    "enum",
    "trait",
    "type",
    "mod",
    "const",
    "static",
    "let",
    "class",
    "interface",
    "function",
];

/// The name that a line of code defines, with the keyword before it.
pub fn defined(line: &str) -> Option<(&str, &str)> {
    let mut words = line
        .split(|c: char| !is_name(c))
        .filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if let Some(keyword) = KEYWORDS.iter().find(|keyword| **keyword == word) {
            let name = words.find(|word| !["mut", "ref", "fn"].contains(word))?;
            return Some((keyword, name));
        }
        if ![
            "pub", "crate", "export", "default", "async", "unsafe", "declare",
        ]
        .contains(&word)
        {
            return None;
        }
    }
    None
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$'
}

/// `FileManager`, `file_manager` and `file-manager` are `file`, `manager`.
pub fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut previous_is_lower = false;
    for c in name.chars() {
        let starts_new =
            !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && previous_is_lower);
        if starts_new {
            parts.push(String::new());
        }
        if let (true, Some(last)) = (c.is_ascii_alphanumeric(), parts.last_mut()) {
            last.push(c.to_ascii_lowercase());
        }
        previous_is_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Whether `text` contains `word` with no letter, digit or underscore beside it.
pub fn contains_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    })
}
