//! What sinks can be said to be, and what is said of those that cannot.

use super::*;
use std::time::Duration;

use crate::sink::{HttpSettings, IndexName, Login, Mode, SecretSource, SpoolSettings, TlsSettings, WhenFull};

#[test]
fn a_sink_is_described_by_kind_target_and_keys() {
    let sink = parse("file:/var/log/a%3Fb.json?rotate-size=1GiB&rotate-interval=1d&compress=zstd&keep=7&name=all").unwrap();
    let log = LogSettings {
        path: "/var/log/a?b.json".into(),
        rotate_size: Some(1 << 30),
        rotate_interval: Some(86_400),
        compress: true,
        keep: Some(7),
    };
    assert_eq!(
        sink,
        SinkSettings {
            name: "all".to_owned(),
            target: Target::File(log),
            filter: Filter::default(),
            format: Format::Eve,
            spool: None
        }
    );
    let sink = parse("unix:/run/a.sock?events=alert,drop&severity=medium&rules=1:*,*C2*&findings=weak.cipher.rc4").unwrap();
    let filter = Filter {
        events: Some(vec!["alert".to_owned(), "drop".to_owned()]),
        severity: Some(Severity::Medium),
        findings: Some(vec!["weak.cipher.rc4"]),
        rules: Some(vec!["1:*".to_owned(), "*C2*".to_owned()]),
    };
    assert_eq!(sink.filter, filter);
    assert_eq!((sink.name.as_str(), sink.target), ("unix:/run/a.sock", Target::Socket(Address::Unix("/run/a.sock".into()))));
    assert_eq!(parse("stdout").unwrap().target, Target::Stdout);
    let sink = parse("syslog-tcp:[::1]:601?facility=local0&hostname=fw1").unwrap();
    let settings = SyslogSettings { facility: 16, hostname: "fw1".to_owned(), format: Format::Eve };
    assert_eq!(sink.target, Target::Syslog(Address::Tcp("[::1]:601".to_owned()), settings));
}

#[test]
fn tls_takes_files_and_a_name() {
    let sink = parse("syslog-tls:logs:6514?ca=ca.pem&server-name=logs.example&certificate=c.pem&key=k.pem&hostname=h").unwrap();
    let tls = TlsSettings {
        ca: Some("ca.pem".into()),
        server_name: Some("logs.example".to_owned()),
        fingerprints: Vec::new(),
        identity: Some(("c.pem".into(), "k.pem".into())),
    };
    let syslog = SyslogSettings { facility: 21, hostname: "h".to_owned(), format: Format::Eve };
    assert_eq!(sink.target, Target::Syslog(Address::Tls("logs:6514".to_owned(), tls), syslog));
    let (one, two) = (format!("sha-1:{}", ["AB"; 20].join(":")), format!("sha-256:{}", "cd".repeat(32)));
    let Target::Syslog(Address::Tls(_, tls), _) = parse(&format!("syslog-tls:logs:6514?fingerprint={one},{two}")).unwrap().target
    else {
        panic!("no TLS")
    };
    assert_eq!(tls.fingerprints, [one.parse().unwrap(), two.parse().unwrap()]);
    let Target::Http(http) = parse(&format!("http:https://a?mode=loki&server-name=logs.example&fingerprint={one}")).unwrap().target
    else {
        panic!("no HTTP")
    };
    assert_eq!((http.tls.server_name.as_deref(), http.tls.fingerprints), (Some("logs.example"), vec![one.parse().unwrap()]));
}

#[test]
fn http_takes_a_url_a_mode_and_where_the_secret_is() {
    let sink = parse(
        "http:https://es:9200/x%3Fpipeline=p?mode=elastic&index=tls-%25Y&token-file=t&ca=c.pem&batch-time=0.5&batch-events=5",
    )
    .unwrap();
    let expected = HttpSettings {
        url: "https://es:9200/x?pipeline=p".to_owned(),
        mode: Mode::Elastic(IndexName::new("tls-%Y").unwrap()),
        format: Format::Eve,
        gzip: true,
        batch_events: 5,
        batch_bytes: 4 << 20,
        batch_time: Duration::from_millis(500),
        timeout: Duration::from_secs(30),
        login: Some(Login::Token("ApiKey", SecretSource::File("t".into()))),
        tls: TlsSettings { ca: Some("c.pem".into()), ..TlsSettings::default() },
    };
    assert_eq!(sink.target, Target::Http(Box::new(expected)));
    assert!(sink.spool.is_some());
    let login = |text: &str| match parse(text).unwrap().target {
        Target::Http(http) => http.login,
        other => panic!("{other:?}"),
    };
    let variable = || SecretSource::Environment("T".to_owned());
    for (text, expected) in [
        ("http:http://a?mode=ndjson", None),
        ("http:http://a?mode=ndjson&token-env=T", Some(Login::Token("Bearer", variable()))),
        ("http:http://a?mode=splunk-hec&token-env=T", Some(Login::Token("Splunk", variable()))),
        ("http:http://a?mode=elastic&token-env=T&auth=bearer", Some(Login::Token("Bearer", variable()))),
        ("http:http://a?mode=loki&token-env=T&user=u", Some(Login::Basic("u".to_owned(), variable()))),
    ] {
        assert_eq!(login(text), expected, "{text}");
    }
}

#[test]
fn what_http_cannot_be_is_told_without_a_secret() {
    for (text, key, said) in [
        ("http:", None, "a sink of type http needs a URL"),
        ("http:ftp://a?mode=loki", Some("url"), "it is no URL: expected http://HOST[:PORT][/PATH] or https://..."),
        (
            "http:https://u:hunter2@a?mode=loki",
            Some("url"),
            "there is a user or password in the URL: use user, and token-file or token-env",
        ),
        (
            "http:https://a/in%3Fapi_key=hunter2?mode=ndjson",
            Some("url"),
            "there is what seems to be a secret in the URL, api_key: use token-file or token-env, which go into a header",
        ),
        ("http:https://a", None, "a sink of type http needs mode: one of elastic, splunk-hec, loki, ndjson"),
        ("http:https://a?mode=elk", Some("mode"), "mode: 'elk' is none of elastic, splunk-hec, loki, ndjson"),
        ("http:https://a?mode=loki&index=a", Some("index"), "index: there is none in this mode"),
        (
            "http:https://a?mode=elastic&index=A",
            Some("index"),
            "index: 'A' can be in no index's name: use lower case, and %Y, %m and %d for the day",
        ),
        (
            "http:https://a?mode=loki&labels=event_type=a",
            Some("labels"),
            "labels: 'event_type' can be no label of yours: use letters, digits and _; event_type is there",
        ),
        (
            "http:https://a?mode=loki&auth=basic",
            Some("auth"),
            "auth: it needs token-file or token-env, which say where the secret is",
        ),
        ("http:https://a?mode=loki&auth=basic&token-env=T", Some("auth"), "auth: basic needs user"),
        ("http:https://a?mode=loki&timeout=0", Some("timeout"), "timeout: use more than 0"),
        ("http:https://a?mode=elastic&format=cef", Some("format"), "format: cef is no JSON, which this mode takes alone"),
        ("http:https://a?mode=loki&spool=none", None, "a sink of type http needs a spool"),
    ] {
        let fault = parse(text).unwrap_err();
        assert_eq!((fault.key.as_deref(), fault.why.as_str()), (key, said), "{text}");
    }
}

#[cfg(not(feature = "kafka"))]
#[test]
fn a_build_without_kafka_says_so() {
    let fault = parse("kafka:a:9092/eve").unwrap_err();
    assert_eq!(fault.hint.as_deref(), Some("it takes a build with the feature kafka"));
}

#[cfg(feature = "kafka")]
#[test]
fn a_topic_of_kafka_has_a_spool() {
    let sink = parse("kafka:a:9092,b:9092/eve?compress=none&spool=s").unwrap();
    let Target::Kafka(kafka) = sink.target else { panic!("{sink:?}") };
    assert_eq!((kafka.brokers.as_str(), kafka.topic.as_str(), kafka.compression), ("a:9092,b:9092", "eve", "none"));
    assert!(sink.spool.is_some());
}

#[test]
fn a_stream_may_have_a_spool() {
    let sink =
        parse("unix:a.sock?spool=/var/spool/p&spool-size=2MiB&spool-full=oldest&resend=0&spool-sync=never&spool-sync-bytes=4K")
            .unwrap();
    let spool = SpoolSettings {
        resend: 0,
        sync_time: None,
        sync_bytes: 4_096,
        ..SpoolSettings::new("/var/spool/p".into(), 2 << 20, WhenFull::Oldest)
    };
    assert_eq!(sink.spool, Some(spool));
    let sink = parse("syslog-tcp:a:601?spool=s").unwrap();
    let spool = SpoolSettings::new("s".into(), 1 << 30, WhenFull::Wait);
    assert_eq!(sink.spool, Some(spool));
    assert_eq!(parse("unix:a.sock").unwrap().spool, None);
    assert_eq!(parse("syslog-tcp:a:601?spool=none").unwrap().spool, None);
}

#[test]
fn a_sink_that_cannot_be_says_why() {
    for (text, key, said) in [
        (
            "flie:a",
            Some("type"),
            format!(
                "'flie' is no kind of sink: use stdout, file, unix, unix-datagram, syslog-udp, syslog-tcp, syslog-tls, http{}: is file meant?",
                if cfg!(feature = "kafka") { ", kafka" } else { "" }
            )
            .as_str(),
        ),
        ("file", None, "a sink of type file needs a path"),
        (
            "file:a?rotate=1",
            Some("rotate"),
            "a sink of type file has no key rotate: it is one of name, format, events, severity, findings, rules, rotate-size, rotate-interval, compress, keep",
        ),
        (
            "stdout?keep=7",
            Some("keep"),
            "a sink of type stdout has no key keep: it is one of name, format, events, severity, findings, rules",
        ),
        (
            "syslog-udp:a:1?spool=s",
            Some("spool"),
            "a sink of type syslog-udp has no key spool: it is one of name, format, events, severity, findings, rules, facility, hostname",
        ),
        ("unix:a?spool-size=2MiB", None, "a sink of type unix needs spool, a directory, for this"),
        ("syslog-tls:a:1?key=k", None, "a sink of type syslog-tls needs certificate, beside key"),
        (
            "syslog-tls:a:1?fingerprint=sha-256:AB",
            Some("fingerprint"),
            "fingerprint: 'sha-256:AB' has 1 bytes: those of sha-256 have 32",
        ),
        (
            "syslog-tls:a:1?ca=c&fingerprint=sha-1:0000000000000000000000000000000000000000",
            None,
            "a sink of type syslog-tls needs either ca or fingerprint, by which its receiver is known",
        ),
        ("syslog-tls:a:1?certificate=c", None, "a sink of type syslog-tls needs key, beside certificate"),
        (
            "syslog-tcp:a:1?ca=c",
            Some("ca"),
            "a sink of type syslog-tcp has no key ca: it is one of name, format, events, severity, findings, rules, facility, hostname, spool, spool-size, spool-full, spool-sync, spool-sync-bytes, resend",
        ),
        ("unix:a?spool=s&spool-size=1K", Some("spool-size"), "spool-size: use 1MiB or more"),
        ("unix:a?spool=s&spool-full=never", Some("spool-full"), "spool-full: 'never' is none of wait, oldest, newest"),
        ("file:a?event=tls", Some("event"), "a sink of type file has no key event: is events meant?"),
        (
            "file:a?events=dns",
            Some("events"),
            "events: there are no events called 'dns': use alert, anomaly, drop, flow, packet, portcullis_certificate, stats, tls",
        ),
        ("file:a?severity=3", Some("severity"), "severity: '3' is none of high, medium, low, info"),
        ("file:a?findings=xyzzy.x.y", Some("findings"), "findings: no finding is called `xyzzy.x.y`"),
        ("file:a?rotate-size=0", Some("rotate-size"), "rotate-size: use 1 or more"),
        ("file:a?rotate-size=1T", Some("rotate-size"), "rotate-size: unknown unit 'T': use K, M or G"),
        ("file:a?rotate-interval=0", Some("rotate-interval"), "rotate-interval: use 1 second or more"),
        ("file:a?compress=gzip", Some("compress"), "compress: 'gzip' is no compression: use zstd"),
        ("file:a?keep=-1", Some("keep"), "keep: '-1' is no whole number"),
        ("syslog-udp:host", Some("address"), "'host' is no address: expected HOST:PORT"),
        ("syslog-udp:host:0", Some("address"), "'host:0' is no address: expected HOST:PORT"),
        (
            "syslog-udp:a:1?facility=kern",
            Some("facility"),
            "facility: 'kern' is no facility: use user, daemon, auth, authpriv, local0, local1, local2, local3, local4, local5, local6, local7",
        ),
        ("file:a%zz", None, "'a%zz': % stands before two hex digits, and is %25 itself"),
    ] {
        let fault = parse(text).unwrap_err();
        assert_eq!((fault.key.as_deref(), fault.to_string().as_str()), (key, said), "{text}");
    }
}

#[test]
fn the_name_of_a_sink_has_nothing_of_what_is_behind_a_path() {
    for target in ["https://a/in", "https://a/in%3Fx=y", "https://a/in%3fx=y"] {
        assert_eq!(parse(&format!("http:{target}?mode=ndjson")).unwrap().name, "http:https://a/in");
    }
}

#[test]
fn what_is_encoded_is_read_as_it_was() {
    for text in ["a?b&c%d", "%3F", "plain"] {
        assert_eq!(decoded(&encoded(text)).unwrap(), text);
    }
}

#[test]
fn every_type_of_event_in_the_manual_can_be_chosen() {
    let manual = include_str!("../../../docs/events.md");
    let listed = manual.lines().filter_map(|line| line.strip_prefix("## ")).filter(|title| !title.contains(' '));
    let mut listed: Vec<&str> = listed.collect();
    listed.sort_unstable();
    assert_eq!(listed, EVENTS);
}
