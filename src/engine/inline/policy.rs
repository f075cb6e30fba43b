//! What becomes of what cannot be judged.

use crate::base::Duration;

/// Settings of who stands in the path.
#[derive(Clone, Copy, Debug)]
pub struct InlineSettings {
    /// What becomes of what cannot be judged.
    pub policies: Policies,
    /// For how long a frame may wait, in packet time.
    pub hold_time: Duration,
    /// Bytes that wait or are kept to compare copies with, over all flows.
    pub hold_memory: usize,
    /// Bytes that wait of one direction of a flow.
    pub hold_bytes: usize,
    /// Everything goes on; events say what would not have.
    pub dry_run: bool,
}

impl Default for InlineSettings {
    fn default() -> Self {
        Self {
            policies: Policies::default(),
            hold_time: Duration::from_secs(3),
            hold_memory: 64 << 20,
            hold_bytes: 1 << 20,
            dry_run: false,
        }
    }
}

/// One policy for each reason why something cannot be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// A flow that is read no more because of a limit, or for which there is no room to wait.
    pub memcap: Policy,
    /// A flow whose start was not seen.
    pub midstream: Policy,
    /// Frames that waited for the rest of a message as long as they may.
    pub gap: Policy,
    /// A frame that cannot be decoded, or of which not all is there.
    pub error: Policy,
    /// Frames that come faster than they are judged: the caller says which ([`Inline::overload`](super::Inline::overload)).
    pub overload: Policy,
}

/// What becomes of what cannot be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It goes on.
    #[default]
    Pass,
    /// It does not, nor does what follows on its flow.
    Drop,
    /// The same, and both sides are told.
    Reject,
}

/// Why something could not be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exception {
    Memcap,
    Midstream,
    Gap,
    Error,
    Overload,
}

impl Policies {
    pub(super) const fn of(&self, exception: Exception) -> Policy {
        match exception {
            Exception::Memcap => self.memcap,
            Exception::Midstream => self.midstream,
            Exception::Gap => self.gap,
            Exception::Error => self.error,
            Exception::Overload => self.overload,
        }
    }
}
