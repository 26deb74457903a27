//! Faults: what breaks, when, and how it comes back.

use super::{Happening, World, token_text};
use crate::fact::{Ending, Fact};
use crate::page::Stage;
use crate::plan::{FAULTS, Fault};
use holm::platform::torn::{Failing, Shortage};

impl World {
    pub(super) fn plan_fault(&mut self) {
        let every_ms = self.plan.faults.every_ms;
        if every_ms > 0 {
            let wait_ms = self.dice.below(2 * every_ms);
            self.agenda.put_in(wait_ms, Happening::Fault);
        }
    }

    /// Whether this world has such faults.
    pub(super) fn risks(&self, fault: Fault) -> bool {
        let mut all = FAULTS.iter().zip(&self.plan.faults.weights);
        self.plan.faults.every_ms > 0 && all.any(|(each, weight)| *each == fault && *weight > 0)
    }

    pub(super) fn fault(&mut self) {
        if self.is_calm {
            return;
        }
        self.plan_fault();
        let weights = self.plan.faults.weights.clone();
        if weights.iter().sum::<u64>() == 0 {
            return;
        }
        let device = self.dice.below(self.devices.len() as u64) as usize;
        let at = self.dice.weigh(&weights);
        let fault = *FAULTS.get(at).expect("there is a weight for each");
        self.note(
            &format!("d{device}"),
            "fault",
            format!("{fault:?}").as_bytes(),
        );
        match fault {
            Fault::WorkerCrash => self.crash(device, Ending::Worker),
            Fault::PageCrash => self.crash(device, Ending::Page),
            Fault::MachineCrash => self.crash(device, Ending::Machine),
            Fault::Cut => self.cut_one(),
            Fault::Partition => self.part(device),
            Fault::ServerCrash => self.crash_server(),
            Fault::ClockJump => self.jump(device),
            Fault::TokenExpiry => self.expire(device),
            Fault::DiskFull => self.fill(device),
            Fault::DiskFailure => {
                let nth = self.dice.between(1, 6);
                let failing = *self.dice.pick(&[Failing::Once, Failing::Onwards]);
                self.device(device).disk.fail(nth, failing);
                let wait_ms = self.dice.between(100, 5_000);
                self.agenda.put_in(wait_ms, Happening::Mend(device));
            }
        }
        self.count(fault.name());
    }

    /// Ends the device's worker, and what goes with it, and lets a new one start; perhaps to crash
    /// once more.
    pub(super) fn crash(&mut self, index: usize, ending: Ending) {
        self.end_worker(index, ending);
        let keeps_page = match ending {
            Ending::Worker => true,
            Ending::Page => false,
            Ending::Machine => self.dice.chance(25),
        };
        let page = self.new_page();
        let device = self.device(index);
        if keeps_page {
            device.page.detach();
            device.app.forget();
        } else {
            device.page = page;
            device.app.greet(&mut device.page);
        }
        let wait_ms = self.dice.below(50);
        self.agenda.put_in(wait_ms, Happening::Start(index));
        if !self.is_calm && self.dice.chance(30) {
            let wait_ms = self.dice.below(120);
            self.agenda.put_in(wait_ms, Happening::CrashAgain(index));
        }
    }

    pub(super) fn end_worker(&mut self, index: usize, ending: Ending) {
        let place = self.device(index).place();
        let Some(process) = self.device(index).process.take() else {
            return;
        };
        if let Some(wire) = process.wire {
            self.let_go(wire);
        }
        self.tell(&Fact::Ended { place, ending });
        if ending != Ending::Machine && self.dice.chance(8) {
            // Nothing but time or the machine's end takes the files from a frozen tab.
            self.count("files held by a frozen tab");
            self.device(index).disk.hold();
            let wait_ms = self.dice.below(6_000);
            self.agenda.put_in(wait_ms, Happening::LetGo(index));
        }
        let holds_on = ending != Ending::Machine && self.dice.chance(30);
        if holds_on {
            let wait_ms = self.dice.below(1_500);
            let number = process.number;
            self.agenda.put_in(
                wait_ms,
                Happening::Bury {
                    device: index,
                    process: number,
                },
            );
            self.device(index).dying.push(process);
        }
        if ending == Ending::Machine {
            let seed = self.dice.draw();
            let device = self.device(index);
            device.dying.clear();
            device.disk.crash(seed);
        }
    }

    pub(super) fn crash_again(&mut self, index: usize) {
        if !self.is_calm {
            let is_hard = self.risks(Fault::MachineCrash) && self.dice.chance(60);
            self.count("crashes while opening");
            self.crash(
                index,
                if is_hard {
                    Ending::Machine
                } else {
                    Ending::Worker
                },
            );
        }
    }

    pub(super) fn reload(&mut self, index: usize, process: u64) {
        if self.process(index, process).is_some() {
            self.crash(index, Ending::Worker);
        }
    }

    pub(super) fn start(&mut self, index: usize) {
        if self.device(index).process.is_some() {
            return;
        }
        let now_ms = self.agenda.now_ms();
        let device = self.device(index);
        device.start(now_ms);
        device.page.attach();
        self.flush_page(index);
    }

    /// A dying worker is gone; whoever waits for the lock has it.
    pub(super) fn bury(&mut self, index: usize, process: u64) {
        self.device(index)
            .dying
            .retain(|dying| dying.number != process);
        self.run(index);
    }

    fn cut_one(&mut self) {
        let open = self.open_wires();
        if !open.is_empty() {
            let wire = *self.dice.pick(&open);
            self.cut(wire);
        }
    }

    fn part(&mut self, device: usize) {
        let now_ms = self.agenda.now_ms();
        let until_ms = now_ms + self.dice.between(500, 40_000);
        self.device(device).partition_until_ms = until_ms;
        for wire in self.open_wires() {
            let is_its = self
                .wires
                .get(&wire)
                .is_some_and(|wire| wire.device == device);
            if is_its && self.dice.chance(70) {
                self.cut(wire);
            }
        }
    }

    pub(super) fn crash_server(&mut self) {
        self.is_server_up = false;
        for wire in self.open_wires() {
            self.cut(wire);
        }
        for wire in self.wires.values_mut() {
            wire.is_open_there = false;
        }
        let wait_ms = self.dice.between(10, 10_000);
        self.agenda.put_in(wait_ms, Happening::ServerUp);
    }

    fn jump(&mut self, device: usize) {
        let far = *self
            .dice
            .pick(&[31_536_000_000_i64, 86_400_000, 120_000, 1_000, 0]);
        let is_back = self.dice.chance(50);
        self.device(device).skew.ahead_ms = if is_back { -far } else { far };
    }

    fn expire(&mut self, index: usize) {
        let (serial, user) = (self.device(index).token, self.device(index).user);
        self.server.tokens.remove(&token_text(index, serial));
        self.server
            .tokens
            .insert(token_text(index, serial + 1), format!("user{user}"));
        self.device(index).token += 1;
    }

    fn fill(&mut self, index: usize) {
        let shortage = *self
            .dice
            .pick(&[Shortage::Short, Shortage::Absurd, Shortage::Refusal]);
        let spare = self.dice.below(3_000);
        let device = self.device(index);
        let quota = device.disk.used() + spare;
        device.disk.set_quota(Some((quota, shortage)));
        let wait_ms = self.dice.between(100, 10_000);
        self.agenda.put_in(wait_ms, Happening::Mend(index));
    }

    pub(super) fn mend(&mut self, index: usize) {
        self.device(index).disk.heal();
    }

    /// Nothing breaks any more, and what is broken is mended.
    pub(super) fn calm(&mut self) {
        self.is_calm = true;
        self.is_server_up = true;
        self.plan.meddled = (0, 0);
        self.plan.latency_ms = (
            self.plan.latency_ms.0.min(10),
            self.plan.latency_ms.1.min(40),
        );
        self.plan.repeated = 0;
        for index in 0..self.devices.len() {
            self.mend(index);
            let device = self.device(index);
            device.partition_until_ms = 0;
            if device.page.stage == Stage::Ready {
                device.app.calm(&mut device.page);
                self.flush_page(index);
            }
        }
    }
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::WorkerCrash => "worker crashes",
            Self::PageCrash => "page crashes",
            Self::MachineCrash => "machine crashes",
            Self::Cut => "cut connections",
            Self::Partition => "partitions",
            Self::ServerCrash => "server crashes",
            Self::ClockJump => "clock jumps",
            Self::TokenExpiry => "expired tokens",
            Self::DiskFull => "full disks",
            Self::DiskFailure => "failing disks",
        }
    }
}
