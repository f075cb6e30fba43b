use super::*;

const HTTP: &[u8] = b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n";

pub(super) fn cases() -> Vec<Case> {
    let says = |bytes: &[u8]| plain(bytes, b"");
    let quiet = || plain(b"", b"");
    let answered = |server: &[u8]| Session { client_hello: Some(hello()), is_tls: true, ..plain(b"", server) };
    // As random as SHA-256, and without a run of printable bytes.
    let noise: Vec<u8> = (0..8_u8).flat_map(|i| <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest([i, 5]))).collect();
    let printable: Vec<u8> = [b"abcdef", &noise[6..]].concat();
    vec![
        case("nottls.http", says(HTTP), says(b"GETTING started\n")),
        case("nottls.http", plain(b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"), Session { is_tls: true, ..says(HTTP) }),
        case("nottls.http-connect", says(b"CONNECT www.example:443 HTTP/1.1\r\n\r\n"), says(b"CONNECTED to www.example\n")),
        case(
            "nottls.websocket",
            says(b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
            says(b"GET /chat HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"),
        ),
        case("nottls.http2", says(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), says(b"PRI * HTTP/3.0\r\n")),
        case(
            "nottls.sstp",
            says(b"SSTP_DUPLEX_POST /sra_{BA195980}/ HTTP/1.1\r\n"),
            says(b"POST /sra_{BA195980}/ HTTP/1.1\r\n\r\n"),
        ),
        case("nottls.ssh", plain(b"", b"SSH-2.0-OpenSSH_9.2\r\n"), says(b"SSL-2.0\r\n")),
        case(
            "nottls.rdp",
            says(b"\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0"),
            says(b"\x03\x00\x00\x13\x0e\x10\0\0\0\0\0"),
        ),
        case("nottls.smb", says(b"\x00\x00\x00\x54\xfeSMB\x40"), says(b"\x00\x00\x00\x54\xfdSMB\x40")),
        case(
            "nottls.openvpn",
            says(b"\x00\x0e\x38\x11\x22\x33\x44\x55\x66\x77\x88\0\0\0\0\0"),
            says(b"\x00\x0f\x38\x11\x22\x33\x44\x55\x66"),
        ),
        case("nottls.socks", says(b"\x05\x01\x00"), says(b"\x06\x01\x00")),
        case("nottls.mail", plain(b"", b"220 mail.example ESMTP\r\n"), plain(b"", b"221 bye\r\n")),
        // FTP and POP3 have a command of IRC's: it is the server's greeting that tells.
        case("nottls.mail", plain(b"USER x\r\n", b"220 ProFTPD\r\n"), plain(b"NICK x\r\n", b":irc.example NOTICE * :hello\r\n")),
        case("nottls.mail", plain(b"USER bob\r\n", b"+OK POP3 ready\r\n"), plain(b"USER bob 0 * :Bob\r\n", b"")),
        case("nottls.irc", plain(b"USER bob 0 * :Bob\r\n", b""), plain(b"USER bob\r\n", b"+OK POP3 ready\r\n")),
        case("nottls.irc", says(b"PASS x\r\nNICK guest\r\n"), plain(b"USER x\r\n", b"220 ProFTPD\r\n")),
        case("nottls.irc", says(b"CAP LS 302\r\n"), says(b"PASS x\r\nSTAT\r\n")),
        case("nottls.http", says(b"PROPFIND / HTTP/1.1\r\n\r\n"), says(b"PROPFIND / SIP/2.0\r\n\r\n")),
        case("nottls.text", says(b"PASS x\r\nSTAT\r\n"), says(b"PASS x\r\nNICK guest\r\n")),
        case("nottls.text", says(b"REPORT / HTTP/2.1\r\n"), says(b"REPORT / HTTP/1.1\r\n")),
        case("nottls.xmpp", says(b"<?xml version='1.0'?>"), says(b"<html>")),
        case("nottls.irc", says(b"NICK guest\r\n"), says(b"NICKEL\r\n")),
        case("nottls.bittorrent", says(b"\x13BitTorrent protocol\0\0"), says(b"\x13BitTorrent protocal\0\0")),
        case("nottls.vnc", plain(b"", b"RFB 003.008\n"), plain(b"", b"RFC 003.008\n")),
        case("nottls.proxy-protocol", says(b"PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n"), says(b"PROXY\r\n")),
        case("nottls.text", says(b"hello\r\n"), says(b"hello\0\r\n")),
        case("nottls.random", says(&noise), says(&printable)),
        case("nottls.binary", says(b"\x00\x01\x02"), says(b"hello\r\n")),
        case("nottls.silent", quiet(), Scene { two_sided: false, ..quiet().into() }),
        case("nottls.silent", quiet(), says(b"hello\r\n")),
        case("nottls.server-only", plain(b"", b"hello\r\n"), plain(b"hi\r\n", b"hello\r\n")),
        case("nottls.server-only", plain(b"", b"hello\r\n"), Scene { two_sided: false, ..plain(b"", b"hello\r\n").into() }),
        case("nottls.answer", answered(b"HTTP/1.1 400 Bad Request\r\n\r\n"), answered(b"")),
        case("nottls.answer", answered(b"hello"), Session { server_hello: Some(answer()), ..answered(b"hello") }),
    ]
}
