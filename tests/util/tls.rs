//! TLS bytes: real handshakes between a rustls client and server in memory, and messages laid by hand.

use std::io::Write;
use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ED25519};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig, ServerConnection};

use super::Side;

/// What each side sends before it waits for the other.
pub type Flights = Vec<(Side, Vec<u8>)>;

/// TLS 1.2 with a chain of two certificates on both sides: everything that can be seen in the clear.
pub static MUTUAL_TLS12: LazyLock<Flights> = LazyLock::new(|| handshake(&TLS12));

/// The same in TLS 1.3: dark after the ServerHello.
pub static MUTUAL_TLS13: LazyLock<Flights> = LazyLock::new(|| handshake(&TLS13));

/// The name that the client of these asks for.
pub const NAME: &str = "www.shop.example";

fn handshake(version: &'static rustls::SupportedProtocolVersion) -> Flights {
    let pki = Pki::new();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(pki.roots.clone());
    let (chain, key) = pki.issue("laptop-7.bank.example");
    let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(Arc::clone(&roots))
        .with_client_auth_cert(chain, key)
        .unwrap();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (chain, key) = pki.issue(NAME);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build().unwrap();
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec()];

    let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from(NAME).unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let mut flights = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        carry(Side::Client, &mut client, &mut server, &mut flights);
        carry(Side::Server, &mut server, &mut client, &mut flights);
    }
    client.writer().write_all(b"GET / HTTP/1.1\r\nHost: www.shop.example\r\n\r\n").unwrap();
    carry(Side::Client, &mut client, &mut server, &mut flights);
    server.writer().write_all(&[b'x'; 3_000]).unwrap();
    carry(Side::Server, &mut server, &mut client, &mut flights);
    flights
}

fn carry<A, B>(side: Side, from: &mut ConnectionCommon<A>, to: &mut ConnectionCommon<B>, flights: &mut Flights) {
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut bytes).unwrap();
    }
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        to.read_tls(&mut rest).unwrap();
        to.process_new_packets().unwrap();
    }
    if !bytes.is_empty() {
        flights.push((side, bytes));
    }
}

/// A root, and an issuing authority below it. The keys are Ed25519, so that messages have the same length in each run.
struct Pki {
    roots: RootCertStore,
    authority: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let (key, mut params) = (key(), subject("Example Root"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let mut roots = RootCertStore::empty();
        roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
        let root = Issuer::new(params, key);
        let (key, mut params) = (self::key(), subject("Example Issuing CA"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.signed_by(&key, &root).unwrap().der().clone();
        Self { roots, authority, issuer: Issuer::new(params, key) }
    }

    /// A chain of two certificates for `name`, and the key of the first.
    fn issue(&self, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = key();
        let mut params = subject(name);
        params.subject_alt_names = vec![rcgen::SanType::DnsName(name.try_into().unwrap())];
        let leaf = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        (vec![leaf, self.authority.clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).unwrap()
}

fn subject(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Certificates in DER, leaf first, for hand-built Certificate messages.
pub static CHAIN: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| Pki::new().issue(NAME).0.iter().map(|certificate| certificate.to_vec()).collect());

/// The handshake records in the clear cut anew: the length of each is the next of `sizes`, which are repeated as often as needed.
///
/// Messages are joined over the records' old boundaries, so that a new record may hold the end of one and the start of the next.
pub fn recut(flights: &[(Side, Vec<u8>)], sizes: &[usize]) -> Flights {
    let mut sizes = sizes.iter().copied().cycle();
    let mut dark = [false; 2];
    let recut_one = |(side, bytes): &(Side, Vec<u8>)| {
        let dark = &mut dark[*side as usize];
        let (mut out, mut handshake) = (Vec::new(), Vec::new());
        for (typ, fragment) in split_records(bytes) {
            if typ == HANDSHAKE && !*dark {
                handshake.extend_from_slice(fragment);
                continue;
            }
            cut_into(&mut out, &handshake, &mut sizes);
            handshake.clear();
            *dark = true;
            out.extend(record(typ, fragment));
        }
        cut_into(&mut out, &handshake, &mut sizes);
        (*side, out)
    };
    flights.iter().map(recut_one).collect()
}

fn cut_into(out: &mut Vec<u8>, mut handshake: &[u8], sizes: &mut impl Iterator<Item = usize>) {
    while !handshake.is_empty() {
        let (fragment, rest) = handshake.split_at(sizes.next().unwrap().clamp(1, handshake.len().min(16_384)));
        out.extend(record(HANDSHAKE, fragment));
        handshake = rest;
    }
}

fn split_records(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut records = Vec::new();
    while let [typ, _, _, high, low, rest @ ..] = bytes {
        let (fragment, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        records.push((*typ, fragment));
        bytes = rest;
    }
    records
}

/// A ClientHello in the making.
#[derive(Clone)]
pub struct ClientHello {
    random: [u8; 32],
    ciphers: Vec<u16>,
    extensions: Vec<u8>,
}

impl ClientHello {
    /// One that offers TLS 1.2 and two cipher suites, and no extensions.
    pub fn new() -> Self {
        Self { random: [9; 32], ciphers: vec![0xc02f, 0xc030], extensions: Vec::new() }
    }

    /// One that asks for `name`, and offers h2 behind it.
    pub fn asking_for(name: &str) -> Self {
        Self::new().server_name(name).alpn("h2")
    }

    pub fn ciphers(mut self, ciphers: &[u16]) -> Self {
        self.ciphers = ciphers.to_vec();
        self
    }

    pub fn extension(mut self, typ: u16, body: &[u8]) -> Self {
        self.extensions.extend(typ.to_be_bytes());
        self.extensions.extend(vec16(body));
        self
    }

    pub fn server_name(self, name: &str) -> Self {
        self.server_name_of_type(0, name.as_bytes())
    }

    pub fn server_name_of_type(self, typ: u8, name: &[u8]) -> Self {
        self.extension(0, &vec16(&[&[typ][..], &vec16(name)].concat()))
    }

    pub fn alpn(self, protocol: &str) -> Self {
        let name = [&[u8::try_from(protocol.len()).unwrap()][..], protocol.as_bytes()].concat();
        self.extension(16, &vec16(&name))
    }

    /// supported_versions with TLS 1.3, supported_groups with `groups`, and a key share of `share_length` bytes for the first.
    pub fn tls13(self, groups: &[u16], share_length: usize) -> Self {
        let list: Vec<u8> = groups.iter().flat_map(|g| g.to_be_bytes()).collect();
        let share = [&groups[0].to_be_bytes()[..], &vec16(&vec![7; share_length])].concat();
        self.extension(43, &[2, 3, 4]).extension(10, &vec16(&list)).extension(51, &vec16(&share))
    }

    /// The message with its header.
    pub fn message(&self) -> Vec<u8> {
        let ciphers: Vec<u8> = self.ciphers.iter().flat_map(|c| c.to_be_bytes()).collect();
        let body = [&[3, 3][..], &self.random, &[0], &vec16(&ciphers), &[1, 0], &vec16(&self.extensions)].concat();
        message(1, &body)
    }

    /// The message in one record, or in as many as it needs.
    pub fn record(&self) -> Vec<u8> {
        records(&self.message(), 16_384)
    }
}

/// A ServerHello of TLS 1.2, in a record.
pub fn server_hello() -> Vec<u8> {
    record(HANDSHAKE, &server_hello_message([8; 32], 0xc02f, &[]))
}

/// A ServerHello of TLS 1.2 that agrees to heartbeats (RFC 6520 §2), in a record.
pub fn server_hello_with_heartbeats() -> Vec<u8> {
    record(HANDSHAKE, &server_hello_message([8; 32], 0xc02f, &extension(15, &[1])))
}

/// A ServerHello of TLS 1.3 with a key share of `group`, in a record.
pub fn server_hello_tls13(group: u16) -> Vec<u8> {
    let share = [&group.to_be_bytes()[..], &vec16(&[7; 32])].concat();
    let extensions = [extension(43, &[3, 4]), extension(51, &share)].concat();
    record(HANDSHAKE, &server_hello_message([8; 32], 0x1301, &extensions))
}

/// A HelloRetryRequest for a share of `group`, in a record (RFC 8446 §4.1.4).
pub fn hello_retry_request(group: u16) -> Vec<u8> {
    let extensions = [extension(43, &[3, 4]), extension(51, &group.to_be_bytes())].concat();
    record(HANDSHAKE, &server_hello_message(RETRY_RANDOM, 0x1301, &extensions))
}

fn server_hello_message(random: [u8; 32], cipher: u16, extensions: &[u8]) -> Vec<u8> {
    message(2, &[&[3, 3][..], &random, &[0], &cipher.to_be_bytes(), &[0], &vec16(extensions)].concat())
}

/// A Certificate message of TLS 1.2 (RFC 5246 §7.4.2).
pub fn certificate(chain: &[Vec<u8>]) -> Vec<u8> {
    let list: Vec<u8> = chain.iter().flat_map(|der| [&u24(der.len())[..], der].concat()).collect();
    message(11, &[&u24(list.len())[..], &list].concat())
}

/// What a server of TLS 1.2 says: ServerHello, Certificate with [`CHAIN`], ServerHelloDone, each in a record.
pub fn server_flight() -> Vec<u8> {
    [server_hello(), record(HANDSHAKE, &certificate(&CHAIN)), record(HANDSHAKE, &message(14, b""))].concat()
}

/// ChangeCipherSpec and an encrypted Finished: here it goes dark.
pub fn finished() -> Vec<u8> {
    [record(20, &[1]), record(HANDSHAKE, &[0x5a; 40])].concat()
}

/// A handshake message.
pub fn message(typ: u8, body: &[u8]) -> Vec<u8> {
    [&[typ][..], &u24(body.len()), body].concat()
}

/// A record of TLS 1.2.
pub fn record(typ: u8, fragment: &[u8]) -> Vec<u8> {
    [&[typ, 3, 3][..], &vec16(fragment)].concat()
}

/// Handshake bytes in records of at most `size` bytes.
pub fn records(handshake: &[u8], size: usize) -> Vec<u8> {
    handshake.chunks(size).flat_map(|fragment| record(HANDSHAKE, fragment)).collect()
}

fn extension(typ: u16, body: &[u8]) -> Vec<u8> {
    [&typ.to_be_bytes()[..], &vec16(body)].concat()
}

fn vec16(body: &[u8]) -> Vec<u8> {
    [&u16::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
}

fn u24(n: usize) -> [u8; 3] {
    let [_, a, b, c] = u32::try_from(n).unwrap().to_be_bytes();
    [a, b, c]
}

pub const CHANGE_CIPHER_SPEC: u8 = 20;
pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const HEARTBEAT: u8 = 24;

/// SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a,
    0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];
