//! What was not seen is not told as if it had been, and not as malice either.

use serde_json::{Value, json};

use crate::util::tls::{self, ClientHello, HANDSHAKE, NAME};
use crate::util::{Conversation, Events, Portcullis, Side, replay};

fn found(events: &Events) -> Vec<&str> {
    events.session()["portcullis"]["findings"].as_array().into_iter().flatten().map(|id| id.as_str().unwrap()).collect()
}

/// A client of which only the first `seen` bytes of its hello are in the capture, and a server that answers in TLS 1.3.
fn cut(hello: &[u8], seen: usize) -> Conversation {
    let answer = [tls::server_hello_tls13(29), tls::record(23, &[1; 100])].concat();
    let client = Conversation::new().client(&hello[..seen]).lost(Side::Client, hello.len() - seen);
    client.server(&answer).client(&tls::record(23, &[1; 100])).server(&tls::record(23, &[1; 100]))
}

#[test]
fn a_hello_of_which_the_end_is_missing_is_told_as_far_as_it_was_seen() {
    let hello = ClientHello::asking_for(NAME).ciphers(&[0x1301]).tls13(&[4588, 29], 32).extension(0xfe0d, &[0; 60]).record();
    let (header, random_ends) = (9, 9 + 34);
    let name_ends = hello.windows(NAME.len()).position(|w| w == NAME.as_bytes()).unwrap() + NAME.len();
    let versions_end = hello.windows(7).position(|w| w == [0, 43, 0, 3, 2, 3, 4]).unwrap() + 7;
    let alert = "alert tls any any -> any any (msg:\"no ECH\"; tls.ech:no; sid:1;)
        alert tls any any -> any any (msg:\"old\"; ssl_version:sslv2,sslv3,tls1.0,tls1.1,tls1.2; flow:to_server; sid:2;)";
    for seen in header..hello.len() {
        let events = Portcullis::default().rules(alert).run(&cut(&hello, seen).packets);
        let session = events.session();
        let (tls, more) = (&session["tls"], &session["portcullis"]);
        assert_eq!(events.anomalies(), [""; 0], "{seen} bytes");
        assert_eq!(events.alerts(), [""; 0], "{seen} bytes");
        assert_eq!((tls.get("ja3"), tls.get("ja4"), more.get("ja4_r"), more.get("ech")), (None, None, None, None), "{seen} bytes");
        assert_eq!(more.get("client_random").is_some(), seen >= random_ends, "{seen} bytes");
        assert_eq!(tls.get("sni").is_some(), seen >= name_ends, "{seen} bytes");
        let version = tls["client_handshake"].get("version");
        assert_eq!(version, (seen >= versions_end).then(|| json!("TLS 1.3")).as_ref(), "{seen} bytes");
        let of_client = |id: &&str| {
            let about_hello = ["weak.offer.", "protocol.hello.", "quantum.n", "name.", "sni."];
            about_hello.iter().any(|start| id.starts_with(start))
        };
        // The random made here is one byte over and over.
        assert_eq!(found(&events).contains(&"protocol.random.constant"), seen >= random_ends, "{seen} bytes");
        assert_eq!(found(&events).into_iter().filter(of_client).collect::<Vec<_>>(), [""; 0], "{seen} bytes");
    }
}

/// Of a hello of which a part is missing, and of what TLS 1.3 encrypts, nothing is known to be absent.
#[test]
fn a_buffer_that_may_have_been_sent_is_not_absent() {
    let hello = ClientHello::asking_for(NAME).ciphers(&[0x1301]).alpn("h2").tls13(&[29], 32).record();
    let asks = [
        "tls.sni; absent;",
        "tls.sni; absent:or_else; content:\"zzz\";",
        "tls.alpn; absent;",
        "tls.client_groups; absent;",
        "ja3.hash; absent;",
        "ja4.hash; absent;",
        "tls.cert_subject; absent;",
    ];
    let rule = |(sid, options)| {
        format!("alert tls any any -> any any ({options} sid:{sid};)\nalert tls any any => any any ({options} sid:{}0;)\n", sid)
    };
    let rules: String = (1..).zip(asks).map(rule).collect();
    let ran = |talk: &Conversation| Portcullis::default().rules(&rules).run(&talk.packets).alerts().len();
    assert_eq!(ran(&cut(&hello, hello.len())), 0, "all was sent, or is encrypted");
    for seen in 9..hello.len() {
        assert_eq!(ran(&cut(&hello, seen)), 0, "{seen} bytes");
        let gap = 20.min(hello.len() - seen);
        let client = Conversation::new().client(&hello[..seen]).lost(Side::Client, gap).client(&hello[seen + gap..]);
        let answer = [tls::server_hello_tls13(29), tls::record(23, &[1; 100])].concat();
        assert_eq!(ran(&client.server(&answer).close()), 0, "a gap after {seen} bytes");
    }
    let silent = ClientHello::new().ciphers(&[0x1301]).record();
    let events = Portcullis::default().rules(&rules).run(&cut(&silent, silent.len()).packets);
    assert!(events.of("alert").len() >= 4, "what is whole and lacks it");
}

#[test]
fn an_extension_that_is_malformed_and_whole_is_noted_though_the_hello_is_cut() {
    let hello = ClientHello::new().extension(0, &[0, 0]).extension(21, &[0; 100]).record();
    assert_eq!(replay(&cut(&hello, hello.len() - 50).packets).anomalies(), ["MALFORMED_EXTENSION"]);
    let closed = Conversation::new().client(&ClientHello::asking_for(NAME).record()[..70]).close();
    assert_eq!(replay(&closed.packets).anomalies(), [""; 0], "cut within the name by a FIN");
}

#[test]
fn a_retry_is_told_by_the_second_hello_where_the_request_is_missing() {
    let first = ClientHello::asking_for(NAME).ciphers(&[0x1301]).tls13(&[29, 24], 32).record();
    let second = ClientHello::asking_for(NAME).ciphers(&[0x1301]).tls13(&[24], 97).record();
    let request = tls::hello_retry_request(24);
    let rest = |c: Conversation| {
        c.client(&second)
            .server(&[tls::server_hello_tls13(24), tls::record(23, &[1; 100])].concat())
            .client(&tls::record(23, &[1; 100]))
    };
    let once = Conversation::new().client(&first).server(&tls::server_hello_tls13(29));
    for (what, conversation, expected) in [
        ("whole", rest(Conversation::new().client(&first).server(&request)), Some(true)),
        ("lost", rest(Conversation::new().client(&first).lost(Side::Server, request.len())), Some(true)),
        ("the client alone", rest(Conversation::new().client(&first).server(&request)).only(Side::Client), Some(true)),
        ("none", once.clone(), Some(false)),
        ("none, and the server not seen", once.only(Side::Client), None),
    ] {
        let events = replay(&conversation.packets);
        assert_eq!(events.session()["portcullis"].get("hello_retry"), expected.map(Value::from).as_ref(), "{what}");
    }
}

/// A ServerHello of TLS 1.2 with a CBC suite and `extensions`.
fn answer_with_cbc(extensions: &[u8]) -> Vec<u8> {
    let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
    let random: Vec<u8> = (0..32).collect();
    tls::record(HANDSHAKE, &tls::message(2, &[&[3, 3][..], &random, &[0, 0xc0, 0x14, 0], &length, extensions].concat()))
}

#[test]
fn mac_then_encrypt_is_found_by_the_server_hello_where_the_clients_is_missing() {
    let hello = ClientHello::asking_for(NAME).ciphers(&[0xc014]).extension(22, b"").record();
    for (extensions, is_found) in [(&[0, 22, 0, 0][..], false), (&[], true)] {
        let answer = answer_with_cbc(extensions);
        let flight = |c: Conversation| c.server(&answer).client(&tls::finished()).server(&tls::finished());
        for (what, conversation) in [
            ("whole", flight(Conversation::new().client(&hello))),
            ("without the ClientHello", flight(Conversation::new().lost(Side::Client, hello.len()))),
        ] {
            let events = replay(&conversation.packets);
            assert_eq!(found(&events).contains(&"weak.cipher.mac-then-encrypt"), is_found, "{what}, {extensions:?}");
        }
    }
}

#[test]
fn whether_a_session_was_resumed_is_told_where_it_can_be_known() {
    let hello = ClientHello::asking_for(NAME).record();
    let dark = |c: Conversation| c.client(&tls::finished()).server(&tls::finished());
    for (what, conversation, expected) in [
        ("whole", dark(Conversation::new().client(&hello).server(&tls::server_flight())), Some(false)),
        ("certificates", dark(Conversation::new().lost(Side::Client, hello.len()).server(&tls::server_flight())), Some(false)),
        (
            "nothing but the ServerHello",
            dark(Conversation::new().lost(Side::Client, hello.len()).server(&tls::server_hello())),
            None,
        ),
    ] {
        let events = replay(&conversation.packets);
        assert_eq!(events.session()["portcullis"].get("resumed"), expected.map(Value::from).as_ref(), "{what}");
    }
}

#[test]
fn a_hello_behind_a_message_that_does_not_exist_is_read() {
    let hello = ClientHello::asking_for(NAME).message();
    for (what, front) in [("one", tls::message(99, b"junk")), ("several", tls::message(200, b"").repeat(5))] {
        for size in [1, 1_460] {
            let bytes = tls::record(HANDSHAKE, &[front.clone(), hello.clone()].concat());
            let conversation = Conversation::new().send_in_segments(Side::Client, &bytes, size).server(&tls::server_flight());
            let events = replay(&conversation.client(&tls::finished()).server(&tls::finished()).packets);
            assert_eq!(events.names(), [NAME], "{what}, {size}");
            assert_eq!(events.anomalies(), ["INVALID_HANDSHAKE_MESSAGE"], "{what}, {size}");
        }
    }
}

#[test]
fn a_direction_in_which_the_search_for_a_hello_was_given_up_is_not_whole() {
    let bytes = [vec![0; 20_000], ClientHello::asking_for(NAME).record()].concat();
    let conversation = Conversation::new().send_in_segments(Side::Client, &bytes, 1_460).server(&tls::server_flight());
    let events = replay(&conversation.client(&tls::finished()).server(&tls::finished()).packets);
    let view = &events.session()["portcullis"]["view"]["to_server"];
    assert_eq!((&view["whole"], &view["degraded"]), (&json!(false), &json!(true)));
}
