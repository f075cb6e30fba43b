//! Builds TLS bytes for tests, independently of the parsers.

/// A ClientHello in the making.
#[derive(Clone)]
pub(crate) struct ClientHelloBuilder {
    version: u16,
    ciphers: Vec<u16>,
    extensions: Vec<u8>,
}

impl Default for ClientHelloBuilder {
    fn default() -> Self {
        Self { version: 0x0303, ciphers: vec![0xc02f], extensions: vec![] }
    }
}

impl ClientHelloBuilder {
    pub fn ciphers(mut self, ciphers: &[u16]) -> Self {
        self.ciphers = ciphers.to_vec();
        self
    }

    pub fn extension(mut self, typ: u16, body: &[u8]) -> Self {
        self.extensions.extend(typ.to_be_bytes());
        self.extensions.extend(vec16(body));
        self
    }

    pub fn server_name(self, name: &[u8]) -> Self {
        let entry = [&[0][..], &vec16(name)].concat();
        self.extension(0, &vec16(&entry))
    }

    /// The body of the message, without its header.
    pub fn body(&self) -> Vec<u8> {
        let ciphers: Vec<u8> = self.ciphers.iter().flat_map(|c| c.to_be_bytes()).collect();
        [&self.version.to_be_bytes()[..], &[9; 32], &[0], &vec16(&ciphers), &[1, 0], &vec16(&self.extensions)].concat()
    }

    /// The message with its header.
    pub fn message(&self) -> Vec<u8> {
        message(1, &self.body())
    }
}

/// A ServerHello message of TLS 1.2 or, with `supported_versions`, of TLS 1.3.
pub(crate) fn server_hello(cipher: u16, extensions: &[u8]) -> Vec<u8> {
    let body = [&[3, 3][..], &[8; 32], &[0], &cipher.to_be_bytes(), &[0], &vec16(extensions)].concat();
    message(2, &body)
}

/// A Certificate message of TLS 1.2 (RFC 5246 §7.4.2).
pub(crate) fn certificate(chain: &[&[u8]]) -> Vec<u8> {
    let list: Vec<u8> = chain.iter().flat_map(|der| [&u24(der.len())[..], der].concat()).collect();
    message(11, &[&u24(list.len())[..], &list].concat())
}

/// A handshake message.
pub(crate) fn message(typ: u8, body: &[u8]) -> Vec<u8> {
    [&[typ][..], &u24(body.len()), body].concat()
}

/// A record.
pub(crate) fn record(typ: u8, fragment: &[u8]) -> Vec<u8> {
    [&[typ, 3, 3][..], &vec16(fragment)].concat()
}

/// Handshake bytes cut into records of `size` bytes.
pub(crate) fn records(handshake: &[u8], size: usize) -> Vec<u8> {
    handshake.chunks(size).flat_map(|fragment| record(22, fragment)).collect()
}

fn vec16(body: &[u8]) -> Vec<u8> {
    [&u16::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
}

fn u24(n: usize) -> [u8; 3] {
    let [_, a, b, c] = u32::try_from(n).unwrap().to_be_bytes();
    [a, b, c]
}
