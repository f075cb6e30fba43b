//! Runs packets through the engine, or captures through the command, and gives the events.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use portcullis::base::Timestamp;
use portcullis::engine::{Config, Counters, Engine, Order, Report};
use portcullis::event::{AlertInfo, AnomalyInfo, Common, DropInfo, FlowCounters, FlowEnd, TcpEnd};
use portcullis::packet::{DecoderConfig, Frame, LinkType, SegmentHeader};
use portcullis::pipeline::{EvePrinter, Printer};
use portcullis::protocol::tls::Session;
use portcullis::{RuleSet, rules};
use serde_json::Value;

use super::Packet;

/// When the captures made here begin: 2023-11-14T22:13:20Z.
pub const START: u64 = 1_700_000_000;

/// Events in the order in which they were written.
#[derive(Debug)]
pub struct Events(pub Vec<Value>);

impl Events {
    /// From lines of JSON; panics where one is none.
    pub fn parse(lines: &[u8]) -> Self {
        let text = std::str::from_utf8(lines).expect("events are UTF-8");
        assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole");
        Self(text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("no JSON: {e}: {line}"))).collect())
    }

    pub fn of(&self, event_type: &str) -> Vec<&Value> {
        self.0.iter().filter(|event| event["event_type"] == event_type).collect()
    }

    pub fn sessions(&self) -> Vec<&Value> {
        self.of("tls")
    }

    /// The only session.
    #[track_caller]
    pub fn session(&self) -> &Value {
        let sessions = self.sessions();
        assert_eq!(sessions.len(), 1, "one session is expected: {:#?}", self.0);
        sessions[0]
    }

    /// The names that the sessions asked for, in order.
    pub fn names(&self) -> Vec<&str> {
        self.sessions().iter().map(|s| s["tls"]["sni"].as_str().unwrap_or_default()).collect()
    }

    /// The names of the `anomaly` events, in order.
    pub fn anomalies(&self) -> Vec<&str> {
        self.of("anomaly").iter().map(|a| a["anomaly"]["event"].as_str().unwrap()).collect()
    }

    /// The `msg` of each rule that alerted, in order.
    pub fn alerts(&self) -> Vec<&str> {
        self.of("alert").iter().map(|a| a["alert"]["signature"].as_str().unwrap()).collect()
    }

    /// A counter of the last `stats` event, by its name in dots.
    #[track_caller]
    pub fn counter(&self, name: &str) -> u64 {
        let stats = self.of("stats");
        let path = format!("/stats/{}", name.replace('.', "/"));
        let value = stats.last().and_then(|s| s.pointer(&path)).and_then(Value::as_u64);
        value.unwrap_or_else(|| panic!("no counter {name}"))
    }
}

/// The engine with all that can be set about it.
#[derive(Debug, Default)]
pub struct Portcullis {
    pub decoder: DecoderConfig,
    pub config: Config,
    rules: RuleSet,
    /// Rules that take over before the packet with this number, from 1.
    later: Option<(u64, RuleSet)>,
}

impl Portcullis {
    /// With these rules, in Suricata's language.
    pub fn rules(mut self, text: &str) -> Self {
        self.rules = load(text);
        self
    }

    /// With other rules from packet `number` on, counted from 1.
    pub fn then(mut self, number: u64, text: &str) -> Self {
        self.later = Some((number, load(text)));
        self
    }

    /// What the engine makes of `packets`.
    pub fn run(self, packets: &[Packet]) -> Events {
        self.run_and_count(packets).0
    }

    /// The same with its counters at the end.
    pub fn run_and_count(self, packets: &[Packet]) -> (Events, Counters) {
        let mut lines = Lines::default();
        let counters = self.run_into(packets, &mut lines);
        (Events::parse(&lines.bytes), counters)
    }

    /// Has `report` told what the engine makes of `packets`.
    pub fn run_into(mut self, packets: &[Packet], report: &mut impl Report) -> Counters {
        let mut engine = Engine::new(self.decoder, self.config, Arc::new(self.rules), Arc::new([]));
        for (number, packet) in (1..).zip(packets) {
            if let Some((_, rules)) = self.later.take_if(|(from, _)| *from == number) {
                engine.replace_rules(Arc::new(rules));
            }
            let whole = packet.frame();
            let data = &whole[..packet.kept.unwrap_or(whole.len())];
            let frame = Frame {
                data,
                link: LinkType::Ethernet,
                timestamp: Timestamp::from_parts(START, 0).saturating_add(packet.time),
                original_len: u32::try_from(whole.len()).unwrap(),
                capture: 0,
                number,
            };
            engine.process(&frame, report);
        }
        engine.finish(report);
        engine.counters()
    }
}

pub fn load(text: &str) -> RuleSet {
    let source = rules::Source { name: "test.rules", text };
    let (set, report) = RuleSet::compile(&[source], &rules::RuleConfig::default());
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    set
}

/// What the engine with its defaults, and no rules, makes of `packets`.
pub fn replay(packets: &[Packet]) -> Events {
    Portcullis::default().run(packets)
}

/// Collects events as lines of EVE JSON.
#[derive(Debug, Default)]
pub struct Lines {
    pub bytes: Vec<u8>,
}

const EVE: EvePrinter = EvePrinter { certificates: false };

impl Report for Lines {
    fn session(&mut self, _: Order, common: &Common<'_>, session: &Session) {
        EVE.session(&mut self.bytes, common, session);
    }

    fn alert(&mut self, _: Order, common: &Common<'_>, info: &AlertInfo<'_>, flow: &FlowCounters, session: Option<&Session>) {
        EVE.alert(&mut self.bytes, common, info, flow, session);
    }

    fn drop(&mut self, _: Order, common: &Common<'_>, segment: &SegmentHeader, info: &DropInfo<'_>) {
        EVE.drop(&mut self.bytes, common, segment, info);
    }

    fn flow(&mut self, _: Order, common: &Common<'_>, counters: &FlowCounters, end: &FlowEnd, tcp: Option<&TcpEnd>) {
        EVE.flow(&mut self.bytes, common, counters, end, tcp);
    }

    fn anomaly(&mut self, _: Order, common: &Common<'_>, info: &AnomalyInfo<'_>) {
        EVE.anomaly(&mut self.bytes, common, info);
    }
}

/// A classic pcap file with these packets.
pub fn pcap(packets: &[Packet]) -> Vec<u8> {
    let mut file = Vec::new();
    for field in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
        file.extend(field.to_le_bytes());
    }
    for packet in packets {
        let frame = packet.frame();
        let kept = packet.kept.unwrap_or(frame.len());
        let time = Duration::from_secs(START) + packet.time;
        for field in [u32::try_from(time.as_secs()).unwrap(), time.subsec_micros(), kept as u32, frame.len() as u32] {
            file.extend(field.to_le_bytes());
        }
        file.extend(&frame[..kept]);
    }
    file
}

/// The command `portcullis`, in the directory of the package.
pub fn portcullis<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args);
    command.env("PORTCULLIS_CONFIG", ""); // whatever this machine has been given
    command
}

/// What came of running the command.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ran {
    /// Runs `portcullis` with `args`.
    pub fn with<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        portcullis(args).output().unwrap().into()
    }

    pub fn events(&self) -> Events {
        Events::parse(&self.stdout)
    }

    /// Panics unless it ended with `status`.
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self { status: output.status.code(), stdout: output.stdout, stderr: String::from_utf8(output.stderr).unwrap() }
    }
}

/// The events of a capture in `pcaps/`, with the rules that ship.
pub fn capture(name: &str) -> Events {
    let events = Ran::with(["replay".as_ref(), shipped(name).as_os_str()]).expect(0).events();
    assert!(!events.0.is_empty());
    events
}

/// The path of a capture in `pcaps/`.
pub fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pcaps").join(name)
}
