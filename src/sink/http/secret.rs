//! What is said of who we are. A secret comes from a file or the environment, and is shown nowhere.

use std::path::PathBuf;
use std::{env, fs};

use crate::sink::Error;

/// How we say who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// `Basic`: a user, and the password.
    Basic(String, SecretSource),
    /// A word, as `Bearer`, `ApiKey` or `Splunk`, and the token.
    Token(&'static str, SecretSource),
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file, in which line ends around it do not count.
    File(PathBuf),
    /// In an environment variable.
    Environment(String),
}

impl Login {
    /// The value of `Authorization`.
    pub(super) fn header(&self) -> Result<Header, Error> {
        Ok(match self {
            Self::Basic(user, password) => {
                let password = password.read()?;
                let both = base64(format!("{user}:{password}").as_bytes());
                Header { value: format!("Basic {both}"), secrets: vec![both, password] }
            }
            Self::Token(word, token) => {
                let token = token.read()?;
                Header { value: format!("{word} {token}"), secrets: vec![token] }
            }
        })
    }
}

impl SecretSource {
    /// The secret.
    pub(in crate::sink) fn read(&self) -> Result<String, Error> {
        let refused = |why: &str| match self {
            Self::File(path) => Error::Credentials { path: path.clone(), why: why.to_owned() },
            Self::Environment(name) => Error::Variable { name: name.clone(), why: why.to_owned() },
        };
        let read = match self {
            Self::File(path) => fs::read_to_string(path).map_err(|error| refused(&error.to_string()))?,
            Self::Environment(name) => env::var(name).map_err(|_| refused("it is not set"))?,
        };
        let secret = read.trim_matches(['\r', '\n']);
        match secret {
            "" => Err(refused("it is empty")),
            _ if secret.chars().any(|c| c.is_control() || !c.is_ascii()) => {
                Err(refused("it has characters that no token has; only line ends around it are left out"))
            }
            _ => Ok(secret.to_owned()),
        }
    }
}

/// The value of a header that is a secret.
pub(super) struct Header {
    value: String,
    /// What of it is secret.
    secrets: Vec<String>,
}

impl Header {
    /// The value, to be sent.
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// What a receiver has said, without the secret: some say again what they were asked. What is told is cut, perhaps within it.
    pub fn veiled(&self, said: String) -> String {
        self.secrets.iter().fold(said, |said, secret| {
            let said = if said.contains(secret) { said.replace(secret, VEIL) } else { said };
            let begun =
                (SHORTEST..secret.len()).rev().filter_map(|length| secret.get(..length)).find_map(|part| said.strip_suffix(part));
            match begun {
                Some(before) => format!("{before}{VEIL}"),
                None => said,
            }
        })
    }
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Header(secret)")
    }
}

/// What stands for a secret.
const VEIL: &str = "***";
/// Characters of a secret that are taken for its beginning at the end of what was cut.
const SHORTEST: usize = 4;

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for chunk in bytes.chunks(3) {
        let at = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let word = at(0) << 16 | at(1) << 8 | at(2);
        for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let index = usize::try_from(word >> shift & 0x3f).unwrap_or(0);
            let digit = ALPHABET.get(index).copied().unwrap_or(b'=');
            text.push(char::from(if place > chunk.len() { b'=' } else { digit }));
        }
    }
    text
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_login_is_a_header_that_debug_output_does_not_show() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "open sesame\n").unwrap();
        let file = SecretSource::File(path);
        // RFC 7617, section 2
        for (login, value) in [
            (Login::Basic("Aladdin".to_owned(), file.clone()), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            (Login::Token("ApiKey", file), "ApiKey open sesame"),
        ] {
            let header = login.header().unwrap();
            assert_eq!(header.expose(), value);
            let word = value.split(' ').next().unwrap();
            let said = header.veiled(format!("no: {value}, open sesame"));
            assert_eq!(said, format!("no: {word} ***, ***"));
            assert_eq!(header.veiled("no: open sesa".to_owned()), "no: ***");
            assert_eq!(format!("{header:?}"), "Header(secret)");
        }
    }

    #[test]
    fn a_secret_that_cannot_be_is_refused_without_telling_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        for (text, why) in [
            ("", "it is empty"),
            ("\n", "it is empty"),
            ("hunter2\nhunter3", "it has characters"),
            ("p\u{e4}ss", "it has characters"),
        ] {
            fs::write(&path, text).unwrap();
            let error = SecretSource::File(path.clone()).read().unwrap_err().to_string();
            assert!(error.starts_with(&format!("cannot use {}: {why}", path.display())) && !error.contains("hunter"), "{error}");
        }
        let error = SecretSource::Environment("PORTCULLIS_NOT_SET".to_owned()).read().unwrap_err().to_string();
        assert_eq!(error, "cannot use the environment variable PORTCULLIS_NOT_SET: it is not set");
    }
}
