//! The data: issues, made from their number alone.

const STATUSES: [&str; 5] = ["open", "doing", "review", "done", "closed"];

/// Whether issues are sent to a server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They never leave the device.
    Local,
    /// They are, when there is one.
    Sent,
}

/// The schema as the page sends it, with these indexes, each a list of fields.
pub fn schema(kind: Kind, indexes: &str) -> String {
    let local = match kind {
        Kind::Local => r#""local":true,"#,
        Kind::Sent => "",
    };
    format!(
        r#"{{"version":1,"collections":{{"issues":{{{local}"indexes":[{indexes}],"fields":[
    {{"name":"title","kind":"string"}},{{"name":"body","kind":"string"}},
    {{"name":"status","kind":"string"}},{{"name":"priority","kind":"int"}},
    {{"name":"projectId","kind":"string"}},{{"name":"assigneeId","kind":"string"}},
    {{"name":"createdAt","kind":"timestamp"}},{{"name":"updatedAt","kind":"timestamp"}},
    {{"name":"labels","kind":"list","item":{{"kind":"string"}}}}]}}}}}}"#
    )
}

/// What an app that lists issues asks for: by status, by person, and the latest.
pub const INDEXES: &str = r#"["status"],["assigneeId"],["updatedAt"]"#;

/// The operation that inserts issue `nth`.
pub fn insert(nth: usize) -> String {
    insert_long(nth, 2)
}

/// The same with a body of so many sentences. Its fields are given by their positions, as the page
/// does.
pub fn insert_long(nth: usize, sentences: usize) -> String {
    let id = id(nth);
    let fields = fields(nth, sentences);
    let pairs = fields.iter().enumerate();
    let pairs: Vec<_> = pairs
        .map(|(at, (_, value))| format!("{at},{value}"))
        .collect();
    format!(r#"["insert","issues","{id}",[{}]]"#, pairs.join(","))
}

/// Issue `nth` as JSON without any white space: what its bytes on disk are measured by.
pub fn document(nth: usize) -> String {
    document_long(nth, 2)
}

/// The same with a body of so many sentences.
pub fn document_long(nth: usize, sentences: usize) -> String {
    let id = id(nth);
    let fields = fields(nth, sentences);
    let pairs = fields
        .iter()
        .map(|(name, value)| format!(r#""{name}":{value}"#));
    let pairs: Vec<_> = pairs.collect();
    format!(r#"{{"id":"{id}",{}}}"#, pairs.join(","))
}

/// Names and values of the fields, in the order of the schema.
fn fields(nth: usize, sentences: usize) -> [(&'static str, String); 9] {
    let mixed = mix(nth);
    let status = STATUSES.get(mixed % 5).unwrap_or(&"open");
    let body = "It happens now and then, and more often when it rains. ".repeat(sentences);
    let text = |text: &str| format!(r#""{text}""#);
    [
        (
            "title",
            format!(r#""Issue {nth}: something does not work as it should""#),
        ),
        ("body", text(&body)),
        ("status", text(status)),
        ("priority", (mixed / 5 % 5).to_string()),
        ("projectId", format!(r#""p{}""#, mixed / 25 % 100)),
        ("assigneeId", format!(r#""u{}""#, mixed / 2_500 % 500)),
        ("createdAt", (1_700_000_000_000_usize + nth).to_string()),
        (
            "updatedAt",
            (1_700_000_000_000_usize + mixed % 1_000_000_000).to_string(),
        ),
        ("labels", r#"["ui","bug"]"#.to_string()),
    ]
}

/// The operation that moves an issue to the head of the open ones.
pub fn update(nth: usize, round: usize) -> String {
    let at = 1_800_000_000_000_usize + round;
    format!(
        r#"{{"op":"update","collection":"issues","id":"{}","fields":{{
        "status":"open","priority":4,"updatedAt":{at}}}}}"#,
        id(nth)
    )
}

/// The id of issue `nth`.
pub fn id(nth: usize) -> String {
    format!("{:016x}{nth:08x}", mix(nth))
}

/// A number that looks random, from a counter (the finaliser of splitmix64).
fn mix(nth: usize) -> usize {
    let mut mixed = (nth as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) as usize
}
