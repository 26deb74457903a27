//! The data: issues, made from their number alone.

const STATUSES: [&str; 5] = ["open", "doing", "review", "done", "closed"];

/// The schema as the page sends it.
pub const SCHEMA: &str = r#"{"version":1,"collections":{"issues":{"fields":[
    {"name":"title","kind":"string"},{"name":"body","kind":"string"},
    {"name":"status","kind":"string"},{"name":"priority","kind":"int"},
    {"name":"projectId","kind":"string"},{"name":"assigneeId","kind":"string"},
    {"name":"createdAt","kind":"timestamp"},{"name":"updatedAt","kind":"timestamp"},
    {"name":"labels","kind":"list","item":{"kind":"string"}}]}}}"#;

/// The operation that inserts issue `nth`.
pub fn insert(nth: usize) -> String {
    let mixed = mix(nth);
    let status = STATUSES.get(mixed % 5).unwrap_or(&"open");
    format!(
        r#"{{"op":"insert","collection":"issues","id":"{}","fields":{{
        "title":"Issue {nth}: something does not work as it should","body":"{}","status":"{status}",
        "priority":{},"projectId":"p{}","assigneeId":"u{}","createdAt":{},"updatedAt":{},
        "labels":["ui","bug"]}}}}"#,
        id(nth),
        "It happens now and then, and more often when it rains. ".repeat(2),
        mixed / 5 % 5,
        mixed / 25 % 100,
        mixed / 2_500 % 500,
        1_700_000_000_000_usize + nth,
        1_700_000_000_000_usize + mixed % 1_000_000_000,
    )
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

fn id(nth: usize) -> String {
    format!("{:016x}{nth:08x}", mix(nth))
}

/// A number that looks random, from a counter (the finaliser of splitmix64).
fn mix(nth: usize) -> usize {
    let mut mixed = (nth as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) as usize
}
