//! Why an interface cannot be listened at, and what to do about it.

use std::io;

use thiserror::Error;

/// Why an interface cannot be listened at.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TapError {
    /// No interface has this name, or matches this glob.
    #[error("no interface {pattern}; there {}", there_are(.there))]
    NoInterface {
        /// What was asked for.
        pattern: String,
        /// Those that there are.
        there: Vec<String>,
    },
    /// What was asked for is no glob.
    #[error("{pattern} is neither an interface nor a glob: {reason}")]
    BadGlob {
        /// What was asked for.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Its frames begin with what nobody here can read.
    #[error("{interface} is of a kind that is not supported (ARPHRD number {kind}); Ethernet and interfaces for bare IP are")]
    Link {
        /// Its name.
        interface: String,
        /// The kernel's number for its kind.
        kind: u16,
    },
    /// The kernel does not let us.
    #[error("cannot listen at {interface}: {source}{}", advice(.source))]
    Open {
        /// Its name.
        interface: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The kernel does not tell about interfaces.
    #[error("cannot look at interfaces: {source}")]
    Look {
        /// The system's reason.
        source: io::Error,
    },
}

fn there_are(names: &[String]) -> String {
    match names {
        [] => "are none".to_owned(),
        [one] => format!("is only {one}"),
        names => format!("are {}", names.join(", ")),
    }
}

/// What to do about it, where there is something to do.
fn advice(error: &io::Error) -> &'static str {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::PermissionDenied, _) | (_, Some(libc::EPERM)) => {
            "; it takes the capability CAP_NET_RAW: run it as root, or once do `setcap cap_net_raw=ep` on the program"
        }
        (_, Some(libc::ENOMEM)) => "; there is no memory for its ring: use fewer blocks (--ring-blocks) or fewer workers",
        (_, Some(libc::EINVAL)) => "; the kernel does not know it so: it takes Linux 4.20 or later, or try --capture datalink",
        (_, Some(libc::EAFNOSUPPORT)) => "; the kernel has no packet sockets (CONFIG_PACKET), or the sandbox around us allows none",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_to_do() {
        let open = |number| TapError::Open { interface: "eth0".into(), source: io::Error::from_raw_os_error(number) };
        for (error, words) in [
            (open(libc::EPERM), "setcap cap_net_raw"),
            (open(libc::ENOMEM), "--ring-blocks"),
            (open(libc::EINVAL), "--capture datalink"),
            (TapError::NoInterface { pattern: "eth9".into(), there: vec!["lo".into(), "eth0".into()] }, "there are lo, eth0"),
            (TapError::NoInterface { pattern: "eth9".into(), there: vec!["lo".into()] }, "there is only lo"),
        ] {
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
