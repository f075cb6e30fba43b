//! What servers showed in earlier sessions, and what is found by it.
//!
//! The order of sessions matters here, so that one memory is for all of a run, and whoever knows the order of all sessions asks it: the
//! collector of a run with several threads. It is bounded in bytes. Beyond, those go that were not seen for longest: each table has a younger
//! and an older half, what is seen goes to the younger, and when that is full the older one is dropped.

use std::collections::HashMap;
use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use crate::protocol::tls::Session;
use crate::protocol::tls::session::Compared;
use crate::protocol::x509::{DistinguishedName, Facts};

/// What a session shows of its server, to be compared with earlier ones. By digests, so that it holds on to no certificate: who compares
/// may be another thread, and would have to free it.
#[derive(Clone, Debug)]
pub struct Sighting {
    server: Digest,
    certificate: Digest,
    issuer: Digest,
    /// `None` where it could not be read.
    key: Option<Digest>,
    names: Box<[u64]>,
}

/// Certificates by server and name, and names by key, as far as they fit.
#[derive(Clone, Debug)]
pub struct Memory {
    servers: Table<Vec<Shown>>,
    keys: Table<Vec<Holder>>,
}

/// Half of a SHA-256: nobody finds two inputs of the same.
type Digest = [u8; 16];

/// A certificate that a server showed, by the digest of its DER and of its issuer.
#[derive(Clone, Debug)]
struct Shown {
    certificate: Digest,
    issuer: Digest,
}

/// A certificate that has a key, and digests of its names, in order.
#[derive(Clone, Debug)]
struct Holder {
    certificate: Digest,
    names: Box<[u64]>,
}

impl Sighting {
    /// What `session` shows of the server at this address, port and VLANs (0 for none). `None` where it shows no certificate that can be read.
    pub fn of(session: &Session, address: IpAddr, port: u16, vlan: [u16; 2]) -> Option<Self> {
        let leaf = session.server_certificates.first()?;
        let facts = leaf.facts.as_ref()?;
        let name = session.client_hello.as_ref().and_then(|hello| hello.server_name()).unwrap_or_default();
        let mut digest = Sha256::new();
        match address {
            IpAddr::V4(v4) => digest.update(v4.octets()),
            IpAddr::V6(v6) => digest.update(v6.octets()),
        }
        for number in [port, vlan[0], vlan[1]] {
            digest.update(number.to_be_bytes());
        }
        digest.update(name.to_ascii_lowercase());
        Some(Self {
            server: half(digest.finalize().into()),
            certificate: half(leaf.sha256),
            issuer: half(Sha256::digest(organization(&facts.issuer)).into()),
            key: (facts.spki_sha256 != [0; 32]).then(|| half(facts.spki_sha256)),
            names: names(facts),
        })
    }
}

impl Memory {
    /// `limit` bounds it in bytes; with 0 nothing is remembered.
    pub fn new(limit: usize) -> Self {
        Self { servers: Table::new(limit / 2), keys: Table::new(limit / 2) }
    }

    /// Compares with what was seen before; then it is remembered too.
    pub fn compare(&mut self, sighting: &Sighting) -> Compared {
        if self.servers.limit == 0 {
            return Compared::default();
        }
        let change = self.servers.with(sighting.server, |shown| show(shown, sighting));
        Compared {
            other_certificate: change != Change::None,
            other_issuer: change == Change::Issuer,
            shared_key: sighting.key.is_some_and(|key| self.keys.with(key, |holders| hold(holders, sighting))),
        }
    }

    /// How many servers, told apart by name too, and keys are remembered.
    pub fn len(&self) -> usize {
        self.servers.len().saturating_add(self.keys.len())
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of them went because there was no more room.
    pub const fn evicted(&self) -> u64 {
        self.servers.evicted.saturating_add(self.keys.evicted)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Certificate,
    Issuer,
}

/// A server shows a certificate: how it differs from those before. Several are remembered, since several machines may answer.
fn show(shown: &mut Vec<Shown>, sighting: &Sighting) -> Change {
    let (certificate, issuer) = (sighting.certificate, sighting.issuer);
    if let Some(place) = shown.iter().position(|before| before.certificate == certificate) {
        let again = shown.remove(place);
        shown.push(again);
        return Change::None;
    }
    let change = match shown.is_empty() {
        true => Change::None,
        false if shown.iter().any(|before| before.issuer == issuer) => Change::Certificate,
        false => Change::Issuer,
    };
    match shown.len() {
        0 => shown.reserve_exact(1), // most servers never show another
        MOST_SHOWN.. => drop(shown.remove(0)),
        _ => {}
    }
    shown.push(Shown { certificate, issuer });
    change
}

/// A certificate has a key: whether another one has it, too, that is for none of the same names.
fn hold(holders: &mut Vec<Holder>, sighting: &Sighting) -> bool {
    let mine = match holders.iter().position(|holder| holder.certificate == sighting.certificate) {
        Some(place) => holders.remove(place),
        None => Holder { certificate: sighting.certificate, names: sighting.names.clone() },
    };
    let is_other =
        |holder: &Holder| !holder.names.is_empty() && !holder.names.iter().any(|name| mine.names.binary_search(name).is_ok());
    let is_shared = !mine.names.is_empty() && holders.iter().any(is_other);
    match holders.len() {
        0 => holders.reserve_exact(1),
        MOST_HOLDERS.. => drop(holders.remove(0)),
        _ => {}
    }
    holders.push(mine);
    is_shared
}

/// Who issued it: an authority changes its intermediates often, and keeps its O.
fn organization(issuer: &DistinguishedName) -> &str {
    issuer.attributes().find(|(name, _)| *name == "O").map_or(issuer.as_str(), |(_, value)| value)
}

/// Digests of what a certificate is for, in order; of many, the least ones, which others that have many of the same names keep too.
fn names(facts: &Facts) -> Box<[u64]> {
    let all = &facts.subject_alt_names;
    let subject = Some(facts.subject.as_str()).filter(|subject| all.is_empty() && !subject.is_empty());
    let mut names: Vec<u64> = all.iter().map(String::as_str).chain(subject).map(name_digest).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(MOST_NAMES);
    names.into()
}

/// `example.com`, `www.example.com` and `*.example.com` are one name here.
fn name_digest(name: &str) -> u64 {
    let name = name.to_ascii_lowercase();
    let bare = name.strip_prefix("*.").or_else(|| name.strip_prefix("www.")).unwrap_or(&name);
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(bare).into();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

fn half(digest: [u8; 32]) -> Digest {
    let mut half = [0; 16];
    half.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    half
}

/// Values by digest, bounded in bytes.
#[derive(Clone, Debug)]
struct Table<V> {
    young: HashMap<Digest, V>,
    old: HashMap<Digest, V>,
    /// Of the younger half.
    bytes: usize,
    /// For each half.
    limit: usize,
    evicted: u64,
}

impl<V: Default + Cost> Table<V> {
    fn new(limit: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), bytes: 0, limit: limit / 2, evicted: 0 }
    }

    fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }

    /// Has `change` look at the value of `key` and change it; a new one is empty.
    fn with<R>(&mut self, key: Digest, change: impl FnOnce(&mut V) -> R) -> R {
        let value = self.young.entry(key).or_insert_with(|| {
            let value = self.old.remove(&key).unwrap_or_default();
            self.bytes = self.bytes.saturating_add(PER_VALUE).saturating_add(value.cost());
            value
        });
        let before = value.cost();
        let answer = change(value);
        self.bytes = self.bytes.saturating_sub(before).saturating_add(value.cost());
        if self.bytes > self.limit {
            let gone = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            self.evicted = self.evicted.saturating_add(u64::try_from(gone.len()).unwrap_or(u64::MAX));
            self.bytes = 0;
        }
        answer
    }
}

/// What a value takes beside its place in the table, in bytes.
trait Cost {
    fn cost(&self) -> usize;
}

impl Cost for Vec<Shown> {
    fn cost(&self) -> usize {
        self.capacity().saturating_mul(size_of::<Shown>())
    }
}

impl Cost for Vec<Holder> {
    fn cost(&self) -> usize {
        let names: usize = self.iter().map(|holder| size_of_val::<[u64]>(&holder.names)).sum();
        self.capacity().saturating_mul(size_of::<Holder>()).saturating_add(names)
    }
}

/// Certificates of a server under one name that are remembered.
const MOST_SHOWN: usize = 16;
/// Certificates of a key that are remembered.
const MOST_HOLDERS: usize = 8;
/// Names of a certificate that are remembered.
const MOST_NAMES: usize = 32;
/// A place in the table: key and value, a byte of the table's own, and the room that it keeps free, which is up to as much again.
const PER_VALUE: usize = 2 * (16 + 24 + 1);
