//! Each stage of the data path on its own, and all of them together; on inputs that are made here.
//!
//! `cargo bench --bench stages`, with the name of a group behind `--` for that one only.

mod frames;
mod tls;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use frames::Tcp;
use portcullis::base::Timestamp;
use portcullis::engine::{Config, Order, Report};
use portcullis::event::{self, AlertInfo, AnomalyInfo, Common, DropInfo, FlowCounters, FlowEnd, TcpEnd, TlsOptions};
use portcullis::flow::{Direction, Endpoint, FlowKey, Stream};
use portcullis::packet::{Decoder, DecoderConfig, OverlapPolicy, SegmentHeader};
use portcullis::protocol::fingerprint::{Transport, client};
use portcullis::protocol::tls::Session;
use portcullis::protocol::x509::{Certificate, CertificateCache};
use portcullis::rules::{AppProto, FlowRules, HostState, RuleConfig, SHIPPED, Scratch, Source, Subject};
use portcullis::{Engine, RuleSet};
use rustls::version::{TLS12, TLS13};

const SEED: u64 = 1;
const SEGMENT: usize = 1_460;

criterion_group!(stages, decode, flow_key, reassembly, conversation, fingerprints, certificates, rules, events, engine);
criterion_main!(stages);

/// A frame to a segment.
fn decode(c: &mut Criterion) {
    let payload = [0x17; SEGMENT];
    let plain = frames::ipv4(Tcp { to_server: true, seq: 1, ack: Some(1), ..Tcp::default() }, &payload);
    let inputs = [("ipv4", plain.clone()), ("vlan_ipv6", frames::vlan_ipv6(&payload)), ("vxlan", frames::vxlan(&plain))];
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    for (name, data) in inputs {
        let mut decoder = Decoder::new(DecoderConfig::default());
        group.bench_function(name, |b| b.iter(|| decoder.decode(&frames::frame(black_box(&data), 1, Timestamp::ZERO))));
    }
}

/// The keyed hash of a five-tuple.
fn flow_key(c: &mut Criterion) {
    let mut group = c.benchmark_group("flow_key");
    for (name, a, b) in [("ipv4", "10.0.0.1", "198.18.0.1"), ("ipv6", "fd00::1", "2001:db8::1")] {
        let (key, _) = FlowKey::new(endpoint(a, 40_000), endpoint(b, 443), 6, [0; 2]);
        group.bench_function(name, |bencher| bencher.iter(|| black_box(&key).hash(black_box(SEED))));
    }
}

/// 32 full segments put in order.
fn reassembly(c: &mut Criterion) {
    let payload = [0x16; SEGMENT];
    let in_order: Vec<u32> = (0..32).map(|n| n * 1_460).collect();
    let reversed: Vec<u32> = in_order.iter().rev().copied().collect();
    let mut group = c.benchmark_group("reassembly");
    group.throughput(Throughput::Bytes(32 * 1_460));
    for (name, order) in [("in_order", in_order), ("reversed", reversed)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut stream = Stream::default();
                stream.anchor(0);
                for &seq in &order {
                    stream.push(seq, black_box(&payload), OverlapPolicy::First);
                }
                stream
            });
        });
    }
}

/// All records of a handshake; the certificates come from the cache.
fn conversation(c: &mut Criterion) {
    let mut group = c.benchmark_group("conversation");
    for (name, version) in [("tls12", &TLS12), ("tls13", &TLS13)] {
        let flights = tls::handshake(version);
        let mut certificates = CertificateCache::default();
        group.bench_function(name, |b| b.iter(|| tls::converse(black_box(&flights), &mut certificates)));
    }
}

/// JA3 and JA4 of a hello.
fn fingerprints(c: &mut Criterion) {
    let hello = tls::session(&tls::handshake(&TLS13)).client_hello.unwrap();
    c.bench_function("fingerprints/client", |b| b.iter(|| client(black_box(&hello), Transport::Tcp)));
}

/// A certificate that is read, and one that is known.
fn certificates(c: &mut Criterion) {
    let der = tls::session(&tls::handshake(&TLS12)).server_certificates[0].der.clone();
    let mut cache = CertificateCache::default();
    // It is held from its second sight on.
    cache.get_or_parse(&der);
    cache.get_or_parse(&der);
    let mut group = c.benchmark_group("certificate");
    group.bench_function("parse", |b| b.iter(|| Certificate::parse(black_box(&der))));
    group.bench_function("cache_hit", |b| b.iter(|| cache.get_or_parse(black_box(&der))));
}

/// All that is to be tried on a whole session.
fn rules(c: &mut Criterion) {
    let session = tls::session(&tls::handshake(&TLS12));
    let subject = Subject {
        client: endpoint("10.0.0.1", 40_000),
        server: endpoint("198.18.0.1", 443),
        established: true,
        transport: portcullis::rules::Transport::Tcp,
        app_proto: AppProto::Tls,
        session: Some(&session),
        expects_tls: true,
        one_way: None,
        packet: None,
        now: Timestamp::ZERO,
    };
    let names: String = (1..=10_000)
        .map(|n| format!("alert tls any any -> any any (msg:\"name {n}\"; tls.sni; content:\"host-{n}.example\"; sid:{n};)\n"))
        .collect();
    let mut group = c.benchmark_group("rules");
    for (name, set) in [("shipped", compile(SHIPPED)), ("sni_10000", compile(&[Source { name: "names", text: &names }]))] {
        let (mut scratch, mut matches) = (Scratch::default(), Vec::new());
        group.bench_function(name, |b| {
            b.iter(|| {
                matches.clear();
                set.evaluate(black_box(&subject), &mut FlowRules::default(), &mut HostState::default(), &mut scratch, &mut matches)
            });
        });
    }
}

/// The line of a session.
fn events(c: &mut Criterion) {
    let mut group = c.benchmark_group("event");
    for (name, version) in [("tls12", &TLS12), ("tls13", &TLS13)] {
        let session = tls::session(&tls::handshake(version));
        let common = Common {
            source: Some(endpoint("10.0.0.1", 40_000)),
            destination: Some(endpoint("198.18.0.1", 443)),
            protocol: Some(6),
            flow_id: Some(1),
            ..Common::default()
        };
        let mut line = Vec::new();
        group.bench_function(name, |b| {
            b.iter(|| {
                line.clear();
                event::tls(&mut line, black_box(&common), &session, TlsOptions::default());
                line.len()
            });
        });
    }
}

/// A whole flow, from SYN to RST, through everything; each iteration is another client a second later.
fn engine(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine");
    for (name, version) in [("flow_tls12", &TLS12), ("flow_tls13", &TLS13)] {
        let packets = flow(&tls::handshake(version));
        let rules = Arc::new(compile(SHIPPED));
        let mut engine = Engine::new(DecoderConfig::default(), Config::default(), rules, Arc::default());
        let (mut lines, mut clients, mut now) = (Lines::default(), 0_u32, Timestamp::from_parts(1_700_000_000, 0));
        group.throughput(Throughput::Elements(packets.len() as u64));
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                || {
                    clients = clients.wrapping_add(1);
                    now = now.saturating_add(Duration::from_secs(1));
                    let mut packets = packets.clone();
                    packets.iter_mut().for_each(|(to_server, data)| frames::set_client(data, *to_server, clients));
                    (now, packets)
                },
                |(now, packets)| {
                    lines.0.clear();
                    for ((_, data), number) in packets.iter().zip(1..) {
                        engine.process(&frames::frame(data, number, *now), &mut lines);
                    }
                    assert!(!lines.0.is_empty(), "the session is told");
                },
                BatchSize::SmallInput,
            );
        });
    }
}

/// The frames of a flow that carries `flights`, each with whether it goes to the server.
fn flow(flights: &tls::Flights) -> Vec<(bool, Vec<u8>)> {
    let syn = Tcp { to_server: true, syn: true, ..Tcp::default() };
    let (mut client, mut server) = (1, 1);
    let mut frames = vec![
        (true, frames::ipv4(syn, &[])),
        (false, frames::ipv4(Tcp { to_server: false, ack: Some(client), ..syn }, &[])),
        (true, frames::ipv4(Tcp { to_server: true, seq: client, ack: Some(server), ..Tcp::default() }, &[])),
    ];
    for (direction, bytes) in flights {
        let to_server = *direction == Direction::AToB;
        for payload in bytes.chunks(SEGMENT) {
            let (seq, ack) = if to_server { (&mut client, server) } else { (&mut server, client) };
            frames.push((to_server, frames::ipv4(Tcp { to_server, seq: *seq, ack: Some(ack), ..Tcp::default() }, payload)));
            *seq += u32::try_from(payload.len()).unwrap();
        }
    }
    frames.push((true, frames::ipv4(Tcp { to_server: true, rst: true, seq: client, ..Tcp::default() }, &[])));
    frames
}

fn endpoint(ip: &str, port: u16) -> Endpoint {
    Endpoint { ip: ip.parse().unwrap(), port }
}

fn compile(sources: &[Source<'_>]) -> RuleSet {
    let (set, report) = RuleSet::compile(sources, &RuleConfig::default());
    assert_eq!(report.errors, []);
    set
}

/// Lines of EVE JSON, forgotten at once.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Report for Lines {
    fn session(&mut self, _: Order, common: &Common<'_>, session: &Session) {
        event::tls(&mut self.0, common, session, TlsOptions::default());
    }

    fn alert(&mut self, _: Order, common: &Common<'_>, info: &AlertInfo<'_>, flow: &FlowCounters, session: Option<&Session>) {
        event::alert(&mut self.0, common, info, flow, session);
    }

    fn drop(&mut self, _: Order, common: &Common<'_>, segment: &SegmentHeader, info: &DropInfo<'_>) {
        event::drop(&mut self.0, common, segment, info);
    }

    fn flow(&mut self, _: Order, common: &Common<'_>, counters: &FlowCounters, end: &FlowEnd, tcp: Option<&TcpEnd>) {
        event::flow(&mut self.0, common, counters, end, tcp);
    }

    fn anomaly(&mut self, _: Order, common: &Common<'_>, info: &AnomalyInfo<'_>) {
        event::anomaly(&mut self.0, common, info);
    }
}
