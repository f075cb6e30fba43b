use super::*;
use crate::protocol::opening::Spoken;
use crate::protocol::tls::build::{ClientHelloBuilder, certificate, message, record, records, server_hello};

const CLIENT: Direction = Direction::AToB;
const SERVER: Direction = Direction::BToA;

/// Feeds `bytes` in pieces of `size`, as a stream would.
fn feed(conversation: &mut Conversation, direction: Direction, bytes: &[u8], size: usize) {
    let mut cache = CertificateCache::default();
    let mut read = 0;
    let mut end = 0;
    while end < bytes.len() {
        end = (end + size).min(bytes.len());
        read += conversation.data(direction, &bytes[read..end], &mut cache);
    }
}

fn hello() -> ClientHelloBuilder {
    ClientHelloBuilder::default().server_name(b"www.portcullis.example")
}

fn name(conversation: &mut Conversation) -> Option<String> {
    let hello = conversation.session(CLIENT).client_hello.as_ref()?;
    hello.server_name().map(|n| String::from_utf8(n.to_vec()).unwrap())
}

#[test]
fn messages_are_the_same_however_they_are_cut() {
    let chain: [&[u8]; 2] = [&[0x30, 1, 0], &[0x30, 2, 0, 0]];
    let from_server = [server_hello(0xc02f, &[]), certificate(&chain), message(14, &[])].concat();
    for record_size in [1, 2, 3, 4, 5, 100, 16_384] {
        for piece in [1, 7, 10_000] {
            let mut c = Conversation::new(Direction::AToB, 1 << 16);
            feed(&mut c, CLIENT, &records(&hello().message(), record_size), piece);
            assert_eq!(c.stage(), Stage::ClientHello, "records of {record_size}, pieces of {piece}");
            feed(&mut c, SERVER, &records(&from_server, record_size), piece);
            assert_eq!(name(&mut c).as_deref(), Some("www.portcullis.example"));
            assert_eq!(c.session(CLIENT).server_certificates.len(), 2);
            assert_eq!(c.stage(), Stage::Certificates);
        }
    }
}

#[test]
fn junk_before_the_hello_is_passed_over_and_noted() {
    let mut c = Conversation::new(Direction::AToB, 1 << 16);
    let bytes = [b"\x16\x03junk\x16\x16".to_vec(), records(&hello().message(), 16_384)].concat();
    feed(&mut c, CLIENT, &bytes, 5);
    assert_eq!(name(&mut c).as_deref(), Some("www.portcullis.example"));
    assert!(c.began_otherwise());
    assert_eq!(c.session(CLIENT).anomalies, [Anomaly::JunkBeforeTls]);
    assert_eq!(c.session(CLIENT).client_view.skipped_bytes, 8);
}

#[test]
fn after_a_retry_the_first_hello_stands_and_the_second_is_kept() {
    let mut c = Conversation::new(Direction::AToB, 1 << 16);
    let second = ClientHelloBuilder::default().server_name(b"other.example").message();
    let retry =
        [&[3, 3][..], &crate::protocol::tls::server_hello::HELLO_RETRY_REQUEST_RANDOM, b"\x00\x13\x01\x00\x00\x00"].concat();
    feed(&mut c, CLIENT, &records(&hello().message(), 16_384), 10_000);
    feed(&mut c, SERVER, &[records(&message(2, &retry), 16_384), record(20, &[1])].concat(), 10_000);
    feed(&mut c, CLIENT, &[record(20, &[1]), records(&second, 16_384)].concat(), 10_000);
    feed(&mut c, SERVER, &records(&server_hello(0x1301, &[0, 43, 0, 2, 3, 4]), 16_384), 10_000);
    let session = c.session(CLIENT);
    assert!(session.hello_retry_request.is_some() && session.server_hello.is_some());
    assert_eq!(session.second_client_hello.as_ref().unwrap().server_name(), Some(&b"other.example"[..]));
    assert_eq!(name(&mut c).as_deref(), Some("www.portcullis.example"));
}

#[test]
fn each_side_goes_dark_where_encryption_begins() {
    let finished = [record(20, &[1]), record(22, &[0x5a; 40])].concat();
    let mut c = Conversation::new(Direction::AToB, 1 << 16);
    feed(&mut c, CLIENT, &records(&hello().message(), 16_384), 10_000);
    feed(&mut c, SERVER, &[records(&server_hello(0xc02f, &[]), 16_384), finished.clone()].concat(), 10_000);
    assert!(c.is_over(SERVER) && !c.is_finished());
    feed(&mut c, CLIENT, &finished, 10_000);
    assert!(c.is_finished());
    assert_eq!(c.stage(), Stage::Dark);
}

#[test]
fn a_lost_part_of_a_message_costs_that_message_only() {
    let mut cache = CertificateCache::default();
    let mut c = Conversation::new(Direction::AToB, 1 << 16);
    let bytes = records(&[certificate(&[&[0x30, 1, 0], &[0x30; 500]]), server_hello(0xc02f, &[])].concat(), 16_384);
    let (before, after) = (&bytes[..50], &bytes[250..]);
    let read = c.data(SERVER, before, &mut cache);
    c.gap(SERVER, &before[read..], 200, &mut cache);
    c.data(SERVER, after, &mut cache);
    let session = c.session(CLIENT);
    assert_eq!(session.server_certificates.len(), 1);
    assert!(session.server_chain_truncated && session.server_hello.is_some());
    assert_eq!((session.server_view.gaps, session.server_view.gap_bytes, session.server_view.truncated_messages), (1, 200, 1));
}

#[test]
fn alerts_and_heartbeats_in_the_clear_are_noted() {
    let mut c = Conversation::new(Direction::AToB, 1 << 16);
    feed(&mut c, CLIENT, &records(&hello().message(), 16_384), 10_000);
    feed(&mut c, CLIENT, &record(24, &[1, 0x40, 0]), 10_000);
    feed(&mut c, SERVER, &record(21, &[2, 40]), 10_000);
    let session = c.session(CLIENT);
    assert_eq!(session.alerts, [Alert { from_client: false, level: 2, description: 40 }]);
    assert_eq!(session.anomalies, [Anomaly::HeartbeatMessage, Anomaly::OverflowHeartbeat]);
}

#[test]
fn a_message_longer_than_the_limit_is_passed_over() {
    let mut c = Conversation::new(Direction::AToB, 1_000);
    let bytes = records(&[message(11, &[0; 5_000]), server_hello(0xc02f, &[])].concat(), 16_384);
    feed(&mut c, SERVER, &bytes, 700);
    assert!(c.session(CLIENT).server_hello.is_some());
    assert_eq!(c.session(CLIENT).anomalies, [Anomaly::HandshakeInvalidLength]);
}

/// A heartbeat: type, the length that it claims, and a record that is this long (RFC 6520 §4).
fn heartbeat(typ: u8, claimed: u16, length: usize) -> Vec<u8> {
    let mut body = [&[typ], &claimed.to_be_bytes()[..], &[7; 512]].concat();
    body.truncate(length);
    record(24, &body)
}

#[test]
fn heartbeats_that_break_rfc_6520_are_told_apart() {
    use Anomaly::{HeartbeatLeak, InvalidHeartbeat, OverflowHeartbeat};
    for (request, response, expected) in [
        ((1, 16, 35), Some((2, 16, 35)), &[][..]),
        ((1, 16, 34), None, &[InvalidHeartbeat]),
        ((1, 16, 18), None, &[OverflowHeartbeat]),
        ((1, 0x4000, 3), Some((2, 493, 512)), &[OverflowHeartbeat, HeartbeatLeak]),
        ((1, 0, 2), None, &[InvalidHeartbeat]),
        ((3, 16, 35), None, &[InvalidHeartbeat]),
        // A response that nobody asked for leaks nothing that we know of.
        ((2, 16, 35), None, &[]),
    ] {
        let mut c = Conversation::new(Direction::AToB, 1 << 16);
        feed(&mut c, CLIENT, &records(&hello().message(), 16_384), 10_000);
        feed(&mut c, CLIENT, &heartbeat(request.0, request.1, request.2), 1);
        if let Some((typ, claimed, length)) = response {
            feed(&mut c, SERVER, &heartbeat(typ, claimed, length), 10_000);
        }
        let (first, rest) = c.session(CLIENT).anomalies.split_first().unwrap();
        assert_eq!((*first, rest), (Anomaly::HeartbeatMessage, expected), "{request:?} {response:?}");
    }
}

#[test]
fn anomalies_are_told_of_who_sent_them() {
    let mut c = Conversation::new(Direction::AToB, 1 << 16);
    feed(&mut c, CLIENT, &records(&hello().message(), 16_384), 10_000);
    feed(&mut c, SERVER, &record(21, &[9, 40]), 10_000);
    let session = c.session(CLIENT);
    assert!(session.server_view.anomalies.contains(Anomaly::InvalidAlert));
    assert!(!session.client_view.anomalies.contains(Anomaly::InvalidAlert));
}

#[test]
fn a_list_of_certificates_whose_lengths_lie_is_no_handshake_message() {
    let mut c = Conversation::new(Direction::AToB, 1 << 16);
    let list = [0, 0, 9, 0, 0, 2, 0x30, 0]; // nine bytes of list are five
    feed(&mut c, SERVER, &records(&message(11, &list), 16_384), 10_000);
    let expected = [Anomaly::CertificateInvalidLength, Anomaly::InvalidHandshakeMessage];
    assert!(expected.iter().all(|a| c.session(CLIENT).anomalies.contains(a)));
}

/// Of what turns out to be TLS nothing is taken for what came before it, however the bytes are cut; nor is what is passed over behind it.
#[test]
fn an_opening_ends_where_tls_begins() {
    let hello = record(22, &hello().message());
    for behind in [&[][..], &[0xff; 40], &[0xff; 400]] {
        let bytes = [b"hello there\r\n".as_slice(), &hello, behind].concat();
        for size in [1, 2, 3, 5, 8, bytes.len()] {
            let mut c = Conversation::new(Direction::AToB, 1 << 14);
            feed(&mut c, CLIENT, &bytes, size);
            let session = c.session(CLIENT);
            assert!(session.is_tls && session.client_hello.is_some());
            let spoken = session.openings.as_ref().unwrap().client.spoken();
            assert_eq!(spoken, Some(Spoken::Text), "{} bytes behind, in pieces of {size}", behind.len());
        }
    }
}

#[test]
fn of_a_list_that_is_all_lengths_only_so_many_certificates_are_kept() {
    let mut c = Conversation::new(Direction::AToB, 1 << 20);
    let hello = records(&[server_hello(0xc02f, &[]), certificate(&vec![&b"\0"[..]; 100_000])].concat(), 16_384);
    feed(&mut c, SERVER, &hello, 1 << 20);
    let session = c.session(CLIENT);
    assert_eq!((session.server_certificates.len(), session.server_chain_truncated), (256, true));
    assert!(session.anomalies.contains(&Anomaly::InvalidHandshakeMessage));
}

/// Both sides dark, where the hellos have these extensions.
fn dark(client: &[u16], server: &[u16]) -> Conversation {
    let mut c = Conversation::new(Direction::AToB, 1 << 16);
    let extensions =
        |types: &[u16]| types.iter().flat_map(|typ| [&typ.to_be_bytes()[..], &[0, 1, 1]].concat()).collect::<Vec<u8>>();
    let hello = client.iter().fold(hello(), |hello, typ| hello.extension(*typ, &[1]));
    let finished = [record(20, &[1]), record(22, &[0x5a; 40])].concat();
    feed(&mut c, CLIENT, &records(&hello.message(), 16_384), 10_000);
    feed(&mut c, SERVER, &records(&server_hello(0xc02f, &extensions(server)), 16_384), 10_000);
    feed(&mut c, CLIENT, &finished, 7);
    feed(&mut c, SERVER, &finished, 7);
    assert_eq!(c.stage(), Stage::Dark);
    c
}

fn leaks(c: &mut Conversation) -> bool {
    assert!(c.session(CLIENT).anomalies.iter().all(|anomaly| *anomaly == Anomaly::HeartbeatLeak));
    !c.session(CLIENT).anomalies.is_empty()
}

#[test]
fn encrypted_heartbeats_that_give_too_much_are_told_by_their_size() {
    let (data, request) = (record(23, &[7; 900]), record(24, &[7; 51]));
    let answer = |length: usize| record(24, &vec![7; length]);
    for (client, server, expected) in [
        (&request, answer(252), true),
        (&request, answer(16_384), true),
        (&request, answer(251), false),
        (&request, answer(51), false),
        (&data, answer(16_384), false),
        (&request, data.clone(), false),
        (&request, [data.clone(), answer(16_384)].concat(), true),
    ] {
        for size in [1, 100_000] {
            let mut c = dark(&[15], &[15]);
            feed(&mut c, CLIENT, &[&data[..], client, &data].concat(), size);
            feed(&mut c, SERVER, &server, size);
            assert_eq!(leaks(&mut c), expected, "{} {} {size}", client.len(), server.len());
            assert!(!c.is_finished());
        }
    }
}

#[test]
fn a_heartbeat_with_which_a_side_goes_dark_counts() {
    let mut c = Conversation::new(Direction::AToB, 1 << 16);
    feed(&mut c, CLIENT, &records(&hello().extension(15, &[1]).message(), 16_384), 10_000);
    feed(&mut c, SERVER, &records(&server_hello(0xc02f, &[0, 15, 0, 1, 1]), 16_384), 10_000);
    for (direction, length) in [(CLIENT, 51), (SERVER, 500)] {
        feed(&mut c, direction, &[record(20, &[1]), record(24, &vec![7; length])].concat(), 9);
    }
    assert!(leaks(&mut c));
}

#[test]
fn where_heartbeats_were_not_agreed_on_nothing_is_read_in_the_dark() {
    for (client, server) in [(&[][..], &[][..]), (&[15], &[]), (&[], &[15]), (&[14], &[15])] {
        let mut c = dark(client, server);
        assert!(c.is_finished(), "{client:?} {server:?}");
        feed(&mut c, CLIENT, &record(24, &[7; 51]), 1_000);
        feed(&mut c, SERVER, &record(24, &[7; 1_000]), 1_000);
        assert!(!leaks(&mut c), "{client:?} {server:?}");
    }
}

#[test]
fn the_watch_ends_with_its_bound_with_lost_bytes_and_with_what_are_no_records() {
    let mut c = dark(&[15], &[15]);
    feed(&mut c, SERVER, &record(23, &[7; 16_000]).repeat(4), 1_460);
    assert!(!c.is_finished());
    feed(&mut c, SERVER, &record(23, &[7; 16_000]), 1_460);
    assert!(c.is_finished() && !c.session(CLIENT).server_view.degraded);

    let mut c = dark(&[15], &[15]);
    c.gap(SERVER, &[], 100, &mut CertificateCache::default());
    assert!(c.is_finished());
    let view = c.session(CLIENT).server_view;
    assert_eq!((view.gaps, view.gap_bytes), (0, 0), "none of the handshake");

    let mut c = dark(&[15], &[15]);
    feed(&mut c, CLIENT, b"GET / HTTP/1.1\r\n\r\n", 100);
    assert!(c.is_finished() && !leaks(&mut c));
}
/// A message tells that who was taken for the server is the client: how far the session has come does not rest on the wrong guess, however
/// the bytes are cut.
#[test]
fn a_wrong_guess_of_who_is_the_client_leaves_no_stage_behind() {
    let bytes = records(&[certificate(&[&[0x30, 1, 0]]), hello().message()].concat(), 16_384);
    for size in [1, 7, bytes.len()] {
        let mut c = Conversation::new(CLIENT, 1 << 16);
        feed(&mut c, SERVER, &bytes, size);
        assert_eq!((c.client(), c.stage()), (Some(SERVER), Stage::ClientHello), "in pieces of {size}");
        assert_eq!(c.session(CLIENT).client_certificates.len(), 1);
    }
}

/// What is there of a message whose end is missing counts at once.
#[test]
fn certificates_whose_end_is_missing_are_a_stage() {
    let chain: [&[u8]; 2] = [&[0x30, 1, 0], &[0x30, 2, 0, 0]];
    let bytes = records(&[server_hello(0xc02f, &[]), certificate(&chain)].concat(), 16_384);
    let (bytes, rest) = bytes.split_at(bytes.len() - 2);
    let mut c = Conversation::new(CLIENT, 1 << 16);
    let mut cache = CertificateCache::default();
    let read = c.data(SERVER, bytes, &mut cache);
    assert_eq!((c.stage(), rest.len()), (Stage::ServerHello, 2));
    c.end(SERVER, &bytes[read..], &mut cache);
    assert_eq!((c.stage(), c.session(CLIENT).server_certificates.len()), (Stage::Certificates, 1));
}
