//! Signals as messages.

use crate::exit::Failure;
use crossbeam_channel::{Receiver, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Handle;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT or SIGTERM.
    Stop,
    /// SIGHUP.
    Reload,
}

/// Signals that came; the handlers are taken away when this is dropped.
pub(crate) struct Signals {
    /// One message for each signal.
    pub(crate) received: Receiver<Signal>,
    handle: Handle,
}

impl Signals {
    /// Takes SIGINT, SIGTERM and SIGHUP from now on.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the handlers or the thread can't be set up.
    pub(crate) fn start() -> Result<Signals, Failure> {
        let failed = |error: std::io::Error| {
            Failure::Failed(anyhow::Error::new(error).context("signals can't be handled"))
        };
        let mut signals =
            signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
        let handle = signals.handle();
        let (sender, received) = bounded(16);
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in signals.forever() {
                    let message = if signal == SIGHUP {
                        Signal::Reload
                    } else {
                        Signal::Stop
                    };
                    // Full or gone: whoever should listen knows already.
                    let _ = sender.try_send(message);
                }
            })
            .map_err(failed)?;
        Ok(Signals { received, handle })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handle.close();
    }
}
