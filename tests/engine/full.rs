//! A disk that is full: what is refused, and what goes on.

use crate::device::{Device, Machine, Server, code};
use crate::{delete, film};
use holm::doc::value::Value;
use holm::platform::torn::Shortage;

/// Leaves no room but the reserve.
fn fill(machine: &Machine) {
    let used = machine.disk.used();
    machine.disk.set_quota(Some((used, Shortage::Short)));
}

/// Whether the last status that a page was told of, says so.
fn is_full(device: &Device) -> bool {
    let mut statuses = device
        .notices
        .iter()
        .rev()
        .filter_map(|notice| notice.get("status"));
    let status = statuses.next().expect("it was told");
    status
        .get("storage")
        .and_then(|storage| storage.get("full"))
        == Some(&Value::Bool(true))
}

fn full_database(machine: &Machine, server: Option<&Server>) -> Device {
    let mut ann = Device::open(machine, 1, server);
    for id in ["a", "b", "c", "d"] {
        ann.write(&film(id, &"x".repeat(2_000))).unwrap();
    }
    fill(machine);
    let refused = ann.write(&film("e", "Eraserhead"));
    assert_eq!(code(refused), "storage_full");
    assert!(is_full(&ann));
    ann
}

#[test]
fn deletes_and_discards_go_on_and_inserts_do_not() {
    let machine = Machine::default();
    let mut ann = full_database(&machine, None);
    ann.write(&delete("a")).unwrap();
    ann.ask(r#""kind":"discard","entry":2"#).unwrap();
    let refused = ann.write(&[delete("c"), film("f", "Fargo")].join(","));
    assert_eq!(code(refused), "storage_full");
    assert_eq!(ids(&mut ann), ["c", "d"]);
    drop(ann);
    let mut ann = Device::open(&machine, 2, None);
    assert_eq!(ids(&mut ann), ["c", "d"]);
    ann.write(&delete("c")).unwrap();
    assert_eq!(ids(&mut ann), ["d"]);
    machine.disk.set_quota(None);
    ann.write(&film("e", "Eraserhead")).unwrap();
    assert!(!is_full(&ann));
}

#[test]
fn verdicts_are_taken_and_what_was_accepted_frees_its_room() {
    let (machine, server) = (Machine::default(), Server::default());
    let mut ann = Device::open(&machine, 1, None);
    ann.write(&film("a", "Alien")).unwrap();
    drop(ann);
    fill(&machine);
    let mut ann = Device::open(&machine, 2, Some(&server));
    ann.sync().unwrap();
    assert_eq!(ann.outbox(), [] as [String; 0]);
    assert_eq!(ids(&mut ann), ["a"]);
}

fn ids(device: &mut Device) -> Vec<String> {
    let titles = device.rows(r#"{"from":"films"}"#);
    let id = |row: &Value| row.as_list()?.first()?.as_str().map(String::from);
    titles.iter().filter_map(id).collect()
}
