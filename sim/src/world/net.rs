//! The network: connections that carry frames in order until they break, and lose what is under way
//! when they do.

use super::copies::Moment;
use super::{Happening, World};
use crate::fact::{Fact, Place};
use crate::server::Guest;
use holm::event::Event;
use holm::protocol::message::{ClientMessage, ServerMessage};
use holm::protocol::refusal::{REPLICA_CONFLICT, TERM_FENCED};

/// A connection.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    pub device: usize,
    pub process: u64,
    /// The engine's number for it.
    pub connection: u64,
    /// Whether the worker still has it.
    pub is_open_here: bool,
    /// Whether the server has it.
    pub is_open_there: bool,
    /// Whether it carries nothing any more, without anybody having been told.
    pub is_dead: bool,
    /// When the last frame arrives, up and down.
    last_ms: (u64, u64),
    guest: Guest,
}

impl World {
    fn latency(&mut self) -> u64 {
        let (low, high) = self.plan.latency_ms;
        self.dice.between(low, high)
    }

    fn wire(&mut self, wire: u64) -> &mut Wire {
        self.wires.get_mut(&wire).expect("wires stay")
    }

    pub(super) fn connect(&mut self, device: usize, process: u64, connection: u64) {
        self.hang_up(device, process);
        self.last_wire += 1;
        let wire = self.last_wire;
        let made = Wire {
            device,
            process,
            connection,
            is_open_here: true,
            ..Wire::default()
        };
        self.wires.insert(wire, made);
        if let Some(process) = self.process(device, process) {
            process.wire = Some(wire);
        }
        let wait_ms = self.latency();
        let is_cut_off = self.device(device).partition_until_ms > self.agenda.now_ms();
        if is_cut_off && self.dice.chance(50) {
            self.wire(wire).is_dead = true;
        } else if is_cut_off {
            self.agenda.put_in(wait_ms, Happening::Lost { wire });
        } else {
            self.agenda.put_in(wait_ms, Happening::Arrive { wire });
        }
    }

    pub(super) fn arrive(&mut self, wire: u64) {
        let wait_ms = self.latency();
        if !self.is_server_up {
            self.agenda.put_in(wait_ms, Happening::Lost { wire });
            return;
        }
        let made = self.wire(wire);
        made.is_open_there = true;
        let (device, process, connection) = (made.device, made.process, made.connection);
        let arrives_ms = self.agenda.now_ms() + wait_ms;
        self.wire(wire).last_ms.1 = arrives_ms;
        let event = Event::Connected { connection };
        self.agenda.put(
            arrives_ms,
            Happening::Reach {
                device,
                process,
                event,
            },
        );
    }

    /// The worker lets go of its connection, if it has one.
    pub(super) fn hang_up(&mut self, device: usize, process: u64) {
        let Some(process) = self.process(device, process) else {
            return;
        };
        let Some(wire) = process.wire.take() else {
            return;
        };
        self.let_go(wire);
    }

    /// One end is gone: the server learns of it some time after the frames under way have come.
    pub(super) fn let_go(&mut self, wire: u64) {
        self.wire(wire).is_open_here = false;
        let wait_ms = self.latency();
        let after_ms = self
            .wire(wire)
            .last_ms
            .0
            .max(self.agenda.now_ms() + wait_ms);
        self.agenda.put(after_ms, Happening::Gone { wire });
    }

    pub(super) fn send(&mut self, device: usize, process: u64, text: String) {
        self.note(&format!("d{device}"), "sends", text.as_bytes());
        let Some(wire) = self
            .process(device, process)
            .and_then(|process| process.wire)
        else {
            return;
        };
        self.carry(wire, Way::Up, &text);
        if text.contains("\"kind\":\"push\"") {
            self.copy_at(device, Moment::Sent);
        }
    }

    fn count_refusal(&mut self, reply: &ServerMessage) {
        match reply {
            ServerMessage::Refused(refusal) if refusal.code == REPLICA_CONFLICT => {
                self.count("stores taken for copies");
            }
            ServerMessage::Refused(refusal) if refusal.code == TERM_FENCED => {
                self.count("leaders that were fenced");
            }
            _ => {}
        }
    }

    /// Lets a frame travel, in order, unless something on the way meddles.
    fn carry(&mut self, wire: u64, way: Way, text: &str) {
        let wait_ms = self.latency();
        let (duplicated, overtaking) = self.plan.meddled;
        let is_overtaking = self.dice.chance(overtaking);
        let copies = if self.dice.chance(duplicated) { 2 } else { 1 };
        let now_ms = self.agenda.now_ms();
        for copy in 0..copies {
            let line = self.wire(wire);
            if line.is_dead {
                return;
            }
            let last_ms = if way == Way::Up {
                &mut line.last_ms.0
            } else {
                &mut line.last_ms.1
            };
            let mut at_ms = (now_ms + wait_ms).max(*last_ms);
            if is_overtaking && way == Way::Up || copy > 0 {
                at_ms = now_ms + wait_ms / 2 + copy * self.dice.below(2_000);
            } else {
                *last_ms = at_ms;
            }
            let text = text.to_string();
            let happening = match way {
                Way::Up => Happening::Up { wire, text },
                Way::Down => Happening::Down { wire, text },
            };
            self.agenda.put(at_ms, happening);
        }
    }

    pub(super) fn up(&mut self, wire: u64, text: &str) {
        if !self.wire(wire).is_open_there {
            return;
        }
        let is_risky = !self.is_calm && self.risks(crate::plan::Fault::ServerCrash);
        if is_risky && self.dice.chance(1) && self.dice.chance(50) {
            return self.crash_server();
        }
        let now_ms = self.agenda.now_ms();
        let mut guest = std::mem::take(&mut self.wire(wire).guest);
        let handled = self.server.handle(&mut guest, text, now_ms);
        self.wire(wire).guest = guest;
        self.note("server", "replies", handled.reply.as_bytes());
        let (device, process) = (self.wire(wire).device, self.wire(wire).process);
        let place = Place { device, process };
        if let Some((message, reply)) = &handled.seen {
            self.count_refusal(reply);
            self.tell(&Fact::Decided {
                place,
                message,
                reply,
            });
            if matches!(message, ClientMessage::Push(_)) {
                self.copy_at(device, Moment::Decided);
            }
        }
        if is_risky && self.dice.chance(1) && self.dice.chance(50) {
            self.count("server crashes after a commit");
            return self.crash_server();
        }
        self.carry(wire, Way::Down, &handled.reply);
        let Some(version) = handled.poke else { return };
        let text = format!("{{\"kind\":\"poke\",\"version\":{version}}}");
        let others = self
            .wires
            .iter()
            .filter(|(other, to)| **other != wire && to.is_open_there && to.guest.is_welcomed());
        for other in others.map(|(other, _)| *other).collect::<Vec<_>>() {
            self.carry(other, Way::Down, &text);
        }
    }

    pub(super) fn down(&mut self, wire: u64, text: String) {
        let line = self.wire(wire);
        if line.is_open_here {
            let (device, process, connection) = (line.device, line.process, line.connection);
            self.reach(device, process, Event::Frame { connection, text });
        }
    }

    pub(super) fn lost(&mut self, wire: u64) {
        let line = self.wire(wire);
        if !std::mem::take(&mut line.is_open_here) {
            return;
        }
        let (device, number, connection) = (line.device, line.process, line.connection);
        if let Some(process) = self.process(device, number)
            && process.wire == Some(wire)
        {
            process.wire = None;
        }
        let event = Event::Disconnected {
            connection,
            reason: "the connection broke".into(),
        };
        self.reach(device, number, event);
    }

    pub(super) fn gone(&mut self, wire: u64) {
        let line = self.wire(wire);
        line.is_open_there = false;
        line.guest = Guest::default();
    }

    /// The connection breaks: what is under way is lost from some point on, and both ends learn of
    /// it, in time.
    pub(super) fn cut(&mut self, wire: u64) {
        let now_ms = self.agenda.now_ms();
        let until = [now_ms + self.latency(), now_ms + self.latency()];
        self.agenda.retain(|at_ms, happening| match happening {
            Happening::Up { wire: other, .. } => *other != wire || at_ms <= until[0],
            Happening::Down { wire: other, .. } => *other != wire || at_ms <= until[1],
            _ => true,
        });
        self.wire(wire).is_dead = true;
        let late_ms = if self.dice.chance(30) { 60_000 } else { 2_000 };
        let [here, there] = [self.dice.below(late_ms), self.dice.below(late_ms)];
        self.agenda.put(until[1] + here, Happening::Lost { wire });
        self.agenda.put(until[0] + there, Happening::Gone { wire });
    }

    /// Connections that one end or the other still has.
    pub(super) fn open_wires(&self) -> Vec<u64> {
        let open = self
            .wires
            .iter()
            .filter(|(_, wire)| wire.is_open_here && !wire.is_dead);
        open.map(|(wire, _)| *wire).collect()
    }
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}
