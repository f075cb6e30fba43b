//! Interfaces by name and glob, and what becomes of them.

use std::fmt;
use std::io;

use super::TapError;
use crate::capture::sys::interface::Interface;
use crate::packet::LinkType;

/// The interfaces that `patterns` name: names, or globs of which each matches one or more. Each interface is there once.
pub fn find(patterns: &[String]) -> Result<Vec<Interface>, TapError> {
    let there = Interface::names().map_err(|source| TapError::Look { source })?;
    let mut found: Vec<Interface> = Vec::new();
    for pattern in patterns {
        let names: Vec<&String> = match there.iter().find(|name| *name == pattern) {
            Some(name) => vec![name],
            None => {
                let glob = glob::Pattern::new(pattern)
                    .map_err(|error| TapError::BadGlob { pattern: pattern.clone(), reason: error.msg })?;
                there.iter().filter(|name| glob.matches(name)).collect()
            }
        };
        if names.is_empty() {
            return Err(TapError::NoInterface { pattern: pattern.clone(), there });
        }
        for name in names {
            let interface = Interface::named(name).map_err(|source| TapError::Open { interface: name.clone(), source })?;
            if let LinkType::Unsupported(kind) = interface.link {
                // A glob means those that can be listened at.
                if name == pattern {
                    return Err(TapError::Link { interface: name.clone(), kind });
                }
            } else if found.iter().all(|known| known.name != interface.name) {
                found.push(interface);
            }
        }
    }
    if found.is_empty() {
        return Err(TapError::NoInterface { pattern: patterns.join(", "), there });
    }
    Ok(found)
}

/// Something that happened to an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its name.
    pub interface: String,
    /// What happened.
    pub change: Change,
}

impl Notice {
    /// It cannot be listened at.
    pub(super) fn refused(interface: String, error: &io::Error) -> Self {
        Self { change: Change::Refused(format!("cannot listen at {interface}: {error}")), interface }
    }
}

/// What can happen to an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was taken down.
    Down,
    /// It was brought up.
    Up,
    /// It was deleted, or moved to another namespace.
    Gone,
    /// There is one of its name again, which is listened at.
    Back,
    /// There is one of its name again, which cannot be listened at.
    Refused(String),
    /// Packets may be as long as this now.
    Mtu(u32),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.interface;
        match &self.change {
            Change::Down => write!(f, "{name} is down: nothing is seen there until it is up"),
            Change::Up => write!(f, "{name} is up"),
            Change::Gone => write!(f, "{name} is gone: nothing is seen there until there is one of that name"),
            Change::Back => write!(f, "{name} is there again"),
            Change::Refused(reason) => write!(f, "{reason}; trying again"),
            Change::Mtu(mtu) => write!(f, "the MTU of {name} is {mtu} now"),
        }
    }
}

/// Follows what becomes of an interface.
#[derive(Debug)]
pub(super) struct Watch {
    name: String,
    /// As it was when it was last there.
    last: Interface,
    is_gone: bool,
    refused: Option<String>,
}

impl Watch {
    pub fn new(interface: &Interface) -> Self {
        Self { name: interface.name.clone(), last: interface.clone(), is_gone: false, refused: None }
    }

    /// Looks at it, and has it opened anew by `open` where it is another one than before.
    pub fn look(&mut self, open: impl FnOnce(&Interface) -> Result<(), TapError>) -> Vec<Notice> {
        self.learn(Interface::named(&self.name), open).into_iter().map(|change| self.notice(change)).collect()
    }

    fn learn(&mut self, now: io::Result<Interface>, open: impl FnOnce(&Interface) -> Result<(), TapError>) -> Vec<Change> {
        let mut changes = Vec::new();
        let Ok(now) = now else {
            if !std::mem::replace(&mut self.is_gone, true) {
                changes.push(Change::Gone);
            }
            return changes;
        };
        if now.index != self.last.index {
            if let Err(error) = open(&now) {
                let reason = error.to_string();
                if self.refused.as_ref() != Some(&reason) {
                    changes.push(Change::Refused(reason.clone()));
                }
                self.refused = Some(reason);
                return changes;
            }
            self.refused = None;
            changes.push(Change::Back);
        } else if self.is_gone {
            changes.push(Change::Back); // it was away for a moment, in another namespace
        }
        self.is_gone = false;
        match (self.last.is_up, now.is_up) {
            (true, false) => changes.push(Change::Down),
            (false, true) => changes.push(Change::Up),
            _ => {}
        }
        if now.mtu != self.last.mtu {
            changes.push(Change::Mtu(now.mtu));
        }
        self.last = now;
        changes
    }

    fn notice(&self, change: Change) -> Notice {
        Notice { interface: self.name.clone(), change }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(index: u32, is_up: bool, mtu: u32) -> Interface {
        Interface { name: "eth0".into(), index, is_up, is_loopback: false, mtu, link: LinkType::Ethernet }
    }

    fn refused() -> TapError {
        TapError::Open { interface: "eth0".into(), source: io::ErrorKind::PermissionDenied.into() }
    }

    #[test]
    fn each_change_is_told_once() {
        let mut watch = Watch::new(&interface(7, true, 1500));
        let gone = || Err(io::ErrorKind::NotFound.into());
        for (now, expected) in [
            (Ok(interface(7, true, 1500)), vec![]),
            (Ok(interface(7, false, 1500)), vec![Change::Down]),
            (Ok(interface(7, false, 1500)), vec![]),
            (Ok(interface(7, true, 9000)), vec![Change::Up, Change::Mtu(9000)]),
            (gone(), vec![Change::Gone]),
            (gone(), vec![]),
            (Ok(interface(8, true, 9000)), vec![Change::Back]),
            (Ok(interface(9, false, 9000)), vec![Change::Back, Change::Down]),
        ] {
            assert_eq!(watch.learn(now, |_| Ok(())), expected);
        }
    }

    #[test]
    fn one_that_cannot_be_opened_anew_is_tried_until_it_can() {
        let mut watch = Watch::new(&interface(7, true, 1500));
        let tries = std::cell::Cell::new(0);
        let mut try_it = |succeeds: bool| {
            watch.learn(Ok(interface(8, true, 1500)), |_| {
                tries.set(tries.get() + 1);
                if succeeds { Ok(()) } else { Err(refused()) }
            })
        };
        assert!(matches!(try_it(false)[..], [Change::Refused(_)]));
        assert_eq!(try_it(false), []);
        assert_eq!(try_it(true), [Change::Back]);
        assert_eq!(try_it(true), []);
        assert_eq!(tries.get(), 3);
    }

    #[test]
    fn names_and_globs_find_each_interface_once() {
        let find = |patterns: &[&str]| find(&patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
        let found = find(&["lo", "l[o]", "lo*"]).unwrap();
        assert_eq!(found.iter().filter(|i| i.name == "lo").count(), 1);
        assert!(matches!(find(&["nosuch*"]), Err(TapError::NoInterface { .. })));
        assert!(matches!(find(&["l[o"]), Err(TapError::BadGlob { .. })));
    }
}
