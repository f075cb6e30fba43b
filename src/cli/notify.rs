//! Tells the service manager how it goes (sd_notify(3)): a datagram to the socket that it names.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// Who is told, if anybody.
#[derive(Debug)]
pub(super) struct Notifier {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// How often it is told that all is well.
    interval: Option<Duration>,
    last: Instant,
}

impl Notifier {
    /// As the environment says: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` where the manager waits for signs of life.
    pub fn from_environment() -> Self {
        let socket = std::env::var("NOTIFY_SOCKET").ok();
        let watchdog = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        let is_for_another = std::env::var("WATCHDOG_PID").is_ok_and(|pid| pid != std::process::id().to_string());
        Self::new(socket.as_deref(), watchdog.filter(|_| !is_for_another))
    }

    fn new(socket: Option<&str>, watchdog: Option<u64>) -> Self {
        let address = socket.and_then(|name| match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name).ok(),
            None => SocketAddr::from_pathname(name).ok(),
        });
        let to = address.and_then(|address| Some((UnixDatagram::unbound().ok()?, address)));
        // Twice as often as it has to be, as the manual of sd_watchdog_enabled has it.
        Self { to, interval: watchdog.map(|micros| Duration::from_micros(micros / 2)), last: Instant::now() }
    }

    /// It sees from now on what it is to see.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// It is about to end.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// All is well. May be called as often as one likes.
    pub fn alive(&mut self) {
        if self.interval.is_some_and(|interval| self.last.elapsed() >= interval) {
            self.last = Instant::now();
            self.tell("WATCHDOG=1");
        }
    }

    /// A manager that cannot be told is none of a run's business.
    fn tell(&self, state: &str) {
        if let Some((socket, address)) = &self.to {
            let _ = socket.send_to_addr(state.as_bytes(), address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_hears_of_each_step() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let abstract_name = format!("portcullis-test-{}", std::process::id());
        let by_path = (UnixDatagram::bind(&path).unwrap(), path.to_str().unwrap().to_owned());
        let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let by_name = (UnixDatagram::bind_addr(&address).unwrap(), format!("@{abstract_name}"));
        for (manager, name) in [by_path, by_name] {
            manager.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let hear = || {
                let mut text = [0; 64];
                let len = manager.recv(&mut text).unwrap();
                String::from_utf8(text[..len].to_vec()).unwrap()
            };
            let mut notifier = Notifier::new(Some(&name), Some(20_000));
            notifier.ready();
            assert_eq!(hear(), "READY=1");
            notifier.alive();
            std::thread::sleep(Duration::from_millis(11));
            notifier.alive();
            notifier.alive();
            assert_eq!(hear(), "WATCHDOG=1");
            notifier.stopping();
            assert_eq!(hear(), "STOPPING=1");
        }
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        let mut notifier = Notifier::new(None, None);
        notifier.ready();
        notifier.alive();
        Notifier::new(Some("/nosuch/socket"), None).ready();
    }
}
