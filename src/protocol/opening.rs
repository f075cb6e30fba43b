//! What a flow speaks that does not begin with TLS, by its first bytes.
//!
//! What is said depends on the bytes alone, and not on how they were cut into segments: a protocol with a mark of its own is known
//! once the mark is whole; that there is none is known once [`Opening::MOST_BYTES`] are there, or no more come.

use memchr::memmem;

/// What the first bytes of one side are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spoken {
    /// HTTP/1 (RFC 9112 §3), a request or an answer.
    Http,
    /// A request to a proxy for a tunnel: `CONNECT` (RFC 9110 §9.3.6).
    HttpConnect,
    /// A request for a WebSocket (RFC 6455 §4.1).
    WebSocket,
    /// HTTP/2 without TLS (RFC 9113 §3.4).
    Http2,
    /// SSTP's request ([MS-SSTP] §3.2.4.1), which belongs into TLS.
    Sstp,
    /// SSH (RFC 4253 §4.2).
    Ssh,
    /// A TPKT with an X.224 connection request or confirmation: RDP ([MS-RDPBCGR] §2.2.1.1).
    Rdp,
    /// SMB over TCP ([MS-SMB2] §2.1, [MS-SMB] §2.1).
    Smb,
    /// A hard reset of OpenVPN's control channel over TCP.
    OpenVpn,
    /// A greeting of SOCKS 5 (RFC 1928 §3), or a request of SOCKS 4.
    Socks,
    /// SMTP, by the client's greeting (RFC 5321 §4.1.1.1), by that of a server that says so, or by any command that answers one which does not.
    Smtp,
    /// FTP, by a server's greeting that says so, by a command of FTP alone that answers one which does not, or by a client's `USER` with nothing
    /// but a name (RFC 959 §4.1), which POP3 has too.
    Ftp,
    /// IMAP, by the server's greeting (RFC 9051 §7.1.1).
    Imap,
    /// POP3, by the server's greeting (RFC 1939 §3).
    Pop3,
    /// A server's greeting that SMTP and FTP have in common (RFC 5321 §4.2, RFC 959 §5.4).
    Greeting,
    /// XMPP (RFC 6120 §4.2).
    Xmpp,
    /// IRC, by the commands that register a client (RFC 2812 §3.1), or the negotiation of capabilities before them.
    Irc,
    /// BitTorrent's handshake (BEP 3).
    BitTorrent,
    /// VNC's remote frame buffer protocol (RFC 6143 §7.1.1).
    Vnc,
    /// A load balancer's PROXY line or header, which belongs before TLS.
    ProxyProtocol,
    /// Text that is none of these.
    Text,
    /// It looks as encrypted from the first byte on: [`looks_random`].
    Random,
    /// None of all that.
    Binary,
}

impl Spoken {
    /// Whether it has a mark of its own, as against what is only left over.
    pub const fn is_named(self) -> bool {
        !matches!(self, Self::Text | Self::Random | Self::Binary)
    }

    /// Suricata's name of the protocol: of those that it recognises over TCP. A request for a WebSocket is one of HTTP until the server agrees.
    pub const fn app_proto(self) -> Option<&'static str> {
        Some(match self {
            Self::Http | Self::HttpConnect | Self::WebSocket => "http",
            Self::Http2 => "http2",
            Self::Ssh => "ssh",
            Self::Rdp => "rdp",
            Self::Smb => "smb",
            Self::Smtp => "smtp",
            Self::Ftp => "ftp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Vnc => "rfb",
            _ => return None,
        })
    }
}

/// The first bytes of one side of a flow, as long as it is not known what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    bytes: Vec<u8>,
    spoken: Option<Spoken>,
    is_over: bool,
    has_ended: bool,
}

impl Opening {
    /// No more bytes than these are looked at.
    pub const MOST_BYTES: usize = 512;

    /// What they are, once that is known.
    pub const fn spoken(&self) -> Option<Spoken> {
        self.spoken
    }

    /// Whether nothing more of the side comes that could tell.
    pub const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Takes in what is new of `bytes`, which begin `start` bytes from the side's first, and are an answer to a [greeting](Spoken::Greeting) where
    /// `answers`. True where it is known now what they are, and was not before.
    pub fn take(&mut self, bytes: &[u8], start: usize, answers: bool) -> bool {
        if self.is_over {
            return false;
        }
        let known = self.bytes.len().saturating_sub(start);
        let room = Self::MOST_BYTES.saturating_sub(self.bytes.len());
        let new = bytes.get(known..).unwrap_or_default();
        self.bytes.extend_from_slice(new.get(..room).unwrap_or(new));
        self.decide(self.bytes.len() >= Self::MOST_BYTES, answers)
    }

    /// No more bytes come, or some are missing. True where that tells what the side or, of a greeting, the flow speaks.
    pub fn end(&mut self) -> bool {
        let is_news = !std::mem::replace(&mut self.has_ended, true);
        match self.is_over {
            true => is_news && self.spoken == Some(Spoken::Greeting),
            false => self.decide(true, false),
        }
    }

    /// Bytes of memory that it holds.
    pub const fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    fn decide(&mut self, whole: bool, answers: bool) -> bool {
        let answer = if answers { answer(&self.bytes) } else { None };
        self.spoken = answer.or_else(|| recognise(&self.bytes, whole));
        self.is_over = whole || self.spoken.is_some();
        if self.is_over {
            self.bytes = Vec::new();
        }
        self.spoken.is_some()
    }
}

/// What a side speaks whose first bytes are these. `None`: there are none, or, where they are not `whole`, more are needed to tell.
pub fn recognise(bytes: &[u8], whole: bool) -> Option<Spoken> {
    match MARKS.iter().find(|(mark, _)| bytes.starts_with(mark)) {
        Some((_, Spoken::Http)) => return http(bytes, whole),
        Some((_, Spoken::Greeting)) => return greeting(bytes, whole),
        Some((b"USER ", _)) => return user(bytes, whole),
        Some((_, spoken)) => return Some(*spoken),
        None => {}
    }
    if is_http_request(bytes) {
        return http(bytes, whole);
    }
    if let Some((_, spoken)) = SHAPES.iter().find(|(fits, _)| fits(bytes)) {
        return Some(*spoken);
    }
    if !whole || bytes.is_empty() {
        return None;
    }
    Some(match bytes {
        _ if is_text(bytes) => Spoken::Text,
        _ if looks_random(bytes) => Spoken::Random,
        _ => Spoken::Binary,
    })
}

/// What a flow speaks whose sides began with these. `None`: that is not known yet. What is only left over, or a greeting that several
/// protocols have, does not tell as long as the client may say more.
pub fn together(client: &Opening, server: &Opening) -> Option<Spoken> {
    match (client.spoken, server.spoken) {
        // `USER` is a command of them all; who greets first says of which.
        (Some(Spoken::Irc | Spoken::Ftp), Some(server @ (Spoken::Imap | Spoken::Pop3 | Spoken::Smtp | Spoken::Ftp))) => {
            Some(server)
        }
        (Some(Spoken::Irc), Some(Spoken::Greeting)) => Some(Spoken::Ftp),
        (Some(Spoken::Text), Some(Spoken::Greeting)) => Some(Spoken::Smtp),
        (None, Some(Spoken::Greeting)) if !server.has_ended => None,
        (Some(client), Some(server)) if !client.is_named() && server.is_named() => Some(server),
        (Some(client), _) => Some(client),
        (None, server) => server.filter(|server| server.is_named()),
    }
}

/// The test by which the Great Firewall of China tells fully encrypted traffic, as measured by Wu et al., "How the Great Firewall of China
/// Detects and Blocks Fully Encrypted Traffic" (USENIX Security 2023), §4: traffic is let pass where on average at most 3.4 or at least 4.6
/// bits of a byte are set, where the first six bytes, more than half of all, or more than twenty in a row are printable ASCII, or where it
/// begins as TLS or HTTP. What is left looks random. They look at the first packet; here it is the first bytes, and at least
/// [`FEWEST_RANDOM`] of them, as a few bytes prove nothing.
pub fn looks_random(bytes: &[u8]) -> bool {
    let is_printable = |byte: &u8| (0x20..=0x7e).contains(byte);
    let (mut ones, mut printable, mut run, mut longest) = (0_u64, 0_usize, 0_usize, 0_usize);
    for byte in bytes {
        ones = ones.saturating_add(u64::from(byte.count_ones()));
        run = if is_printable(byte) { run.saturating_add(1) } else { 0 };
        printable = printable.saturating_add(usize::from(is_printable(byte)));
        longest = longest.max(run);
    }
    let tenths = ones.saturating_mul(10);
    let times = |tenths: u64| u64::try_from(bytes.len()).unwrap_or(u64::MAX).saturating_mul(tenths);
    bytes.len() >= FEWEST_RANDOM
        && tenths > times(34)
        && tenths < times(46)
        && !bytes.iter().take(6).all(is_printable)
        && printable.saturating_mul(2) <= bytes.len()
        && longest <= 20
        && !matches!(bytes, [0x16 | 0x17, 0x03, 0x00..=0x09, ..])
}

/// Bytes below which nothing is said to look random.
pub const FEWEST_RANDOM: usize = 32;

/// Nothing but printable characters, tabs and line ends; the last character may be cut.
fn is_text(bytes: &[u8]) -> bool {
    let (text, ends_well) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, true),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            (std::str::from_utf8(valid).unwrap_or_default(), error.error_len().is_none())
        }
    };
    ends_well && text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\r' | '\n'))
}

/// A server's greeting, once its lines are whole (RFC 5321 §4.2.1, RFC 959 §4.2): what it says of itself is known before the client speaks.
fn greeting(bytes: &[u8], whole: bool) -> Option<Spoken> {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').take_while(|line| line.ends_with(b"\n"));
    let is_complete = lines.any(|line| !line.starts_with(b"220-"));
    if !is_complete && !whole {
        return None;
    }
    let text = bytes.to_ascii_lowercase();
    Some(match text {
        _ if memmem::find(&text, b"smtp").is_some() => Spoken::Smtp,
        _ if memmem::find(&text, b"ftp").is_some() => Spoken::Ftp,
        _ => Spoken::Greeting,
    })
}

/// What a client speaks that answers a greeting with this, once its first line is whole. As in Suricata, all that is not FTP's is SMTP's.
fn answer(bytes: &[u8]) -> Option<Spoken> {
    let line = bytes.get(..memchr::memchr(b'\n', bytes)?).filter(|line| is_text(line))?;
    let word = line.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
    let is_of_ftp = FTP_ALONE.iter().any(|command| word.eq_ignore_ascii_case(command.as_bytes()));
    let is_marked = MARKS.iter().any(|(mark, spoken)| line.starts_with(mark) && !matches!(spoken, Spoken::Irc | Spoken::Ftp));
    (!is_marked).then_some(if is_of_ftp { Spoken::Ftp } else { Spoken::Smtp })
}

/// With what a client of FTP may begin, and none of SMTP does (RFC 959 §4.1, RFC 2228 §3, RFC 2389 §3).
const FTP_ALONE: &[&str] = &["USER", "AUTH", "FEAT", "SYST", "OPTS", "PBSZ", "PROT", "HOST", "CLNT", "ACCT", "PASV", "EPSV"];

/// `USER`, once its line is whole: IRC's has four parameters (RFC 2812 §3.1.3), that of FTP and POP3 one.
fn user(bytes: &[u8], whole: bool) -> Option<Spoken> {
    let end = memchr::memchr(b'\n', bytes);
    if end.is_none() && !whole {
        return None;
    }
    let line = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    let words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty()).count();
    Some(if words >= 5 { Spoken::Irc } else { Spoken::Ftp })
}

/// `PASS` of IRC: FTP and POP3 have it too, but not with what comes behind it here (RFC 2812 §3.1.1).
fn is_irc_pass(bytes: &[u8]) -> bool {
    let second = || bytes.get(memchr::memchr(b'\n', bytes)?.saturating_add(1)..);
    let follows = [&b"NICK "[..], b"CAP LS", b"SERVER "];
    bytes.starts_with(b"PASS ") && second().is_some_and(|line| follows.iter().any(|command| line.starts_with(command)))
}

/// A request line with any method (RFC 9110 §9.1: a token), a target, and the version (RFC 9112 §3), as WebDAV has them.
fn is_http_request(bytes: &[u8]) -> bool {
    let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let mut words = bytes.splitn(3, |byte| *byte == b' ');
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else { return false };
    !method.is_empty()
        && method.iter().all(is_of_token)
        && !target.is_empty()
        && target.iter().all(u8::is_ascii_graphic)
        && version.starts_with(b"HTTP/1.")
}

/// HTTP/1, once it is known whether it asks for a WebSocket: at the end of its header.
fn http(bytes: &[u8], whole: bool) -> Option<Spoken> {
    let end = memmem::find(bytes, b"\r\n\r\n");
    if end.is_none() && !whole {
        return None;
    }
    let header = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default().to_ascii_lowercase();
    let upgrades = header
        .split(|byte| *byte == b'\n')
        .any(|line| line.strip_prefix(b"upgrade:").is_some_and(|value| value.trim_ascii() == b"websocket"));
    Some(if upgrades { Spoken::WebSocket } else { Spoken::Http })
}

/// Protocols that are known by the shape of a header. Two that begin alike need as many bytes to be told, so that the order holds for
/// bytes that come one by one.
const SHAPES: &[(Shape, Spoken)] = &[
    (is_rdp, Spoken::Rdp),
    (is_smb, Spoken::Smb),
    (is_openvpn, Spoken::OpenVpn),
    (is_socks5, Spoken::Socks),
    (is_socks4, Spoken::Socks),
    (is_irc_pass, Spoken::Irc),
];

/// Whether bytes have it.
type Shape = fn(&[u8]) -> bool;

/// TPKT version 3 (RFC 1006 §6), and in it X.224's connection request or confirm with the length that fits.
fn is_rdp(bytes: &[u8]) -> bool {
    match *bytes {
        [3, 0, high, low, header, kind, ..] => {
            u16::from(header).checked_add(5) == Some(u16::from_be_bytes([high, low])) && matches!(kind & 0xf0, 0xe0 | 0xd0)
        }
        _ => false,
    }
}

/// A session message of NetBIOS with SMB 1's or 2's protocol id.
fn is_smb(bytes: &[u8]) -> bool {
    matches!(bytes, [0, _, _, _, 0xff | 0xfe, b'S', b'M', b'B', ..])
}

/// A packet's length, then a hard reset of either side with key id 0: without a key, with tls-auth's digest of 16, 20, 32 or 64 bytes, or with
/// tls-crypt; with a key of tls-crypt-v2 it is longer. After <https://openvpn.net/community-resources/openvpn-protocol/>.
fn is_openvpn(bytes: &[u8]) -> bool {
    match *bytes {
        [0, length, 0x08 | 0x10 | 0x38 | 0x40, _, _, _, _, _, ..] => matches!(length, 14 | 26 | 38 | 42 | 50 | 54 | 66 | 86 | 98),
        [high, low, 0x50, _, _, _, _, _, ..] => (100..2_048).contains(&u16::from_be_bytes([high, low])),
        _ => false,
    }
}

/// Version, number of methods, methods: of the first ones that IANA registers, or private.
fn is_socks5(bytes: &[u8]) -> bool {
    let [5, count @ 1..=8, methods @ ..] = bytes else { return false };
    methods.get(..usize::from(*count)).is_some_and(|methods| methods.iter().all(|method| matches!(method, 0..=9 | 0x80..=0xfe)))
}

/// Version, CONNECT or BIND, port, address; then a user id that ends with a zero.
fn is_socks4(bytes: &[u8]) -> bool {
    let [4, 1 | 2, high, low, _, _, _, _, user @ ..] = bytes else { return false };
    let end = user.iter().take(64).position(|byte| !(0x20..=0x7e).contains(byte));
    [*high, *low] != [0, 0] && end.and_then(|end| user.get(end)) == Some(&0)
}

/// Protocols that are known by what they begin with; a longer mark before one that it begins with.
const MARKS: &[(&[u8], Spoken)] = &[
    (b"CONNECT ", Spoken::HttpConnect),
    (b"SSTP_DUPLEX_POST ", Spoken::Sstp),
    (b"PRI * HTTP/2.0", Spoken::Http2),
    (b"GET ", Spoken::Http),
    (b"POST ", Spoken::Http),
    (b"HEAD ", Spoken::Http),
    (b"PUT ", Spoken::Http),
    (b"DELETE ", Spoken::Http),
    (b"OPTIONS ", Spoken::Http),
    (b"PATCH ", Spoken::Http),
    (b"TRACE ", Spoken::Http),
    (b"HTTP/1.", Spoken::Http),
    (b"SSH-", Spoken::Ssh),
    (b"RFB 00", Spoken::Vnc),
    (b"\x13BitTorrent protocol", Spoken::BitTorrent),
    (b"<?xml", Spoken::Xmpp),
    (b"<stream:stream", Spoken::Xmpp),
    (b"EHLO ", Spoken::Smtp),
    (b"HELO ", Spoken::Smtp),
    (b"220 ", Spoken::Greeting),
    (b"220-", Spoken::Greeting),
    (b"* OK", Spoken::Imap),
    (b"+OK", Spoken::Pop3),
    (b"NICK ", Spoken::Irc),
    (b"USER ", Spoken::Ftp),
    (b"CAP LS\r", Spoken::Irc),
    (b"CAP LS\n", Spoken::Irc),
    (b"CAP LS ", Spoken::Irc),
    (b"CAP REQ ", Spoken::Irc),
    (b"PROXY TCP", Spoken::ProxyProtocol),
    (b"\r\n\r\n\0\r\nQUIT\n", Spoken::ProxyProtocol),
];

#[cfg(test)]
mod tests {
    use super::*;

    const BROWSER: &[u8] = b"GET /chat HTTP/1.1\r\nHost: chat.example\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n";

    #[test]
    fn protocols_are_known_by_their_first_bytes() {
        for (bytes, expected) in [
            (&b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n"[..], Spoken::Http),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", Spoken::Http),
            (BROWSER, Spoken::WebSocket),
            (b"CONNECT www.example:443 HTTP/1.1\r\n", Spoken::HttpConnect),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Spoken::Http2),
            (b"SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1\r\n", Spoken::Sstp),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Spoken::Ssh),
            // [MS-RDPBCGR] §4.1.1: Client X.224 Connection Request
            (
                b"\x03\x00\x00\x2c\x27\xe0\x00\x00\x00\x00\x00Cookie: mstshash=eltons\r\n\x01\x00\x08\x00\x00\x00\x00\x00",
                Spoken::Rdp,
            ),
            (b"\x00\x00\x00\x54\xffSMB\x72", Spoken::Smb),
            (b"\x00\x00\x00\xb2\xfeSMB\x40", Spoken::Smb),
            (b"\x00\x0e\x38\x11\x22\x33\x44\x55\x66\x77\x88\x00\x00\x00\x00\x00", Spoken::OpenVpn),
            (b"\x05\x02\x00\x02", Spoken::Socks),
            (b"\x04\x01\x01\xbb\x0a\x00\x00\x01root\x00", Spoken::Socks),
            (b"220 mail.example ready\r\n", Spoken::Greeting),
            (b"220-mail.example\r\n220 at your service\r\n", Spoken::Greeting),
            (b"220 mail.example ESMTP\r\n", Spoken::Smtp),
            (b"220-mail.example\r\n220 Simple Mail (smtp)\r\n", Spoken::Smtp),
            (b"220 (vsFTPd 3.0.5)\r\n", Spoken::Ftp),
            (b"EHLO client.example\r\n", Spoken::Smtp),
            (b"* OK IMAP4rev2 ready\r\n", Spoken::Imap),
            (b"+OK POP3 ready\r\n", Spoken::Pop3),
            (b"<?xml version='1.0'?><stream:stream", Spoken::Xmpp),
            (b"NICK guest\r\n", Spoken::Irc),
            (b"USER guest 0 * :A Guest\r\n", Spoken::Irc),
            (b"PASS secret\r\nNICK guest\r\n", Spoken::Irc),
            // ircv3.net/specs/extensions/capability-negotiation
            (b"CAP LS 302\r\nNICK guest\r\n", Spoken::Irc),
            (b"USER guest\r\n", Spoken::Ftp),
            // RFC 4918 §9.1, RFC 3253 §3.6, [MS-RPCH] §2.1.2.1.1
            (b"PROPFIND /docs/ HTTP/1.1\r\nHost: www.example\r\n\r\n", Spoken::Http),
            (b"REPORT /docs/ HTTP/1.1\r\nHost: www.example\r\n\r\n", Spoken::Http),
            (b"RPC_IN_DATA /rpc/rpcproxy.dll?mail:593 HTTP/1.1\r\nHost: www.example\r\n\r\n", Spoken::Http),
            (b"M-SEARCH * HTTP/1.1\r\n\r\n", Spoken::Http),
            (b"\x13BitTorrent protocol\x00", Spoken::BitTorrent),
            (b"RFB 003.008\n", Spoken::Vnc),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n", Spoken::ProxyProtocol),
        ] {
            assert_eq!(recognise(bytes, false), Some(expected), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_only_resembles_one_is_left_over() {
        for (bytes, expected) in [
            (&b"GETTING / started"[..], Spoken::Text),
            (b"SSL-2.0", Spoken::Text),
            (b"PASS secret\r\nSTAT\r\n", Spoken::Text),
            (b"CAP LSD\r\n", Spoken::Text),
            // SIP's request line (RFC 3261 §7.1), and words that only end so
            (b"INVITE sip:bob@example SIP/2.0\r\n\r\n", Spoken::Text),
            (b"we speak HTTP/2 over HTTP/1.1\r\n\r\n", Spoken::Text),
            (b"a(b) /docs/ HTTP/1.1\r\n\r\n", Spoken::Text),
            (b"PROPFIND  HTTP/1.1\r\n\r\n", Spoken::Text),
            (b"hello, world\n", Spoken::Text),
            ("gr\u{fc}\u{df}e".as_bytes(), Spoken::Text),
            (b"\x03\x00\x00\x2c\x26\xe0\x00\x00", Spoken::Binary), // lengths that do not fit
            (b"\x00\x00\x00\x54\xffSMC\x72", Spoken::Binary),
            (b"\x00\x0e\x39\x11", Spoken::Binary),
            (b"\x05\x02\x00\x0a", Spoken::Binary),
            (b"\x05\x00\x00\x00", Spoken::Binary),
            (b"\x04\x01\x01\xbb\x0a\x00\x00\x01root\x01", Spoken::Binary),
            (b"\x04\x03\x01\xbb\x0a\x00\x00\x01root\x00", Spoken::Binary),
            (b"\x13BitTorrent protocal\x00", Spoken::Binary),
        ] {
            assert_eq!(recognise(bytes, true), Some(expected), "{}", bytes.escape_ascii());
        }
    }

    /// By SplitMix64 (Steele, Lea and Flood, 2014): reproducible, and as random as anything for this test.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 42_u64;
        let mut next = move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let n = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            (n ^ n >> 31).to_le_bytes()
        };
        std::iter::repeat_with(&mut next).flatten().take(len).collect()
    }

    #[test]
    fn noise_looks_random_and_each_exemption_of_the_paper_counts() {
        let sound = noise(200);
        assert!(looks_random(&sound));
        let changed = |change: fn(&mut Vec<u8>)| {
            let mut bytes = noise(200);
            change(&mut bytes);
            bytes
        };
        for (what, bytes) in [
            ("few bits set", changed(|b| b.iter_mut().for_each(|x| *x &= 0x77))),
            ("many bits set", changed(|b| b.iter_mut().for_each(|x| *x |= 0x88))),
            ("six printable bytes first", changed(|b| b[..6].copy_from_slice(b"abcdef"))),
            ("more than twenty printable in a row", changed(|b| b[50..71].copy_from_slice(b"KKKKKKKKKKKKKKKKKKKKK"))),
            ("more than half printable", changed(|b| b.iter_mut().skip(6).step_by(2).for_each(|x| *x = b'K'))),
            ("a TLS header", changed(|b| b[..3].copy_from_slice(&[0x16, 3, 1]))),
            ("too few", noise(31)),
        ] {
            assert!(!looks_random(&bytes), "{what}");
        }
        let near = changed(|b| b[49..71].copy_from_slice(b"\x8fKKKKKKKKKKKKKKKKKKKK\x8f"));
        assert!(looks_random(&near), "twenty in a row are not more than twenty");
    }

    #[test]
    fn what_is_said_does_not_depend_on_how_the_bytes_were_cut() {
        let texts: [&[u8]; 4] = [
            b"PROPFIND /docs/ HTTP/1.1\r\nHost: www.example\r\n\r\n<?xml version='1.0'?>",
            b"PASS secret\r\nNICK guest\r\nUSER guest 0 * :A Guest\r\n",
            b"USER guest 0 * :A Guest\r\n",
            b"USER guest\r\nPASS 0 * :secret\r\n",
        ];
        for bytes in
            texts.into_iter().chain([BROWSER, b"SSH-2.0-x\r\n", b"\x05\x02\x00\x02", b"hello there, who is it?", &noise(700)])
        {
            let told = |sizes: usize| {
                let mut opening = Opening::default();
                for (at, piece) in bytes.chunks(sizes).enumerate() {
                    opening.take(piece, at * sizes, false);
                }
                opening.end();
                opening.spoken()
            };
            let expected = recognise(&bytes[..bytes.len().min(Opening::MOST_BYTES)], true);
            for size in 1..40 {
                assert_eq!(told(size), expected, "{} in pieces of {size}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn what_was_seen_already_is_not_taken_twice() {
        let mut opening = Opening::default();
        assert!(!opening.take(b"SS", 0, false));
        assert!(opening.take(b"SSH-", 0, false));
        assert_eq!((opening.spoken(), opening.memory()), (Some(Spoken::Ssh), 0));
    }

    #[test]
    fn nothing_is_not_anything() {
        assert_eq!(recognise(b"", true), None);
    }
}
