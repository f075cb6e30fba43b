//! The options that say where a live run tells how it goes.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::refused::{Refused, failed, wrong};
use super::say;
use crate::monitor::{About, Board, Encryption, Error, Monitor, MonitorSettings, Token};

#[derive(Debug, Args)]
#[command(next_help_heading = "Seeing how it runs")]
pub(super) struct ListenOptions {
    /// Serve a live page, /metrics for Prometheus, /healthz and /readyz by HTTP at this address: 127.0.0.1:9443. One that can be reached from
    /// elsewhere takes a token
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    listen: Option<SocketAddr>,

    /// Answer only who knows the token in FILE, or in the variable PORTCULLIS_LISTEN_TOKEN: Authorization: Bearer TOKEN, or once
    /// /?token=TOKEN in a browser
    #[arg(long, value_name = "FILE", requires = "listen")]
    listen_token_file: Option<PathBuf>,

    /// Serve HTTPS with the certificates in FILE (PEM), the server's own first
    #[arg(long, value_name = "FILE", requires_all = ["listen", "listen_key"])]
    listen_cert: Option<PathBuf>,

    /// The key of that certificate, in FILE (PEM)
    #[arg(long, value_name = "FILE", requires = "listen_cert")]
    listen_key: Option<PathBuf>,

    /// A name by which this host may be asked, beside its addresses and localhost; may be repeated
    #[arg(long, value_name = "NAME", requires = "listen")]
    listen_name: Vec<String>,
}

impl ListenOptions {
    /// Takes the address and reads what is secret, which is to be done before privileges are given up; says where it listens.
    pub fn bind(&self) -> Result<Option<Monitor>, Refused> {
        let Some(address) = self.listen else { return Ok(None) };
        let refused = |error: Error| match error {
            Error::Open(_) | Error::Token(_) => wrong(error),
            _ => failed(error),
        };
        let token = match (&self.listen_token_file, std::env::var(TOKEN)) {
            (Some(path), _) => Some(Token::read(path).map_err(refused)?),
            (None, Ok(text)) => Some(Token::new(&text, &format!("what {TOKEN} has")).map_err(refused)?),
            (None, Err(_)) => None,
        };
        let encryption = match (&self.listen_cert, &self.listen_key) {
            (Some(certificate), Some(key)) => Some(Encryption::read(certificate, key).map_err(refused)?),
            _ => None,
        };
        let scheme = if encryption.is_some() { "https" } else { "http" };
        let settings = MonitorSettings { address, names: self.listen_name.clone(), token, encryption };
        let monitor = Monitor::bind(settings).map_err(refused)?;
        say("monitor", format_args!("at {scheme}://{}/", monitor.address()));
        if monitor.is_in_the_clear() {
            let why = "the token and all that is told go over the network in the clear";
            say("warning", format_args!("{why}: name --listen-cert and --listen-key"));
        }
        Ok(Some(monitor))
    }
}

/// Starts the monitor's threads, which is to be done once privileges are given up.
pub(super) fn start(monitor: Option<Monitor>, command: &'static str, place: String) -> Result<Option<Board>, Refused> {
    let about = About { version: env!("CARGO_PKG_VERSION"), command, place };
    monitor.map(|monitor| monitor.start(about).map_err(failed)).transpose()
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address and a port, as in 127.0.0.1:9443 or [::1]:9443".to_owned())
}

const TOKEN: &str = "PORTCULLIS_LISTEN_TOKEN";
