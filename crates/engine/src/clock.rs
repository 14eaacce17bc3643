//! Time and randomness, behind traits so that a run can be repeated.

#![warn(clippy::arithmetic_side_effects)]

use std::pin::Pin;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// A sleep that a [`Clock`] handed out.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The time `after` later; where no time is that late, one that no execution lives to see.
pub fn later(time: SystemTime, after: Duration) -> SystemTime {
    /// The year 9999.
    const NEVER: Duration = Duration::from_secs(253_370_764_800);
    let never = || SystemTime::UNIX_EPOCH.checked_add(NEVER).unwrap_or(time).max(time);
    time.checked_add(after).unwrap_or_else(never)
}

/// Tells the time and lets it pass.
pub trait Clock: Send + Sync {
    /// The time now. Never goes back within an execution.
    fn now(&self) -> SystemTime;

    /// Waits until this time; ends at once when it has passed.
    fn sleep_until(&self, time: SystemTime) -> Sleep<'_>;

    /// How long it is until this time for work that does not wait; none if such work takes no time by this clock.
    fn real_time_until(&self, _time: SystemTime) -> Option<Duration> {
        None
    }

    /// Called as a task attempt starts (`true`) and ends (`false`): while one runs, time is not ours to skip.
    fn task_in_flight(&self, _running: bool) {}
}

/// The real time: read once, counted on by the monotonic clock, so that a step of the system's clock neither
/// stretches nor cuts a wait.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    time: SystemTime,
    instant: Instant,
}

impl SystemClock {
    /// Reads the time. Make a new one for each invocation: a Lambda sandbox is frozen in between.
    pub fn new() -> SystemClock {
        SystemClock {
            time: SystemTime::now(),
            instant: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        later(self.time, self.instant.elapsed())
    }

    fn sleep_until(&self, time: SystemTime) -> Sleep<'_> {
        let duration = time.duration_since(self.now()).unwrap_or(Duration::ZERO);
        Box::pin(tokio::time::sleep(duration))
    }

    fn real_time_until(&self, time: SystemTime) -> Option<Duration> {
        Some(time.duration_since(self.now()).unwrap_or(Duration::ZERO))
    }
}

/// Gives random bits: for `States.UUID`, `States.MathRandom`, jitter.
pub trait Entropy: Send + Sync {
    /// 128 random bits.
    fn random(&self) -> u128;
}

/// The operating system's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn random(&self) -> u128 {
        let mut bytes = [0; 16];
        // Without a source of randomness nothing in this process could be trusted, TLS least of all. A clock
        // value keeps UUIDs apart until that shows.
        if getrandom::fill(&mut bytes).is_err() {
            let now = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default();
            return now.as_nanos().wrapping_mul(0x2545_f491_4f6c_dd1d_2545_f491_4f6c_dd1d);
        }
        u128::from_le_bytes(bytes)
    }
}
