//! Signals that end a run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use signal_hook::consts::{SIGINT, SIGTERM};

/// The first SIGINT or SIGTERM is kept in `caught`, and the run ends in good order; the second kills.
pub(super) fn catch(caught: &Arc<AtomicUsize>) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        let armed = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&armed))?;
        signal_hook::flag::register(signal, armed)?;
        signal_hook::flag::register_usize(signal, Arc::clone(caught), usize::try_from(signal).unwrap_or(0))?;
    }
    Ok(())
}
