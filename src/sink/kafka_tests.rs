//! Against the mock cluster of librdkafka: three brokers that come, go and refuse.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{ClientConfig, Message};
use serde_json::Value;

use super::*;
use crate::sink::format::Format;
use crate::sink::spool::{Receiver, Spool, SpoolSettings, Spooled, WhenFull};

fn settings(brokers: String) -> KafkaSettings {
    KafkaSettings {
        brokers,
        topic: "eve".to_owned(),
        format: Format::Eve,
        compression: "lz4",
        batch_time: Duration::from_millis(5),
        timeout: Duration::from_secs(20),
        message_bytes: 1_000_000,
        sasl: None,
        tls: None,
    }
}

fn event(n: u64) -> String {
    format!("{{\"timestamp\":\"2026-11-24T11:28:11.793478+0000\",\"flow_id\":{},\"event_type\":\"tls\",\"n\":{n}}}\n", n % 10)
}

/// Ships events with numbers up to `count`, and tells what became of them.
fn ship(settings: KafkaSettings, count: u64, dir: &Path, patience: Duration) -> (Spooled, Arc<Tally>) {
    let tally = Arc::<Tally>::default();
    let quiet = || -> Announce { Arc::new(|_: &Error| {}) };
    let kafka = Kafka::new(settings, Arc::clone(&tally), quiet()).unwrap();
    let spool = SpoolSettings::new(dir.join("spool"), 16 << 20, WhenFull::Wait);
    let mut spool = Spool::begin(spool, Receiver::Kafka(Box::new(kafka)), quiet(), patience, Arc::clone(&tally)).unwrap();
    (0..count).for_each(|n| spool.write(event(n).as_bytes()).unwrap());
    (spool.finish().unwrap(), tally)
}

/// What is in the topic: number, key and partition.
fn consume(brokers: &str, least: usize) -> Vec<(u64, String, i32)> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "g").set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&["eve"]).unwrap();
    let (mut all, since) = (Vec::new(), Instant::now());
    while all.len() < least && since.elapsed() < Duration::from_secs(60) {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(200)) else { continue };
        let event: Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        assert!(event["portcullis"]["id"].as_str().is_some());
        let key = String::from_utf8(message.key().unwrap().to_vec()).unwrap();
        all.push((event["n"].as_u64().unwrap(), key, message.partition()));
    }
    all
}

#[test]
fn each_event_arrives_once_and_those_of_a_flow_in_order_in_one_partition() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = MockCluster::new(3).unwrap();
    cluster.create_topic("eve", 4, 3).unwrap();
    let (spooled, tally) = ship(settings(cluster.bootstrap_servers()), 1_000, dir.path(), Duration::from_secs(60));
    assert_eq!((spooled, tally.sent.get()), (Spooled::default(), 1_000));
    let all = consume(&cluster.bootstrap_servers(), 1_000);
    let mut by_key: BTreeMap<String, (Vec<u64>, i32)> = BTreeMap::new();
    for (n, key, partition) in all {
        let (numbers, place) = by_key.entry(key).or_insert((Vec::new(), partition));
        assert_eq!(*place, partition);
        numbers.push(n);
    }
    assert_eq!(by_key.len(), 10);
    for (key, (numbers, _)) in by_key {
        let expected: Vec<u64> = (0..1_000).filter(|n| (n % 10).to_string() == key).collect();
        assert_eq!(numbers, expected);
    }
}

#[test]
fn brokers_that_refuse_for_a_while_cost_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("eve", 1, 1).unwrap();
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; 5];
    cluster.request_errors(RDKafkaApiKey::Produce, &refused);
    let (spooled, tally) = ship(settings(cluster.bootstrap_servers()), 100, dir.path(), Duration::from_secs(60));
    assert_eq!((spooled, tally.sent.get()), (Spooled::default(), 100));
    let numbers: Vec<u64> = consume(&cluster.bootstrap_servers(), 100).into_iter().map(|(n, ..)| n).collect();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
}

#[test]
fn what_brokers_that_are_away_do_not_take_waits_for_the_next_run() {
    let dir = tempfile::tempdir().unwrap();
    let away = KafkaSettings { timeout: Duration::from_millis(500), ..settings("127.0.0.1:1".to_owned()) };
    let (spooled, tally) = ship(away, 10, dir.path(), Duration::from_secs(1));
    assert_eq!((spooled.waiting, tally.sent.get()), (10, 0));
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("eve", 1, 1).unwrap();
    let (spooled, _) = ship(settings(cluster.bootstrap_servers()), 0, dir.path(), Duration::from_secs(60));
    assert_eq!(spooled, Spooled::default());
    assert_eq!(consume(&cluster.bootstrap_servers(), 10).len(), 10);
}

#[test]
fn an_event_that_is_too_long_is_refused_and_stops_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("eve", 1, 1).unwrap();
    let tally = Arc::<Tally>::default();
    let quiet: Announce = Arc::new(|_: &Error| {});
    let short = KafkaSettings { message_bytes: 2_000, ..settings(cluster.bootstrap_servers()) };
    let kafka = Kafka::new(short, Arc::clone(&tally), Arc::clone(&quiet)).unwrap();
    let spool = SpoolSettings::new(dir.path().join("spool"), 16 << 20, WhenFull::Wait);
    let mut spool =
        Spool::begin(spool, Receiver::Kafka(Box::new(kafka)), quiet, Duration::from_secs(60), Arc::clone(&tally)).unwrap();
    let long = event(1).replace("\"tls\"", &format!("\"tls\",\"pad\":\"{}\"", "x".repeat(3_000)));
    spool.write([event(0), long, event(2)].concat().as_bytes()).unwrap();
    assert_eq!(spool.finish().unwrap(), Spooled::default());
    assert_eq!((tally.sent.get(), tally.refused.get()), (2, 1));
    assert_eq!(consume(&cluster.bootstrap_servers(), 2).into_iter().map(|(n, ..)| n).collect::<Vec<_>>(), [0, 2]);
}
