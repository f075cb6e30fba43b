//! Keywords that Suricata has and Portcullis has not, so that a rule with one of them is told so and not that it is misspelt.

/// Their names.
#[rustfmt::skip]
pub(super) const NAMES: &[&str] = &[
    "asn1", "bidir.toclient", "bidir.toserver", "config", "cookie",
    "dcerpc.iface", "dcerpc.opnum", "decode-event", "dns.opcode", "dns.query", "dns_query", "email.from",
    "email.subject", "email.to", "engine-event", "ether.hdr", "file.data", "file.magic", "file.name", "file_data",
    "filemagic", "filemd5", "filename", "filesha1", "filesha256", "filesize", "filestore",     "flowvar",     "ftpbounce", "ftpdata_command", "gunzip", "http.accept", "http.accept_enc",
    "http.accept_lang", "http.connection", "http.content_len", "http.content_type", "http.cookie", "http.header",
    "http.header.raw", "http.header_names", "http.host", "http.host.raw", "http.location", "http.method", "http.protocol",
    "http.referer", "http.request_body", "http.request_header", "http.request_line", "http.response_body", "http.response_header",
    "http.response_line", "http.server", "http.start", "http.stat_code", "http.stat_msg", "http.uri", "http.uri.raw",
    "http.user_agent", "http_accept", "http_client_body", "http_content_type", "http_cookie", "http_header", "http_header_names",
    "http_host", "http_method", "http_protocol", "http_raw_header", "http_raw_host", "http_raw_uri", "http_referer",
    "http_request_line", "http_response_line", "http_server_body", "http_start", "http_stat_code", "http_stat_msg", "http_uri",
    "http_user_agent", "icmp_id", "icmp_seq", "icmpv4.hdr", "icmpv6.hdr", "icode", "ike.init_spi",     "ipv4-csum", "ipv6-csum", "itype", "krb5_cname", "krb5_msg_type", "krb5_sname",     "nfq_set_mark", "noloop", "pktvar", "quic.cyu.hash", "quic.cyu.string", "quic.sni", "quic.ua", "quic.version",
    "raw_stream", "rpc", "smb.named_pipe", "smb.ntlmssp_domain", "smb.ntlmssp_user", "smb.share", "ssh.hassh",
    "ssh.hassh.server", "ssh.hassh.string", "ssh.proto", "ssh.software", "ssh_proto", "stream-event", "tcp-csum",
    "tcpv4-csum", "tcpv6-csum", "udp.hdr", "udpv4-csum", "udpv6-csum", "uricontent", "urilen",
    "zlib_deflate",
];

/// Keywords that have no place here, and why.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("bypass", "what is encrypted is not looked at anyway, and as a verdict it would open an allow-list"),
    ("frame", "records are put together and not kept one by one: name a buffer, such as tls.sni, or leave it out for the stream"),
    ("header_lowercase", "it is about the headers of HTTP, which TLS hides"),
    ("lua", "rules run no programs"),
    ("luaxform", "rules run no programs"),
    ("replace", "packets are passed or dropped, never rewritten"),
    ("strip_pseudo_headers", "it is about the headers of HTTP, which TLS hides"),
];
