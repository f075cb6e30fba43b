//! The addresses: `ip.src` and `ip.dst` as buffers, and what is known of them, `iprep` and `geoip`.

use std::net::IpAddr;
use std::sync::Arc;

use super::super::builder::{Builder, EndTest};
use super::super::diagnostic::{Reason, excerpt};
use super::super::inspect::AddressOf;
use super::super::reputation::{GeoIp, Reputation};
use super::super::subject::{Facts, Sides};
use super::{Buffer, Case, Form, Keyword, Kind, absence, no_value, required};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "ip.src", aliases: &[], kind: Kind::Option(|b, v| address(b, v, &SOURCE, AddressOf::Source)) },
    Keyword { name: "ip.dst", aliases: &[], kind: Kind::Option(|b, v| address(b, v, &DESTINATION, AddressOf::Destination)) },
    Keyword { name: "iprep", aliases: &[], kind: Kind::Option(iprep) },
    Keyword { name: "geoip", aliases: &[], kind: Kind::Option(geoip) },
];

/// The source address, as far as loading treats it as a buffer. No session has it: it comes with the flow.
static SOURCE: Buffer = buffer("ip.src");
/// The destination address.
static DESTINATION: Buffer = buffer("ip.dst");

/// Which of the two addresses is meant.
#[derive(Clone, Copy, Debug)]
enum Which {
    Any,
    Source,
    Destination,
    Both,
}

#[derive(Debug)]
struct IpRep {
    which: Which,
    reputation: Arc<Reputation>,
    category: u8,
    wanted: Wanted,
}

/// What a score has to be.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    Less(u8),
    AtMost(u8),
    More(u8),
    AtLeast(u8),
    Equal(u8),
    Set,
    NotSet,
}

#[derive(Debug)]
struct Country {
    which: Which,
    database: Arc<GeoIp>,
    codes: Vec<String>,
    negated: bool,
}

impl EndTest for IpRep {
    fn holds(&self, source: IpAddr, destination: IpAddr) -> bool {
        self.which.holds(source, destination, |ip| self.wanted.holds(self.reputation.score(ip, self.category)))
    }
}

impl EndTest for Country {
    fn holds(&self, source: IpAddr, destination: IpAddr) -> bool {
        self.which.holds(source, destination, |ip| {
            self.database.country(ip).is_some_and(|found| self.codes.iter().any(|code| code == found) != self.negated)
        })
    }
}

impl Which {
    fn from_word(word: &str) -> Result<Self, Reason> {
        Ok(match word {
            "any" => Self::Any,
            "src" => Self::Source,
            "dst" => Self::Destination,
            "both" => Self::Both,
            _ => return Err(Reason::BadValue("any, src, dst or both first")),
        })
    }

    fn holds(self, source: IpAddr, destination: IpAddr, test: impl Fn(IpAddr) -> bool) -> bool {
        match self {
            Self::Any => test(source) || test(destination),
            Self::Source => test(source),
            Self::Destination => test(destination),
            Self::Both => test(source) && test(destination),
        }
    }
}

impl Wanted {
    fn holds(self, score: Option<u8>) -> bool {
        match (self, score) {
            (Self::NotSet, score) => score.is_none(),
            (_, None) => false,
            (Self::Set, Some(_)) => true,
            (Self::Less(n), Some(score)) => score < n,
            (Self::AtMost(n), Some(score)) => score <= n,
            (Self::More(n), Some(score)) => score > n,
            (Self::AtLeast(n), Some(score)) => score >= n,
            (Self::Equal(n), Some(score)) => score == n,
        }
    }
}

const fn buffer(name: &'static str) -> Buffer {
    let sides = Sides { to_server: Facts::NONE, to_client: Facts::NONE };
    Buffer { name, sides, multiple: false, form: Form::Free, case: Case::AsSent, read: |_, _, _| {}, is_absent: absence::never }
}

/// What follows is asked of an address.
fn address(builder: &mut Builder<'_>, value: Option<&str>, buffer: &'static Buffer, of: AddressOf) -> Result<(), Reason> {
    no_value(value)?;
    builder.select(buffer)?;
    builder.current()?.address = Some(of);
    Ok(())
}

/// `which,category,operator,score` or `which,category,isset|isnotset`
fn iprep(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    const FORM: Reason = Reason::BadValue("which,category,operator,score or which,category,isset or isnotset");
    let parts: Vec<&str> = required(value)?.split(',').map(str::trim).collect();
    let score = |text: &str| text.parse().ok().filter(|n| *n <= 127).ok_or(Reason::BadValue("a score from 0 to 127"));
    let (which, name, wanted) = match parts[..] {
        [which, name, "isset"] => (which, name, Wanted::Set),
        [which, name, "isnotset"] => (which, name, Wanted::NotSet),
        [which, name, "<", n] => (which, name, Wanted::Less(score(n)?)),
        [which, name, "<=", n] => (which, name, Wanted::AtMost(score(n)?)),
        [which, name, ">", n] => (which, name, Wanted::More(score(n)?)),
        [which, name, ">=", n] => (which, name, Wanted::AtLeast(score(n)?)),
        [which, name, "=", n] => (which, name, Wanted::Equal(score(n)?)),
        _ => return Err(FORM),
    };
    let which = Which::from_word(which)?;
    let reputation = builder.config.reputation.clone().ok_or(Reason::NeedsFile("--iprep-categories FILE and --iprep FILE"))?;
    let category = reputation.category(name).ok_or_else(|| Reason::UnknownCategory(excerpt(name)))?;
    builder.ends.push(Box::new(IpRep { which, reputation, category, wanted }));
    Ok(())
}

/// `which,[!]code[,code]…`; a `!` before the first code is for all of them.
fn geoip(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let (which, codes) = required(value)?.split_once(',').ok_or(Reason::BadValue("which,[!]code,code"))?;
    let which = Which::from_word(which.trim())?;
    let codes = codes.trim();
    let negated = codes.starts_with('!');
    let code = |text: &str| {
        let text = if negated { text.trim().trim_start_matches('!') } else { text.trim() };
        let good = text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic());
        good.then(|| text.to_ascii_uppercase()).ok_or(Reason::BadValue("countries of two letters each, or ! before the first"))
    };
    let codes = codes.split(',').map(code).collect::<Result<Vec<_>, _>>()?;
    let database = builder.config.geoip.clone().ok_or(Reason::NeedsFile("--geoip FILE"))?;
    builder.ends.push(Box::new(Country { which, database, codes, negated }));
    Ok(())
}
