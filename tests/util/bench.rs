//! A bench for live tests: two interfaces with a wire between them, in a network namespace that nobody else sees.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::run::Events;
use super::{Dir, Packet};

/// Live tests run where the machine lets them. With `PORTCULLIS_LIVE_TESTS` set to 1 it has to; with 0 they are left out.
pub fn live_tests_are_left_out() -> bool {
    let are = std::env::var_os("PORTCULLIS_LIVE_TESTS").is_some_and(|value| value == "0");
    if are {
        eprintln!("SKIPPED: PORTCULLIS_LIVE_TESTS is 0");
    }
    are
}

/// A namespace with the interfaces `send` and `tap`: what is sent out of the one comes in at the other.
pub struct Bench {
    name: String,
    pub dir: Dir,
}

impl Bench {
    /// `None`, and it says so, where this machine does not let us make one. With `PORTCULLIS_LIVE_TESTS` set that is a failure.
    pub fn new() -> Option<Self> {
        if live_tests_are_left_out() {
            return None;
        }
        let missing = ["ip", "tcpreplay"].into_iter().find(|tool| !is_there(tool));
        let reason = match missing {
            Some(tool) => format!("{tool} is not installed"),
            None => {
                static BENCHES: AtomicU32 = AtomicU32::new(0);
                let name = format!("portcullis-{}-{}", std::process::id(), BENCHES.fetch_add(1, Ordering::Relaxed));
                let made = Command::new("ip").args(["netns", "add", &name]).output().unwrap();
                if made.status.success() {
                    let bench = Self { name, dir: Dir::new() };
                    bench.ip("link set lo up");
                    bench.wire("send", "tap");
                    return Some(bench);
                }
                format!("no network namespace: {}", String::from_utf8_lossy(&made.stderr).trim())
            }
        };
        assert!(std::env::var_os("PORTCULLIS_LIVE_TESTS").is_none(), "live tests are wanted, but {reason}");
        eprintln!("SKIPPED: {reason}");
        None
    }

    /// Two more interfaces with a wire between them. The kernel says nothing on it by itself.
    pub fn wire(&self, one: &str, other: &str) {
        self.ip(&format!("link add {one} type veth peer name {other}"));
        for end in [one, other] {
            self.run("sysctl", &["-qw", &format!("net.ipv6.conf.{end}.disable_ipv6=1")]);
            self.ip(&format!("link set {end} mtu 65535 up"));
        }
    }

    /// `ip` in the namespace, with these words.
    pub fn ip(&self, words: &str) -> String {
        self.run("ip", &words.split(' ').collect::<Vec<_>>())
    }

    /// Runs a program in the namespace; panics where it fails.
    #[track_caller]
    pub fn run(&self, program: &str, args: &[&str]) -> String {
        let output = self.command(program).args(args).output().unwrap();
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A program in the namespace, to be run.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]).current_dir(env!("CARGO_MANIFEST_DIR"));
        command
    }

    /// Starts `portcullis tap` with these options; it listens when this comes back.
    pub fn tap(&self, args: &[&str]) -> Tapping {
        self.start(self.command(env!("CARGO_BIN_EXE_portcullis")), args)
    }

    /// The same with a command that runs in the namespace.
    pub fn start(&self, command: Command, args: &[&str]) -> Tapping {
        self.start_saying(command, args, "portcullis: listening: ")
    }

    /// The same; it has said `words` when this comes back.
    pub fn start_saying(&self, mut command: Command, args: &[&str], words: &str) -> Tapping {
        let events = self.dir.path("events.json");
        let _ = fs::remove_file(&events); // of the run before, which this one would add to
        command.arg("tap").args(args).arg("-o").arg(&events).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (say, said) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let tapping = Tapping { child, said, events };
        tapping.wait_for(words);
        tapping
    }

    /// Sends packets out of the interface `send`.
    pub fn send(&self, packets: &[Packet]) {
        let frames: Vec<_> = packets.iter().map(Packet::frame).collect();
        self.send_frames("send", &frames);
    }

    /// Sends frames out of an interface, one right behind the other.
    pub fn send_frames(&self, interface: &str, frames: &[Vec<u8>]) {
        let capture = self.dir.file("frames.pcap", pcap_of(frames));
        self.run("tcpreplay", &["--quiet", "--intf1", interface, "--pps", "20000", &capture]);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// `portcullis tap` as it runs.
pub struct Tapping {
    pub child: Child,
    /// Its standard error, line by line.
    said: Receiver<String>,
    events: PathBuf,
}

impl Tapping {
    /// Waits for a line on standard error that has `words`, and answers it.
    #[track_caller]
    pub fn wait_for(&self, words: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut said = Vec::new();
        while let Ok(line) = self.said.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if line.contains(words) {
                return line;
            }
            said.push(line);
        }
        panic!("it did not say {words:?}, but {said:#?}");
    }

    pub fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status().unwrap().success());
    }

    /// What it has written so far, as far as lines are whole.
    pub fn events(&self) -> Events {
        let written = fs::read(&self.events).unwrap_or_default();
        let whole = written.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        Events::parse(&written[..whole])
    }

    /// Waits until `is_there` finds in its events what it looks for.
    #[track_caller]
    pub fn wait_until(&self, is_there: impl Fn(&Events) -> bool) -> Events {
        let until = Instant::now() + PATIENCE;
        loop {
            let events = self.events();
            if is_there(&events) {
                return events;
            }
            assert!(Instant::now() < until, "it is not there: {:#?}", events.0);
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it ends by itself. Its status, what it has said, and its events.
    #[track_caller]
    pub fn ended(mut self) -> (i32, Vec<String>, Events) {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < until, "it does not end"),
            }
            thread::sleep(Duration::from_millis(10));
        };
        let said = self.said.iter().collect();
        (status.code().unwrap_or(-1), said, Events::parse(&fs::read(&self.events).unwrap_or_default()))
    }

    /// Ends it as one does, once what was sent has come.
    #[track_caller]
    pub fn end(self) -> Events {
        thread::sleep(Duration::from_millis(300));
        self.signal("TERM");
        let (status, said, events) = self.ended();
        assert_eq!(status, 0, "{said:#?}");
        events
    }
}

impl Drop for Tapping {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A capture with these frames, as of now and ten microseconds apart: certificates are judged as they are when they are sent.
pub fn pcap_of(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for field in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
        file.extend(field.to_le_bytes());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now = u32::try_from(now).unwrap();
    for (n, frame) in (0_u32..).zip(frames) {
        let len = u32::try_from(frame.len()).unwrap();
        for field in [now + n / 100_000, n % 100_000 * 10, len, len] {
            file.extend(field.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

fn is_there(tool: &str) -> bool {
    Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().is_ok_and(|found| found.status.success())
}

/// Nothing here takes that long.
const PATIENCE: Duration = Duration::from_secs(20);
