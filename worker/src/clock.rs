//! `Clock` over `Date`, `performance` and `setTimeout`.

use crate::arrivals::Arrivals;
use gloo_timers::callback::Timeout;
use holm::event::Event;
use holm::platform::clock::Clock;
use js_sys::Date;
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use wasm_bindgen::prelude::*;
use web_sys::Performance;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = performance)]
    static PERFORMANCE: Performance;
}

/// The longest wait that `setTimeout` knows; a longer one would fire at once.
const WAIT_MS_MAX: u64 = i32::MAX as u64;

/// The platform's clocks and one timer.
pub struct WebClock {
    alarm: Rc<Alarm>,
}

struct Alarm {
    arrivals: Arrivals,
    timeout: RefCell<Option<Timeout>>,
}

impl WebClock {
    /// A clock with no alarm set.
    pub fn new(arrivals: Arrivals) -> Self {
        Self {
            alarm: Rc::new(Alarm {
                arrivals,
                timeout: RefCell::default(),
            }),
        }
    }
}

impl Clock for WebClock {
    fn wall_ms(&mut self) -> u64 {
        Date::now() as u64
    }

    fn monotonic_ms(&mut self) -> u64 {
        now_ms()
    }

    fn wake_at(&mut self, monotonic_ms: u64) {
        Alarm::set(&self.alarm, monotonic_ms);
    }
}

impl Alarm {
    fn set(alarm: &Rc<Self>, at_ms: u64) {
        let wait_ms = at_ms.saturating_sub(now_ms()).min(WAIT_MS_MAX);
        let weak = Rc::downgrade(alarm);
        let timeout = Timeout::new(wait_ms as u32, move || Self::fire(&weak, at_ms));
        *alarm.timeout.borrow_mut() = Some(timeout);
    }

    /// Browsers may fire a timer a little early, and a wait cut to the longest ends early by far.
    fn fire(alarm: &Weak<Self>, at_ms: u64) {
        let Some(alarm) = alarm.upgrade() else { return };
        if now_ms() < at_ms {
            Self::set(&alarm, at_ms);
        } else {
            alarm.arrivals.arrive(Event::Tick);
        }
    }
}

fn now_ms() -> u64 {
    PERFORMANCE.with(Performance::now) as u64
}
