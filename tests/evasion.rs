//! Tricks that hide a name or a session from other detectors: here they are seen, and noted.

use std::time::Duration;

use portcullis::packet::{OverlapPolicy, PortSet};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::util::tcp::{ACK, FIN, RST, SYN, URG};
use crate::util::tls::{self, ClientHello, HANDSHAKE, HEARTBEAT, MUTUAL_TLS12, NAME};
use crate::util::{Conversation, Events, Packet, Portcullis, Side, replay};

/// A client that says `hello`, and a server that answers in TLS 1.2, up to where it goes dark.
fn tls12(hello: &[u8]) -> Conversation {
    finish(Conversation::new().client(hello))
}

fn finish(conversation: Conversation) -> Conversation {
    conversation.server(&tls::server_flight()).client(&tls::finished()).server(&tls::finished())
}

fn sni(events: &Events) -> &Value {
    &events.session()["tls"]["sni"]
}

/// The fingerprints do not depend on how the hello was carried; what it should be is taken from the plain one.
fn ja4(hello: &ClientHello) -> Value {
    replay(&tls12(&hello.record()).packets).session()["tls"]["ja4"].clone()
}

#[test]
fn a_client_hello_over_records_of_one_two_or_three_bytes() {
    let hello = ClientHello::asking_for(NAME);
    for size in [1, 2, 3] {
        let events = replay(&tls12(&tls::records(&hello.message(), size)).packets);
        assert_eq!(sni(&events), NAME, "records of {size}");
        assert_eq!(events.session()["tls"]["ja4"], ja4(&hello), "records of {size}");
        assert_eq!(events.anomalies(), [""; 0], "it is allowed");
    }
}

#[test]
fn a_handshake_header_split_over_records_and_segments() {
    let message = ClientHello::asking_for(NAME).message();
    for at in 1..4 {
        let (start, rest) = message.split_at(at);
        let (first, second) = (tls::record(HANDSHAKE, start), tls::record(HANDSHAKE, rest));
        let events = replay(&finish(Conversation::new().client(&first).client(&second)).packets);
        assert_eq!(sni(&events), NAME, "header cut after {at}");
    }
}

#[test]
fn a_bad_name_does_not_hide_the_extensions_behind_it() {
    for (what, hello, anomaly) in [
        ("another type", ClientHello::new().server_name_of_type(7, b"x.example"), "INVALID_SNI_TYPE"),
        ("no length", ClientHello::new().server_name(""), "INVALID_SNI_LENGTH"),
        ("300 bytes", ClientHello::new().server_name(&"a".repeat(300)), "INVALID_SNI_LENGTH"),
        ("an empty list", ClientHello::new().extension(0, &[0, 0]), "MALFORMED_EXTENSION"),
        ("bytes behind the list", ClientHello::new().extension(0, b"\0\x06\0\0\x03a.bxx"), "MALFORMED_EXTENSION"),
        ("NUL in the name", ClientHello::new().server_name("good.example\0.evil.example"), "INVALID_SNI_CHARACTER"),
        ("a blank in the name", ClientHello::new().server_name("good.example "), "INVALID_SNI_CHARACTER"),
        ("a list that lies", ClientHello::new().extension(0, &[0xff, 0xff, 0, 0, 1, b'x']), "MALFORMED_EXTENSION"),
    ] {
        let hello = hello.alpn("h2").extension(13, &[0, 2, 4, 3]);
        let events = replay(&tls12(&hello.record()).packets);
        let tls = &events.session()["tls"];
        assert_eq!(tls["client_alpns"], json!(["h2"]), "{what}");
        assert_eq!(tls["client_handshake"]["sig_algs"], json!([0x0403]), "{what}");
        assert_eq!(tls["client_handshake"]["exts"], json!([0, 16, 13]), "{what}");
        let ja4 = tls["ja4"].as_str().unwrap();
        assert!(ja4.starts_with("t12") && ja4[4..10] == *"0203h2", "{what}: {ja4}"); // two ciphers, three extensions, h2
        assert_eq!(events.anomalies(), [anomaly], "{what}");
    }
}

#[test]
fn two_names_are_both_told() {
    let one_list = [&[0, 0, 3][..], b"a.b", &[0, 0, 3], b"c.d"].concat();
    let one_list = [&[0, 12][..], &one_list].concat();
    for (what, hello) in [
        ("in one extension", ClientHello::new().extension(0, &one_list)),
        ("in two extensions", ClientHello::new().server_name("a.b").server_name("c.d")),
    ] {
        let events = replay(&tls12(&hello.alpn("h2").record()).packets);
        assert_eq!(sni(&events), "a.b", "{what}");
        assert_eq!(events.session()["portcullis"]["server_names"], json!(["a.b", "c.d"]), "{what}");
        assert!(events.anomalies().contains(&"MULTIPLE_SNI_EXTENSIONS"), "{what}: {:?}", events.anomalies());
        assert_eq!(events.session()["tls"]["client_alpns"], json!(["h2"]), "{what}");
    }
}

#[test]
fn a_client_hello_of_60_kilobytes() {
    let hello = ClientHello::new().extension(21, &vec![0; 60_000]).server_name(NAME).alpn("h2");
    let packets = finish(Conversation::new().send_in_segments(Side::Client, &hello.record(), 1_460)).packets;
    let events = replay(&packets);
    assert_eq!(sni(&events), NAME);
    assert_eq!(events.session()["tls"]["client_alpns"], json!(["h2"]));
    assert_eq!(events.session()["portcullis"]["view"]["to_server"]["whole"], true);
}

#[test]
fn a_post_quantum_client_hello_over_two_segments_in_reverse_order() {
    let hello = ClientHello::asking_for(NAME).ciphers(&[0x1301]).tls13(&[4588, 29], 1_216).record();
    let cut = 1_200;
    let conversation = Conversation::new()
        .at(Side::Client, cut, &hello[cut as usize..])
        .at(Side::Client, 0, &hello[..cut as usize])
        .lost(Side::Client, hello.len())
        .server(&tls::server_hello_tls13(4588))
        .server(&tls::record(23, &[1; 100]))
        .client(&tls::record(23, &[1; 100]));
    let events = replay(&conversation.packets);
    let session = events.session();
    assert_eq!(session["tls"]["sni"], NAME);
    assert_eq!(session["tls"]["version"], "TLS 1.3");
    assert_eq!(session["portcullis"]["group"], "X25519MLKEM768");
    assert_eq!(session["portcullis"]["view"]["to_server"]["whole"], true);
}

#[test]
fn a_second_client_hello_that_differs_is_noted_and_the_fingerprints_are_the_firsts() {
    let first = ClientHello::asking_for("harmless.example").ciphers(&[0x1301]).tls13(&[29, 24], 32);
    let second = ClientHello::asking_for("hidden.example").ciphers(&[0x1301, 0x1302]).tls13(&[24], 97);
    let conversation = Conversation::new()
        .client(&first.record())
        .server(&tls::hello_retry_request(24))
        .wait(Duration::from_millis(25))
        .client(&second.record())
        .server(&tls::server_hello_tls13(24))
        .server(&tls::record(23, &[1; 100]))
        .client(&tls::record(23, &[1; 100]));
    let hellos: Vec<_> = conversation.packets.iter().filter(|p| p.is_data_of(Side::Client)).map(|p| p.time).collect();
    let events = replay(&conversation.packets);
    let session = events.session();
    assert_eq!(session["tls"]["sni"], "harmless.example");
    assert_eq!(session["tls"]["client_handshake"]["ciphers"], json!([0x1301]));
    let alone = replay(&Conversation::new().client(&first.record()).packets);
    for key in ["ja3", "ja4"] {
        assert_eq!(session["tls"][key], alone.session()["tls"][key], "{key}");
    }
    let more = &session["portcullis"];
    assert_eq!((&more["hello_retry"], &more["hello_retry_group"]), (&json!(true), &json!("secp384r1")));
    assert_eq!((&more["group"], &session["tls"]["version"]), (&json!("secp384r1"), &json!("TLS 1.3")));
    assert_eq!(more["second_client_hello"]["sni"], "hidden.example");
    assert_eq!(more["second_client_hello"]["differs"], json!(["ciphers", "sni", "groups"]));
    // What it cost: all of the hello again but its headers of record and message, and the time until then.
    assert_eq!(more["second_client_hello"]["length"], second.record().len() - 9);
    let delay = u64::try_from((hellos[1] - hellos[0]).as_micros()).unwrap();
    assert!(delay >= 25_000);
    assert_eq!(more["second_client_hello"]["delay_us"], delay);
}

#[test]
fn junk_before_the_hello() {
    for junk in [&b"\x00"[..], b"\xff\xff\xff\xff\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x00\x16\x03"] {
        let bytes = [junk, &ClientHello::asking_for(NAME).record()].concat();
        let events = replay(&tls12(&bytes).packets);
        assert_eq!(sni(&events), NAME, "{junk:?}");
        assert!(events.anomalies().contains(&"JUNK_BEFORE_TLS"), "{junk:?}: {:?}", events.anomalies());
        assert_eq!(events.session()["portcullis"]["view"]["to_server"]["skipped_bytes"], junk.len(), "{junk:?}");
    }
}

#[test]
fn records_that_have_no_place_before_the_hello_do_not_hide_it() {
    let (data, change) = (tls::record(23, &[0x17; 100]), tls::record(tls::CHANGE_CIPHER_SPEC, &[1]));
    let (request, heartbeat) = (tls::record(HANDSHAKE, &tls::message(0, b"")), tls::record(HEARTBEAT, &[1, 0, 0]));
    for (what, junk, anomaly) in [
        ("application data", data.clone(), "RECORD_BEFORE_HELLO"),
        ("empty application data", [data.clone(), tls::record(23, b"")].concat(), "RECORD_BEFORE_HELLO"),
        ("behind a message that tells nothing", [request, data.clone()].concat(), "RECORD_BEFORE_HELLO"),
        ("a ChangeCipherSpec", change.clone(), "RECORD_BEFORE_HELLO"),
        ("an alert behind one", [change.clone(), tls::record(tls::ALERT, &[1; 30])].concat(), "RECORD_BEFORE_HELLO"),
        ("a heartbeat behind one", [change.clone(), heartbeat.clone()].concat(), "RECORD_BEFORE_HELLO"),
        ("a heartbeat", heartbeat, "HEARTBEAT_MESSAGE"),
        ("an alert that is none", tls::record(tls::ALERT, &[1; 30]), "INVALID_ALERT_MESSAGE"),
    ] {
        for size in [1, 1_460] {
            let bytes = [junk.clone(), ClientHello::asking_for(NAME).record()].concat();
            let events = replay(&finish(Conversation::new().send_in_segments(Side::Client, &bytes, size)).packets);
            assert_eq!(sni(&events), NAME, "{what}, {size}");
            assert!(events.anomalies().contains(&anomaly), "{what}, {size}: {:?}", events.anomalies());
            assert_eq!(events.session()["portcullis"]["stage"], "dark", "{what}, {size}");
        }
    }
}

#[test]
fn application_data_without_end_before_the_hello_is_given_up_and_noted() {
    let records = tls::record(23, &[0x17; 4_000]).repeat(6);
    let events = replay(&tls12(&[records, ClientHello::asking_for(NAME).record()].concat()).packets);
    assert_eq!((sni(&events), events.anomalies()), (&Value::Null, vec!["RECORD_BEFORE_HELLO"]));
    assert_eq!(events.session()["portcullis"]["view"]["to_server"]["dark"], true);
}

#[test]
fn where_the_hello_is_missing_application_data_is_where_it_goes_dark() {
    let hello = ClientHello::asking_for(NAME).record();
    let conversation = Conversation::new().lost(Side::Client, hello.len()).server(&tls::server_hello_tls13(29));
    let events = replay(&conversation.server(&tls::record(23, &[1; 100])).client(&tls::record(23, &[1; 100])).packets);
    assert_eq!(events.anomalies(), [""; 0]);
    assert_eq!(events.session()["portcullis"]["view"]["to_server"]["dark"], true);
}

/// The hello that asks for one name, and its part with another name that is to be laid over it.
fn rewritten() -> (Vec<u8>, i64, &'static [u8]) {
    let hello = ClientHello::asking_for("good.example").record();
    let at = hello.windows(12).position(|w| w == b"good.example").unwrap();
    (hello, at as i64, b"evil.example")
}

#[test]
fn an_overlap_that_rewrites_the_name_is_read_by_the_policy_and_noted() {
    for (policy, expected) in [(OverlapPolicy::First, "good.example"), (OverlapPolicy::Last, "evil.example")] {
        let (hello, at, evil) = rewritten();
        // The first bytes come last, so that both copies of the name wait for them.
        let conversation = Conversation::new()
            .at(Side::Client, 10, &hello[10..])
            .at(Side::Client, at, evil)
            .at(Side::Client, 0, &hello[..10])
            .lost(Side::Client, hello.len());
        let mut portcullis = Portcullis::default();
        portcullis.config.overlap = policy;
        let events = portcullis.run(&finish(conversation).packets);
        assert_eq!(sni(&events), expected, "{policy:?}");
        assert_eq!(events.anomalies(), ["stream.reassembly_overlap_different_data"], "{policy:?}");
        let view = &events.session()["portcullis"]["view"]["to_server"];
        let differing = "good".bytes().zip("evil".bytes()).filter(|(a, b)| a != b).count();
        assert_eq!((&view["conflicting_bytes"], &view["whole"]), (&json!(differing), &json!(false)), "{policy:?}");
    }
}

#[test]
fn a_rewrite_of_what_was_read_already_changes_nothing_and_is_noted() {
    for policy in [OverlapPolicy::First, OverlapPolicy::Last] {
        let (hello, at, evil) = rewritten();
        let conversation = finish(Conversation::new().client(&hello).at(Side::Client, at, evil));
        let mut portcullis = Portcullis::default();
        portcullis.config.overlap = policy;
        let events = portcullis.run(&conversation.packets);
        assert_eq!(sni(&events), "good.example", "{policy:?}");
        assert_eq!(events.anomalies(), ["stream.reassembly_overlap_different_data"], "{policy:?}");
    }
}

#[test]
fn port_reuse_by_a_new_syn_gives_two_sessions() {
    let first = tls12(&ClientHello::asking_for("first.example").record());
    let again = Conversation::with_isns("10.0.0.1:40000", "192.0.2.1:443", 7_000_000, 8_000_000);
    let second = finish(again.client(&ClientHello::asking_for("second.example").record()));
    for (what, first) in [("closed", first.clone().close()), ("left open", first)] {
        let mut packets = [first.packets, second.packets.clone()].concat();
        Conversation::retime(&mut packets);
        let mut portcullis = Portcullis::default();
        portcullis.config.flow_events = true;
        let events = portcullis.run(&packets);
        assert_eq!(events.names(), ["first.example", "second.example"], "{what}");
        let ids: Vec<&Value> = events.sessions().iter().map(|s| &s["flow_id"]).collect();
        assert_ne!(ids[0], ids[1], "{what}");
        assert_eq!(events.of("flow")[0]["flow"]["reason"], "tcp_reuse", "{what}");
    }
}

/// The number of the packet at which the only session is told, if one caused it, and its stage.
fn told_at(packets: &[Packet]) -> (Option<u64>, String) {
    let events = replay(packets);
    let session = events.session();
    (session["pcap_cnt"].as_u64(), session["portcullis"]["stage"].as_str().unwrap().to_owned())
}

#[test]
fn a_session_is_told_where_it_ends_and_says_how_far_it_came() {
    let hello = Conversation::new().client(&ClientHello::asking_for(NAME).record()); // packet 4
    let flight = hello.clone().server(&tls::server_flight()); // packet 5
    let fatal = tls::record(tls::ALERT, &[2, 48]);
    let refused = hello.clone().server(&fatal);
    let rejected = flight.clone().acknowledge(Side::Client).client(&fatal);
    let closed = |packet| (Some(packet), "closed".to_owned());
    let unfinished = |stage: &str| (None, stage.to_owned());
    for (what, conversation, expected) in [
        ("both closed", hello.clone().close(), closed(7)),
        ("both closed, and said more", flight.clone().close(), closed(8)),
        ("both closed, and the last FIN refused", hello.clone().close().but(|p| p.flags = RST), closed(7)),
        ("closed by the client alone", hello.clone().flags_at(Side::Client, FIN | ACK, 177, b""), unfinished("client_hello")),
        ("an alert, then FINs", refused.clone().close(), closed(6)),
        ("an alert, then RST", refused.clone().acknowledge(Side::Client).flags_at(Side::Server, RST, 7, b""), closed(7)),
        ("an alert of the client, then RST", rejected.clone().flags_at(Side::Server, RST | ACK, 999, b""), closed(8)),
        (
            "an alert that nobody acknowledged",
            rejected.clone().flags_at(Side::Client, RST | ACK, 999, b""),
            (None, "closed".into()),
        ),
        ("an alert alone", refused.acknowledge(Side::Client), unfinished("client_hello")),
        ("a RST alone", flight.clone().flags_at(Side::Server, RST, 999, b""), (None, "closed".into())),
        ("nothing", Conversation::new().client(&[22, 3, 3]).client(&[1, 0, 1, 0, 0, 99, 3, 3]), unfinished("start")),
        ("the ClientHello", hello.clone(), unfinished("client_hello")),
        ("the ServerHello", hello.server(&tls::server_hello()), unfinished("server_hello")),
        ("the certificates", flight.clone(), unfinished("certificates")),
        ("one side dark", flight.client(&tls::finished()), unfinished("certificates")),
    ] {
        assert_eq!(told_at(&conversation.packets), expected, "{what}");
    }
}

#[test]
fn fins_that_the_other_side_does_not_acknowledge_end_nothing() {
    let hello = ClientHello::asking_for(NAME).record();
    let closes = interrupted(|c| c.flags_at(Side::Client, FIN | ACK, 20, b"").flags_at(Side::Server, FIN | ACK, 0, b""));
    let events = replay(&closes.packets);
    assert_eq!((events.names(), &events.session()["portcullis"]["stage"]), (vec![NAME], &json!("dark")));

    // Bytes before the FIN are still missing.
    let (start, rest) = hello.split_at(20);
    let gap = Conversation::new().client(start).lost(Side::Client, rest.len()).close();
    let late = gap.at(Side::Client, 20, rest);
    assert_eq!(replay(&late.packets).names(), [NAME]);
}

#[test]
fn a_session_that_a_verdict_stops_says_so_where_it_is_stopped() {
    let rules = "drop tls any any -> any any (tls.sni; content:\"www.shop.example\"; sid:1;)";
    let conversation = tls12(&ClientHello::asking_for(NAME).record());
    let events = Portcullis::default().rules(rules).run(&conversation.packets);
    let session = events.session();
    let more = &session["portcullis"];
    assert_eq!((&session["pcap_cnt"], &more["dropped"], &more["stage"]), (&json!(4), &json!(true), &json!("client_hello")));
    assert_eq!((&more["view"]["to_server"]["whole"], &more["view"]["to_client"]["seen"]), (&json!(true), &json!(false)));
    let kinds: Vec<&str> = events.0.iter().map(|e| e["event_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["alert", "drop", "tls"]);

    let by_certificate = "drop tls any any -> any any (tls.cert_subject; content:\"www.shop.example\"; sid:1;)";
    let events = Portcullis::default().rules(by_certificate).run(&conversation.packets);
    let more = &events.session()["portcullis"];
    assert_eq!((&more["dropped"], &more["stage"]), (&json!(true), &json!("certificates")));
    assert_eq!(replay(&conversation.packets).session()["portcullis"].get("dropped"), None);
}

/// Two sessions on the same ports, one right after the other. The second's packets with the indexes `lost` are missing.
fn reused(first: Conversation, lost: &[usize]) -> Vec<Packet> {
    let again = Conversation::with_isns("10.0.0.1:40000", "192.0.2.1:443", 900_000_000, 8_000_000);
    let second = finish(again.client(&ClientHello::asking_for("second.example").record()));
    let kept = second.packets.into_iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, p)| p);
    let mut packets: Vec<Packet> = first.packets.into_iter().chain(kept).collect();
    Conversation::retime(&mut packets);
    packets
}

#[test]
fn port_reuse_is_seen_whichever_packets_of_its_beginning_are_missing() {
    let hello = ClientHello::asking_for("first.example").record();
    let told = tls12(&hello);
    let untold = Conversation::new().client(&hello).server(&tls::server_hello());
    let silent = Conversation::new();
    for (what, first, names) in [
        ("told", told.clone(), &["first.example", "second.example"][..]),
        ("told and closed", told.close(), &["first.example", "second.example"]),
        ("not told", untold.clone(), &["first.example", "second.example"]),
        ("not told, and closed", untold.clone().close(), &["first.example", "second.example"]),
        ("not told, and reset", untold.flags_at(Side::Server, RST | ACK, 0, b""), &["first.example", "second.example"]),
        ("without a byte", silent, &["second.example"]),
    ] {
        for lost in [&[][..], &[0], &[1], &[2], &[0, 1], &[1, 2], &[0, 2], &[0, 1, 2]] {
            let mut portcullis = Portcullis::default();
            portcullis.config.flow_events = true;
            let events = portcullis.run(&reused(first.clone(), lost));
            assert_eq!(events.names(), names, "{what}, without {lost:?}");
            let second = events.sessions().pop().unwrap();
            assert_eq!(second["tls"]["subject"], format!("CN={NAME}"), "{what}, without {lost:?}");
            assert_eq!(second["portcullis"]["stage"], "dark", "{what}, without {lost:?}");
            assert_eq!(events.anomalies(), [""; 0], "{what}, without {lost:?}");
            assert_eq!(events.of("flow").len(), 2, "{what}, without {lost:?}");
            let counted: u64 = events.of("flow").iter().map(|f| f["flow"]["pkts_toserver"].as_u64().unwrap()).sum();
            let sent = reused(first.clone(), lost).iter().filter(|p| p.side == Side::Client).count();
            assert_eq!(counted, sent as u64, "{what}, without {lost:?}");
        }
    }
}

#[test]
fn port_reuse_of_which_one_side_is_seen_needs_no_syn() {
    let hello = ClientHello::asking_for("first.example").record();
    for lost in [&[][..], &[0], &[0, 2], &[1], &[0, 1, 2]] {
        for side in [Side::Client, Side::Server] {
            let mut packets = reused(tls12(&hello), lost);
            packets.retain(|p| p.side == side);
            let events = replay(&packets);
            assert_eq!(events.sessions().len(), 2, "{side:?}, without {lost:?}");
            if side == Side::Client {
                assert_eq!(events.names(), ["first.example", "second.example"], "without {lost:?}");
            }
        }
    }
}

#[test]
fn a_connection_that_the_server_is_not_seen_to_take_up_is_told_at_the_end() {
    let hello = ClientHello::asking_for("first.example").record();
    for first in [tls12(&hello), Conversation::new().client(&hello).server(&tls::server_hello())] {
        let mut packets = reused(first.clone(), &[1]);
        let of_first = first.packets.len();
        packets.truncate(of_first + 3); // SYN, ACK, ClientHello
        let mut events = replay(&packets).names().iter().map(ToString::to_string).collect::<Vec<_>>();
        events.sort();
        assert_eq!(events, ["first.example", "second.example"]);
        let alert = "alert tls any any -> any any (msg:\"found\"; tls.sni; content:\"second.example\"; sid:1;)";
        assert_eq!(Portcullis::default().rules(alert).run(&packets).alerts(), ["found"]);
    }
}

#[test]
fn numbers_of_another_connection_that_the_server_does_not_use_blind_nobody() {
    let (far, decoy) = (500_000_000, ClientHello::asking_for("decoy.example").record());
    let somewhere = |p: &mut Packet| p.ack = p.ack.wrapping_add(500_000_000);
    for (what, conversation) in [
        ("SYN with data", interrupted(|c| c.flags_at(Side::Client, SYN, far, &decoy))),
        ("SYN, then data", interrupted(|c| c.flags_at(Side::Client, SYN, far, b"").at(Side::Client, far + 1, &decoy))),
        ("data", interrupted(|c| c.at(Side::Client, far, &decoy).but(somewhere))),
        ("SYN-ACK", interrupted(|c| c.flags_at(Side::Server, SYN | ACK, far, b"").but(somewhere))),
        ("FIN", interrupted(|c| c.flags_at(Side::Client, FIN | ACK, far, b"").but(somewhere))),
        ("many", interrupted(|c| (0..500).fold(c, |c, n| c.at(Side::Client, far + n * 100, &decoy).but(somewhere)))),
        ("many SYNs", interrupted(|c| (0..500).fold(c, |c, n| c.flags_at(Side::Client, SYN, far + n * 100, &decoy)))),
    ] {
        let events = replay(&conversation.packets);
        let of_this: Vec<_> = events.sessions().into_iter().filter(|s| s["tls"]["sni"] == NAME).collect();
        assert_eq!(of_this.len(), 1, "{what}");
        assert_eq!(of_this[0]["portcullis"]["stage"], "dark", "{what}");
        assert_eq!(of_this[0]["tls"]["subject"], format!("CN={NAME}"), "{what}");
        assert!(events.sessions().len() <= 2, "{what}: {:?}", events.names());
    }
}

#[test]
fn a_loss_of_megabytes_on_one_side_begins_no_new_connection() {
    let download = tls12(&ClientHello::asking_for(NAME).record())
        .lost(Side::Server, 50_000_000)
        .server(&[0x17; 1_000])
        .acknowledge(Side::Client)
        .server(&[0x17; 1_000])
        .client(&[0x17; 100])
        .server(b"");
    let mut portcullis = Portcullis::default();
    portcullis.config.flow_events = true;
    let events = portcullis.run(&download.packets);
    assert_eq!((events.names(), events.of("flow").len()), (vec![NAME], 1));
}

/// A conversation into which somebody throws packets of his own after its hello is half said.
fn interrupted(by: impl Fn(Conversation) -> Conversation) -> Conversation {
    let hello = ClientHello::asking_for(NAME).record();
    let (start, rest) = hello.split_at(20);
    finish(by(Conversation::new().client(start)).client(rest))
}

#[test]
fn a_spoofed_syn_or_rst_neither_ends_nor_blinds_the_session() {
    let somewhere = 500_000;
    for (what, conversation) in [
        ("SYN", interrupted(|c| c.flags_at(Side::Client, SYN, somewhere, b""))),
        ("SYN of the server", interrupted(|c| c.flags_at(Side::Server, SYN, somewhere, b""))),
        ("SYN with data", interrupted(|c| c.flags_at(Side::Client, SYN, somewhere, b"junk"))),
        (
            "SYN, and what would follow it",
            interrupted(|c| c.flags_at(Side::Client, SYN, somewhere, b"").at(Side::Client, somewhere + 1, b"")),
        ),
        ("SYN with data of this connection", interrupted(|c| c.flags_at(Side::Client, SYN, 19, b"junk"))),
        ("SYN-ACK", interrupted(|c| c.flags_at(Side::Server, SYN | ACK, somewhere, b""))),
        ("ACK far off", interrupted(|c| c.flags_at(Side::Client, SYN, somewhere, b"").flags_at(Side::Server, ACK, somewhere, b""))),
        ("RST far off", interrupted(|c| c.flags_at(Side::Client, RST, somewhere, b""))),
        ("RST of the server", interrupted(|c| c.flags_at(Side::Server, RST | ACK, 0, b""))),
        ("RST with data", interrupted(|c| c.flags_at(Side::Client, RST | ACK, somewhere, b"go away"))),
        (
            "RST, then SYN",
            interrupted(|c| c.flags_at(Side::Client, RST, somewhere, b"").flags_at(Side::Client, SYN, somewhere, b"")),
        ),
    ] {
        let events = replay(&conversation.packets);
        assert_eq!(events.names(), [NAME], "{what}");
        let session = events.session();
        assert_eq!(session["portcullis"]["stage"], "dark", "{what}");
        assert_eq!(session["tls"]["subject"], format!("CN={NAME}"), "{what}");
    }
}

#[test]
fn of_two_syns_the_one_that_the_server_answers_counts() {
    for offset in [100, 500_000, 2_000_000_000] {
        let (client, server) = ("10.0.0.1:40000", "192.0.2.1:443");
        let opened = Conversation::unopened(client, server, 100, 200)
            .flags_at(Side::Client, SYN, -1, b"")
            .flags_at(Side::Client, SYN, offset, b"")
            .flags_at(Side::Server, SYN | ACK, -1, b"")
            .client(&ClientHello::asking_for(NAME).record());
        let events = replay(&finish(opened).packets);
        assert_eq!(events.names(), [NAME], "{offset}");
        assert_eq!(events.session()["portcullis"]["stage"], "dark", "{offset}");
    }
}

#[test]
fn data_on_the_syn_is_read() {
    let hello = ClientHello::asking_for(NAME).record();
    let (start, rest) = hello.split_at(20);
    let opened = Conversation::unopened("10.0.0.1:40000", "192.0.2.1:443", 100, 200)
        .flags_at(Side::Client, SYN, -1, start)
        .lost(Side::Client, start.len())
        .flags_at(Side::Server, SYN | ACK, -1, b"")
        .client(rest);
    let events = replay(&finish(opened).packets);
    assert_eq!(sni(&events), NAME);
    assert_eq!(events.session()["portcullis"]["view"]["to_server"]["whole"], true);
}

/// A SYN with `data`, of which the server takes the first `taken` bytes, and the client says `rest` from there.
fn fast_open(data: &[u8], taken: usize, rest: &[u8]) -> Conversation {
    Conversation::unopened("10.0.0.1:40000", "192.0.2.1:443", 100, 200)
        .flags_at(Side::Client, SYN, -1, data)
        .lost(Side::Client, taken)
        .flags_at(Side::Server, SYN | ACK, -1, b"")
        .client(rest)
}

#[test]
fn of_data_on_the_syn_that_is_read_which_the_server_acknowledges() {
    let (hello, decoy) = (ClientHello::asking_for(NAME).record(), ClientHello::asking_for("decoy.example").record());
    for (what, opened) in [
        ("none", fast_open(&decoy, 0, &hello)),
        ("none of junk", fast_open(b"junk", 0, &hello)),
        ("a part", fast_open(&[&hello[..30], &decoy[..30]].concat(), 30, &hello[30..])),
        ("all", fast_open(&hello, hello.len(), b"")),
    ] {
        for (sides, packets) in
            [("both", finish(opened.clone()).packets), ("client", finish(opened.clone()).only(Side::Client).packets)]
        {
            if sides == "client" && what == "a part" {
                continue; // nothing tells how much it was
            }
            let events = replay(&packets);
            assert_eq!(events.names(), [NAME], "{what}, {sides}");
            assert_eq!(events.anomalies(), [""; 0], "{what}, {sides}");
            assert_eq!(events.session()["portcullis"]["view"]["to_server"]["whole"], true, "{what}, {sides}");
        }
    }
}

#[test]
fn of_port_reuse_only_the_servers_side_is_seen() {
    let session = |client_isn, server_isn| {
        let opened = Conversation::with_isns("10.0.0.1:40000", "192.0.2.1:443", client_isn, server_isn);
        finish(opened.client(&ClientHello::asking_for(NAME).record())).only(Side::Server).packets
    };
    let mut packets = [session(100, 200), session(7_000_000, 8_000_000)].concat();
    Conversation::retime(&mut packets);
    let events = replay(&packets);
    let subjects: Vec<&Value> = events.sessions().iter().map(|s| &s["tls"]["subject"]).collect();
    assert_eq!(subjects, [&json!(format!("CN={NAME}")); 2]);
}

#[test]
fn on_a_reused_port_data_on_the_syn_is_read() {
    let (hello, first) = (ClientHello::asking_for(NAME).record(), ClientHello::asking_for("first.example").record());
    let again = Conversation::unopened("10.0.0.1:40000", "192.0.2.1:443", 9_000_000, 8_000_000)
        .flags_at(Side::Client, SYN, -1, &hello)
        .lost(Side::Client, hello.len())
        .flags_at(Side::Server, SYN | ACK, -1, b"")
        .flags_at(Side::Client, ACK, 0, b"");
    let opened = Conversation::new().client(&first).server(&tls::server_hello());
    let mut packets = [opened.packets, finish(again).packets].concat();
    Conversation::retime(&mut packets);
    let events = replay(&packets);
    assert_eq!(events.names(), ["first.example", NAME]);
    assert_eq!(events.sessions()[1]["portcullis"]["view"]["to_server"]["whole"], true);
}

#[test]
fn a_cut_segment_ahead_of_a_late_one_loses_only_what_was_cut() {
    let hello = ClientHello::asking_for(NAME).alpn("h2").extension(0x1234, &[0; 600]).record();
    let plain = Conversation::new().send_in_segments(Side::Client, &hello, 400);
    let mut packets = plain.server(&tls::server_flight()).packets;
    packets[4].kept = Some(54 + 100);
    packets.swap(3, 4);
    Conversation::retime(&mut packets);
    let events = replay(&packets);
    assert_eq!(sni(&events), NAME);
    assert_eq!(events.session()["tls"]["client_alpns"], json!(["h2"]));
    let view = &events.session()["portcullis"]["view"]["to_server"];
    assert!(view["gap_bytes"].as_u64().unwrap() <= 300, "{view}");
}

#[test]
fn a_cut_segment_far_out_of_the_window_moves_nothing() {
    let mut conversation = Conversation::new().at(Side::Client, 0x2000_0000, &[0; 400]);
    conversation.packets.last_mut().unwrap().kept = Some(54 + 100);
    let events = replay(&finish(conversation.client(&ClientHello::asking_for(NAME).record())).packets);
    assert_eq!(sni(&events), NAME);
    assert_eq!(events.session()["portcullis"]["view"]["to_server"]["whole"], true);
}

#[test]
fn an_alert_in_the_clear_behind_a_change_cipher_spec_is_read() {
    let hello = ClientHello::asking_for(NAME).tls13(&[0x0017], 65);
    let events = replay(
        &Conversation::new()
            .client(&hello.record())
            .server(&tls::record(HANDSHAKE, &tls::hello_retry_request(0x0018)))
            .server(&tls::record(tls::CHANGE_CIPHER_SPEC, &[1]))
            .server(&tls::record(tls::ALERT, &[2, 40]))
            .packets,
    );
    let alerts = &events.session()["portcullis"]["alerts"];
    assert_eq!((&alerts[0]["from"], &alerts[0]["description"]), (&json!("server"), &json!("handshake_failure")));
    assert_eq!(events.session()["portcullis"]["view"]["to_client"]["dark"], false);
}

#[test]
fn an_empty_or_short_record_behind_a_change_cipher_spec_hides_nothing() {
    let hello = ClientHello::asking_for(NAME).tls13(&[0x0017], 65);
    let second = ClientHello::asking_for("other.example").tls13(&[0x0018], 97).message();
    for records in [[tls::record(HANDSHAKE, b""), tls::record(HANDSHAKE, &second)].concat(), tls::records(&second, 3)] {
        let events = replay(
            &Conversation::new()
                .client(&hello.record())
                .server(&tls::record(HANDSHAKE, &tls::hello_retry_request(0x0018)))
                .client(&tls::record(tls::CHANGE_CIPHER_SPEC, &[1]))
                .client(&records)
                .packets,
        );
        assert_eq!(events.session()["portcullis"]["second_client_hello"]["sni"], "other.example");
        assert_eq!(events.session()["portcullis"]["view"]["to_server"]["dark"], false);
    }
}

#[test]
fn a_record_version_that_does_not_exist_hides_no_hello() {
    for (version, anomalies) in [([3, 5], &[][..]), ([3, 0xff], &[]), ([4, 3], &["INVALID_RECORD_VERSION"])] {
        let mut hello = ClientHello::asking_for(NAME).record();
        hello[1..3].copy_from_slice(&version);
        for size in [1, 3, 1_460] {
            let conversation = finish(Conversation::new().send_in_segments(Side::Client, &hello, size));
            let events = replay(&conversation.packets);
            assert_eq!(sni(&events), NAME, "{version:?}");
            assert_eq!(events.anomalies(), anomalies, "{version:?} in segments of {size}");
        }
    }
}

#[test]
fn payload_that_no_receiver_takes_is_no_decoy() {
    let (hello, decoy) = (ClientHello::asking_for(NAME).record(), ClientHello::asking_for("decoy.example").record());
    for (what, flags) in [("without ACK", 0), ("with RST", RST | ACK)] {
        let conversation = Conversation::new().flags_at(Side::Client, flags, 0, &decoy).client(&hello);
        let events = replay(&finish(conversation).packets);
        assert_eq!(sni(&events), NAME, "{what}");
        assert_eq!(events.anomalies(), [""; 0], "{what}");
    }
}

/// An option of 12 bytes with time stamp `value` (RFC 7323 §3.2).
fn time_stamp(value: u32) -> Vec<u8> {
    [&[1, 1, 8, 10][..], &value.to_be_bytes(), &[0; 4]].concat()
}

/// Gives all packets time stamps that grow by one with each.
fn with_time_stamps(mut packets: Vec<Packet>) -> Vec<Packet> {
    for (value, packet) in (1_000..).zip(&mut packets) {
        if packet.options.is_empty() {
            packet.options = time_stamp(value);
        }
    }
    packets
}

/// Packets of a client that says something which its server drops, since `change` made it so, before what it really says. The decoy
/// asks for another name of the same length.
fn behind_a_decoy(change: impl Fn(&mut Packet)) -> Vec<(&'static str, Vec<Packet>)> {
    let (hello, at, _) = rewritten();
    let (decoy, name) = (ClientHello::asking_for("evil.example").record(), at as usize);
    let whole = Conversation::new().at(Side::Client, 0, &decoy).but(&change).client(&hello);
    let name_alone = Conversation::new().at(Side::Client, at, b"evil.example").but(&change).client(&hello);
    let rest = Conversation::new().client(&hello[..name]).at(Side::Client, at, &decoy[name..]).but(&change).client(&hello[name..]);
    let longer = Conversation::new()
        .at(Side::Client, 0, &decoy)
        .but(&change)
        .send_in_segments(Side::Client, &hello[..name + 4], 7)
        .send_in_segments(Side::Client, &hello[name + 4..], 7);
    [("whole", whole), ("name", name_alone), ("rest", rest), ("segments", longer)]
        .map(|(what, conversation)| (what, finish(conversation).packets))
        .into()
}

#[test]
fn a_segment_that_acknowledges_what_was_never_sent_is_no_decoy() {
    // The server's first byte has sequence number 3,000,000,001.
    for ack in [3_000_000_002, 3_000_001_000, 3_000_000_000, 2_999_990_000, 0, 1 << 30, 2 << 30] {
        for (what, packets) in behind_a_decoy(|decoy| decoy.ack = ack) {
            for policy in [OverlapPolicy::First, OverlapPolicy::Last] {
                let mut portcullis = Portcullis::default();
                portcullis.config.overlap = policy;
                let events = portcullis.run(&packets);
                assert_eq!(sni(&events), "good.example", "{ack}, {what}, {policy:?}");
                assert_eq!(events.anomalies(), ["stream.reassembly_overlap_different_data"], "{ack}, {what}, {policy:?}");
                assert_eq!(events.session()["portcullis"]["stage"], "dark", "{ack}, {what}, {policy:?}");
            }
        }
    }
}

#[test]
fn a_segment_with_an_older_time_stamp_is_no_decoy() {
    for (what, packets) in behind_a_decoy(|decoy| decoy.options = time_stamp(999)) {
        let events = replay(&with_time_stamps(packets.clone()));
        assert_eq!(sni(&events), "good.example", "{what}");
        assert_eq!(events.anomalies(), ["stream.reassembly_overlap_different_data"], "{what}");
        // Where the server sends none, they say nothing.
        let mut packets = with_time_stamps(packets);
        packets.iter_mut().filter(|p| p.side == Side::Server).for_each(|p| p.options.clear());
        assert_eq!(replay(&packets).anomalies(), ["stream.reassembly_overlap_different_data"], "{what}");
    }
}

#[test]
fn a_segment_that_is_signed_where_no_other_is_is_no_decoy() {
    for option in [[19, 18], [29, 18]] {
        let option = [&option[..], &[7; 16], &[1, 1]].concat();
        for (what, packets) in behind_a_decoy(|decoy| decoy.options.clone_from(&option)) {
            let events = replay(&packets);
            assert_eq!(sni(&events), "good.example", "{what}");
            assert_eq!(events.anomalies(), ["stream.reassembly_overlap_different_data"], "{what}");
            // Between two who both sign it is nothing special.
            let signed: Vec<Packet> = packets.into_iter().map(|p| Packet { options: option.clone(), ..p }).collect();
            assert_ne!(sni(&replay(&signed)), "good.example", "{what}");
        }
    }
}

/// What a server drops: each a change to a segment of the client.
fn spoil(kind: u8, number: u32, packet: &mut Packet) {
    match kind {
        0 => packet.ack = packet.ack.wrapping_add(1 + number % 0x7fff_0000),
        1 => packet.ack = packet.ack.wrapping_sub(1 + number % 0x7fff_0000),
        2 => packet.options = time_stamp(999 - number % 999),
        3 => packet.options = [&[19, 18][..], &[7; 16], &[1, 1]].concat(),
        4 => packet.flags = 0,
        5 => packet.flags = RST | ACK,
        _ => packet.flags = SYN,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// However many segments that the server drops come between those that it takes, what it takes is what is told.
    #[test]
    fn what_the_server_drops_hides_nothing(
        pieces in prop::collection::vec(1_usize..60, 1..12),
        decoys in prop::collection::vec((0_usize..12, 0_u8..7, any::<u32>(), 0_i64..300, 1_usize..200), 0..12),
    ) {
        let hello = ClientHello::asking_for(NAME).record();
        let mut conversation = Conversation::new();
        let (mut rest, mut pieces) = (&hello[..], pieces.iter());
        for turn in 0.. {
            for &(_, kind, number, offset, length) in decoys.iter().filter(|decoy| decoy.0 == turn) {
                conversation = conversation.at(Side::Client, offset, &vec![number as u8; length]).but(|p| spoil(kind, number, p));
            }
            if rest.is_empty() {
                break;
            }
            let (piece, more) = rest.split_at(pieces.next().map_or(rest.len(), |n| (*n).min(rest.len())));
            conversation = conversation.client(piece);
            rest = more;
        }
        let events = replay(&with_time_stamps(finish(conversation).packets));
        prop_assert_eq!(events.names(), [NAME]);
        let session = events.session();
        prop_assert_eq!(session["portcullis"]["stage"].as_str(), Some("dark"));
        prop_assert_eq!(&session["tls"]["subject"], &json!(format!("CN={NAME}")));
    }
}

#[test]
fn where_nothing_comes_in_its_place_a_doubtful_segment_is_read() {
    let hello = ClientHello::asking_for(NAME).record();
    let doubtful = |ack: u32| Conversation::new().client(&hello).but(|p| p.ack = ack);
    for ack in [3_000_000_100, 100] {
        for (what, conversation) in [("acknowledged", finish(doubtful(ack))), ("cut off", doubtful(ack))] {
            let events = replay(&conversation.packets);
            assert_eq!(sni(&events), NAME, "{ack}, {what}");
            assert_eq!(events.anomalies(), [""; 0], "{ack}, {what}");
        }
    }
}

#[test]
fn lost_and_misplaced_packets_of_the_other_side_put_nothing_in_doubt() {
    let packets = with_time_stamps(Conversation::new().flights(&MUTUAL_TLS12, 400).packets);
    let expected = replay(&packets).session()["tls"].clone();
    let mut clients_first = packets.clone();
    clients_first.sort_by_key(|p| p.side == Side::Server);
    let mut servers_first = packets.clone();
    servers_first.sort_by_key(|p| p.side == Side::Client);
    let mut late = packets.clone();
    late.rotate_left(1);
    for (what, packets) in [("client first", clients_first), ("server first", servers_first), ("late SYN", late)] {
        let events = replay(&packets);
        assert_eq!(events.session()["tls"], expected, "{what}");
        assert_eq!((events.session()["portcullis"]["stage"].as_str(), events.anomalies().len()), (Some("dark"), 0), "{what}");
    }
    for lost in 0..packets.len() {
        let (mut packets, side) = (packets.clone(), packets[lost].side);
        packets.remove(lost);
        let events = replay(&packets);
        let client = |tls: &Value| (tls["sni"].clone(), tls["client"].clone(), tls["ja4"].clone());
        if side == Side::Server {
            assert_eq!(client(&events.session()["tls"]), client(&expected), "without packet {lost}");
            assert_eq!(events.session()["portcullis"]["view"]["to_server"]["dark"], true, "without packet {lost}");
        } else {
            assert_eq!(events.session()["tls"]["subject"], expected["subject"], "without packet {lost}");
        }
        assert_eq!(events.anomalies(), [""; 0], "without packet {lost}");
    }
}

/// A receiver takes an urgent byte out of what it reads: so an additional one within the hello neither hides the name nor changes it.
#[test]
fn urgent_bytes_in_a_handshake_are_left_out_and_noted() {
    let hello = ClientHello::asking_for(NAME).record();
    for at in [0, 1, 4, 60, hello.len() / 2, hello.len()] {
        let mut sent = hello.clone();
        sent.insert(at, b'!');
        for size in [1, 50, sent.len()] {
            let mut conversation = Conversation::new().send_in_segments(Side::Client, &sent, size);
            let mut begin = 0;
            for packet in conversation.packets.iter_mut().filter(|packet| packet.is_data_of(Side::Client)) {
                if (begin..begin + packet.payload.len()).contains(&at) {
                    packet.flags |= URG;
                    packet.urgent = u16::try_from(at - begin + 1).unwrap(); // it points behind the byte
                }
                begin += packet.payload.len();
            }
            let events = replay(&finish(conversation).packets);
            assert_eq!((sni(&events), events.anomalies()), (&json!(NAME), vec!["URGENT_DATA"]), "at {at}, segments of {size}");
        }
    }
}

#[test]
fn keep_alives_are_no_conflict() {
    let hello = ClientHello::asking_for(NAME).record();
    let last = hello.len() as i64 - 1;
    let conversation = Conversation::new().client(&hello).at(Side::Client, last, b"\0").at(Side::Client, last, b"");
    let events = replay(&finish(conversation).packets);
    assert_eq!(sni(&events), NAME);
    assert_eq!(events.anomalies(), [""; 0]);
    assert_eq!(events.session()["portcullis"]["view"]["to_server"]["whole"], true);
}

#[test]
fn one_side_alone_is_still_a_session() {
    let whole = Conversation::new().flights(&MUTUAL_TLS12, 1_460).close();
    let events = replay(&whole.clone().only(Side::Client).packets);
    let session = events.session();
    assert_eq!((&session["tls"]["sni"], &session["tls"]["version"]), (&json!(NAME), &json!("UNDETERMINED")));
    assert_eq!(session["tls"]["client"]["subject"], "CN=laptop-7.bank.example");
    assert_eq!(session["portcullis"]["view"]["to_client"]["seen"], false);
    assert_eq!((&session["src_ip"], &session["dest_port"]), (&json!("10.0.0.1"), &json!(443)));

    let events = replay(&whole.only(Side::Server).packets);
    let session = events.session();
    assert_eq!((&session["tls"]["subject"], &session["tls"]["version"]), (&json!(format!("CN={NAME}")), &json!("TLS 1.2")));
    assert_eq!(session["portcullis"]["view"]["to_server"]["seen"], false);
    assert_eq!((&session["src_ip"], &session["dest_port"]), (&json!("10.0.0.1"), &json!(443)));
}

#[test]
fn a_capture_that_starts_in_the_middle() {
    let mut conversation = Conversation::new().flights(&MUTUAL_TLS12, 1_460);
    conversation.packets.drain(..3); // no SYN
    let events = replay(&conversation.packets);
    let session = events.session();
    assert_eq!(session["tls"]["sni"], NAME);
    assert_eq!(session["portcullis"]["view"]["to_server"]["midstream"], true);

    let first_of_server = conversation.packets.iter().position(|p| p.is_data_of(Side::Server)).unwrap();
    conversation.packets.drain(..first_of_server);
    let events = replay(&conversation.packets);
    let session = events.session();
    assert_eq!((&session["tls"]["sni"], &session["tls"]["subject"]), (&Value::Null, &json!(format!("CN={NAME}"))));
    assert_eq!((&session["src_ip"], &session["dest_port"]), (&json!("10.0.0.1"), &json!(443)));
}

#[test]
fn a_byte_before_the_start_of_a_flow_joined_in_the_middle_repeats_nothing() {
    let hello = ClientHello::asking_for(NAME).record();
    let joined = Conversation::unopened("10.0.0.1:40000", "192.0.2.1:443", 100, 200)
        .client(&[hello, tls::record(tls::ALERT, &[1, 0])].concat())
        .at(Side::Client, -1, b"\0")
        .server(&tls::server_flight());
    let session = replay(&joined.packets).session().clone();
    assert_eq!((&session["tls"]["sni"], &session["tls"]["version"]), (&json!(NAME), &json!("TLS 1.2")));
    assert_eq!(session["portcullis"]["second_client_hello"], Value::Null);
    assert_eq!(session["portcullis"]["alerts"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_byte_before_the_start_of_either_side_at_any_time_changes_nothing_that_is_told() {
    let first = ClientHello::asking_for(NAME).ciphers(&[0x1301]).tls13(&[29, 24], 32);
    let second = ClientHello::asking_for(NAME).ciphers(&[0x1301]).tls13(&[24], 97);
    let unopened = || Conversation::unopened("10.0.0.1:40000", "192.0.2.1:443", 100, 200);
    let retried = unopened()
        .client(&first.record())
        .server(&tls::hello_retry_request(24))
        .client(&second.record())
        .server(&tls::server_hello_tls13(24))
        .server(&tls::record(23, &[1; 100]))
        .client(&tls::record(23, &[1; 100]));
    let hello = ClientHello::asking_for(NAME).record();
    let plain = finish(unopened().send_in_segments(Side::Client, &hello, 30));
    let lossy = finish(unopened().client(&hello).server(&tls::server_hello()).lost(Side::Client, 20));
    for (what, conversation) in [("plain", plain), ("retried", retried), ("lossy", lossy)] {
        let told = |packets: &[Packet]| {
            let mut session = replay(packets).session().clone();
            // One packet more takes a millisecond more.
            session["portcullis"]["second_client_hello"].as_object_mut().map(|second| second.remove("delay_us"));
            let more = &session["portcullis"];
            let kept =
                ["second_client_hello", "renegotiations", "alerts", "anomalies", "stage", "server_names"].map(|k| more[k].clone());
            (session["tls"].clone(), kept)
        };
        let expected = told(&conversation.packets);
        for side in [Side::Client, Side::Server] {
            for byte in [0, 1, 22] {
                for at in 0..conversation.packets.len() {
                    let mut packets = conversation.packets.clone();
                    let start = packets.iter().find(|p| p.side == side).unwrap().clone();
                    packets.insert(at, Packet { seq: start.seq.wrapping_sub(1), payload: vec![byte], ..start });
                    Conversation::retime(&mut packets);
                    assert_eq!(told(&packets), expected, "{what}, {side:?}, {byte} at {at}");
                }
            }
        }
    }
}

#[test]
fn who_sent_a_certificate_is_told_without_a_hello() {
    for (side, next) in [(Side::Client, tls::message(16, &[0; 64])), (Side::Server, tls::message(14, b""))] {
        for port in ["443", "8443"] {
            let messages = [tls::certificate(&tls::CHAIN), next.clone()].map(|m| tls::record(HANDSHAKE, &m));
            let joined = Conversation::unopened("10.0.0.1:40000", &format!("192.0.2.1:{port}"), 100, 200);
            let mut portcullis = Portcullis::default();
            portcullis.decoder.ports = PortSet::any();
            let events = portcullis.run(&joined.send(side, &messages.concat()).packets);
            let session = events.session();
            let of_client = &session["tls"]["client"]["subject"];
            let (sent, unsent) = match side {
                Side::Client => (of_client, &session["tls"]["subject"]),
                Side::Server => (&session["tls"]["subject"], of_client),
            };
            assert_eq!((sent, unsent), (&json!(format!("CN={NAME}")), &Value::Null), "{side:?} at {port}");
            assert_eq!((&session["src_ip"], &session["dest_ip"]), (&json!("10.0.0.1"), &json!("192.0.2.1")), "{side:?} at {port}");
        }
    }
}

#[test]
fn behind_a_lost_first_segment_records_are_found_again() {
    let (hello, certificate) =
        (tls::record(HANDSHAKE, &tls::message(2, &[3; 90])), tls::record(HANDSHAKE, &tls::certificate(&tls::CHAIN)));
    let done = tls::record(HANDSHAKE, &tls::message(14, b""));
    for (what, lost, seen) in [
        ("a record begins the segment", hello.len(), [certificate.clone(), done.clone()].concat()),
        ("a record begins later", hello.len() - 20, [hello[hello.len() - 20..].to_vec(), certificate.clone(), done].concat()),
    ] {
        let conversation = Conversation::new().client(&ClientHello::asking_for(NAME).record()).lost(Side::Server, lost);
        let events = replay(&conversation.server(&seen).server(&tls::finished()).packets);
        let session = events.session();
        assert_eq!(session["tls"]["subject"], format!("CN={NAME}"), "{what}");
        assert_eq!(session["portcullis"]["view"]["to_client"]["dark"], true, "{what}");
    }
}

/// TLS 1.2 in segments of 400 bytes, of which the server's `lost` are changed or taken away by `damage`.
fn with_damaged_certificate(damage: impl Fn(&mut Vec<Packet>, usize)) -> Events {
    let mut packets = Conversation::new().flights(&MUTUAL_TLS12, 400).close().packets;
    let second = packets.iter().enumerate().filter(|(_, p)| p.is_data_of(Side::Server)).nth(1).unwrap().0;
    damage(&mut packets, second);
    replay(&packets)
}

#[test]
fn a_lost_segment_in_the_certificate_message_is_noted_and_the_rest_is_told() {
    let events = with_damaged_certificate(|packets, second| drop(packets.remove(second)));
    let session = events.session();
    assert_eq!((&session["tls"]["sni"], &session["tls"]["version"]), (&json!(NAME), &json!("TLS 1.2")));
    assert_eq!(session["tls"]["client"]["subject"], "CN=laptop-7.bank.example");
    let view = &session["portcullis"]["view"]["to_client"];
    assert_eq!((&view["gaps"], &view["gap_bytes"], &view["whole"]), (&json!(1), &json!(400), &json!(false)));
    assert_eq!(view["truncated_messages"], 1);
}

#[test]
fn packets_cut_by_the_capture_are_noted() {
    let headers = 14 + 20 + 20;
    let events = with_damaged_certificate(|packets, second| packets[second].kept = Some(headers + 100));
    let session = events.session();
    assert_eq!((&session["tls"]["sni"], &session["portcullis"]["stage"]), (&json!(NAME), &json!("dark")));
    let view = &session["portcullis"]["view"]["to_client"];
    assert_eq!((&view["gap_bytes"], &view["whole"]), (&json!(300), &json!(false)));
}

#[test]
fn a_snap_length_of_160_bytes_still_shows_a_session() {
    let mut packets = Conversation::new().flights(&MUTUAL_TLS12, 1_460).packets;
    for packet in &mut packets {
        packet.kept = Some(packet.frame().len().min(160));
    }
    let events = replay(&packets);
    let session = events.session();
    assert_eq!(session["tls"]["version"], "TLS 1.2");
    assert_eq!(session["portcullis"]["view"]["to_server"]["whole"], false);
}

#[test]
fn a_heartbeat_that_claims_more_than_it_carries_is_noted() {
    let heartbleed = tls::record(HEARTBEAT, &[1, 0x40, 0]); // a request for 16 KiB that carries nothing
    let honest = tls::record(HEARTBEAT, &[&[1, 0, 4][..], b"ping", &[0; 16]].concat());
    for (record, expected) in
        [(&heartbleed, &["HEARTBEAT_MESSAGE", "OVERFLOW_HEARTBEAT_MESSAGE"][..]), (&honest, &["HEARTBEAT_MESSAGE"][..])]
    {
        let hello = Conversation::new().client(&ClientHello::asking_for(NAME).record());
        let conversation = finish(hello.server(&tls::server_hello()).client(record));
        let events = replay(&conversation.packets);
        assert_eq!(events.anomalies(), expected);
        assert_eq!(sni(&events), NAME);
    }
}

#[test]
fn a_client_hello_in_the_form_of_sslv2() {
    // Length 46; ClientHello; version 3.1; 7 cipher specs, no session id, 16 bytes of challenge (RFC 5246 appendix E.2).
    let specs = [0x00_002f_u32, 0x00_0005, 0x00_000a, 0x01_0080, 0x07_00c0, 0x00_0035, 0x00_00ff];
    let specs: Vec<u8> = specs.iter().flat_map(|s| s.to_be_bytes()[1..].to_vec()).collect();
    let body = [&[1, 3, 1, 0, 21, 0, 0, 0, 16][..], &specs, &[9; 16]].concat();
    let hello = [&[0x80, body.len() as u8][..], &body].concat();
    let events = replay(&tls12(&hello).packets);
    let session = events.session();
    assert_eq!(session["portcullis"]["sslv2_format"], true);
    assert_eq!(session["tls"]["client_handshake"]["version"], "TLSv1");
    assert_eq!(session["tls"]["subject"], format!("CN={NAME}"));
}

#[test]
fn on_a_dropped_flow_only_a_bare_syn_passes_and_a_new_connection_is_judged_anew() {
    let rules = "drop tls any any -> any any (tls.sni; content:\"bad.example\"; sid:1;)";
    let bad = ClientHello::asking_for("bad.example").record();
    let first = tls12(&bad);
    let with_data = first.clone().flags_at(Side::Client, SYN, 500_000, &bad);
    let again = Conversation::with_isns("10.0.0.1:40000", "192.0.2.1:443", 7_000_000, 8_000_000);
    let second = finish(again.client(&ClientHello::asking_for("good.example").record()));
    let dropped = first.packets.len() as u64 - 3; // all but TCP's handshake
    for (what, first, dropped) in [("a bare SYN", first, dropped), ("a SYN with data before", with_data, dropped + 1)] {
        let mut packets = [first.packets, second.packets.clone()].concat();
        Conversation::retime(&mut packets);
        let (events, counters) = Portcullis::default().rules(rules).run_and_count(&packets);
        assert_eq!(events.names(), ["bad.example", "good.example"], "{what}");
        assert_eq!((events.alerts().len(), counters.dropped), (1, dropped), "{what}");
    }
}

#[test]
fn rules_match_whatever_the_hello_is_hidden_in() {
    let rule = format!(r#"alert tls any any -> any any (msg:"found"; tls.sni; content:"{NAME}"; bsize:{}; sid:1;)"#, NAME.len());
    let hello = ClientHello::asking_for(NAME);
    let tiny = tls::records(&hello.message(), 1);
    for (what, conversation) in [
        ("plain", tls12(&hello.record())),
        ("records of a byte", tls12(&tiny)),
        ("in segments of a byte", finish(Conversation::new().send_in_segments(Side::Client, &tiny, 1))),
        ("behind junk", tls12(&[b"junk", &hello.record()[..]].concat())),
        ("cut off", Conversation::new().client(&hello.record())),
    ] {
        let events = Portcullis::default().rules(&rule).run(&conversation.packets);
        assert_eq!(events.alerts(), ["found"], "{what}");
    }
}

#[test]
fn other_ports_are_watched_where_they_are_asked_for() {
    let conversation =
        finish(Conversation::between("10.0.0.1:40000", "192.0.2.1:8443").client(&ClientHello::asking_for(NAME).record()));
    assert!(replay(&conversation.packets).sessions().is_empty());
    for ports in ["8443", "443,8000-9000", "any"] {
        let mut portcullis = Portcullis::default();
        portcullis.decoder.ports = ports.parse().unwrap();
        let events = portcullis.run(&conversation.packets);
        assert_eq!(sni(&events), NAME, "{ports}");
        assert_eq!(events.session()["dest_port"], 8443, "{ports}");
    }
}
