//! A clock on which waits take no time.

#![warn(clippy::arithmetic_side_effects)]

use expressway_engine::{Clock, Sleep, later};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// A clock that jumps to the next sleeper as soon as there is nothing else to do.
///
/// Time stands still while the workflow computes, so that the order of events does not depend on the machine,
/// and jumps when all that is left is waiting. While a task attempt is in flight it passes as it really does:
/// its answer may come before the next sleeper is due. A workflow that computes for more than a second without
/// waiting sees that time pass as well, so that one without end meets its time limit.
///
/// A future that sleeps on this clock only gets on inside [`FastForward::run`].
#[derive(Debug)]
pub struct FastForward {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: SystemTime,
    tasks_in_flight: usize,
    /// Those who wait, in the order in which they are due.
    sleepers: BTreeMap<SleeperKey, Waker>,
    sleepers_ever: u64,
}

/// How long computing takes no time.
const COMPUTING_MAX: Duration = Duration::from_secs(1);

/// By time, and at equal times in the order of registration.
type SleeperKey = (SystemTime, u64);

impl FastForward {
    /// A clock that stands at the present.
    pub fn new() -> FastForward {
        FastForward::starting_at(SystemTime::now())
    }

    /// A clock that stands at this time.
    pub fn starting_at(now: SystemTime) -> FastForward {
        FastForward {
            state: Mutex::new(State {
                now,
                tasks_in_flight: 0,
                sleepers: BTreeMap::new(),
                sleepers_ever: 0,
            }),
        }
    }

    /// Runs a future that sleeps on this clock.
    pub async fn run<F: Future>(&self, future: F) -> F::Output {
        // Without Tokio's cooperative budget: it would make futures that are ready look as if they waited.
        let mut future = pin!(tokio::task::unconstrained(future));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut waiting: Option<RealWait> = None;
        let mut computing_since = Instant::now();
        woken.wake_by_ref();
        poll_fn(|context| {
            woken.forward_to(context.waker());
            if let Some(wait) = waiting.take() {
                self.advance(wait.since.elapsed());
                computing_since = Instant::now();
            }
            if computing_since.elapsed() > COMPUTING_MAX {
                self.advance(computing_since.elapsed());
                computing_since = Instant::now();
            }
            if woken.take() {
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Poll::Ready(output);
                }
                // A turn of the runtime shows whether something else is ready: sockets, or futures that yielded.
                context.waker().wake_by_ref();
            } else if self.lock().tasks_in_flight > 0 {
                waiting = Some(self.real_wait(context));
            } else {
                self.jump();
                computing_since = Instant::now();
            }
            Poll::Pending
        })
        .await
    }

    /// Lets real time pass until the next sleeper is due, or until something else wakes the run.
    fn real_wait(&self, context: &mut Context<'_>) -> RealWait {
        let since = Instant::now();
        let timer = self.lock().until_next().map(|until_next| {
            let mut timer = Box::pin(tokio::time::sleep(until_next));
            if timer.as_mut().poll(context).is_ready() {
                context.waker().wake_by_ref();
            }
            timer
        });
        RealWait { since, _timer: timer }
    }

    /// Lets this much time pass, and wakes who is due.
    fn advance(&self, elapsed: Duration) {
        let mut state = self.lock();
        state.now = later(state.now, elapsed);
        let now = state.now;
        let mut due = Vec::new();
        while let Some(sleeper) = state.sleepers.first_entry()
            && sleeper.key().0 <= now
        {
            due.push(sleeper.remove());
        }
        drop(state);
        due.into_iter().for_each(Waker::wake);
    }

    /// Goes to the time of the next sleeper, and wakes it.
    fn jump(&self) {
        let mut state = self.lock();
        let Some(((time, _), next)) = state.sleepers.pop_first() else {
            return;
        };
        state.now = state.now.max(time);
        drop(state);
        next.wake();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for FastForward {
    fn default() -> FastForward {
        FastForward::new()
    }
}

impl Clock for FastForward {
    fn now(&self) -> SystemTime {
        self.lock().now
    }

    fn sleep_until(&self, time: SystemTime) -> Sleep<'_> {
        let mut state = self.lock();
        state.sleepers_ever = state.sleepers_ever.saturating_add(1);
        Box::pin(Sleeper {
            clock: self,
            key: (time, state.sleepers_ever),
        })
    }

    fn task_in_flight(&self, running: bool) {
        let mut state = self.lock();
        state.tasks_in_flight = match running {
            true => state.tasks_in_flight.saturating_add(1),
            false => state.tasks_in_flight.saturating_sub(1),
        };
    }
}

impl State {
    fn until_next(&self) -> Option<Duration> {
        let ((time, _), _) = self.sleepers.first_key_value()?;
        Some(time.duration_since(self.now).unwrap_or(Duration::ZERO))
    }
}

/// Time that really passes, because a task attempt is in flight.
struct RealWait {
    since: Instant,
    /// Wakes the run when the next sleeper is due.
    _timer: Option<Pin<Box<tokio::time::Sleep>>>,
}

/// A sleep on the virtual clock.
struct Sleeper<'a> {
    clock: &'a FastForward,
    key: SleeperKey,
}

impl Future for Sleeper<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.lock();
        if state.now >= self.key.0 {
            return Poll::Ready(());
        }
        let replaced = state.sleepers.insert(self.key, context.waker().clone());
        drop(state);
        // Dropping a waker may run code of others, so the lock is given back before.
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        let removed = self.clock.lock().sleepers.remove(&self.key);
        drop(removed);
    }
}

/// Notes that the run was woken, and passes it on to whoever polls the run.
#[derive(Default)]
struct Woken {
    woken: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

impl Woken {
    fn take(&self) -> bool {
        self.woken.swap(false, Ordering::AcqRel)
    }

    fn forward_to(&self, waker: &Waker) {
        let mut outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner);
        if !outer.as_ref().is_some_and(|outer| outer.will_wake(waker)) {
            *outer = Some(waker.clone());
        }
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        let outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

#[cfg(test)]
mod tests;
