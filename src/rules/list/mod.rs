//! Lists that are no rules: domains, certificates, fingerprints or addresses, each line an entry with perhaps a reason.
//!
//! A list of any length becomes one rule. It costs a look-up for each fact that it is about, and some 50 bytes an entry; the alert is
//! made from the entry that was found. `parse` reads the text, `store` keeps the entries.

mod parse;
mod store;

use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use self::store::{Note, Store};
use super::ast::Action;
use super::compile::{Asks, Compiled, End, Header, Kind, Plan, Transports};
use super::config::RuleConfig;
use super::diagnostic::Diagnostic;
use super::interval::Set;
use super::rule::Rule;
use super::set::Entry;
use super::subject::{Facts, FlowDirection, Subject};
use crate::base::hex;
use crate::flow::Endpoint;

/// What the entries of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListKind {
    /// Domains: the name that the client asks for, and all names below it.
    Domains,
    /// SHA-1 or SHA-256 of a certificate that the server sends, the leaf or another of the chain.
    Certificates,
    /// JA3 of the client.
    Ja3,
    /// JA4 of the client; its letters in either case, since what it takes of the first ALPN is as sent.
    Ja4,
    /// Addresses and networks of either end; with a port, of the server.
    Addresses,
}

/// The text of a list, and what is to become of it.
#[derive(Clone, Copy, Debug)]
pub struct ListSource<'a> {
    /// Mostly a path.
    pub name: &'a str,
    /// Its lines.
    pub text: &'a str,
    /// What its entries are; `None`: as its header says, or the form of its first entry.
    pub kind: Option<ListKind>,
    /// What happens to flows that an entry is about.
    pub action: Action,
}

/// A list that was read.
#[derive(Clone, Debug)]
pub struct List {
    kind: ListKind,
    action: Action,
    /// It is one of abuse.ch's SSLBL.
    sslbl: bool,
    name: Arc<str>,
    store: Store,
    /// Of addresses: the lengths of their prefixes, each once, longest first; as IPv6.
    prefixes: SmallVec<[u8; 8]>,
    /// Lines that are no entries.
    unread: usize,
}

/// What an alert says of the entry that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// EVE's `alert.signature`: what the list is, and the entry's reason.
    pub signature: String,
    /// EVE's `alert.metadata`: the place in the list, the entry, and what its line says of it.
    pub metadata: Vec<(String, String)>,
}

impl List {
    /// Reads a list, and says what is wrong with lines that are no entries.
    pub fn parse(source: &ListSource<'_>) -> (Self, Vec<Diagnostic>) {
        parse::list(source)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it is called: mostly a path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many lines are neither entries nor empty or comments.
    pub const fn unread(&self) -> usize {
        self.unread
    }

    /// How many of its entries are not in `other`, which is of the same kind.
    pub(super) fn missing_in(&self, other: &Self) -> usize {
        self.store.keys().filter(|key| other.store.find(key).is_none()).count()
    }

    /// What its entries are.
    pub const fn kind(&self) -> ListKind {
        self.kind
    }

    /// The entry that is about `subject`; of several the most specific one.
    pub(super) fn find(&self, subject: &Subject<'_>) -> Option<u32> {
        let session = subject.session;
        let fingerprints = || session.and_then(|s| s.client_fingerprints.as_ref());
        match self.kind {
            ListKind::Domains => {
                let hello = session.and_then(|s| s.client_hello.as_ref())?;
                hello.server_names.iter().find_map(|name| self.find_domain(name))
            }
            ListKind::Certificates => {
                let mut chain = session.iter().flat_map(|s| &s.server_certificates);
                chain.find_map(|c| self.store.find(&c.sha1).or_else(|| self.store.find(&c.sha256)))
            }
            ListKind::Ja3 => self.store.find(&parse::md5(&fingerprints()?.ja3)?),
            ListKind::Ja4 => self.store.find(fingerprints()?.ja4.to_ascii_lowercase().as_bytes()),
            ListKind::Addresses => {
                let with_port = self.find_address(subject.server, true);
                with_port.or_else(|| [subject.server, subject.client].iter().find_map(|&end| self.find_address(end, false)))
            }
        }
    }

    /// What an alert says of an entry.
    pub(super) fn tell(&self, entry: u32) -> Listed {
        let Note { key, line, reason, since } = self.store.note(entry);
        let title = self.title();
        let signature = reason.map_or_else(|| title.clone(), |reason| format!("{title} ({reason})"));
        let text = match self.kind {
            ListKind::Domains | ListKind::Ja4 => String::from_utf8_lossy(key).into_owned(),
            ListKind::Certificates | ListKind::Ja3 => hex::lower(key),
            ListKind::Addresses => parse::address_text(key),
        };
        let mut metadata = vec![("list".to_owned(), format!("{}:{line}", self.name)), ("entry".to_owned(), text)];
        metadata.extend(reason.map(|reason| ("reason".to_owned(), reason.to_owned())));
        metadata.extend(since.map(|since| ("first_seen".to_owned(), since.to_owned())));
        Listed { signature, metadata }
    }

    /// The rule that it is, as the list with this place among those of `config`, from 1.
    pub(super) fn compile(self: &Arc<Self>, place: u32, config: &RuleConfig) -> Compiled {
        let (direction, moments): (_, &[Facts]) = match self.kind {
            ListKind::Domains | ListKind::Ja3 | ListKind::Ja4 => (FlowDirection::ToServer, &[Facts::CLIENT_HELLO]),
            ListKind::Certificates => (FlowDirection::ToClient, &[Facts::SERVER_CERTIFICATES]),
            // The first packet of either side decides, since a capture may have one side only.
            ListKind::Addresses => (FlowDirection::ToServer, &[Facts::FROM_CLIENT, Facts::FROM_SERVER]),
        };
        let transports = if self.kind == ListKind::Addresses { Transports::ALL } else { Transports::TCP };
        let anywhere = End { addresses: Set::all(), ports: Set::all() };
        let class = config.classifications.get(CLASSTYPE);
        let rule = Rule {
            action: self.action,
            sid: self.kind.sid(),
            rev: 1,
            gid: GID,
            msg: self.title().into(),
            classtype: Some(CLASSTYPE.into()),
            category: class.map(|c| c.description.as_str().into()).unwrap_or_default(),
            severity: class.map_or(3, |c| c.priority),
            references: Box::default(),
            metadata: Arc::default(),
            target: None,
            alerts: self.action != Action::Pass,
            stores_certificates: false,
            own_keywords: Box::default(),
            text: config.texts.then(|| format!("{}:{}={}", self.kind.as_str(), self.action.as_str(), self.name).into()),
            file: self.name.clone(),
            line: 1,
            list: place,
        };
        let entry = Entry {
            rule,
            header: 0,
            kind: if self.kind == ListKind::Addresses { Kind::Flow } else { Kind::Session },
            whole_flow: true,
            threshold: None,
            suppressions: Vec::new(),
            rate_filter: None,
            asks: Asks { list: Some(self.clone()), ..Asks::default() },
        };
        Compiled {
            entry: Box::new(entry),
            header: Arc::new(Header {
                transports,
                app_proto: None,
                source: anywhere.clone(),
                destination: anywhere,
                both_ways: false,
            }),
            plans: moments.iter().map(|&needs| Plan { direction, side: direction, needs }).collect(),
            depth: 0,
        }
    }

    /// `name` or the closest domain above it. No entry is longer than a domain may be, so that the start of a long name need not
    /// be looked at.
    fn find_domain(&self, name: &[u8]) -> Option<u32> {
        let name = name.strip_suffix(b".").unwrap_or(name).to_ascii_lowercase();
        let skip = name.len().saturating_sub(parse::MAX_DOMAIN);
        let starts = memchr::memchr_iter(b'.', &name).map(|dot| dot.saturating_add(1));
        std::iter::once(0).chain(starts).filter(|&at| at >= skip).find_map(|at| self.store.find(name.get(at..)?))
    }

    /// The smallest network that `end` is in.
    fn find_address(&self, end: Endpoint, with_port: bool) -> Option<u32> {
        let port = if with_port { end.port } else { 0 };
        self.prefixes.iter().find_map(|&prefix| self.store.find(&parse::address_key(end.ip, prefix, port)))
    }

    fn title(&self) -> String {
        let (origin, what) = if self.sslbl { ("SSLBL", "malicious") } else { (file_name(&self.name), "listed") };
        format!("{origin}: {what} {}", self.kind.of_one())
    }
}

impl ListKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Domains, Self::Certificates, Self::Ja3, Self::Ja4, Self::Addresses];

    /// The word for it on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Domains => "domains",
            Self::Certificates => "certs",
            Self::Ja3 => "ja3",
            Self::Ja4 => "ja4",
            Self::Addresses => "ips",
        }
    }

    /// The word for one entry.
    const fn of_one(self) -> &'static str {
        match self {
            Self::Domains => "domain",
            Self::Certificates => "certificate",
            Self::Ja3 => "JA3 fingerprint",
            Self::Ja4 => "JA4 fingerprint",
            Self::Addresses => "address",
        }
    }

    /// The sid of lists of this kind, in the group [`GID`].
    const fn sid(self) -> u32 {
        match self {
            Self::Domains => 1,
            Self::Certificates => 2,
            Self::Ja3 => 3,
            Self::Ja4 => 4,
            Self::Addresses => 5,
        }
    }
}

/// The part of a path behind the last slash.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// IPv4 as IPv6 (RFC 4291 §2.5.5.2), so that there is one kind of key.
const fn mapped(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Alerts of lists have a group of their own, so that their sids are nobody else's.
const GID: u32 = 8443;

/// Suricata's class for traffic of bad repute.
const CLASSTYPE: &str = "bad-unknown";

#[cfg(test)]
mod tests;
