//! What is in memory becomes a run when nothing is written for a while, so that the next opening
//! has little to read from the log.

use crate::device::{Device, Machine};

/// Writes about a third of a memtable.
fn write_much(device: &mut Device) {
    let text = "x".repeat(1_000);
    for number in 0..700 {
        let op = format!(r#"["upsert","notes","n{number}",[0,"{text}"]]"#);
        device.write(&op).unwrap();
    }
}

fn has_run(machine: &Machine) -> bool {
    let names = machine.disk.names("test");
    names.iter().any(|name| name.starts_with("run-"))
}

fn a_rest_makes_a_run_of_what_is_in_memory_and_writes_put_it_off() {
    let machine = Machine::default();
    let mut ann = Device::open(&machine, 1, None);
    write_much(&mut ann);
    for _ in 0..5 {
        ann.advance(600);
        ann.write(r#"["upsert","notes","n0",[0,"again"]]"#).unwrap();
    }
    assert!(!has_run(&machine), "somebody writes");
    for _ in 0..4 {
        ann.advance(600);
    }
    assert!(has_run(&machine), "nobody writes");
}

#[test]
fn what_is_in_memory_becomes_a_run_when_nobody_writes() {
    a_rest_makes_a_run_of_what_is_in_memory_and_writes_put_it_off();
}

/// The bug that this test must catch (`docs/PLANTED.md`).
#[cfg(feature = "planted")]
#[test]
fn a_rest_while_somebody_writes_is_caught() {
    holm::planted::choose("engine_rests_while_written");
    let run = a_rest_makes_a_run_of_what_is_in_memory_and_writes_put_it_off;
    let is_caught = std::panic::catch_unwind(run).is_err();
    holm::planted::choose("");
    assert!(is_caught);
}

#[test]
fn little_stays_in_the_log() {
    let machine = Machine::default();
    let mut ann = Device::open(&machine, 1, None);
    ann.write(r#"["upsert","notes","n0",[0,"short"]]"#).unwrap();
    for _ in 0..10 {
        ann.advance(600);
    }
    assert!(!has_run(&machine));
}
