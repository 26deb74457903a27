//! Copies of a store, as a cloned profile or a restored backup makes them: both go on.

use crate::device::{Device, Machine, Server};
use crate::{film, pair, update};
use holm::platform::memory::SeededEntropy;

/// A machine whose disk is a copy of another's at this moment.
fn copied(machine: &Machine) -> Machine {
    Machine {
        disk: machine.disk.fork(),
        ..Machine::default()
    }
}

#[test]
fn a_copy_of_a_device_becomes_one_of_its_own_and_sends_what_it_has() {
    let server = Server::default();
    let one = Machine::default();
    let mut ann = Device::open(&one, 1, Some(&server));
    ann.sync().unwrap();
    ann.write(&film("b", "Brazil")).unwrap();
    let copy = copied(&one);
    drop(ann);
    let mut ann = Device::open(&one, 2, Some(&server));
    ann.write(&update("b", r#""title":"Brasilia""#)).unwrap();
    ann.sync().unwrap();
    let mut twin = Device::open(&copy, 3, Some(&server));
    twin.write(&film("c", "Casablanca")).unwrap();
    twin.sync().unwrap();
    ann.sync().unwrap();
    for device in [&mut ann, &mut twin] {
        let all = [pair("b", "Brasilia"), pair("c", "Casablanca")];
        assert_eq!(device.titles(), all);
        assert_eq!(device.outbox(), [] as [String; 0]);
    }
}

#[test]
fn a_leader_that_a_copy_has_ended_opens_again_as_a_replica_of_its_own() {
    let server = Server::default();
    let one = Machine::default();
    let mut ann = Device::open(&one, 1, Some(&server));
    ann.sync().unwrap();
    let mut twin = Device::open(&copied(&one), 2, Some(&server));
    twin.write(&film("c", "Casablanca")).unwrap();
    twin.sync().unwrap();
    ann.write(&film("b", "Brazil")).unwrap();
    ann.sync().unwrap();
    twin.sync().unwrap();
    for device in [&mut ann, &mut twin] {
        let all = [pair("b", "Brazil"), pair("c", "Casablanca")];
        assert_eq!(device.titles(), all);
        assert_eq!(device.outbox(), [] as [String; 0]);
    }
}

/// A tab that thaws hears of its successor from the server before it hears of the lock.
#[test]
fn a_leader_that_another_tab_has_replaced_does_not_take_the_database_back() {
    let server = Server::default();
    let one = Machine::default();
    let mut ann = Device::open(&one, 1, Some(&server));
    ann.sync().unwrap();
    let mut next = Device::new(&one, 2, Some(&server));
    ann.late_frame(r#"{"kind":"error","code":"term_fenced","message":"","retryable":false}"#);
    one.locks.steal("test");
    next.ask_open(true).unwrap();
    ann.run();
    assert_eq!(ann.take_notices("reopen").len(), 1);
    assert!(ann.ask_open(true).is_err());
    next.write(&film("b", "Brazil")).unwrap();
    next.sync().unwrap();
    assert_eq!(next.titles(), [pair("b", "Brazil")]);
}

/// Devices that all began as one.
struct Clan {
    server: Server,
    machines: Vec<Machine>,
    devices: Vec<Option<Device>>,
    tabs: u64,
    random: SeededEntropy,
    /// Ids of all films that were inserted.
    written: Vec<String>,
}

impl Clan {
    fn new(seed: u64) -> Self {
        let mut clan = Self {
            server: Server::default(),
            machines: vec![Machine::default()],
            devices: vec![None],
            tabs: 0,
            random: SeededEntropy::new(seed),
            written: Vec::new(),
        };
        clan.open(0);
        clan
    }

    /// Opens, or opens again after the page was gone.
    fn open(&mut self, at: usize) {
        self.tabs += 1;
        self.devices[at] = None;
        self.devices[at] = Some(Device::open(
            &self.machines[at],
            self.tabs,
            Some(&self.server),
        ));
    }

    fn write(&mut self, at: usize) {
        let title = format!("t{}", self.random.below(1_000));
        let device = self.devices[at].as_mut().unwrap();
        let shown = device.titles();
        let ops = match self.random.below(shown.len() + 1) {
            0 => {
                let id = format!("f{}", self.written.len());
                let ops = film(&id, &title);
                self.written.push(id);
                ops
            }
            nth => update(&shown[nth - 1].0, &format!(r#""title":"{title}""#)),
        };
        device.write(&ops).unwrap();
    }

    fn act(&mut self) {
        let at = self.random.below(self.machines.len());
        match self.random.below(9) {
            0..=3 => self.write(at),
            4..=5 => drop(self.devices[at].as_mut().unwrap().sync().unwrap()),
            6..=7 => self.open(at),
            _ if self.machines.len() < 4 => {
                self.machines.push(copied(&self.machines[at]));
                self.devices.push(None);
                self.open(self.machines.len() - 1);
            }
            _ => {}
        }
    }

    /// Lets all synchronise until they have what there is; gives what they show.
    fn rest(&mut self) -> Vec<Vec<(String, String)>> {
        let mut shown = Vec::new();
        for round in 0..3 {
            for at in 0..self.machines.len() {
                self.open(at);
                let device = self.devices[at].as_mut().unwrap();
                device.sync().unwrap();
                if round == 2 {
                    assert_eq!(device.outbox(), [] as [String; 0]);
                    shown.push(device.titles());
                }
            }
        }
        shown
    }
}

/// Copies of copies, in any order: what any of them has saved is on the server in the end, nothing
/// stays behind, and all show the same.
#[test]
fn copies_go_on_beside_each_other() {
    let mut copies = 0;
    for seed in 0..60 {
        let mut clan = Clan::new(seed);
        for _ in 0..40 {
            clan.act();
        }
        let shown = clan.rest();
        assert!(
            shown.windows(2).all(|pair| pair[0] == pair[1]),
            "seed {seed}: {shown:?}"
        );
        for id in &clan.written {
            let is_there = shown[0].iter().any(|(other, _)| other == id);
            assert!(is_there, "seed {seed}: {id} is lost");
        }
        copies += clan.machines.len() - 1;
    }
    assert!(copies > 60, "only {copies} copies");
}

/// Bugs that these tests must catch (`docs/PLANTED.md`).
#[cfg(feature = "planted")]
#[test]
fn every_planted_bug_of_copies_is_caught() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    for bug in ["engine_copy_not_renewed", "engine_copy_keeps_its_seqs"] {
        holm::planted::choose(bug);
        let is_caught = catch_unwind(AssertUnwindSafe(copies_go_on_beside_each_other)).is_err();
        holm::planted::choose("");
        assert!(is_caught, "{bug}");
    }
}
