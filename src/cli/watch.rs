//! Whether the files that rules come from have changed.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::rule_options::RuleOptions;

/// Looks at files now and then. A change counts once two looks found the same: a file may be half written.
pub(super) struct Watch {
    /// Files that rules name; those that options name are found anew at each look.
    named_in_rules: Vec<PathBuf>,
    loaded: Stamps,
    last: Stamps,
    last_look: Instant,
}

/// How files looked; those that are not there, too.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stamps(BTreeMap<PathBuf, Option<Stamp>>);

/// Any of it changes with the content, or where a file takes the place of another.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
}

impl Watch {
    /// Of the files that `options` name, as they are now.
    pub fn new(options: &RuleOptions) -> Self {
        let mut watch =
            Self { named_in_rules: Vec::new(), loaded: Stamps::default(), last: Stamps::default(), last_look: Instant::now() };
        watch.start_over(options);
        watch
    }

    /// Whether files have changed since they were loaded, and have not since the last look. Between looks it says no.
    pub fn look(&mut self, options: &RuleOptions) -> bool {
        if self.last_look.elapsed() < BETWEEN_LOOKS {
            return false;
        }
        self.last_look = Instant::now();
        let now = options.stamps(&self.named_in_rules);
        let settled = now == self.last;
        self.last = now;
        settled && self.last != self.loaded
    }

    /// The files are about to be loaded as they are now.
    pub fn start_over(&mut self, options: &RuleOptions) {
        self.named_in_rules = options.dataset_files();
        self.loaded = options.stamps(&self.named_in_rules);
    }
}

impl Stamps {
    /// Looks at the file at `path`.
    pub fn add(&mut self, path: &Path) {
        self.0.insert(path.to_owned(), fs::metadata(path).ok().map(Stamp::from));
    }
}

impl From<Metadata> for Stamp {
    fn from(meta: Metadata) -> Self {
        Self { device: meta.dev(), inode: meta.ino(), len: meta.len(), modified: (meta.mtime(), meta.mtime_nsec()) }
    }
}

const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
