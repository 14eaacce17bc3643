//! Ctrl-C.

use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::Notify;

/// How long the command may take to end in order, once asked to.
const GRACE: Duration = Duration::from_secs(1);

/// Knows whether Ctrl-C was pressed.
pub(crate) struct Interrupt {
    pressed: Arc<Notify>,
}

impl Interrupt {
    /// Watches for Ctrl-C from now on.
    ///
    /// On a thread of its own: an execution that computes without end never comes back to the runtime, and must
    /// end all the same.
    pub(crate) fn watch() -> Interrupt {
        let pressed = Arc::new(Notify::new());
        let notify = Arc::clone(&pressed);
        thread::spawn(move || {
            // Without a handler, Ctrl-C ends the process at once, which is right too.
            let Ok(runtime) = crate::runtime() else { return };
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                notify.notify_one();
                thread::sleep(GRACE);
                std::process::exit(130);
            }
        });
        Interrupt { pressed }
    }

    /// Ends when Ctrl-C is pressed.
    pub(crate) async fn pressed(&self) {
        self.pressed.notified().await;
    }
}
