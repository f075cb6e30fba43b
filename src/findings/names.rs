//! The server name that the client asks for (RFC 6066 §3).

use super::Known::{ClientHello, ServerCertificates};
use super::Severity::{Info, Low, Medium};
use super::{Evidence, Finding, Known, finding, hosts};
use crate::protocol::tls::session::Anomaly;

#[rustfmt::skip]
pub(super) const FINDINGS: &[Finding] = &[
    finding("names.missing", Low, ClientHello,
        "the client asks for no server name, as browsers always do",
        "see what program it is: a scanner, an old client, or one that does not want to be seen",
        &["RFC 6066"],
        |e| e.whole_hello().is_some_and(|hello| hello.server_names.is_empty() && !hello.sslv2_format)),
    finding("names.address", Low, ClientHello,
        "the server name is an IP address, which it must not be",
        "see what program it is: one that was told an address, often malware",
        &["RFC 6066"],
        |e| e.name().is_address),
    finding("names.invalid", Low, ClientHello,
        "the server name is no host name",
        "see what program it is",
        &["RFC 6066", "RFC 1123"],
        |e| e.server_name().is_some() && !e.name().is_address && !e.name().is_host_name),
    finding("names.control", Medium, ClientHello,
        "the server name has a NUL or another control character: readers take it for different names",
        "see what program it is: it may try to be taken for another name",
        &["RFC 6066"],
        |e| e.name().has(hosts::CONTROL)),
    finding("names.not-ascii", Low, ClientHello,
        "the server name has bytes that are not ASCII, where it should be in its xn-- form",
        "mend the client",
        &["RFC 6066", "RFC 5890"],
        |e| e.name().has(hosts::NOT_ASCII)),
    finding("names.dot", Info, ClientHello,
        "the server name ends with a dot",
        "nothing: the address was typed so; some servers do not know the name then",
        &["RFC 6066"],
        |e| e.name_is(|name| name.ends_with(b"."))),
    finding("names.upper-case", Info, ClientHello,
        "the server name has capital letters, which no browser sends",
        "see what program it is; compare names without regard to case",
        &["RFC 4343"],
        |e| e.name().has(hosts::UPPER_CASE)),
    finding("names.long-label", Medium, ClientHello,
        "a label of the server name is longer than the DNS has (63 bytes): it was never looked up",
        "see what program it is: data may leave in the name",
        &["RFC 1035", "attack.mitre.org/techniques/T1048/"],
        |e| e.name_is(hosts::has_long_label)),
    finding("names.long", Medium, ClientHello,
        "the server name is longer than the DNS has (253 characters): it was never looked up",
        "see what program it is: data may leave in the name",
        &["RFC 1035", "attack.mitre.org/techniques/T1048/"],
        |e| e.name_is(|name| name.strip_suffix(b".").unwrap_or(name).len() > 253)),
    finding("names.internal", Info, ClientHello,
        "the server name means something inside of a network only",
        "nothing within the network; at its border, see why it leaves",
        &["RFC 6761", "RFC 6762", "RFC 8375"],
        |e| e.name().is_host_name && !e.name().is_address && e.name_is(hosts::is_internal)),
    finding("names.onion", Medium, ClientHello,
        "the server name ends with .onion, which means nothing outside of Tor",
        "see what program it is: a client of Tor that was set up wrongly, or not a browser at all",
        &["RFC 7686"],
        |e| e.name_is(|name| hosts::ends_with_domain(name, b"onion") && name.len() > b"onion".len())),
    finding("names.international", Info, ClientHello,
        "the server name has letters beyond ASCII (xn--), some of which look like others",
        "compare it with the names that you know",
        &["RFC 5890", "www.unicode.org/reports/tr39/"],
        |e| e.name().has(hosts::HYPHEN) && e.name_is(|name| name.split(|byte| *byte == b'.').any(|label| label.len() > 4 && label.first_chunk::<4>().is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"))))),
    finding("names.several", Medium, Known::Anomaly(Anomaly::MultipleSni),
        "the client sends several server names: what is on the way and the server may take different ones",
        "see what program it is; judge it by all of them (`portcullis.server_names`)",
        &["RFC 6066"],
        |e| e.has_anomaly(Anomaly::MultipleSni)),
    finding("names.type", Low, Known::Anomaly(Anomaly::InvalidSniType),
        "the client sends a server name of a type that does not exist",
        "see what program it is",
        &["RFC 6066"],
        |e| e.has_anomaly(Anomaly::InvalidSniType)),
    finding("names.length", Low, Known::Anomaly(Anomaly::InvalidSniLength),
        "the client sends a server name that is empty, or longer than 255 bytes",
        "see what program it is",
        &["RFC 6066"],
        |e| e.has_anomaly(Anomaly::InvalidSniLength)),
    finding("names.unlike-certificate", Medium, ServerCertificates,
        "the server name is of another domain than every name of the server's certificate",
        "find out whether the name is only a pretext (domain fronting), or who answers in its server's place",
        &["RFC 9525", "attack.mitre.org/techniques/T1090/004/"],
        |e| e.name_is_unlike_certificate()),
];

impl Evidence<'_> {
    fn name_is(&self, ask: impl FnOnce(&[u8]) -> bool) -> bool {
        self.server_name().is_some_and(ask)
    }

    /// Whether no name of the certificate is for the server name, or shares the registrable domain of the server name.
    fn name_is_unlike_certificate(&self) -> bool {
        let (Some(name), Some(facts)) = (self.server_name(), self.leaf()) else { return false };
        let name = name.strip_suffix(b".").unwrap_or(name);
        let is_it = |other: &String| hosts::covers(other.as_bytes(), name);
        if facts.subject_alt_names.is_empty()
            || facts.subject_alt_names.len() > MOST_NAMES
            || facts.subject_alt_names.iter().any(is_it)
        {
            return false;
        }
        if self.name().is_address || !self.name().is_host_name {
            return false;
        }
        let name = name.to_ascii_lowercase();
        let wanted = hosts::registrable(&name).unwrap_or(&name);
        !facts.subject_alt_names.iter().any(|other| hosts::ends_with_domain(other.as_bytes(), wanted))
    }
}

/// Names of a certificate that are compared; with more, nothing is said.
const MOST_NAMES: usize = 1_000;
