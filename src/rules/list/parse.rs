//! The text of a list: plain lines, or CSV whose header names the columns.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use super::super::diagnostic::{Diagnostic, Reason, excerpt};
use super::store::{Note, StoreBuilder};
use super::{List, ListKind, ListSource, mapped};

/// The longest domain (RFC 1035 §2.3.4), as text without the dot at the end.
pub(super) const MAX_DOMAIN: usize = 253;

/// Reads a list.
pub(super) fn list(source: &ListSource<'_>) -> (List, Vec<Diagnostic>) {
    let mut reading = Reading {
        kind: source.kind,
        columns: None,
        builder: StoreBuilder::default(),
        prefixes: [false; 129],
        mistakes: Mistakes::new(source.name),
    };
    for (line, text) in (1_u32..).zip(source.text.trim_start_matches('\u{feff}').lines()) {
        if let Err(reason) = reading.line(line, text.trim()) {
            let fatal = matches!(reason, Reason::TooLong(_) | Reason::OtherList { .. });
            reading.mistakes.add(line, reason);
            if fatal {
                break;
            }
        }
    }
    let Reading { kind, columns, builder, prefixes, mistakes } = reading;
    let mut prefixes: smallvec::SmallVec<[u8; 8]> = (0..).zip(prefixes).filter_map(|(n, used)| used.then_some(n)).collect();
    prefixes.reverse();
    let list = List {
        kind: kind.unwrap_or(ListKind::Domains),
        action: source.action,
        sslbl: columns.is_some_and(|c| c.sslbl),
        name: source.name.into(),
        store: builder.finish(),
        prefixes,
        unread: mistakes.said.len().saturating_add(mistakes.more),
    };
    let mistakes = mistakes.finish(list.is_empty());
    (list, mistakes)
}

/// The 16 bytes that `text` writes in hex.
pub(super) fn md5(text: &str) -> Option<[u8; 16]> {
    hex_bytes(text)?.try_into().ok()
}

/// What an address is found by: the length of the network's prefix as of IPv6, the network's address, and a port, 0 for any.
pub(super) fn address_key(ip: IpAddr, prefix: u8, port: u16) -> [u8; 19] {
    let mask = u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(prefix))).unwrap_or(0);
    let mut key = [prefix; 19];
    let (_, rest) = key.split_at_mut(1);
    let (address, end) = rest.split_at_mut(16);
    address.copy_from_slice(&(mapped(ip) & mask).to_be_bytes());
    end.copy_from_slice(&port.to_be_bytes());
    key
}

/// An [`address_key`] as it would be written.
pub(super) fn address_text(key: &[u8]) -> String {
    let parts = key.split_first().and_then(|(&prefix, rest)| Some((prefix, rest.split_first_chunk::<16>()?)));
    let Some((prefix, (address, port))) = parts else { return String::new() };
    let ip = Ipv6Addr::from(*address).to_canonical();
    let (prefix, whole) = if ip.is_ipv4() { (prefix.saturating_sub(96), 32) } else { (prefix, 128) };
    let port = port.first_chunk::<2>().map_or(0, |p| u16::from_be_bytes(*p));
    match (port, prefix == whole) {
        (0, true) => ip.to_string(),
        (0, false) => format!("{ip}/{prefix}"),
        (port, _) => std::net::SocketAddr::new(ip, port).to_string(),
    }
}

struct Reading {
    kind: Option<ListKind>,
    columns: Option<Columns>,
    builder: StoreBuilder,
    /// By length: whether a network has such a prefix.
    prefixes: [bool; 129],
    mistakes: Mistakes,
}

/// Which column of a CSV has what.
#[derive(Clone, Copy)]
struct Columns {
    /// What stands between cells.
    between: char,
    /// `None`: as the first entry says.
    kind: Option<ListKind>,
    key: usize,
    port: Option<usize>,
    since: Option<usize>,
    reason: Option<usize>,
    sslbl: bool,
}

impl Reading {
    fn line(&mut self, line: u32, text: &str) -> Result<(), Reason> {
        let comment = text.strip_prefix(['#', ';']).or_else(|| text.strip_prefix("//"));
        if self.columns.is_none() && self.builder.is_empty() {
            let header = comment.unwrap_or(text);
            if let Some(columns) = Columns::of(header.trim_matches([' ', '\t', '#'])) {
                return self.header(columns);
            }
        }
        if text.is_empty() || comment.is_some() {
            return Ok(());
        }
        match self.columns {
            Some(columns) => self.row(line, text, columns),
            None => self.plain(line, text),
        }
    }

    fn header(&mut self, columns: Columns) -> Result<(), Reason> {
        if let Some(is) = columns.kind {
            let kind = *self.kind.get_or_insert(is);
            if kind != is {
                return Err(Reason::OtherList { is: is.as_str(), wanted: kind.as_str() });
            }
        }
        self.columns = Some(columns);
        Ok(())
    }

    /// A line of CSV.
    fn row(&mut self, line: u32, text: &str, columns: Columns) -> Result<(), Reason> {
        let cells = cells(text, columns.between);
        let cell = |i: Option<usize>| i.and_then(|i| cells.get(i)).map(|c| c.trim()).filter(|c| !c.is_empty());
        let (key, port) = (cell(Some(columns.key)).unwrap_or_default(), cell(columns.port));
        let entry = match port {
            Some(port) if key.contains(':') => format!("[{key}]:{port}"),
            Some(port) => format!("{key}:{port}"),
            None => key.to_owned(),
        };
        self.entry(line, &entry, cell(columns.reason), cell(columns.since))
    }

    /// An entry, and behind it perhaps a reason: after white space, a comma or a `#`. Domains may be written as in a hosts file.
    fn plain(&mut self, line: u32, text: &str) -> Result<(), Reason> {
        let (entry, rest) = token(text);
        // A word alone would be a top-level domain. With cells behind it, it is rather the name of a column.
        let by_form = || BY_FORM.into_iter().find(|&kind| key(kind, entry).is_some());
        if is_cell(text) && !entry.contains('.') && self.kind.or_else(by_form) == Some(ListKind::Domains) {
            return Err(Reason::UnknownColumns(excerpt(entry)));
        }
        if NOWHERE.contains(&entry) && !rest.is_empty() && self.kind.is_none_or(|k| k == ListKind::Domains) {
            return self.hosts(line, rest);
        }
        if self.kind == Some(ListKind::Domains) && !rest.is_empty() && names(rest).all(is_own) {
            return Ok(());
        }
        self.entry(line, entry, Some(rest.trim_matches([' ', '\t', '"', '#', ','])).filter(|r| !r.is_empty()), None)
    }

    /// The names of a line of a hosts file, up to a comment, which is their reason. Those that every such file has for the host itself
    /// are no entries.
    fn hosts(&mut self, line: u32, text: &str) -> Result<(), Reason> {
        let (names, comment) = text.split_once('#').unwrap_or((text, ""));
        let reason = Some(comment.trim_matches(['#', ' ', '\t'])).filter(|r| !r.is_empty());
        self.kind = Some(ListKind::Domains);
        let mut wrong = None;
        // A word alone may be of a reason, and as a domain mean too much.
        let aliases = |(i, name): &(usize, &str)| *i == 0 || name.contains('.');
        let names = self::names(names).enumerate().filter(aliases).map(|(_, name)| name);
        for name in names.filter(|name| !is_own(name) && !NOWHERE.contains(name)) {
            match self.entry(line, name, reason, None) {
                Ok(()) => {}
                Err(fatal @ Reason::TooLong(_)) => return Err(fatal),
                Err(reason) => wrong = wrong.or(Some(reason)),
            }
        }
        wrong.map_or(Ok(()), Err)
    }

    fn entry(&mut self, line: u32, text: &str, reason: Option<&str>, since: Option<&str>) -> Result<(), Reason> {
        let what = self.kind.map_or("domain, hash, fingerprint or address", ListKind::of_one);
        let bad = || Reason::BadEntry { what, text: excerpt(text) };
        let (kind, key) = match self.kind {
            Some(kind) => (kind, key(kind, text).ok_or_else(bad)?),
            None => BY_FORM.iter().find_map(|&kind| Some((kind, key(kind, text)?))).ok_or_else(bad)?,
        };
        self.kind = Some(kind);
        if kind == ListKind::Addresses
            && let Some(used) = key.first().and_then(|&prefix| self.prefixes.get_mut(usize::from(prefix)))
        {
            *used = true;
        }
        let reason = reason.map(excerpt);
        let note = Note { key: &key, line, reason: reason.as_deref(), since: since.filter(|s| s.len() <= MAX_SINCE) };
        self.builder.add(note).map_err(|_| Reason::TooLong("20 million entries or 4 GiB"))
    }
}

impl Columns {
    /// The columns that a header names, where one of them has entries.
    fn of(header: &str) -> Option<Self> {
        let plain = |cell: &str| cell.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        let between = [',', ';', '\t'].into_iter().find(|between| header.contains(*between))?;
        let names: Vec<String> = header.split(between).map(plain).collect();
        if names.len() < 2 {
            return None;
        }
        let find = |wanted: &[&str]| names.iter().position(|n| wanted.contains(&n.as_str()));
        let (kind, key) = COLUMNS.iter().find_map(|&(kind, wanted)| Some((kind, find(wanted)?)))?;
        Some(Self {
            between,
            kind,
            key,
            port: if kind == Some(ListKind::Addresses) { find(&["dstport", "port"]) } else { None },
            since: find(&["listingdate", "firstseen", "firstseenutc", "dateadded", "date"]),
            reason: find(&["listingreason", "reason", "malware", "malwareprintable", "description", "comment"]),
            sslbl: SSLBL.iter().any(|known| known.eq_ignore_ascii_case(header)),
        })
    }
}

/// What an entry is found by; `None` where it is none of its kind.
fn key(kind: ListKind, text: &str) -> Option<Vec<u8>> {
    match kind {
        ListKind::Domains => domain(text).map(String::into_bytes),
        ListKind::Certificates => hex_bytes(text).filter(|b| matches!(b.len(), 20 | 32)),
        ListKind::Ja3 => hex_bytes(text).filter(|b| b.len() == 16),
        ListKind::Ja4 => ja4(text).map(String::into_bytes),
        ListKind::Addresses => address(text),
    }
}

/// `example.test`, `.example.test` or `*.example.test`, with or without a dot at the end; in lower case.
fn domain(text: &str) -> Option<String> {
    let name = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let label = |l: &str| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    // No top-level domain is a number (RFC 3696 §2), or has an underscore.
    let is_top = |l: &str| !l.contains('_') && l.bytes().any(|b| !b.is_ascii_digit());
    (name.len() <= MAX_DOMAIN && name.split('.').all(label) && name.rsplit('.').next().is_some_and(is_top)).then_some(name)
}

/// The form `t13d1516h2_8daaf6152771_02713d6af862`, in lower case.
fn ja4(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let mut parts = text.split('_');
    let hash = |part: Option<&str>| part.is_some_and(|p| p.len() == 12 && p.bytes().all(|b| b.is_ascii_hexdigit()));
    let head = parts
        .next()
        .is_some_and(|p| p.len() == 10 && p.starts_with(['t', 'q', 'd']) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    (head && hash(parts.next()) && hash(parts.next()) && parts.next().is_none()).then_some(text)
}

/// An address, a network, or an address with a port.
fn address(text: &str) -> Option<Vec<u8>> {
    if let Ok(end) = text.parse::<std::net::SocketAddr>() {
        return Some(address_key(end.ip(), 128, end.port()).to_vec());
    }
    let (ip, prefix) = match text.split_once('/') {
        Some((ip, prefix)) => (ip.parse::<IpAddr>().ok()?, Some(prefix.parse::<u8>().ok()?)),
        None => (text.parse().ok()?, None),
    };
    let of_six = |shift: u8, most: u8| prefix.unwrap_or(most).checked_add(shift).filter(|&p| p <= 128);
    let prefix = if ip.is_ipv4() { of_six(96, 32) } else { of_six(0, 128) };
    Some(address_key(ip, prefix?, 0).to_vec())
}

/// Pairs of hex digits, with or without colons between them.
fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.bytes().filter(|&b| b != b':').map(|b| char::from(b).to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|&[high, low]| high << 4 | low).collect())
}

/// The first word, and what follows it.
fn token(text: &str) -> (&str, &str) {
    let end = text.find([' ', '\t', ',', ';', '#']).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word.trim_matches('"'), rest.trim_start_matches([' ', '\t', ',', ';', '#']))
}

/// The names behind an address in a hosts file.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\t', ',', ';']).map(|name| name.trim_matches('"')).filter(|name| !name.is_empty())
}

/// Whether hosts files have this name for the host itself, or for all in its network.
fn is_own(name: &str) -> bool {
    OWN_NAMES.iter().any(|own| name.eq_ignore_ascii_case(own))
}

/// Whether what follows the first word is a further cell of a table.
fn is_cell(text: &str) -> bool {
    let end = text.find([' ', '\t', ',', ';', '#']).unwrap_or(text.len());
    text.get(end..).unwrap_or_default().trim_start().starts_with([',', ';'])
}

/// The cells of a line of CSV (RFC 4180), with `between` between them: one in double quotes may have that in it.
fn cells(text: &str, between: char) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c == between && !quoted => cells.push(String::new()),
            _ => {
                if let Some(cell) = cells.last_mut() {
                    cell.push(c);
                }
            }
        }
    }
    cells
}

/// What is wrong with lines: the first of them, and how many more.
struct Mistakes {
    file: Arc<str>,
    said: Vec<Diagnostic>,
    more: usize,
}

impl Mistakes {
    fn new(name: &str) -> Self {
        Self { file: name.into(), said: Vec::new(), more: 0 }
    }

    fn add(&mut self, line: u32, reason: Reason) {
        if self.said.len() < MOST_MISTAKES {
            self.said.push(Diagnostic { file: self.file.clone(), line, column: 1, sid: None, keyword: None, reason });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    fn finish(mut self, empty: bool) -> Vec<Diagnostic> {
        let last = [(self.more > 0).then_some(Reason::MoreLines(self.more)), empty.then_some(Reason::NoEntries)];
        let place = |reason| Diagnostic { file: self.file.clone(), line: 1, column: 1, sid: None, keyword: None, reason };
        self.said.extend(last.into_iter().flatten().map(place));
        self.said
    }
}

/// Which kind an entry is of whose list does not say: the first form that it has.
const BY_FORM: [ListKind; 5] = [ListKind::Addresses, ListKind::Ja4, ListKind::Ja3, ListKind::Certificates, ListKind::Domains];

/// Columns with entries, as headers name them, letters and digits alone.
const COLUMNS: &[(Option<ListKind>, &[&str])] = &[
    (Some(ListKind::Certificates), &["sha1", "sha256", "certsha1", "sha1fingerprint", "sha256fingerprint"]),
    (Some(ListKind::Ja3), &["ja3md5", "ja3", "ja3hash", "ja3fingerprint"]),
    (Some(ListKind::Ja4), &["ja4", "ja4fingerprint"]),
    (Some(ListKind::Addresses), &["dstip", "ip", "ipaddress", "srcip"]),
    (Some(ListKind::Domains), &["domain", "domainname", "host", "hostname", "fqdn"]),
    (None, &["iocvalue", "ioc", "indicator"]),
];

/// The headers of abuse.ch's SSLBL: certificates, JA3 fingerprints, addresses.
const SSLBL: [&str; 3] = ["Listingdate,SHA1,Listingreason", "ja3_md5,Firstseen,Lastseen,Listingreason", "Firstseen,DstIP,DstPort"];

/// Addresses that hosts files give to names that are not to be reached.
const NOWHERE: [&str; 4] = ["0.0.0.0", "127.0.0.1", "::", "::1"];

/// Names that hosts files, those of block-lists too, have at the top.
const OWN_NAMES: [&str; 11] = [
    "localhost",
    "localhost.localdomain",
    "local",
    "broadcasthost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-allhosts",
];

/// Mistakes that are told of one by one.
const MOST_MISTAKES: usize = 20;

/// The longest date.
const MAX_SINCE: usize = 40;
