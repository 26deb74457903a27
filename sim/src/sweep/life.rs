//! A store's life, action by action, beside the harness's account of it.

use super::account::Account;
use super::fault::{Blame, Fault};
use super::process::{Opened, Process, never_opens, open};
use super::recorder::{Notes, Point};
use crate::dice::Dice;
use holm::platform::torn::TornDisk;
use holm::store::{Batch, StoreError};

/// What happens in a life, a letter each.
///
/// O: it is opened. K: the process dies, the machine goes on. C: the machine crashes. c: a commit.
/// d: one that only deletes.
/// f: a flush. t: what comes between requests. s: turns until there is nothing to do. z: another
/// process opens it while the old one lives on. h: that one writes, flushes and works.
pub type Script = str;

/// A disk, who has it open, and what is known.
pub struct Life {
    /// The disk.
    pub disk: TornDisk,
    /// Who has it open.
    pub process: Option<Box<Process>>,
    zombie: Option<Box<Process>>,
    /// What is known, and the boundaries.
    pub notes: Notes,
    dice: Dice,
}

/// What makes a commit.
pub type BatchOf = fn(&mut Account, &mut Dice) -> Batch;

/// Something the store refused, where it may.
pub type Refusal = Result<(), StoreError>;

impl Life {
    /// A life on this disk; nothing has it open.
    pub fn new(disk: TornDisk, notes: Notes, dice: Dice) -> Self {
        Self {
            disk,
            process: None,
            zombie: None,
            notes,
            dice,
        }
    }

    /// Lives through a script in which nothing fails.
    pub fn run(&mut self, script: &Script) -> Result<(), Fault> {
        for (at, action) in script.chars().enumerate() {
            let place = |fault: Fault| fault.at(format!("action {at} {action}"));
            let refusal = self.act(action).map_err(place)?;
            if let Err(error) = refusal {
                let problem = format!("refused where nothing fails: {error:?}");
                return Err(place(Fault::new(Blame::Other, problem)));
            }
        }
        Ok(())
    }

    /// Does one thing. What the store refuses, it may refuse where something failed.
    pub fn act(&mut self, action: char) -> Result<Refusal, Fault> {
        match action {
            'O' => return self.open(),
            'K' => self.process = None,
            'C' => self.crash(),
            'z' => {
                self.zombie = self.process.take();
                return self.open();
            }
            'h' => self.haunt(),
            'c' => return self.commit(Account::try_commit),
            'd' => return self.commit(Account::try_delete),
            'f' => return self.with(|process| Ok(process.flush().map(|_| ()))),
            't' => return self.with(|process| Ok(process.turn().map(|_| ()))),
            _ => return self.with(Process::settle),
        }
        Ok(Ok(()))
    }

    /// The boundaries so far.
    pub fn take_points(&self) -> Vec<Point> {
        self.notes.take_points()
    }

    /// The machine crashes: every process is dead.
    pub fn crash(&mut self) {
        self.process = None;
        self.zombie = None;
        self.disk.crash(self.dice.draw());
    }

    /// Opens, and compares what is there with what is known.
    pub fn open(&mut self) -> Result<Refusal, Fault> {
        self.process = None;
        let mut process = match open(&self.disk, &self.notes) {
            Opened::Whole(process) => process,
            Opened::Failed(error) if error == never_opens() => {
                return Err(Fault::new(Blame::Hang, "an opening flushes for ever"));
            }
            Opened::Failed(error) => return Ok(Err(error)),
            Opened::Damaged(process) => {
                let problem = format!("no damage was done, but {:?}", process.report.damage);
                return Err(Fault::new(Blame::Other, problem));
            }
        };
        let (last, durable) = (process.last(), process.durable());
        let hash = match process.hash()? {
            Ok(hash) => hash,
            Err(error) => return Ok(Err(error)),
        };
        let mut account = self.notes.account.borrow_mut();
        account.check(last, hash)?;
        if durable != last {
            let problem = format!("{last} is served, {durable} is durable");
            return Err(Fault::new(Blame::Other, problem));
        }
        account.resume(last);
        drop(account);
        self.process = Some(process);
        Ok(Ok(()))
    }

    fn process(&mut self) -> Result<&mut Process, Fault> {
        let not_open = || Fault::new(Blame::Other, "the script does not open it first");
        self.process.as_deref_mut().ok_or_else(not_open)
    }

    /// Tries a commit. A refusal must have changed nothing.
    pub fn commit(&mut self, batch_of: BatchOf) -> Result<Refusal, Fault> {
        let batch = batch_of(&mut self.notes.account.borrow_mut(), &mut self.dice);
        let result = self.process()?.commit(batch);
        if result.is_err() {
            self.notes.account.borrow_mut().refuse();
        }
        self.look()?;
        Ok(result.map(|_| ()))
    }

    /// Lets the process do something, and tells whoever waits how far it is durable.
    fn with(
        &mut self,
        act: impl FnOnce(&mut Process) -> Result<Refusal, Fault>,
    ) -> Result<Refusal, Fault> {
        let process = self.process()?;
        let refusal = act(process)?;
        let durable = process.durable();
        if refusal.is_ok() {
            self.notes.account.borrow_mut().acknowledge(durable)?;
        }
        self.look()?;
        Ok(refusal)
    }

    /// What is seen is what was committed, or an error.
    pub fn look(&mut self) -> Result<(), Fault> {
        let account = self.notes.account.borrow().clone();
        let process = self.process()?;
        let last = process.last();
        if last != account.last() {
            let problem = format!("{last} commits, {} were made", account.last());
            return Err(Fault::new(Blame::Silent, problem));
        }
        match process.pairs() {
            Ok(pairs) if pairs != *account.newest().pairs => {
                let problem = format!("what is seen is not what commit {last} left");
                Err(Fault::new(Blame::Wrong, problem))
            }
            _ => Ok(()),
        }
    }

    /// A leader that does not know it is dead writes, flushes and works. Nobody is told.
    fn haunt(&mut self) {
        if let Some(zombie) = &mut self.zombie {
            let batch = Account::default().try_commit(&mut self.dice);
            let _ = zombie.commit(batch);
            let _ = zombie.flush();
            zombie.work();
        }
    }
}
