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
    pub fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        match key {
            "ca" => self.settings.ca = Some(PathBuf::from(value)),
            "server-name" => self.settings.server_name = Some(value.to_owned()),
            "fingerprint" => {
                let all = value.split(',').map(str::trim).filter(|one| !one.is_empty());
                self.settings.fingerprints = all.map(str::parse).collect::<Result<_, _>>()?;
            }
            "certificate" => self.certificate = Some(PathBuf::from(value)),
            "key" => self.key = Some(PathBuf::from(value)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What comes of them; or what is missing.
    pub fn settings(self) -> Result<TlsSettings, &'static str> {
        if self.settings.ca.is_some() && !self.settings.fingerprints.is_empty() {
            return Err("either ca or fingerprint, by which its receiver is known");
        }
        let identity = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err("key, beside certificate"),
            (None, Some(_)) => return Err("certificate, beside key"),
        };
        Ok(TlsSettings { identity, ..self.settings })
    }
}
