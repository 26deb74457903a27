//! Copies of disks, as cloned profiles and restored backups make them: taken whatever the device is
//! doing, and put onto a new machine or back onto the old one. Both go on.

use super::{Happening, World, token_text};
use crate::dice::Dice;
use crate::fact::{Ending, Fact, Place};
use crate::plan::{self, Fault};
use holm::platform::torn::TornDisk;

/// Most devices, so that a world does not take for ever.
const DEVICES_MAX: usize = 6;

/// When a disk is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// When the device has just sent a push.
    Sent,
    /// When the server has just decided a push of the device, which does not know it yet.
    Decided,
}

/// Copies, and those that are still to be made.
pub(super) struct Copies {
    dice: Dice,
    /// How many are to be made.
    count: u64,
    /// The disks by the number of the copy, and whose they were.
    made: Vec<(usize, TornDisk)>,
    /// Devices whose disks are copied at the next such moment.
    awaited: Vec<(usize, Moment)>,
}

impl Copies {
    /// None yet.
    pub fn new(plan: Option<&plan::Copies>) -> Self {
        let (count, seed) = plan.map_or((0, 0), |plan| (plan.count, plan.seed));
        Self {
            dice: Dice::new(seed),
            count,
            made: Vec::new(),
            awaited: Vec::new(),
        }
    }
}

impl World {
    pub(super) fn plan_copies(&mut self) {
        for _ in 0..self.copies.count {
            let at_ms = self.copies.dice.below(self.plan.active_ms);
            self.agenda.put(at_ms, Happening::Copy);
        }
    }

    /// Copies a disk: at once, or of a machine that is stopped for it, or in the middle of a push.
    pub(super) fn copy(&mut self) {
        if self.is_calm {
            return;
        }
        let count = self.devices.len() as u64;
        let device = self.copies.dice.below(count) as usize;
        match self.copies.dice.below(5) {
            0 => {
                let is_hard = self.risks(Fault::MachineCrash);
                let ending = if is_hard {
                    Ending::Machine
                } else {
                    Ending::Worker
                };
                self.crash(device, ending);
                self.take_copy(device);
            }
            1 => self.copies.awaited.push((device, Moment::Sent)),
            2 => self.copies.awaited.push((device, Moment::Decided)),
            _ => self.take_copy(device),
        }
    }

    /// This is such a moment of a device.
    pub(super) fn copy_at(&mut self, device: usize, moment: Moment) {
        let awaited = &mut self.copies.awaited;
        let at = awaited.iter().position(|each| *each == (device, moment));
        if let Some(at) = at.filter(|_| !self.is_calm) {
            awaited.remove(at);
            self.take_copy(device);
        }
    }

    /// What is written is copied, or what would be left if the machine stopped now; the latter only
    /// where pages were promised that this is enough.
    fn take_copy(&mut self, device: usize) {
        let disk = self.device(device).disk.fork();
        disk.heal();
        if self.plan.is_strict && self.copies.dice.chance(50) {
            disk.crash(self.copies.dice.draw());
        }
        let place = self.device(device).place();
        let copy = self.copies.made.len() as u64;
        self.copies.made.push((device, disk));
        self.note(
            &format!("d{device}"),
            "is copied",
            copy.to_string().as_bytes(),
        );
        self.tell(&Fact::Copied { place, copy });
        let is_backup = self.copies.dice.chance(40);
        let wait_ms = match (is_backup, self.copies.dice.chance(50)) {
            (false, true) => 0,
            _ => self.copies.dice.below(30_000),
        };
        let onto = is_backup.then_some(device);
        self.agenda.put_in(wait_ms, Happening::Place { copy, onto });
    }

    pub(super) fn place(&mut self, copy: u64, onto: Option<usize>) {
        let made = self.copies.made.get(copy as usize);
        let (owner, disk) = made.cloned().expect("it was made");
        if self.is_calm {
            return;
        }
        match onto {
            Some(device) => self.restore(device, copy, &disk),
            None if self.devices.len() < DEVICES_MAX => self.clone_machine(owner, copy, &disk),
            None => {}
        }
    }

    fn clone_machine(&mut self, owner: usize, copy: u64, disk: &TornDisk) {
        let index = self.devices.len();
        let mut dice = self.copies.dice.fork();
        self.add_device(index, &mut dice);
        let user = self.device(owner).user;
        let device = self.device(index);
        (device.user, device.disk) = (user, disk.fork());
        let place = device.place();
        self.server
            .tokens
            .insert(token_text(index, 1), format!("user{user}"));
        self.put_in_use(place, copy, "cloned machines");
        self.agenda.put_in(1, Happening::Act(index));
    }

    /// The machine stops, and comes back with what it had when it was copied.
    fn restore(&mut self, index: usize, copy: u64, disk: &TornDisk) {
        self.end_worker(index, Ending::Machine);
        let page = self.new_page();
        let device = self.device(index);
        device.disk = disk.fork();
        device.page = page;
        device.app.greet(&mut device.page);
        let place = device.place();
        self.put_in_use(place, copy, "restored backups");
        let wait_ms = self.copies.dice.below(50);
        self.agenda.put_in(wait_ms, Happening::Start(index));
    }

    fn put_in_use(&mut self, place: Place, copy: u64, what: &'static str) {
        let who = format!("d{}", place.device);
        self.note(&who, "is a copy", copy.to_string().as_bytes());
        self.count(what);
        self.tell(&Fact::Placed { place, copy });
    }
}
