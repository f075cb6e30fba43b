//! Real handshakes, between a client and a server of rustls in memory.

use std::io::Write;
use std::sync::Arc;

use portcullis::flow::Direction;
use portcullis::protocol::tls::{Conversation, Session};
use portcullis::protocol::x509::CertificateCache;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig, ServerConnection};
use rustls::{SupportedProtocolVersion, crypto::ring};

/// What each side sends before it waits for the other. The client sends from A to B.
pub type Flights = Vec<(Direction, Vec<u8>)>;

/// The name that the client asks for.
pub const NAME: &str = "www.shop.example";

/// The longest handshake message that is read.
const LONGEST_MESSAGE: usize = 512 << 10;

/// A handshake of `version`, and one record of application data from each side.
pub fn handshake(version: &'static SupportedProtocolVersion) -> Flights {
    let (root, chain, key) = certificates();
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let provider = Arc::new(ring::default_provider());
    let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();

    let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from(NAME).unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let mut flights = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        carry(Direction::AToB, &mut client, &mut server, &mut flights);
        carry(Direction::BToA, &mut server, &mut client, &mut flights);
    }
    client.writer().write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    carry(Direction::AToB, &mut client, &mut server, &mut flights);
    server.writer().write_all(&[b'x'; 1_000]).unwrap();
    carry(Direction::BToA, &mut server, &mut client, &mut flights);
    flights
}

fn carry<A, B>(from: Direction, sender: &mut ConnectionCommon<A>, receiver: &mut ConnectionCommon<B>, flights: &mut Flights) {
    let mut bytes = Vec::new();
    while sender.wants_write() {
        sender.write_tls(&mut bytes).unwrap();
    }
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        receiver.read_tls(&mut rest).unwrap();
        receiver.process_new_packets().unwrap();
    }
    if !bytes.is_empty() {
        flights.push((from, bytes));
    }
}

/// What a conversation of `flights` comes to.
pub fn session(flights: &Flights) -> Session {
    let mut certificates = CertificateCache::default();
    converse(flights, &mut certificates).session(Direction::AToB).clone()
}

/// Reads `flights`.
pub fn converse(flights: &Flights, certificates: &mut CertificateCache) -> Conversation {
    let mut conversation = Conversation::new(Direction::AToB, LONGEST_MESSAGE);
    for (direction, bytes) in flights {
        if !conversation.is_over(*direction) {
            conversation.data(*direction, bytes, certificates);
        }
    }
    conversation
}

/// A root, a chain of two certificates below it, and the key of the chain's leaf.
fn certificates() -> (CertificateDer<'static>, Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let (root_key, root) = (key(), authority("Example Root"));
    let root_der = root.self_signed(&root_key).unwrap().der().clone();
    let root = Issuer::new(root, root_key);
    let (issuing_key, issuing) = (key(), authority("Example Issuing CA"));
    let issuing_der = issuing.signed_by(&issuing_key, &root).unwrap().der().clone();
    let issuing = Issuer::new(issuing, issuing_key);
    let leaf_key = key();
    let mut leaf = CertificateParams::new(vec![NAME.to_owned(), "shop.example".to_owned()]).unwrap();
    leaf.distinguished_name.push(DnType::CommonName, NAME);
    let leaf_der = leaf.signed_by(&leaf_key, &issuing).unwrap().der().clone();
    (root_der, vec![leaf_der, issuing_der], PrivateKeyDer::Pkcs8(leaf_key.serialize_der().into()))
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}
