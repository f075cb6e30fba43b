//! What is not TLS, by the first bytes of both sides ([`opening`](crate::protocol::opening)), and what is not said at all.

use super::Known::{Dark, Opening};
use super::Severity::{Info, Low, Medium};
use super::{Evidence, Finding, finding};
use crate::protocol::opening::Spoken;

/// By the greetings of both sides.
const MAIL: &[Spoken] = &[Spoken::Smtp, Spoken::Ftp, Spoken::Imap, Spoken::Pop3, Spoken::Greeting];

#[rustfmt::skip]
pub(super) const FINDINGS: &[Finding] = &[
    finding("nottls.http", Medium, Opening,
        "HTTP without TLS: all of it can be read and changed on the way",
        "use https; see which program was told otherwise",
        &["RFC 9110", "RFC 9112"],
        |e| e.speaks(Spoken::Http)),
    finding("nottls.http-connect", Medium, Opening,
        "a request to a proxy for a tunnel, on the port of the web",
        "see whether there should be a proxy",
        &["RFC 9110"],
        |e| e.speaks(Spoken::HttpConnect)),
    finding("nottls.websocket", Medium, Opening,
        "a WebSocket without TLS: all of it can be read and changed on the way",
        "use wss; see what goes through it",
        &["RFC 6455"],
        |e| e.speaks(Spoken::WebSocket)),
    finding("nottls.http2", Medium, Opening,
        "HTTP/2 without TLS",
        "use https; see what program speaks it",
        &["RFC 9113"],
        |e| e.speaks(Spoken::Http2)),
    finding("nottls.sstp", Medium, Opening,
        "a VPN by SSTP, without the TLS that belongs around it",
        "see who opens VPNs, and why it is not encrypted",
        &["learn.microsoft.com/en-us/openspecs/windows_protocols/ms-sstp/"],
        |e| e.speaks(Spoken::Sstp)),
    finding("nottls.ssh", Medium, Opening,
        "SSH on the port of the web: a way out, or in, past rules for port 22",
        "see whether it is allowed there",
        &["RFC 4253", "attack.mitre.org/techniques/T1571"],
        |e| e.speaks(Spoken::Ssh)),
    finding("nottls.rdp", Medium, Opening,
        "remote desktop (RDP) on the port of the web",
        "see whether it is allowed there; put it behind a gateway",
        &["learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rdpbcgr/", "attack.mitre.org/techniques/T1571"],
        |e| e.speaks(Spoken::Rdp)),
    finding("nottls.smb", Medium, Opening,
        "file sharing (SMB) on the port of the web",
        "stop it: it has no place outside of a network",
        &["learn.microsoft.com/en-us/openspecs/windows_protocols/ms-smb2/", "attack.mitre.org/techniques/T1571"],
        |e| e.speaks(Spoken::Smb)),
    finding("nottls.openvpn", Medium, Opening,
        "a VPN by OpenVPN on the port of the web",
        "see who opens VPNs",
        &["openvpn.net/community-resources/openvpn-protocol/", "attack.mitre.org/techniques/T1572/"],
        |e| e.speaks(Spoken::OpenVpn)),
    finding("nottls.socks", Medium, Opening,
        "a SOCKS proxy on the port of the web",
        "see whether there should be a proxy",
        &["RFC 1928", "attack.mitre.org/techniques/T1090/"],
        |e| e.speaks(Spoken::Socks)),
    finding("nottls.mail", Medium, Opening,
        "mail (SMTP, IMAP or POP3) or FTP on the port of the web",
        "see what sends mail past the mail server",
        &["RFC 5321", "attack.mitre.org/techniques/T1571"],
        |e| MAIL.iter().any(|spoken| e.speaks(*spoken))),
    finding("nottls.xmpp", Medium, Opening,
        "XMPP on the port of the web",
        "see whether it is allowed there",
        &["RFC 6120", "attack.mitre.org/techniques/T1571"],
        |e| e.speaks(Spoken::Xmpp)),
    finding("nottls.irc", Medium, Opening,
        "IRC on the port of the web, as bots use it",
        "see what program speaks it",
        &["RFC 2812", "attack.mitre.org/techniques/T1571"],
        |e| e.speaks(Spoken::Irc)),
    finding("nottls.bittorrent", Medium, Opening,
        "BitTorrent on the port of the web",
        "see whether it is allowed",
        &["www.bittorrent.org/beps/bep_0003.html"],
        |e| e.speaks(Spoken::BitTorrent)),
    finding("nottls.vnc", Medium, Opening,
        "remote control by VNC on the port of the web, which does not encrypt",
        "see whether it is allowed there; put it behind a gateway",
        &["RFC 6143", "attack.mitre.org/techniques/T1571"],
        |e| e.speaks(Spoken::Vnc)),
    finding("nottls.proxy-protocol", Info, Opening,
        "a load balancer's PROXY header, and no TLS that could be read behind it",
        "capture before the load balancer, or behind the server's end",
        &["www.haproxy.org/download/3.0/doc/proxy-protocol.txt"],
        |e| e.speaks(Spoken::ProxyProtocol)),
    finding("nottls.text", Low, Opening,
        "text of no known protocol on the port of the web",
        "see what program speaks it",
        &["attack.mitre.org/techniques/T1095/"],
        |e| e.speaks(Spoken::Text)),
    finding("nottls.random", Medium, Opening,
        "the first bytes look random: a protocol that is encrypted from the first byte on, made not to be recognised",
        "see what program speaks it: Shadowsocks, obfs4, VMess, or malware with a cipher of its own",
        &["www.usenix.org/conference/usenixsecurity23/presentation/wu-mingshi", "attack.mitre.org/techniques/T1573/"],
        |e| e.client_speaks(Spoken::Random)),
    finding("nottls.binary", Low, Opening,
        "bytes of no known protocol on the port of the web",
        "see what program speaks it",
        &["attack.mitre.org/techniques/T1095/"],
        |e| e.client_speaks(Spoken::Binary)),
    finding("nottls.silent", Info, Dark,
        "the connection was opened, and nobody said anything",
        "nothing: a check whether the port is open, or a connection held in reserve",
        &["RFC 9293"],
        |e| e.is_other_at_its_end() && !e.session.client_view.seen && !e.session.server_view.seen),
    finding("nottls.server-only", Low, Dark,
        "only the server spoke, where the client has to begin",
        "see what the server is, and why the client waits",
        &["RFC 8446"],
        |e| e.is_other_at_its_end() && e.session.server_view.seen && !e.session.client_view.seen && !e.session.server_view.midstream),
    finding("nottls.answer", Low, Dark,
        "the client speaks TLS and the server answers something else",
        "see what the server is: mostly one that speaks plain HTTP on this port",
        &["RFC 9110"],
        |e| e.is_answered_otherwise()),
];

impl Evidence<'_> {
    /// It is over, both sides' packets were seen, and TLS was not.
    fn is_other_at_its_end(&self) -> bool {
        !self.is_tls() && self.is_closed() && self.two_sided
    }

    fn is_answered_otherwise(&self) -> bool {
        let session = self.session;
        session.client_hello.is_some()
            && session.server_hello.is_none()
            && session.hello_retry_request.is_none()
            && session.server_certificates.is_empty()
            && !session.alerts.iter().any(|alert| !alert.from_client)
            && !session.server_view.dark
            && session.openings.as_ref().is_some_and(|openings| openings.server.spoken().is_some())
    }
}
