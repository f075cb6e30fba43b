//! What was found: ids, and how grave the gravest is.

use serde::{Serialize, Serializer};

use crate::findings::FindingSet;

/// Fields of the `portcullis` object.
#[derive(Serialize)]
pub(super) struct Findings {
    findings: Ids,
    finding_severity: &'static str,
}

impl Findings {
    /// `None` where nothing was found.
    pub fn of(found: FindingSet) -> Option<Self> {
        let severity = found.severity()?;
        Some(Self { findings: Ids(found), finding_severity: severity.as_str() })
    }
}

/// A list of ids, the gravest first.
struct Ids(FindingSet);

impl Serialize for Ids {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.by_severity().map(|finding| finding.id))
    }
}
