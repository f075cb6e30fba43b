//! `base64_decode` and `base64_data`.

use super::*;

#[test]
fn what_is_decoded_is_asked_for() {
    // The example of Suricata's documentation: "test" and a line feed.
    let example = "/en/somestring&dGVzdAo=&not_base64";
    check_values(&[
        (
            "content:\"somestring\"; base64_decode:bytes 8, offset 1, relative; base64_data; content:\"test\";",
            &[example, "somestring somestring&dGVzdAo="],
            &["/en/somestring&dGV", "/en/otherstring&dGVzdAo=", "/en/somestringdGVzdAo=", "/en/somestring&dGVzeAo="],
        ),
        ("base64_decode; base64_data; content:\"shop\"; startswith; endswith;", &["c2hvcA==", "c2hvcA==.example"], &["c2hvcHM="]),
        ("base64_decode:offset 4; base64_data; content:\"shop\";", &["www.c2hvcA=="], &["c2hvcA=="]),
        ("base64_decode:bytes 4; base64_data; content:\"sho\"; bsize:3;", &["c2hvcA=="], &["c2"]),
        ("base64_decode; base64_data; bsize:>3;", &["c2hvcA=="], &["c2hv", ""]),
        ("base64_decode; base64_data; pcre:\"/^s.+p$/\"; content:!\"x\";", &["c2hvcA=="], &["c2hveA=="]),
        ("base64_decode; base64_data; to_uppercase; content:\"SHOP\";", &["c2hvcA=="], &["U0hP"]),
        ("base64_decode; base64_data; byte_test:1,=,0x73,0;", &["c2hvcA=="], &["dGVzdA=="]),
        ("base64_decode; base64_data; byte_extract:1,0,n; content:\"p\"; offset:n;", &["AnhwcA=="], &["CXhwcA=="]),
        // Of two, each has its own.
        (
            "base64_decode:bytes 8; base64_data; content:\"shop\"; tls.sni; base64_decode:offset 9; base64_data; content:\"test\";",
            &["c2hvcA==.dGVzdA=="],
            &["c2hvcA==.c2hvcA==", "dGVzdA==.dGVzdA==", "c2hvcA=="],
        ),
        // Nothing asked of it: it has to be there.
        ("content:\"=\"; base64_decode:relative;", &["x=c2hvcA=="], &["x=", "x=.c2hvcA"]),
        ("content:\"=\"; base64_decode:relative,offset 40; content:\"x\";", &[], &["x=c2hvcA=="]),
    ]);
}

#[test]
fn it_is_decoded_in_payload_too() {
    let set = rules(
        "alert tcp any any -> any any (flow:to_server; content:\"Basic \"; base64_decode:relative; base64_data; content:\"admin:\"; sid:1;)",
    );
    let header = header(FlowDirection::ToServer, TcpFlags::ACK);
    for (payload, fires) in [("Basic YWRtaW46eA==", true), ("Basic dXNlcjp4", false), ("YWRtaW46eA==", false)] {
        let raw = Raw { payload: payload.as_bytes(), stream: None };
        let packet = at(&header, Subject { app_proto: AppProto::NotTls, established: true, ..subject(None) });
        let packet = Subject { packet: packet.packet.map(|p| Packet { raw, ..p }), ..packet };
        assert_eq!(play(&set, &[packet]).0 == [1], fires, "{payload}");
    }
}

#[test]
fn misuse_is_refused() {
    for (options, said) in [
        ("base64_data; content:\"x\";", "no base64_decode is before base64_data"),
        ("base64_decode; base64_data; content:\"x\"; base64_data; content:\"y\";", "no base64_decode is before base64_data"),
        ("base64_decode; base64_data;", "buffer `base64_data` is named, but nothing is matched in it"),
        ("base64_decode:bytes x;", "bad value: expected bytes N, offset N, relative"),
        ("base64_decode:bytes 0;", "it can never match: nothing is decoded of no bytes"),
        ("base64_decode:relative,relative;", "it is given twice"),
        ("base64_decode; base64_data; absent;", "not supported: in base64_data there are neither data sets nor absent"),
        ("base64_decode; base64_data; content:\"ab\"; bsize:1;", "it can never match: a content is longer than bsize allows"),
        (
            "base64_decode; base64_data; byte_extract:1,0,n; tls.sni; content:\"x\"; offset:n;",
            "`n` was not extracted before in this buffer",
        ),
    ] {
        assert_eq!(refusal(options), said, "{options}");
    }
}
