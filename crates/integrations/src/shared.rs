//! What several tasks need at once, such as the session of a role.

use expressway_engine::StateError;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

/// A value that one task gets for all that need it at that moment.
///
/// They share failures, too. If each of them made attempts of its own, one after the other, a service that is silent
/// would cost the last of them the time of all.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    /// Held while a value is asked for.
    current: Mutex<Current<T>>,
    failures: AtomicU64,
}

#[derive(Debug)]
struct Current<T> {
    value: Option<T>,
    /// How the last attempt failed.
    error: Option<StateError>,
}

impl<T> Default for Shared<T> {
    fn default() -> Shared<T> {
        let current = Current {
            value: None,
            error: None,
        };
        Shared {
            current: Mutex::new(current),
            failures: AtomicU64::new(0),
        }
    }
}

impl<T: Clone> Shared<T> {
    /// Returns the value at hand if it is still good, else a new one.
    ///
    /// # Errors
    /// The attempt to get a new one failed, be it this call's or the one that it waited for.
    pub(crate) async fn get<F>(
        &self,
        is_good: impl FnOnce(&T) -> bool,
        new: impl FnOnce() -> F,
    ) -> Result<T, StateError>
    where
        F: Future<Output = Result<T, StateError>>,
    {
        let failures = self.failures.load(Ordering::Relaxed);
        let mut current = self.current.lock().await;
        if let Some(value) = current.value.as_ref().filter(|value| is_good(value)) {
            return Ok(value.clone());
        }
        let has_failed = self.failures.load(Ordering::Relaxed) != failures;
        if let (true, Some(error)) = (has_failed, &current.error) {
            return Err(error.clone());
        }
        // Most calls find a value, and need no room for what it takes to get one.
        let result = Box::pin(new()).await;
        match &result {
            Ok(value) => current.value = Some(value.clone()),
            Err(error) => {
                current.error = Some(error.clone());
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
        }
        result
    }

    /// Forgets the value.
    pub(crate) async fn take(&self) -> Option<T> {
        self.current.lock().await.value.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::{Instant, sleep};

    const MINUTE: Duration = Duration::from_secs(60);

    async fn get(shared: &Shared<u32>, result: Result<u32, StateError>) -> Result<u32, StateError> {
        let new = async || {
            sleep(MINUTE).await;
            result
        };
        shared.get(|_| true, new).await
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_share_what_the_first_of_them_gets() {
        let error = StateError::new("States.TaskFailed", "no answer");
        let shared = Shared::default();
        let begun = Instant::now();
        let failed = || get(&shared, Err(error.clone()));
        let results = tokio::join!(failed(), failed(), get(&shared, Ok(7)));
        assert_eq!(results, (Err(error.clone()), Err(error.clone()), Err(error.clone())));
        assert_eq!(begun.elapsed(), MINUTE);
        // One that comes later makes an attempt of its own.
        let results = tokio::join!(get(&shared, Ok(7)), get(&shared, Ok(8)));
        assert_eq!(results, (Ok(7), Ok(7)));
        assert_eq!(begun.elapsed(), 2 * MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_is_given_up_is_made_by_the_next() {
        let shared = Shared::default();
        let given_up = tokio::time::timeout(MINUTE / 2, get(&shared, Ok(7)));
        let (first, second) = tokio::join!(given_up, get(&shared, Ok(8)));
        assert!(first.is_err());
        assert_eq!(second, Ok(8));
    }
}
