use super::*;

pub(super) fn cases() -> Vec<Case> {
    let group = |group: u16| {
        let mut session = modern();
        session.server_hello.as_mut().unwrap().key_share_group = Some(group);
        session
    };
    let second = |change: fn(&mut ClientHello)| {
        let mut session = modern();
        let mut second = hello();
        second.key_share_groups = vec![0x0018];
        change(&mut second);
        session.second_client_hello = Some(Box::new(second));
        session
    };
    let extended = |typ: u16| answering(|hello| hello.extensions.push(Extension { typ, len: 0 }));
    let plain_offer = |version: u16| {
        let mut session = speaking(version);
        let hello = session.client_hello.as_mut().unwrap();
        (hello.supported_versions, hello.legacy_version) = (vec![], 0x0302);
        session
    };
    let random = |bytes: [u8; 32]| asking(|hello| hello.random = bytes);
    vec![
        case("protocol.choice.cipher", odd(Anomaly::UnofferedChoice), sound()),
        case("protocol.choice.version", speaking(0x0302), sound()),
        case("protocol.choice.version", plain_offer(0x0303), plain_offer(0x0301)),
        case("protocol.choice.group", group(0x0018), group(0x0017)),
        case("protocol.choice.compression", answering(|hello| hello.compression_method = 1), sound()),
        case(
            "protocol.choice.alpn",
            answering(|h| h.alpn = Some(b"spdy/3".to_vec())),
            answering(|h| h.alpn = Some(b"h2".to_vec())),
        ),
        case("protocol.choice.extension", extended(35), extended(16)),
        case(
            "protocol.choice.extension",
            with(|s| s.client_hello.as_mut().unwrap().extensions.retain(|e| e.typ != 0xff01)),
            with(|s| {
                let hello = s.client_hello.as_mut().unwrap();
                hello.extensions.retain(|e| e.typ != 0xff01);
                hello.cipher_suites.push(0x00ff);
            }),
        ),
        case("protocol.hello.malformed", odd(Anomaly::MalformedExtension), odd(Anomaly::DuplicateExtension)),
        case("protocol.hello.duplicate", odd(Anomaly::DuplicateExtension), odd(Anomaly::MultipleSni)),
        case("protocol.hello.second", second(|hello| hello.server_names = [b"other.example"].into()), second(|_| {})),
        case("protocol.hello.no-compression", asking(|hello| hello.compression_methods = vec![]), sound()),
        case(
            "protocol.hello.no-grease",
            asking(|hello| {
                hello.cipher_suites.retain(|suite| *suite != 0x1a1a);
                hello.extensions.retain(|extension| extension.typ != 0x2a2a);
            }),
            asking(|hello| hello.cipher_suites.retain(|suite| *suite != 0x1a1a)),
        ),
        case("protocol.message.malformed", odd(Anomaly::InvalidHandshakeMessage), odd(Anomaly::HandshakeInvalidLength)),
        case("protocol.message.length", odd(Anomaly::HandshakeInvalidLength), odd(Anomaly::InvalidHandshakeMessage)),
        case("protocol.record.before-hello", odd(Anomaly::RecordBeforeHello), odd(Anomaly::JunkBeforeTls)),
        case("protocol.record.type", odd(Anomaly::InvalidRecordType), odd(Anomaly::InvalidRecordVersion)),
        case("protocol.record.version", odd(Anomaly::InvalidRecordVersion), odd(Anomaly::InvalidRecordLength)),
        case("protocol.record.length", odd(Anomaly::InvalidRecordLength), odd(Anomaly::InvalidRecordType)),
        case(
            "protocol.random.constant",
            random(std::array::from_fn(|i| if i < 4 { i as u8 } else { 7 })),
            random([1; 32].map(|_| 1)).vary(),
        ),
        case("protocol.random.server-constant", answering(|hello| hello.random = [0; 32]), sound()),
        case("protocol.random.echo", answering(|answer| answer.random = hello().random), sound()),
    ]
}

impl Session {
    /// With one byte of the client's random changed.
    fn vary(mut self) -> Self {
        self.client_hello.as_mut().unwrap().random[20] ^= 1;
        self
    }
}
