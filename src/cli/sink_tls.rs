//! The keys of a sink that say how TLS is spoken with its receiver.

use std::path::PathBuf;

use crate::sink::TlsSettings;

/// What they say.
#[derive(Debug, Default)]
pub(super) struct TlsKeys {
    settings: TlsSettings,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl TlsKeys {
    /// Takes a key; `false` where it is none of these.
    pub fn set(&mut self, key: &str, value: &str) -> bool {
        match key {
            "ca" => self.settings.ca = Some(PathBuf::from(value)),
            "server-name" => self.settings.server_name = Some(value.to_owned()),
            "certificate" => self.certificate = Some(PathBuf::from(value)),
            "key" => self.key = Some(PathBuf::from(value)),
            _ => return false,
        }
        true
    }

    /// What comes of them; or what is missing.
    pub fn settings(self) -> Result<TlsSettings, &'static str> {
        let identity = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err("key, beside certificate"),
            (None, Some(_)) => return Err("certificate, beside key"),
        };
        Ok(TlsSettings { identity, ..self.settings })
    }
}
