//! The header: action, protocol, both ends and the sign between them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, space0, space1};
use nom::combinator::{opt, value};
use nom::sequence::{preceded, terminated};

use super::super::ast::{Action, AddressRange, EndAst, Expr, HeaderAst, PortRange, Protocol, Sign, Term};
use super::super::diagnostic::{Reason, excerpt};
use super::super::hook::Hook;
use super::super::protocol_names::{APPLICATIONS, LOWER, SUPPORTED};
use super::{Parsed, Start, expect, fail};
use crate::base::slip;

/// `action protocol source ports sign destination ports`, with the white space after it.
pub(super) fn header<'a>(start: Start<'a>, input: &'a str) -> Parsed<'a, HeaderAst<'a>> {
    let (input, action) = preceded(space0, action).parse(input)?;
    let (input, (protocol, hook)) = preceded(expect("a protocol", space1), protocol).parse(input)?;
    let (input, source) = end(start, input)?;
    let (input, sign) = preceded(space0, expect("->, <> or =>", sign)).parse(input)?;
    let (input, destination) = end(start, input)?;
    let (input, _) = space0(input)?;
    Ok((input, HeaderAst { action, protocol, hook, source, sign, destination }))
}

/// A list, range, variable or single address.
pub(super) fn addresses<'a>(start: Start<'a>, input: &'a str) -> Parsed<'a, Term<'a, AddressRange>> {
    term(start, MAX_DEPTH, |t| address_range(t).ok_or_else(|| Reason::BadAddress(excerpt(t))), input)
}

/// A list, range, variable or single port.
pub(super) fn ports<'a>(start: Start<'a>, input: &'a str) -> Parsed<'a, Term<'a, PortRange>> {
    term(start, MAX_DEPTH, |t| port_range(t).ok_or_else(|| Reason::BadPort(excerpt(t))), input)
}

fn end<'a>(start: Start<'a>, input: &'a str) -> Parsed<'a, EndAst<'a>> {
    let (input, _) = space0(input)?;
    let (input, addresses) = addresses(start, input)?;
    let (input, _) = expect("a port", space1).parse(input)?;
    let (input, ports) = ports(start, input)?;
    Ok((input, EndAst { addresses, ports }))
}

fn action(input: &str) -> Parsed<'_, Action> {
    let (rest, word) = expect("an action", word).parse(input)?;
    match Action::from_word(word) {
        Some(action) => Ok((rest, action)),
        None => Err(fail(input, Reason::UnknownAction(excerpt(word)))),
    }
}

/// `protocol`, or `tls:hook`
fn protocol(input: &str) -> Parsed<'_, (Protocol, Option<Hook>)> {
    let (rest, word) = expect("a protocol", word).parse(input)?;
    let protocol = match word.split_once(':') {
        Some(("tls", hook)) => match Hook::from_word(hook) {
            Some(hook) => return Ok((rest, (Protocol::Tls, Some(hook)))),
            None => {
                let meant = slip::meant(hook, Hook::words());
                return Err(fail(input, Reason::UnknownWord { word: excerpt(word), form: HOOK, meant }));
            }
        },
        Some((known, _)) if is_known(known) => return Err(fail(input, Reason::HookNotSupported(excerpt(word)))),
        _ => word,
    };
    let protocol = match protocol {
        "tls" => Protocol::Tls,
        "tcp" => Protocol::Tcp,
        "tcp-pkt" => Protocol::TcpPacket,
        "tcp-stream" => Protocol::TcpReassembled,
        "ip" => Protocol::Ip,
        "udp" => Protocol::Udp,
        "quic" => Protocol::Quic,
        known if is_known(known) => return Err(fail(input, Reason::ProtocolNotSupported(excerpt(word)))),
        _ => return Err(fail(input, Reason::UnknownProtocol(excerpt(word)))),
    };
    Ok((rest, (protocol, None)))
}

/// Whether Suricata has rules of such a protocol.
fn is_known(protocol: &str) -> bool {
    [SUPPORTED, LOWER, APPLICATIONS].iter().any(|names| names.contains(&protocol))
}

fn sign(input: &str) -> Parsed<'_, Sign> {
    alt((value(Sign::To, tag("->")), value(Sign::Both, tag("<>")), value(Sign::Session, tag("=>")))).parse(input)
}

fn word(input: &str) -> Parsed<'_, &str> {
    take_while1(|c: char| !c.is_whitespace() && c != '(').parse(input)
}

/// One term, at most `depth` lists deep; `atom` reads what is neither list nor variable nor `any`.
fn term<'a, T>(
    start: Start<'a>,
    depth: usize,
    atom: impl Fn(&str) -> Result<T, Reason> + Copy,
    input: &'a str,
) -> Parsed<'a, Term<'a, T>> {
    let at = start.offset(input);
    let (input, negated) = opt(terminated(char('!'), space0)).parse(input)?;
    let negated = negated.is_some();
    let (input, expr) = if input.starts_with('[') {
        let Some(deeper) = depth.checked_sub(1) else { return Err(fail(input, Reason::TooDeep)) };
        list(start, deeper, atom, input)?
    } else {
        let (rest, text) = expect("an address, port, list or variable", take_while1(is_atom)).parse(input)?;
        let expr = match text.strip_prefix('$') {
            Some(name) => Expr::Variable(name),
            None if text.eq_ignore_ascii_case("any") => Expr::Any,
            None => Expr::Range(atom(text).map_err(|reason| fail(input, reason))?),
        };
        (rest, expr)
    };
    Ok((input, Term { negated, expr, at }))
}

fn list<'a, T>(
    start: Start<'a>,
    depth: usize,
    atom: impl Fn(&str) -> Result<T, Reason> + Copy,
    input: &'a str,
) -> Parsed<'a, Expr<'a, T>> {
    let mut terms = Vec::new();
    let (mut input, _) = char('[').parse(input)?;
    loop {
        let (rest, _) = space0(input)?;
        let (rest, next) = term(start, depth, atom, rest)?;
        terms.push(next);
        let (rest, close) = preceded(space0, expect("`,` or `]`", alt((char(','), char(']'))))).parse(rest)?;
        input = rest;
        if close == ']' {
            return Ok((input, Expr::List(terms)));
        }
    }
}

fn is_atom(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '$' | '_' | '.' | ':' | '/' | '-')
}

fn address_range(text: &str) -> Option<AddressRange> {
    if let Some((base, bits)) = text.split_once('/') {
        return network(base.parse().ok()?, bits);
    }
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
        None => {
            let single: IpAddr = text.parse().ok()?;
            (single, single)
        }
    };
    let same_family = IpAddr::is_ipv4(&first) == last.is_ipv4();
    (same_family && first <= last).then_some(AddressRange { first, last })
}

/// `base/24`, and `base/255.255.255.0` as Suricata reads it too.
fn network(base: IpAddr, bits: &str) -> Option<AddressRange> {
    match base {
        IpAddr::V4(base) => {
            let mask = match bits.parse::<Ipv4Addr>() {
                Ok(mask) => u32::from(mask),
                Err(_) => prefix_mask(bits.parse().ok()?, 32).and_then(|m| u32::try_from(m >> 96).ok())?,
            };
            let low = u32::from(base) & mask;
            Some(AddressRange { first: Ipv4Addr::from(low).into(), last: Ipv4Addr::from(low | !mask).into() })
        }
        IpAddr::V6(base) => {
            let mask = prefix_mask(bits.parse().ok()?, 128)?;
            let low = u128::from(base) & mask;
            Some(AddressRange { first: Ipv6Addr::from(low).into(), last: Ipv6Addr::from(low | !mask).into() })
        }
    }
}

/// The upper `bits` of 128 set; `None` for more than `max`.
fn prefix_mask(bits: u32, max: u32) -> Option<u128> {
    (bits <= max).then(|| u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0))
}

fn port_range(text: &str) -> Option<PortRange> {
    let (first, last) = match text.split_once(':') {
        Some(("", "")) => return None,
        Some(("", last)) => (0, last.parse().ok()?),
        Some((first, "")) => (first.parse().ok()?, u16::MAX),
        Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
        None => {
            let single = text.parse().ok()?;
            (single, single)
        }
    };
    (first <= last).then_some(PortRange { first, last })
}

const HOOK: &str = "a state of TLS such as tls:client_hello_done or tls:server_hello";

/// How many lists may be within each other.
const MAX_DEPTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::super::{addresses, ports, rule};
    use super::*;

    fn range(text: &str) -> Option<(String, String)> {
        address_range(text).map(|r| (r.first.to_string(), r.last.to_string()))
    }

    #[test]
    fn addresses_are_single_networks_or_ranges() {
        for (text, first, last) in [
            ("192.168.0.0/16", "192.168.0.0", "192.168.255.255"),
            ("10.1.2.3/8", "10.0.0.0", "10.255.255.255"),
            ("10.0.0.0/255.0.0.0", "10.0.0.0", "10.255.255.255"),
            ("1.2.3.4", "1.2.3.4", "1.2.3.4"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
            ("10.0.0.1-10.0.0.9", "10.0.0.1", "10.0.0.9"),
            ("2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            assert_eq!(range(text), Some((first.to_owned(), last.to_owned())), "{text}");
        }
        for bad in ["10.0.0.0/33", "10.0.0.9-10.0.0.1", "10.0.0.1-::1", "10.0.0", "::/129", "x", "/8", "1.2.3.4/"] {
            assert_eq!(range(bad), None, "{bad}");
        }
    }

    #[test]
    fn ports_are_single_or_ranges_open_at_either_end() {
        for (text, expected) in [
            ("443", Some((443, 443))),
            ("1024:", Some((1024, 65535))),
            (":1023", Some((0, 1023))),
            ("989:995", Some((989, 995))),
            ("995:989", None),
            ("65536", None),
            (":", None),
        ] {
            assert_eq!(port_range(text).map(|r| (r.first, r.last)), expected, "{text}");
        }
    }

    #[test]
    fn lists_nest_negate_and_may_have_spaces() {
        let term = addresses("[10.0.0.0/8, ![10.1.0.0/16 ,$LAB], any]").unwrap();
        let Expr::List(members) = term.expr else { panic!("a list") };
        assert_eq!(members.iter().map(|m| m.negated).collect::<Vec<_>>(), [false, true, false]);
        assert!(matches!(&members[1].expr, Expr::List(inner) if inner[1].expr == Expr::Variable("LAB")));
        assert!(ports("[443,8443,!1:1023]").is_ok());
        assert_eq!(ports("[443").unwrap_err(), Reason::Expected("`,` or `]`"));
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("{}80{}", "[".repeat(16), "]".repeat(16));
        assert!(ports(&deep).is_ok());
        let deeper = format!("{}80{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(ports(&deeper).unwrap_err(), Reason::TooDeep);
    }

    #[test]
    fn a_mistake_is_reported_where_it_is() {
        for (text, column, reason) in [
            ("alrt tls any any -> any any (sid:1;)", 0, Reason::UnknownAction("alrt".into())),
            ("alert http any any -> any any (sid:1;)", 6, Reason::ProtocolNotSupported("http".into())),
            ("alert tcp:all any any -> any any (sid:1;)", 6, Reason::HookNotSupported("tcp:all".into())),
            ("alert tlz any any -> any any (sid:1;)", 6, Reason::UnknownProtocol("tlz".into())),
            ("alert tls 10.0.0.300 any -> any any (sid:1;)", 10, Reason::BadAddress("10.0.0.300".into())),
            ("alert tls any 99999 -> any any (sid:1;)", 14, Reason::BadPort("99999".into())),
            ("alert tls any any <- any any (sid:1;)", 18, Reason::Expected("->, <> or =>")),
            ("alert tls any any -> any any", 28, Reason::Expected("`(`")),
            ("alert tls any any -> any (sid:1;)", 25, Reason::Expected("an address, port, list or variable")),
        ] {
            assert_eq!(rule(text).unwrap_err(), (reason, column), "{text}");
        }
    }
}
