//! Who may ask: the token, and the names by which one may ask.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Error;
use crate::base::hex;

/// What a client has to know. It is kept as a digest, shown nowhere, and compared in the same time whatever is offered.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    digest: [u8; 32],
    cookie: String,
}

impl Token {
    /// From text, which `what` names where it is none. Space around it does not count.
    pub fn new(text: &str, what: &str) -> Result<Self, Error> {
        let text = text.trim();
        let is_one = (SHORTEST..=LONGEST).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b)); // RFC 6750 §2.1
        if !is_one {
            return Err(Error::Token(what.to_owned()));
        }
        let cookie = Sha256::new().chain_update("portcullis page\0").chain_update(text).finalize();
        Ok(Self { digest: Sha256::digest(text).into(), cookie: hex::lower(&cookie) })
    }

    /// From a file that has nothing else.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Self::new(&text, &format!("what {} has", path.display()))
    }

    /// Whether `offered` is it.
    pub(super) fn is(&self, offered: &str) -> bool {
        same(&self.digest, &Sha256::digest(offered).into())
    }

    /// The value of the cookie that stands for it: it tells nothing of the token.
    pub(super) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Whether `offered` is the cookie's value.
    pub(super) fn is_cookie(&self, offered: &str) -> bool {
        same(&Sha256::digest(&self.cookie).into(), &Sha256::digest(offered).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// Whether both are the same; it takes as long if they are as if not.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    std::hint::black_box(one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b))) == 0
}

/// Whether a `Host` may be asked: an address or `localhost`, which no foreign page can have its own name stand for (DNS rebinding), or one of
/// `names`. The port does not matter: a tunnel may have another.
pub(super) fn is_host(host: &str, names: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if is_port(port) => return address.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()),
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    let is_address = name.parse::<IpAddr>().is_ok();
    is_address || name.eq_ignore_ascii_case("localhost") || names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
}

const SHORTEST: usize = 16;
const LONGEST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sixteen_characters_or_more_of_those_that_may_stand_in_a_header() {
        for (text, is_one) in [
            ("0123456789abcdef", true),
            ("  0123456789abcdef\n", true),
            ("AZaz09-._~+/==xy", true),
            ("0123456789abcde", false),
            ("", false),
            ("0123456789abcde\u{e9}", false),
            ("0123456789 abcdef", false),
            ("0123456789abcdef\r\nSet-Cookie: a", false),
        ] {
            assert_eq!(Token::new(text, "it").is_ok(), is_one, "{text:?}");
        }
        assert!(Token::new(&"a".repeat(513), "it").is_err());
    }

    #[test]
    fn only_the_token_and_its_cookie_are_right_and_neither_shows() {
        let token = Token::new("0123456789abcdef", "it").unwrap();
        assert!(token.is("0123456789abcdef") && !token.is("0123456789abcdeF") && !token.is("") && !token.is(token.cookie()));
        assert!(token.is_cookie(token.cookie()) && !token.is_cookie("0123456789abcdef") && !token.is_cookie(""));
        assert_eq!(format!("{token:?}"), "Token(hidden)");
    }

    #[test]
    fn a_host_is_an_address_localhost_or_a_name_that_was_given() {
        let names = ["fw1.example".to_owned()];
        for (host, may_be) in [
            ("127.0.0.1:9443", true),
            ("10.0.0.1", true),
            ("[::1]:9443", true),
            ("[::1]", true),
            ("localhost", true),
            ("LocalHost:80", true),
            ("fw1.example:9443", true),
            ("evil.example:9443", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("127.0.0.1:80@evil.example", false),
            ("[::1].evil.example", false),
            ("[127.0.0.1]", false),
            ("::1", false),
            ("", false),
        ] {
            assert_eq!(is_host(host, &names), may_be, "{host}");
        }
    }
}
