//! What happened in the world, as checkers see it: at the page's door and at the server's, never
//! inside an engine.

use holm::doc::value::Value;
use holm::protocol::message::{ClientMessage, ServerMessage};
use std::collections::BTreeMap;

/// One worker of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which device.
    pub device: usize,
    /// Its how-manieth worker.
    pub process: u64,
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Alone; its page goes on.
    Worker,
    /// With its page.
    Page,
    /// With the machine, and what was not flushed.
    Machine,
}

/// All rows by collection, read at one moment.
pub type Rows = BTreeMap<String, Vec<Value>>;

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub enum Fact<'a> {
    /// A page sent a request.
    Asked {
        /// To which worker.
        place: Place,
        /// The page.
        tab: u64,
        /// The request.
        request: &'a Value,
    },
    /// An engine let a notice out to a page.
    Posted {
        /// From which worker.
        place: Place,
        /// The page.
        tab: u64,
        /// The notice.
        notice: &'a Value,
    },
    /// A worker ended.
    Ended {
        /// Which.
        place: Place,
        /// How.
        ending: Ending,
    },
    /// A worker has taken a message of its page, and nothing has happened since.
    Took {
        /// Which worker.
        place: Place,
        /// The page.
        tab: u64,
        /// The message.
        message: &'a Value,
    },
    /// The server has committed what a message led to.
    Decided {
        /// Who sent it.
        place: Place,
        /// The message.
        message: &'a ClientMessage,
        /// The reply, which may get lost.
        reply: &'a ServerMessage,
    },
    /// A device's disk was copied, whatever its worker was doing.
    Copied {
        /// Its last worker.
        place: Place,
        /// The copy's number.
        copy: u64,
    },
    /// A copy of a disk is now the disk of a device: of a new one, or of one that had another. Its
    /// workers up to this one knew another disk.
    Placed {
        /// The device, and its last worker, which has ended.
        place: Place,
        /// The copy's number.
        copy: u64,
    },
    /// Everything that an engine shows at this moment.
    Shown {
        /// Which engine.
        place: Place,
        /// The rows.
        rows: &'a Rows,
    },
}

/// The world at its end, healed and at rest.
#[derive(Debug, Default)]
pub struct End {
    /// What each device shows, copies among them; the last one only joined at the end.
    pub views: Vec<Rows>,
    /// What each device shows after one more crash of its machine.
    pub reopened: Vec<Rows>,
    /// The server's version.
    pub version: u64,
}
