//! Which ports are watched.

use std::str::FromStr;

/// A set of ports, `443,8443,9000-9100` or `any`.
#[derive(Clone, PartialEq, Eq)]
pub struct PortSet {
    /// One bit per port: a test costs the same for one port and for many ranges.
    bits: Box<[u64; WORDS]>,
}

impl PortSet {
    /// All ports.
    pub fn any() -> Self {
        Self { bits: Box::new([u64::MAX; WORDS]) }
    }

    /// No port.
    pub fn none() -> Self {
        Self { bits: Box::new([0; WORDS]) }
    }

    /// Adds all ports from `first` to `last`, both included.
    pub fn insert(&mut self, first: u16, last: u16) {
        for port in first..=last {
            if let Some(word) = self.bits.get_mut(usize::from(port >> 6)) {
                *word |= 1 << (port & 63);
            }
        }
    }

    /// Whether `port` is in the set.
    #[inline]
    pub fn contains(&self, port: u16) -> bool {
        self.bits.get(usize::from(port >> 6)).is_some_and(|word| word >> (port & 63) & 1 == 1)
    }

    /// Whether every port is in the set.
    pub fn is_any(&self) -> bool {
        self.bits.iter().all(|&word| word == u64::MAX)
    }

    /// The ranges of the set, ascending and apart from each other.
    pub fn ranges(&self) -> impl Iterator<Item = (u16, u16)> {
        let mut next = Some(0u16);
        std::iter::from_fn(move || {
            let first = (next?..=u16::MAX).find(|&port| self.contains(port))?;
            let last = (first..=u16::MAX).take_while(|&port| self.contains(port)).last()?;
            next = last.checked_add(1);
            Some((first, last))
        })
    }
}

/// The default: port 443.
impl Default for PortSet {
    fn default() -> Self {
        let mut ports = Self::none();
        ports.insert(443, 443);
        ports
    }
}

impl FromStr for PortSet {
    type Err = PortSetError;

    fn from_str(text: &str) -> Result<Self, PortSetError> {
        if text.trim().eq_ignore_ascii_case("any") {
            return Ok(Self::any());
        }
        let mut ports = Self::none();
        for item in text.split(',').map(str::trim) {
            let port = |digits: &str| match digits.trim().parse::<u16>() {
                Ok(port) if port > 0 => Ok(port),
                _ => Err(PortSetError::NotAPort(item.to_owned())),
            };
            let (first, last) = match item.split_once('-') {
                Some((first, last)) => (port(first)?, port(last)?),
                None => (port(item)?, port(item)?),
            };
            if first > last {
                return Err(PortSetError::Backwards(item.to_owned()));
            }
            ports.insert(first, last);
        }
        Ok(ports)
    }
}

impl std::fmt::Display for PortSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_any() {
            return f.write_str("any");
        }
        let mut separator = "";
        for (first, last) in self.ranges() {
            match first == last {
                true => write!(f, "{separator}{first}")?,
                false => write!(f, "{separator}{first}-{last}")?,
            }
            separator = ",";
        }
        Ok(())
    }
}

impl std::fmt::Debug for PortSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PortSet({self})")
    }
}

/// Why a text is no set of ports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortSetError {
    /// An item is neither a number from 1 to 65535 (no connection has port 0) nor two of them with a dash.
    #[error("'{0}' is not a port: expected numbers from 1 to 65535 and ranges, such as 443,8443,9000-9100, or any")]
    NotAPort(String),
    /// A range ends before it starts.
    #[error("the port range '{0}' ends before it starts")]
    Backwards(String),
}

const WORDS: usize = 65_536 / 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_and_ranges() {
        let ports: PortSet = "443, 8443,9000-9100".parse().unwrap();
        for (port, inside) in [(443, true), (444, false), (8443, true), (8999, false), (9000, true), (9100, true), (9101, false)] {
            assert_eq!(ports.contains(port), inside, "{port}");
        }
        assert_eq!(ports.to_string(), "443,8443,9000-9100");
    }

    #[test]
    fn any_is_all_of_them() {
        let any: PortSet = "any".parse().unwrap();
        assert!(any.contains(0) && any.contains(65_535));
        assert_eq!(any.to_string(), "any");
        assert_eq!(PortSet::none().to_string(), "");
    }

    #[test]
    fn says_what_is_wrong() {
        for text in ["", "443,", "0", "0-1023", "65536", "-1", "https", "1-2-3", "443;8443"] {
            assert!(matches!(text.parse::<PortSet>(), Err(PortSetError::NotAPort(_))), "{text}");
        }
        assert_eq!("9100-9000".parse::<PortSet>(), Err(PortSetError::Backwards("9100-9000".into())));
    }
}
