use super::*;
use crate::base::Timestamp;
use crate::protocol::fingerprint::ClientFingerprints;
use crate::protocol::tls::{ClientHello, Session};
use crate::protocol::x509::Certificate;
use crate::rules::subject::{AppProto, Transport};

fn read(kind: Option<ListKind>, name: &str, text: &str) -> (List, Vec<String>) {
    let (list, mistakes) = List::parse(&ListSource { name, text, kind, action: Action::Drop });
    (list, mistakes.iter().map(ToString::to_string).collect())
}

fn good(text: &str) -> List {
    let (list, mistakes) = read(None, "feeds/x.txt", text);
    assert_eq!(mistakes, [""; 0]);
    list
}

fn end(text: &str) -> Endpoint {
    let end: std::net::SocketAddr = text.parse().unwrap();
    Endpoint { ip: end.ip(), port: end.port() }
}

fn subject<'s>(server: &str, session: Option<&'s Session>) -> Subject<'s> {
    Subject {
        client: end("10.0.0.1:40000"),
        server: end(server),
        established: true,
        transport: Transport::Tcp,
        app_proto: AppProto::Tls,
        session,
        expects_tls: true,
        one_way: None,
        packet: None,
        now: Timestamp::ZERO,
    }
}

/// The entry that is found, as its alert writes it.
fn found(list: &List, subject: &Subject<'_>) -> Option<String> {
    list.find(subject).map(|entry| list.tell(entry).metadata[1].1.clone())
}

#[test]
fn a_domain_means_itself_and_all_below() {
    let list = good("# bad\nEvil.test\n*.wild.test\n.dot.test\n0.0.0.0 hosts.test # from a hosts file\ndeep.evil.test, a reason\n");
    for (sni, entry) in [
        ("evil.test", Some("evil.test")),
        ("WWW.EVIL.TEST", Some("evil.test")),
        ("evil.test.", Some("evil.test")),
        ("notevil.test", None),
        ("evil.test.example", None),
        ("test", None),
        ("", None),
        (".", None),
        ("a.deep.evil.test", Some("deep.evil.test")),
        ("wild.test", Some("wild.test")),
        ("a.dot.test", Some("dot.test")),
        ("hosts.test", Some("hosts.test")),
        (&format!("{}evil.test", "a.".repeat(30_000)), Some("evil.test")),
    ] {
        let hello = ClientHello { server_names: [sni].into(), ..ClientHello::default() };
        let session = Session { client_hello: Some(hello), ..Session::default() };
        assert_eq!(found(&list, &subject("198.18.0.1:443", Some(&session))).as_deref(), entry, "{:.20}", sni);
    }
}

/// hosts(5): an address, and names; the lines that the host itself needs are no part of what is blocked.
#[test]
fn a_line_of_a_hosts_file_has_many_names() {
    let text = "127.0.0.1 localhost localhost.localdomain\n255.255.255.255\tbroadcasthost\n::1 ip6-localhost ip6-loopback\n\
                fe80::1%lo0 localhost\n0.0.0.0 0.0.0.0\n0.0.0.0 one.test two.test\tthree.test # a kit\n127.0.0.1\tfour.test\n";
    let list = good(text);
    let keys: Vec<String> = (0..4).map(|n| list.tell(n).metadata[1].1.clone()).collect();
    assert_eq!((list.kind(), list.len()), (ListKind::Domains, 4));
    assert_eq!(keys, ["one.test", "two.test", "three.test", "four.test"]);
    assert_eq!(list.tell(2).signature, "x.txt: listed domain (a kit)");
    let (list, mistakes) = read(None, "x.txt", "0.0.0.0 a..test b.test seen in com\n");
    assert_eq!((list.len(), mistakes), (1, vec!["x.txt:1:1: `a..test` is no domain".to_owned()]));
}

#[test]
fn addresses_are_of_either_end_and_with_a_port_of_the_server() {
    let list = good(
        "198.18.0.0/15\n198.18.7.0/24\n198.51.100.9:8443\n2001:db8::/32\n[2001:db9::1]:443\n::ffff:203.0.113.7\n10.0.0.0/31 # own\n",
    );
    for (server, entry) in [
        ("198.19.0.1:443", Some("198.18.0.0/15")),
        ("198.18.7.1:443", Some("198.18.7.0/24")),
        ("[::ffff:198.19.0.1]:443", Some("198.18.0.0/15")),
        ("198.51.100.9:8443", Some("198.51.100.9:8443")),
        ("198.51.100.9:443", Some("10.0.0.0/31")),
        ("[2001:db8:1::]:443", Some("2001:db8::/32")),
        ("[2001:db9::1]:443", Some("[2001:db9::1]:443")),
        ("203.0.113.7:1", Some("203.0.113.7")),
    ] {
        assert_eq!(found(&list, &subject(server, None)).as_deref(), entry, "{server}");
    }
}

#[test]
fn hashes_may_be_written_either_way() {
    let certificate = |sha1| Arc::new(Certificate { sha1, sha256: [7; 32], ..Certificate::default() });
    let session = Session {
        server_certificates: vec![certificate([1; 20]), certificate([0xab; 20])],
        client_fingerprints: Some(ClientFingerprints {
            ja3: "c".repeat(32),
            ja4: "t13d1516h2_8daaf6152771_02713d6af862".into(),
            ..ClientFingerprints::default()
        }),
        ..Session::default()
    };
    let subject = subject("198.18.0.1:443", Some(&session));
    for (line, kind) in [
        (vec!["AB"; 20].join(":"), ListKind::Certificates),
        ("ab".repeat(20), ListKind::Certificates),
        ("07".repeat(32), ListKind::Certificates),
        ("C".repeat(32), ListKind::Ja3),
        ("T13d1516h2_8daaf6152771_02713D6AF862".to_owned(), ListKind::Ja4),
    ] {
        let list = good(&line);
        assert_eq!((list.kind(), found(&list, &subject).is_some()), (kind, true), "{line}");
    }
    assert_eq!(found(&good(&"0".repeat(40)), &subject), None);
}

/// FoxIO's JA4: the first and last character of the first ALPN value are as sent, so that letters may be capital.
#[test]
fn a_ja4_matches_in_either_case() {
    let ja4 = |text: &str| ClientFingerprints { ja4: text.into(), ..ClientFingerprints::default() };
    for sent in ["t13d1516Hx_8daaf6152771_02713d6af862", "t13d1516hX_8daaf6152771_02713d6af862"] {
        let session = Session { client_fingerprints: Some(ja4(sent)), ..Session::default() };
        for line in [sent.to_owned(), sent.to_lowercase(), sent.to_uppercase()] {
            let (list, mistakes) = read(Some(ListKind::Ja4), "x.txt", &line);
            assert_eq!(mistakes, [""; 0]);
            assert!(list.find(&subject("198.18.0.1:443", Some(&session))).is_some(), "{line}");
        }
    }
}

#[test]
fn sslbl_is_known_by_its_header() {
    let sha1 = "e9b4d7c2b0b0f0a1c2d3e4f5061728394a5b6c7d";
    let text = format!(
        "################\r\n# abuse.ch SSLBL #\r\n#\r\n# Listingdate,SHA1,Listingreason\r\n2024-09-02 06:17:52,{sha1},Rhadamanthys C&C\r\n"
    );
    let (list, mistakes) = read(None, "feeds/sslblacklist.csv", &text);
    assert_eq!((list.kind(), list.len(), mistakes.len()), (ListKind::Certificates, 1, 0));
    let pairs = |said: &Listed| said.metadata.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
    let said = list.tell(0);
    assert_eq!(said.signature, "SSLBL: malicious certificate (Rhadamanthys C&C)");
    assert_eq!(
        pairs(&said),
        ["list=feeds/sslblacklist.csv:5", &format!("entry={sha1}"), "reason=Rhadamanthys C&C", "first_seen=2024-09-02 06:17:52"]
    );

    let ja3 =
        format!("# ja3_md5,Firstseen,Lastseen,Listingreason\n{},2017-07-14 18:08:15,2019-07-27 20:42:54,Adware\n", "a".repeat(32));
    let (list, _) = read(Some(ListKind::Ja3), "ja3_fingerprints.csv", &ja3);
    assert_eq!(list.tell(0).signature, "SSLBL: malicious JA3 fingerprint (Adware)");

    let (list, _) = read(None, "sslipblacklist.csv", "# Firstseen,DstIP,DstPort\n2024-01-01 00:00:00,198.51.100.9,8443\n");
    assert_eq!(pairs(&list.tell(0)), ["list=sslipblacklist.csv:2", "entry=198.51.100.9:8443", "first_seen=2024-01-01 00:00:00"]);
    assert_eq!(list.tell(0).signature, "SSLBL: malicious address");
}

#[test]
fn other_csvs_name_their_columns_too() {
    let text = "\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"last_online\",\"malware\"\n\"2021-01-17\",\"198.51.100.9\",\"443\",\"online\",\"x\",\"Emotet, epoch 2\"\n";
    let list = good(text);
    assert_eq!(list.tell(0).signature, "x.txt: listed address (Emotet, epoch 2)");
    assert_eq!(found(&list, &subject("198.51.100.9:443", None)).as_deref(), Some("198.51.100.9:443"));
}

#[test]
fn lines_that_are_no_entries_are_told_with_their_place() {
    for (kind, text, expected) in [
        (ListKind::Domains, "a.test\nhttps://b.test/\n", "x.txt:2:1: `https://b.test/` is no domain"),
        (ListKind::Domains, "a..test\nok.test", "x.txt:1:1: `a..test` is no domain"),
        (ListKind::Certificates, "ok\n00", "x.txt:1:1: `ok` is no certificate"),
        (ListKind::Addresses, "10.0.0.0/33", "x.txt:1:1: `10.0.0.0/33` is no address"),
        (ListKind::Ja4, "t13d1516h2_8daaf6152771", "x.txt:1:1: `t13d1516h2_8daaf6152771` is no JA4 fingerprint"),
        (ListKind::Domains, "# nothing\n\n", "x.txt:1:1: there is no entry in it"),
        (ListKind::Domains, "# Listingdate,SHA1,Listingreason\n", "x.txt:1:1: by its header it is a list of certs, not of domains"),
    ] {
        assert_eq!(read(Some(kind), "x.txt", text).1[0], expected, "{text}");
    }
    let (list, mistakes) = read(Some(ListKind::Ja3), "x.txt", &"no\n".repeat(1000));
    assert_eq!((list.len(), mistakes.len()), (0, 22));
    assert_eq!(mistakes[20], "x.txt:1:1: 980 more lines are no entries");
}

#[test]
fn what_names_columns_is_no_entry() {
    let row = "\"2021-08-04 08:12:11\", \"163\", \"shop.example\", \"domain\", \"X\"\n";
    for (kind, text, entry, told) in [
        (
            None,
            format!("# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\",\"malware_printable\"\n{row}"),
            Some("shop.example"),
            0,
        ),
        (None, "reason;domain\nx;shop.example\n".to_owned(), Some("shop.example"), 0),
        (None, "domain\treason\nshop.example\tx\n".to_owned(), Some("shop.example"), 0),
        // Not known: all lines are told, and neither `name` nor a number becomes a domain.
        (None, "name,category\nshop.example,bad\n".to_owned(), Some("shop.example"), 1),
        (Some(ListKind::Domains), "seen_utc,value\n2021,shop.example\n".to_owned(), None, 3),
        (None, "\"seen\",\"value\"\n\"2021\",\"shop.example\"\n".to_owned(), None, 3),
        // A top-level domain by itself, and a fingerprint with a reason.
        (Some(ListKind::Domains), "example # all of it\n".to_owned(), Some("example"), 0),
    ] {
        let (list, mistakes) = read(kind, "x.csv", &text);
        assert_eq!((list.len(), mistakes.len()), (usize::from(entry.is_some()), told), "{text}: {mistakes:?}");
        let hello = ClientHello { server_names: ["shop.example"].into(), ..ClientHello::default() };
        let session = Session { client_hello: Some(hello), ..Session::default() };
        assert_eq!(found(&list, &subject("192.0.2.1:443", Some(&session))).as_deref(), entry, "{text}");
    }
    let (list, mistakes) = read(None, "x.csv", "e7d705a3286e19ea42f587b344ee6865,a reason\n");
    assert_eq!((list.kind, mistakes.len()), (ListKind::Ja3, 0));
}
