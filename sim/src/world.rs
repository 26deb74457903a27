//! The world: three devices, a server, and what lies between them. One seed decides everything that
//! happens in it.
//!
//! It moves messages, time and faults. What is right or wrong is for the checkers to say; what is
//! done, for the engines and the server.

mod copies;
mod end;
mod faults;
mod net;
mod pages;

use crate::agenda::Agenda;
use crate::checkers::{self, Checker};
use crate::device::Device;
use crate::dice::Dice;
use crate::fact::{End, Fact};
use crate::json::object;
use crate::plan::{Plan, REPLICAS};
use crate::server::Server;
use crate::trace::{Lines, Trace};
use copies::Copies;
use holm::event::Event;
use holm::ids::{FileId, Ticket};
use net::Wire;
use std::collections::BTreeMap;

/// Most events of a world: over twice what the busiest of some hundred needs.
const EVENTS_MAX: u64 = 60_000;

/// Something that is to happen.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A page does something.
    Act(usize),
    /// A message of a page arrives at its worker.
    ToWorker {
        device: usize,
        process: u64,
        tab: u64,
        bytes: Vec<u8>,
    },
    /// A message of a worker arrives at its page.
    ToPage {
        device: usize,
        process: u64,
        bytes: Vec<u8>,
    },
    /// An alarm goes off.
    Alarm {
        device: usize,
        process: u64,
        alarm: u64,
    },
    /// An event reaches a worker.
    Reach {
        device: usize,
        process: u64,
        event: Event,
    },
    /// A flush that was asked for begins.
    Flush {
        device: usize,
        process: u64,
        file: FileId,
        ticket: Ticket,
        told_in_ms: u64,
    },
    /// A connection reaches the server.
    Arrive { wire: u64 },
    /// A frame arrives at the server.
    Up { wire: u64, text: String },
    /// A frame arrives at a worker.
    Down { wire: u64, text: String },
    /// A worker learns that its connection has ended.
    Lost { wire: u64 },
    /// The server learns that a connection has ended.
    Gone { wire: u64 },
    /// A worker is started.
    Start(usize),
    /// A worker that was dying is gone.
    Bury { device: usize, process: u64 },
    /// The next fault comes.
    Fault,
    /// A device crashes once more, whatever it is doing.
    CrashAgain(usize),
    /// The server is back.
    ServerUp,
    /// A disk works again.
    Mend(usize),
    /// A frozen tab has its files no longer.
    LetGo(usize),
    /// A page that was told that its storage failed is reloaded.
    Reload { device: usize, process: u64 },
    /// A disk is copied.
    Copy,
    /// A copy becomes the disk of a device; of a new one, if none is named.
    Place { copy: u64, onto: Option<usize> },
    /// The world is looked at, whether it is at rest.
    Look,
}

/// A broken promise.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Whose promise.
    pub checker: String,
    /// What is wrong.
    pub problem: String,
    /// When, in milliseconds from the beginning.
    pub at_ms: u64,
}

/// How a world ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The hash of everything that happened.
    pub hash: u64,
    /// How many things happened.
    pub events: u64,
    /// The first broken promise.
    pub failure: Option<Failure>,
    /// What there was of interest, by name.
    pub tally: BTreeMap<&'static str, u64>,
}

/// See the head of the file.
pub struct World {
    plan: Plan,
    dice: Dice,
    agenda: Agenda<Happening>,
    devices: Vec<Device>,
    server: Server,
    is_server_up: bool,
    wires: BTreeMap<u64, Wire>,
    last_wire: u64,
    is_calm: bool,
    copies: Copies,
    trace: Trace,
    checkers: Vec<Box<dyn Checker>>,
    failure: Option<Failure>,
    tally: BTreeMap<&'static str, u64>,
    probes: u64,
}

/// Runs the world of a seed to its end.
pub fn run(seed: u64, lines: Lines) -> Outcome {
    let mut world = World::new(seed, lines);
    world.live();
    Outcome {
        hash: world.trace.hash(),
        events: world.trace.count(),
        failure: world.failure,
        tally: world.tally,
    }
}

/// The plan of a seed's world.
pub fn plan(seed: u64) -> Plan {
    Plan::of(&mut Dice::new(seed).fork())
}

impl World {
    fn new(seed: u64, lines: Lines) -> Self {
        let mut dice = Dice::new(seed);
        let plan = Plan::of(&mut dice.fork());
        let mut world = Self {
            dice: dice.fork(),
            agenda: Agenda::new(),
            devices: Vec::new(),
            server: Server::new(plan.page_limit),
            is_server_up: true,
            wires: BTreeMap::new(),
            last_wire: 0,
            is_calm: false,
            copies: Copies::new(plan.copies.as_ref()),
            trace: Trace::new(lines),
            checkers: checkers::all(),
            failure: None,
            tally: BTreeMap::new(),
            probes: 0,
            plan,
        };
        if lines == Lines::Printed {
            println!("{:#?}", world.plan);
        }
        for index in 0..REPLICAS {
            world.add_device(index, &mut dice);
        }
        world
    }

    fn add_device(&mut self, index: usize, dice: &mut Dice) {
        let skew = self.plan.skews.get(index).copied().unwrap_or_default();
        let page = self.new_page();
        self.devices
            .push(Device::new(index, skew, page, dice.fork()));
        self.server
            .tokens
            .insert(token_text(index, 1), format!("user{index}"));
        self.agenda.put(0, Happening::Start(index));
        let device = self.devices.last_mut().expect("it was just added");
        device.app.greet(&mut device.page);
    }

    /// Everything until the end, or until a promise is broken.
    fn live(&mut self) {
        for index in 0..REPLICAS {
            self.agenda.put(1, Happening::Act(index));
        }
        self.plan_fault();
        self.plan_copies();
        self.go_on_until(self.plan.active_ms);
        let end = self.finish();
        if let (None, Some(end)) = (&self.failure, end) {
            self.judge(&end);
        }
    }

    fn judge(&mut self, end: &End) {
        let mut checkers = std::mem::take(&mut self.checkers);
        for checker in &mut checkers {
            let judged = checker.finish(end);
            self.fail_if(checker.name(), judged);
        }
        self.checkers = checkers;
    }

    /// Lets things happen up to a time.
    fn go_on_until(&mut self, until_ms: u64) {
        while self.failure.is_none() && self.agenda.next_ms().is_some_and(|next| next <= until_ms) {
            if let Some(happening) = self.agenda.take() {
                self.happen(happening);
            }
            if self.trace.count() > EVENTS_MAX {
                self.fail(
                    "liveness",
                    "the world is more and more busy with itself".into(),
                );
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Act(device) => self.act(device),
            Happening::ToWorker {
                device,
                process,
                tab,
                bytes,
            } => {
                self.worker_hears(device, process, tab, bytes);
            }
            Happening::ToPage {
                device,
                process,
                bytes,
            } => self.page_hears(device, process, &bytes),
            Happening::Alarm {
                device,
                process,
                alarm,
            } => {
                let current = self.process(device, process);
                if current.is_some_and(|process| process.alarm == alarm) {
                    self.reach(device, process, Event::Tick);
                }
            }
            Happening::Reach {
                device,
                process,
                event,
            } => self.reach(device, process, event),
            Happening::Flush {
                device,
                process,
                file,
                ticket,
                told_in_ms,
            } => {
                self.flush(device, process, (file, ticket), told_in_ms);
            }
            Happening::Arrive { wire } => self.arrive(wire),
            Happening::Up { wire, text } => self.up(wire, &text),
            Happening::Down { wire, text } => self.down(wire, text),
            Happening::Lost { wire } => self.lost(wire),
            Happening::Gone { wire } => self.gone(wire),
            Happening::Start(device) => self.start(device),
            Happening::Bury { device, process } => self.bury(device, process),
            Happening::Fault => self.fault(),
            Happening::CrashAgain(device) => self.crash_again(device),
            Happening::ServerUp => self.is_server_up = true,
            Happening::Mend(device) => self.mend(device),
            Happening::LetGo(device) => self.device(device).disk.let_go(),
            Happening::Reload { device, process } => self.reload(device, process),
            Happening::Copy => self.copy(),
            Happening::Place { copy, onto } => self.place(copy, onto),
            Happening::Look => {}
        }
    }

    /// Shows a fact to every checker.
    fn tell(&mut self, fact: &Fact<'_>) {
        let mut checkers = std::mem::take(&mut self.checkers);
        for checker in &mut checkers {
            let seen = checker.see(fact);
            self.fail_if(checker.name(), seen);
        }
        self.checkers = checkers;
    }

    fn fail_if(&mut self, checker: &str, result: Result<(), String>) {
        if let (Err(problem), None) = (result, &self.failure) {
            let at_ms = self.agenda.now_ms();
            self.failure = Some(Failure {
                checker: checker.into(),
                problem,
                at_ms,
            });
        }
    }

    fn fail(&mut self, checker: &str, problem: String) {
        self.fail_if(checker, Err(problem));
    }

    fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    fn note(&mut self, who: &str, what: &str, content: &[u8]) {
        self.trace.note(self.agenda.now_ms(), who, what, content);
    }

    fn device(&mut self, index: usize) -> &mut Device {
        self.devices
            .get_mut(index)
            .expect("devices are numbered from 0")
    }

    /// The worker with this number, if it lives.
    fn process(&mut self, device: usize, number: u64) -> Option<&mut crate::device::Process> {
        self.device(device).current(number)
    }

    fn new_page(&mut self) -> crate::page::Page {
        let durability = if self.plan.is_strict {
            "strict"
        } else {
            "relaxed"
        };
        let sync = object([
            ("url", crate::json::text("wss://server")),
            ("space", crate::json::text("space")),
        ]);
        let opening = object([
            ("name", crate::json::text("world")),
            ("schema", crate::schema::schema()),
            ("sync", sync),
            ("durability", crate::json::text(durability)),
        ]);
        crate::page::Page::new(self.dice.below(1 << 53), opening)
    }
}

/// The nth token of a device's user.
fn token_text(device: usize, serial: u64) -> String {
    format!("token-{device}-{serial}")
}
