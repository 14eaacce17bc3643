//! How much memory evaluations may take.
//!
//! A process that may use little memory says so once, when it starts:
//!
//! ```
//! expressway_asl::memory::limit_process(512 * 1024 * 1024);
//! ```

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How much the memory of the process may grow while an expression is evaluated.
const GROWTH_MAX: u64 = 192 * 1024 * 1024;

/// The share of the memory that is left which one evaluation may take. Afterwards its result is converted, and events
/// and answers are written.
const SHARE: u64 = 3;

/// About how much memory a value takes for each byte of its JSON text while it is converted.
const BYTES_PER_JSON_BYTE: u64 = 8;

/// What the process may use, in bytes.
static PROCESS: AtomicU64 = AtomicU64::new(u64::MAX);

/// What an evaluation may take when the process starts.
static GROWTH_AT_START: AtomicU64 = AtomicU64::new(GROWTH_MAX);

/// How much memory the value of one JSON text may take.
static PARSED: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Tells how much memory this process may use, in bytes: for a Lambda function, what it is configured with.
///
/// From then on one evaluation of JSONata takes at most a third of what is left, and never more than 192 MiB, which is
/// the limit of processes that have not called this. An evaluation that needs more fails with
/// `States.QueryEvaluationError`, and so does one that reads or returns more than fits.
///
/// The limit holds for all evaluations of the process. Evaluations side by side cannot be told apart: each sees the
/// growth of the whole process, so together they take no more than what one of them may.
///
/// A JSON text whose value may take more than half of what is left is refused, before it is parsed.
///
/// Call it once the process has loaded what it needs in any case, since what is left is measured here.
pub fn limit_process(bytes: u64) {
    PROCESS.store(bytes, Ordering::Relaxed);
    let used = resident().unwrap_or(0);
    GROWTH_AT_START.store(growth_max(used, 1), Ordering::Relaxed);
    let left = usize::try_from(bytes.saturating_sub(used)).unwrap_or(usize::MAX);
    PARSED.store(left / 2, Ordering::Relaxed);
}

/// How much memory the value of one JSON text may take, in bytes: half of what was left when the process started.
pub(crate) fn parsed_bytes_max() -> usize {
    PARSED.load(Ordering::Relaxed)
}

/// How much the process may grow during evaluations that began when it used `used` bytes; `evaluations` of them are under
/// way.
pub(crate) fn growth_max(used: u64, evaluations: u64) -> u64 {
    let left = PROCESS.load(Ordering::Relaxed).saturating_sub(used);
    GROWTH_MAX.saturating_mul(evaluations).min(left / SHARE)
}

/// How many bytes of JSON text a value may have that is converted, or `most` if that is less.
pub(crate) fn json_bytes_max(most: usize) -> usize {
    if PROCESS.load(Ordering::Relaxed) == u64::MAX {
        return most;
    }
    let bytes = GROWTH_AT_START.load(Ordering::Relaxed) / BYTES_PER_JSON_BYTE;
    usize::try_from(bytes).map_or(most, |bytes| bytes.min(most))
}

/// The resident memory of this process, where the system tells.
pub(crate) fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
