//! The options that say where events go beside `--output`: the sinks, from their descriptions to what is said of them in the end.

use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::{fs, io};

use clap::Args;
use signal_hook::consts::SIGHUP;

use super::sink_description::parse;
use super::{say, sink_spool};
use crate::sink::{Error, Pace, Shipped, SinkSettings, Sinks, Target};

#[derive(Debug, Args)]
#[command(next_help_heading = "Sinks")]
pub(super) struct SinkOptions {
    /// Send events to a sink: stdout, file:PATH, unix:PATH, unix-datagram:PATH, syslog-udp:HOST:PORT, syslog-tcp:HOST:PORT,
    /// syslog-tls:HOST:PORT, http:URL, and kafka:BROKER,.../TOPIC where it is built in, with settings after a question mark: file:eve.json?events=alert,tls&rotate-size=1GiB&keep=7; may be repeated. Without --output, nothing goes to
    /// standard output then
    #[arg(long, value_name = "KIND:TARGET[?KEY=VALUE&...]", value_parser = parse)]
    sink: Vec<SinkSettings>,

    /// Keep the spools of sinks in DIR, each in a directory of its own
    #[arg(long, value_name = "DIR")]
    spool_dir: Option<PathBuf>,
}

impl SinkOptions {
    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.sink.is_empty()
    }

    /// The files that are written to.
    pub fn files(&self) -> impl Iterator<Item = &std::path::Path> {
        self.sink.iter().filter_map(|sink| match &sink.target {
            Target::File(log) => Some(log.path.as_path()),
            _ => None,
        })
    }

    /// The directories of spools, by the sinks that have one.
    pub fn spools(&self) -> impl Iterator<Item = PathBuf> {
        self.placed().into_iter().filter_map(|sink| Some(sink.spool?.dir))
    }

    /// Makes the directories of spools, and answers which cannot be.
    pub fn prepare(&self) -> Result<(), Error> {
        let mut seen = Vec::new();
        for path in self.spools() {
            let made = match seen.contains(&path) {
                true => Err(io::Error::other("two sinks cannot share it: give each a name, or a spool of its own")),
                false => fs::DirBuilder::new().recursive(true).mode(0o700).create(&path),
            };
            made.map_err(|source| Error::Spool { path: path.clone(), source })?;
            seen.push(path);
        }
        Ok(())
    }

    /// All of them, with the directories of their spools.
    fn placed(&self) -> Vec<SinkSettings> {
        let usual = || sink_spool::usual_dir(is_root()).unwrap_or_else(|| PathBuf::from("portcullis-spool"));
        let base = self.spool_dir.clone().unwrap_or_else(usual);
        let mut all = self.sink.clone();
        all.iter_mut().filter_map(|sink| sink.spool.as_mut()).for_each(|spool| sink_spool::place(spool, &base));
        all
    }

    /// Whether one of them is standard output.
    pub fn has_stdout(&self) -> bool {
        self.sink.iter().any(|sink| sink.target == Target::Stdout)
    }

    /// Opens all of them. From now on SIGHUP begins files anew that were moved away.
    pub fn begin(&self, pace: Pace) -> Result<Sinks, Error> {
        let hang_ups: Vec<Arc<AtomicBool>> = self.sink.iter().map(|_| Arc::default()).collect();
        for flag in &hang_ups {
            signal_hook::flag::register(SIGHUP, Arc::clone(flag)).map_err(Error::Signal)?;
        }
        Sinks::begin(self.placed(), &hang_ups, pace, |name, error| match error {
            Error::Refused { .. } => say("events refused", format_args!("{name}: {error}; others go on")),
            _ => say("sink failed", format_args!("{name}: {error}; it is tried again")),
        })
    }
}

/// Says what did not go as it was asked for.
pub(super) fn tell(shipped: &[Shipped]) {
    for sink in shipped {
        if sink.too_long > 0 {
            say("warning", format_args!("{}: {} events were too long for a datagram and were not sent", sink.name, sink.too_long));
        }
        if sink.dropped > 0 {
            say("warning", format_args!("{}: {} events were dropped: it was full, too slow, or failed", sink.name, sink.dropped));
        }
        if sink.refused > 0 {
            say("warning", format_args!("{}: {} events were refused by the receiver, for good", sink.name, sink.refused));
        }
        if sink.damaged > 0 {
            say("warning", format_args!("{}: {} events were lost: the files of its spool are damaged", sink.name, sink.damaged));
        }
        if sink.waiting > 0 {
            say(
                "warning",
                format_args!("{}: {} events wait in its spool: the receiver has not confirmed them", sink.name, sink.waiting),
            );
        }
        if let Some(reason) = &sink.untidy {
            say("warning", format_args!("{}: rotated files could not be tidied up: {reason}", sink.name));
        }
    }
}

fn is_root() -> bool {
    let owner = fs::metadata("/proc/self").map(|found| std::os::unix::fs::MetadataExt::uid(&found));
    owner.is_ok_and(|uid| uid == 0)
}
