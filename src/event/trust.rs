//! The `trust` object: what the validation of a chain came to.

use serde::{Serialize, Serializer};

use crate::protocol::x509::{Problems, Status, Validation};

#[derive(Serialize)]
pub(super) struct Trust {
    status: &'static str,
    #[serde(skip_serializing_if = "Others::is_empty")]
    problems: Others,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl Trust {
    pub fn of(validation: &Validation) -> Self {
        let mut others = validation.problems;
        others.remove(validation.status);
        let reason = validation.reason.map(|reason| reason.as_str());
        Self { status: validation.status.as_str(), problems: Others(others), reason }
    }
}

/// What applies beside the status.
struct Others(Problems);

impl Others {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Others {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Status::as_str))
    }
}
