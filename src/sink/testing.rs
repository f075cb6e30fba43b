//! Receivers for tests: certificates for them, and the server's side of TLS.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// One who issues certificates, with their files in a directory.
pub(super) struct Authority {
    dir: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// One whose own certificate is `ca.pem`.
    pub fn in_dir(dir: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(dir.join("ca.pem"), issuer.pem()).unwrap();
        Self { dir: dir.to_owned(), issuer }
    }

    /// Its own certificate.
    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// The files that [`issue`](Self::issue) has written for `name`.
    pub fn files(&self, name: &str) -> (PathBuf, PathBuf) {
        (self.dir.join(format!("{name}.pem")), self.dir.join(format!("{name}.key")))
    }

    /// Files with a certificate for `name`, and its key.
    pub fn issue(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let (pem, private) = self.files(name);
        fs::write(&pem, certificate.pem()).unwrap();
        fs::write(&private, key.serialize_pem()).unwrap();
        (pem, private)
    }

    /// A server with the name `name`, that asks for certificates where it is `strict`.
    pub fn server(&self, name: &str, strict: bool) -> Arc<ServerConfig> {
        let (pem, key) = self.issue(name);
        let chain = vec![CertificateDer::from_pem_file(pem).unwrap()];
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
        let builder = if strict {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            builder
                .with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }
}

/// The server's side of the next connection.
pub(super) fn accept(listener: &TcpListener, config: Arc<ServerConfig>) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(config).unwrap(), listener.accept().unwrap().0)
}

/// Reads to the end, and closes in good order.
pub(super) fn read_all(mut stream: StreamOwned<ServerConnection, TcpStream>) -> io::Result<String> {
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(text)
}
