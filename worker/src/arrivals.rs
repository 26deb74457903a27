//! The way back from a browser callback to the driver.

use holm::driver::Driver;
use holm::event::Event;
use holm::platform::inbox::Inbox;
use std::cell::RefCell;
use std::rc::Weak;

/// Where ports put what has completed. Clones lead to the same driver and do not keep it alive.
#[derive(Clone)]
pub struct Arrivals {
    inbox: Inbox,
    driver: Weak<RefCell<Driver>>,
}

impl Arrivals {
    /// Arrivals of the driver that takes its events from `inbox`.
    pub fn new(inbox: Inbox, driver: Weak<RefCell<Driver>>) -> Self {
        Self { inbox, driver }
    }

    /// Queues an event and sees to it that it is handled.
    pub fn arrive(&self, event: Event) {
        self.inbox.push(event);
        self.run();
    }

    /// Runs the driver. Where it runs already, further up the stack, its own loop takes what was
    /// queued.
    pub fn run(&self) {
        if let Some(driver) = self.driver.upgrade()
            && let Ok(mut driver) = driver.try_borrow_mut()
        {
            driver.run();
        }
    }
}
