//! A TLS 1.3 client and server that make what OpenSSL 3.0 cannot: X25519MLKEM768 key shares and GREASE ECH.
//!
//!     rustls-pair server ADDR:PORT CHAIN.pem KEY.pem          serves one connection
//!     rustls-pair client ADDR:PORT NAME CA.pem [--ech-grease]

use std::{
    env,
    error::Error,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, Stream,
    client::{EchGreaseConfig, EchMode},
    crypto::aws_lc_rs::{default_provider, hpke},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server", address, chain, key] => serve(address, chain, key),
        ["client", address, name, ca] => connect(address, name, ca, false),
        ["client", address, name, ca, "--ech-grease"] => connect(address, name, ca, true),
        _ => Err("usage: rustls-pair server ADDR CHAIN KEY | client ADDR NAME CA [--ech-grease]".into()),
    }
}

fn serve(address: &str, chain: &str, key: &str) -> Result<(), Box<dyn Error>> {
    let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (mut socket, _) = TcpListener::bind(address)?.accept()?;
    let mut connection = ServerConnection::new(Arc::new(config))?;
    let mut stream = Stream::new(&mut connection, &mut socket);
    let mut request = [0; 1024];
    let _ = stream.read(&mut request)?;
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(())
}

fn connect(address: &str, name: &str, ca: &str, ech_grease: bool) -> Result<(), Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = if ech_grease {
        let suite = hpke::ALL_SUPPORTED_SUITES[0];
        let (public_key, _) = suite.generate_key_pair()?;
        builder.with_ech(EchMode::Grease(EchGreaseConfig::new(suite, public_key)))?
    } else {
        builder.with_safe_default_protocol_versions()?
    };
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut connection = ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned())?)?;
    let mut socket = TcpStream::connect(address)?;
    let mut stream = Stream::new(&mut connection, &mut socket);
    write!(stream, "GET / HTTP/1.1\r\nHost: {name}\r\n\r\n")?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    Ok(())
}
