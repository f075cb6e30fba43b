//! Requests, and what their answers come to.

use std::io::{self, ErrorKind, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, TcpConnector};
use ureq::{Agent, Body, http};

use super::answer::{Answer, Fate, described, of_status, retry_after};
use super::batch::Item;
use super::connector::Tls;
use super::secret::Header;
use super::{HttpSettings, Mode, elastic, lines, loki, splunk};
use crate::sink::Error;
use crate::sink::format::Format;

/// Sends requests to one receiver, over connections that stay.
pub(super) struct Client {
    agent: Agent,
    settings: HttpSettings,
    url: String,
    login: Option<Header>,
    body: Vec<u8>,
    /// The receiver has taken events before.
    pub has_taken: bool,
}

impl Client {
    /// Reads certificates and secrets.
    pub fn new(settings: HttpSettings) -> Result<Self, Error> {
        let login = settings.login.as_ref().map(|login| login.header()).transpose()?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_global(Some(settings.timeout))
            .timeout_connect(Some(settings.timeout.min(UNANSWERED)))
            .build();
        let connector = TcpConnector::default().chain(Tls::new(settings.tls.config()?, settings.tls.clone()));
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        let url = settings.mode.url(&settings.url);
        Ok(Self { agent, settings, url, login, body: Vec::new(), has_taken: false })
    }

    /// Where it sends to, without what may be a secret.
    pub fn address(&self) -> String {
        self.settings.url.split('?').next().unwrap_or_default().to_owned()
    }

    /// The error that stands for what the receiver has not taken.
    pub fn failed(&self, why: String) -> Error {
        Error::Send { address: self.address(), source: io::Error::other(self.veiled(why)) }
    }

    /// What the receiver has said, without the secret.
    pub fn veiled(&self, said: String) -> String {
        match &self.login {
            Some(login) => login.veiled(said),
            None => said,
        }
    }

    /// Sends a request with these events.
    pub fn send(&mut self, items: &[Item]) -> Answer {
        self.body.clear();
        self.settings.mode.body(self.settings.format, items, &mut self.body);
        match self.post() {
            Ok(response) => self.read(response, items.len()),
            // A receiver that takes no more of a request that is too large may break off before it says so.
            Err(ureq::Error::Io(error)) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                Answer::Broken(error.to_string())
            }
            Err(error) => Answer::Later { why: error.to_string(), after: None },
        }
    }

    fn post(&self) -> Result<http::Response<Body>, ureq::Error> {
        let mut request = self.agent.post(&self.url).content_type(self.settings.mode.content_type());
        if let Some(login) = &self.login {
            request = request.header("Authorization", login.expose());
        }
        match &self.settings.mode {
            Mode::Splunk { channel: Some(channel), .. } => request = request.header("X-Splunk-Request-Channel", channel),
            Mode::Loki { tenant: Some(tenant), .. } => request = request.header("X-Scope-OrgID", tenant),
            _ => {}
        }
        if !self.settings.gzip {
            return request.send(&self.body);
        }
        let mut packed = GzEncoder::new(Vec::with_capacity(self.body.len().div_ceil(4)), Compression::fast());
        packed.write_all(&self.body)?;
        request.header("Content-Encoding", "gzip").send(&packed.finish()?)
    }

    fn read(&mut self, mut response: http::Response<Body>, count: usize) -> Answer {
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let ours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let after = header("Retry-After").and_then(|value| retry_after(value, header("Date"), ours));
        let body = match response.body_mut().with_config().limit(MOST_ANSWERED).read_to_vec() {
            Ok(body) => body,
            Err(error) => return Answer::Later { why: format!("status {status}, and no whole answer: {error}"), after },
        };
        if matches!(status, 401 | 403)
            && let Some(Ok(login)) = self.settings.login.as_ref().map(|login| login.header())
        {
            self.login = Some(login); // there may be another one by now
        }
        let is_about_events = match &self.settings.mode {
            Mode::Elastic(_) => false, // it answers for each event by itself
            Mode::Loki { .. } => self.has_taken || says_of_events(&body),
            Mode::Splunk { .. } | Mode::Lines => self.has_taken,
        };
        match (&self.settings.mode, status) {
            (Mode::Elastic(_), 200..=299) => elastic::answer(count, &body),
            (Mode::Splunk { .. }, _) => splunk::answer(status, after, count, &body),
            // A proxy's page, say: whoever keeps lines has nothing to show.
            (Mode::Lines, 200..=299) if is_page(&body) => {
                Answer::Later { why: format!("a page, and no answer: {}", described(status, &body)), after }
            }
            (Mode::Loki { .. }, 204) | (Mode::Lines, 200..=299) => Answer::Items(vec![Fate::Taken; count]),
            (Mode::Loki { .. }, 200..=299) => {
                Answer::Later { why: format!("no answer of Loki: {}", described(status, &body)), after }
            }
            // What has taken nothing yet may be no such receiver at all.
            (_, 400 | 422) if !is_about_events => Answer::Later { why: described(status, &body), after },
            _ => of_status(status, after, &body),
        }
    }
}

/// Whether it is HTML.
fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// Whether Loki says of entries that it will not take them, as it does of those that are too old.
fn says_of_events(body: &[u8]) -> bool {
    let said = String::from_utf8_lossy(body);
    said.contains("entry") || said.contains("timestamp")
}

impl Mode {
    /// The address of a request, by that of the receiver: with its path, if that is not there already.
    fn url(&self, base: &str) -> String {
        let (base, theirs) = base.split_once('?').unwrap_or((base, ""));
        let path = match self {
            Self::Elastic(_) => elastic::PATH,
            Self::Splunk { .. } => splunk::PATH,
            Self::Loki { .. } => loki::PATH,
            Self::Lines => "",
        };
        let (path, ours) = path.split_once('?').unwrap_or((path, ""));
        let base = if path.is_empty() { base } else { base.trim_end_matches('/') };
        let path = if base.ends_with(path) { "" } else { path };
        let query: Vec<&str> = [theirs, ours].into_iter().filter(|part| !part.is_empty()).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{base}{path}{mark}{}", query.join("&"))
    }

    fn body(&self, format: Format, items: &[Item], out: &mut Vec<u8>) {
        match self {
            Self::Elastic(index) => elastic::body(format, index, items, out),
            Self::Splunk { index, sourcetype, hostname, .. } => {
                splunk::body(format, (index.as_deref(), sourcetype, hostname), items, out);
            }
            Self::Loki { labels, .. } => loki::body(format, labels, items, out),
            Self::Lines => lines::body(format, items, out),
        }
    }

    const fn content_type(&self) -> &'static str {
        match self {
            Self::Elastic(_) | Self::Lines => "application/x-ndjson",
            Self::Splunk { .. } | Self::Loki { .. } => "application/json",
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("address", &self.address()).finish_non_exhaustive()
    }
}

/// Bytes of an answer that are read: more than the fates of a batch with all its events refused take.
const MOST_ANSWERED: u64 = 32 << 20;
/// How long a host may not answer at all.
const UNANSWERED: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_added_where_it_is_not_there() {
        let elastic = Mode::Elastic(super::super::IndexName::new("a").unwrap());
        let loki = Mode::Loki { labels: Vec::new(), tenant: None };
        let query = "filter_path=errors,items.*.status,items.*.error";
        for (mode, base, expected) in [
            (&elastic, "https://es:9200", format!("https://es:9200/_bulk?{query}")),
            (&elastic, "https://es:9200/", format!("https://es:9200/_bulk?{query}")),
            (&elastic, "https://a/es/_bulk?pipeline=p", format!("https://a/es/_bulk?pipeline=p&{query}")),
            (&loki, "http://loki:3100", "http://loki:3100/loki/api/v1/push".to_owned()),
            (&loki, "http://loki:3100/loki/api/v1/push", "http://loki:3100/loki/api/v1/push".to_owned()),
            (&Mode::Lines, "https://a/in/?x=y", "https://a/in/?x=y".to_owned()),
        ] {
            assert_eq!(mode.url(base), expected);
        }
    }
}
