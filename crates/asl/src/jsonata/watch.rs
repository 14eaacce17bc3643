//! Stops evaluations that take too much memory.
//!
//! What a single function makes is limited before it is called, but the sum of what an evaluation holds is not:
//! only the allocator knows it. So while an evaluation runs that makes more than it reads, a thread looks at
//! the memory of the process every few milliseconds and cancels the evaluation when it has grown too much.
//!
//! The thread starts with the first such evaluation, sleeps while there is none, and serves all of them. It sees
//! the process as a whole: no system tells what a single thread holds, and an allocator that counts would need
//! `unsafe`. In the function nothing else runs meanwhile, since an evaluation keeps its only thread. Elsewhere
//! other work that takes as much memory in the same second makes an evaluation fail, too; evaluations side by side
//! share the blame, so the limit counts for each of them, as long as memory is left (see [`memory`]). Where the system does not tell how much memory a process has (there is no `/proc`), only the limits on
//! single values and on time remain.

use crate::memory;
use jsonata_core::evaluator::CancelToken;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an evaluation can go unnoticed. At the rate at which memory can be filled, it is good for about 10 MB.
const INTERVAL: Duration = Duration::from_millis(2);

static WATCH: LazyLock<Arc<Watch>> = LazyLock::new(Watch::start);

#[derive(Default)]
struct Watch {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    evaluations: Vec<Evaluation>,
    is_asleep: bool,
    next_id: u64,
}

struct Evaluation {
    id: u64,
    cancel: CancelToken,
    /// The memory of the process when the thread first saw this evaluation.
    memory_at_start: Option<u64>,
}

/// An evaluation that is watched until this is dropped.
pub(super) struct Watched {
    id: u64,
    cancel: CancelToken,
}

impl Watched {
    pub(super) fn start() -> Watched {
        let cancel = CancelToken::new();
        let mut state = WATCH.state();
        let id = state.next_id;
        state.next_id += 1;
        state.evaluations.push(Evaluation {
            id,
            cancel: cancel.clone(),
            memory_at_start: None,
        });
        if state.is_asleep {
            WATCH.wake.notify_one();
        }
        Watched { id, cancel }
    }

    pub(super) fn token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// Whether the evaluation was cancelled.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        WATCH.state().evaluations.retain(|evaluation| evaluation.id != self.id);
    }
}

impl Watch {
    fn start() -> Arc<Watch> {
        let watch = Arc::new(Watch::default());
        let watching = Arc::clone(&watch);
        // Without the thread, expressions are still limited in time and in the size of values.
        let _ = std::thread::Builder::new()
            .name("jsonata-memory".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || watching.run());
        watch
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code of ours panics while it holds the lock, and the list is valid at any time.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.state();
        loop {
            if state.evaluations.is_empty() {
                state.is_asleep = true;
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.is_asleep = false;
                continue;
            }
            drop(state);
            std::thread::sleep(INTERVAL);
            state = self.state();
            if state.evaluations.is_empty() {
                continue;
            }
            let Some(used) = memory::resident() else {
                return;
            };
            let evaluations = state.evaluations.len() as u64;
            for evaluation in &mut state.evaluations {
                let start = *evaluation.memory_at_start.get_or_insert(used);
                if used.saturating_sub(start) > memory::growth_max(start, evaluations) {
                    evaluation.cancel.cancel();
                }
            }
        }
    }
}
