//! `portcullis inline` between real clients and real servers, in network namespaces: what must pass passes whole, and of what must not the
//! server sees no part.

mod early;
mod lab;
mod quic;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::lab::{Lab, RETRY, Running, SECRET, USUAL, Way, wait_until};

const RULES: &str = r#"
drop tls any any -> any any (msg:"name"; tls.sni; content:"evil.example"; endswith; sid:1;)
drop tls any any -> any any (msg:"suffix"; tls.sni; dotprefix; content:".blocked.example"; endswith; sid:2;)
drop tls any any -> any any (msg:"certificate"; tls.cert_subject; content:"secret.example"; sid:3;)
rejectboth tls any any -> any any (msg:"reject"; tls.sni; content:"rejected.example"; endswith; sid:4;)
reject quic any any -> any 443 (msg:"quic"; sid:5;)
"#;

/// How the crooked client says hello.
const WAYS: [&str; 14] = [
    "plain",
    "split",
    "bytes",
    "reversed",
    "reversed-bytes",
    "twice",
    "overlap",
    "fragments",
    "records",
    "decoy",
    "decoy-ahead",
    "rewrite",
    "reset",
    "syn",
];

/// However the hello comes, a forbidden name does not get to the server, and an allowed one gets all it asks for.
fn enforces(way: Way) {
    let Some(mut lab) = Lab::new(way) else { return };
    let running = lab.start(RULES, &[]);
    let server = lab.watch("s");
    let mut cases: Vec<(&str, u8, bool)> = WAYS.map(|how| (how, USUAL, false)).into();
    cases.extend(["split", "bytes", "fragments", "extensions"].map(|how| (how, USUAL, true)));
    cases.extend([("plain", RETRY, false), ("split", RETRY, false)]);
    crooked_hellos(&lab, &cases);
    // Behind the FIN of a pretence nothing goes on, forbidden or not.
    assert_eq!(lab.crooked("fin", "evil.example", USUAL, false)["handshake"], false);
    downloads(&lab);
    datagrams(&mut lab);

    for forbidden in ["evil.example", "www.blocked.example", "rejected.example"] {
        assert!(!server.saw(forbidden), "{way:?}: the server saw {forbidden}");
    }
    server.expects("good.example");
    let events = running.end();
    for expected in ["name", "suffix", "certificate", "reject", "quic"] {
        assert!(events.alerts().contains(&expected), "{way:?}: {expected}");
    }
    assert!(events.of("drop").len() > 20);
}

fn crooked_hellos(lab: &Lab, cases: &[(&str, u8, bool)]) {
    for &(how, host, v6) in cases {
        let good = lab.crooked(how, "good.example", host, v6);
        assert_eq!((&good["handshake"], &good["bytes"]), (&true.into(), &4_000_000.into()), "{how} {host} {v6}: {good}");
        let evil = lab.crooked(how, "evil.example", host, v6);
        assert_eq!((&evil["connected"], &evil["handshake"]), (&true.into(), &false.into()), "{how} {host} {v6}: {evil}");
    }
}

/// What curl gets: an allowed name the whole of the large file, and others nothing.
fn downloads(lab: &Lab) {
    let (usual, secret) = (lab.host(USUAL), lab.host(SECRET));
    for (what, name, host, args, passes) in [
        ("allowed", "good.example", &usual, &[][..], true),
        ("by name", "evil.example", &usual, &[], false),
        ("below a suffix", "www.blocked.example", &usual, &[], false),
        ("beside a suffix", "goodblocked.example", &usual, &[], true),
        ("TLS 1.2", "good.example", &usual, &["--tls-max", "1.2"], true),
        ("by certificate", "other.example", &secret, &["--tls-max", "1.2"], false),
        ("certificate in the dark", "good.example", &secret, &["--tlsv1.3"], true),
    ] {
        assert_eq!(lab.curl(name, host, args), passes, "{:?}: {what}", lab.way);
    }
    let begun = Instant::now();
    assert!(!lab.curl("rejected.example", &usual, &[]));
    assert!(begun.elapsed() < Duration::from_millis(2_800), "the client is told, and does not wait for its three seconds");
}

/// QUIC is answered with an ICMP message, which the client's kernel takes for an answer of the server's; other datagrams get there and back.
fn datagrams(lab: &mut Lab) {
    let (way, v6) = (lab.way, lab.host_v6(USUAL));
    for host in [lab.host(USUAL), v6.clone()] {
        echo(lab, &host);
    }
    let initial = "c00000000108 8394c8f03e515708 0000 449e".replace(' ', "") + &"00".repeat(1_180);
    for host in [lab.host(USUAL).as_str(), &v6] {
        assert_eq!(lab.run("c", "python3", &["-c", ASK, host, "0102", "0", "5"]).trim(), "0102", "{way:?} {host}");
        assert_eq!(
            lab.run("c", "python3", &["-c", ASK, host, &initial, "0", "5"]).trim(),
            "ConnectionRefusedError",
            "{way:?} {host}"
        );
    }
}

/// Has a server answer each datagram with itself.
fn echo(lab: &mut Lab, host: &str) {
    let echo = "import socket, sys\ns = socket.socket(socket.AF_INET6 if \":\" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)\n\
                s.bind((sys.argv[1], 443))\nopen(sys.argv[2], \"w\")\nwhile True:\n  data, peer = s.recvfrom(2000)\n  s.sendto(data, peer)";
    let listens = lab.dir.path(&format!("echo-{}", host.replace(':', "-")));
    let server = lab.command("s", "python3").args(["-c", echo, host]).arg(&listens).spawn().unwrap();
    lab.children.push(server);
    wait_until("it listens", || listens.exists());
}

/// A datagram to a host, from a port (0: any), and what comes of it within some seconds.
const ASK: &str = r#"import socket, sys
host, data, port, patience = sys.argv[1:]
s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(float(patience))
s.bind(("", int(port)))
s.connect((host, 443))
s.send(bytes.fromhex(data))
try: print(s.recv(2000).hex())
except OSError as error: print(type(error).__name__)"#;

#[test]
fn queues_enforce() {
    enforces(Way::Queue);
}

#[test]
fn a_bridge_enforces() {
    enforces(Way::Bridge);
}

/// Client and server are in VLANs: a bridge lets tagged frames through, a router's queues see what the kernel has taken out of them.
#[test]
fn what_is_in_vlans_is_judged_as_any_other() {
    for (way, vlans) in [(Way::Bridge, &[7][..]), (Way::Bridge, &[9, 7]), (Way::Queue, &[7])] {
        let Some(mut lab) = Lab::with(way, vlans, &[]) else { return };
        let running = lab.start(RULES, &[]);
        let server = lab.watch("s");
        crooked_hellos(&lab, &[("split", USUAL, false), ("fragments", USUAL, false), ("split", USUAL, true)]);
        downloads(&lab);
        datagrams(&mut lab);
        for forbidden in ["evil.example", "www.blocked.example", "rejected.example"] {
            assert!(!server.saw(forbidden), "{way:?} {vlans:?}: the server saw {forbidden}");
        }
        server.expects("good.example");
        let events = running.end();
        let expected: &[u16] = if way == Way::Bridge { vlans } else { &[] };
        let vlan = |event: &Value| event["vlan"].as_array().cloned().unwrap_or_default();
        assert!(events.sessions().iter().all(|session| vlan(session) == expected), "{way:?} {vlans:?}: {:?}", events.sessions()[0]);
    }
}

/// What is not stopped is found where the server is, however it was sent: so a test that does not find it says something.
#[test]
fn a_forbidden_name_that_goes_on_is_found_in_each_way_of_sending_it() {
    let Some(mut lab) = Lab::new(Way::Bridge) else { return };
    let running = lab.start(RULES, &["--dry-run"]);
    let server = lab.watch("s");
    for (nth, (how, v6)) in WAYS.map(|how| (how, false)).into_iter().chain([("fragments", true), ("extensions", true)]).enumerate()
    {
        let name = format!("n{nth}.evil.example");
        lab.crooked(how, &name, USUAL, v6);
        server.expects(&name);
    }
    drop(running.end());
}

/// Tags, jumbo frames and protocols that nobody knows arrive as they were sent, both ways.
#[test]
fn a_bridge_is_transparent() {
    let Some(mut lab) = Lab::new(Way::Bridge) else { return };
    for (side, interface) in [("c", "c0"), ("m", "left"), ("m", "right"), ("s", "s0")] {
        lab.ip(side, &format!("link set {interface} mtu 9000"));
    }
    let running = lab.start(RULES, &[]);
    let server = lab.watch("s");
    let link = [&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8][..]].concat();
    let frames: Vec<Vec<u8>> = [
        [&[0x81, 0, 0x20, 7, 0x88, 0xb5][..], &[1; 80]].concat(), // a tag with a priority
        [&[0x88, 0xa8, 0, 9, 0x81, 0, 0, 7, 0x88, 0xb5][..], &[2; 80]].concat(), // two tags
        [&[0x88, 0xcc][..], &[3; 60]].concat(),                   // LLDP
        [&[0x88, 0xb5][..], &[4; 8_000]].concat(),                // a jumbo frame
        [&[0, 40, 0xaa, 0xaa, 3][..], &[5; 60]].concat(),         // IEEE 802.3 with a length
    ]
    .map(|rest| [&link[..], &rest].concat())
    .into();
    let send = "import socket, sys\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\ns.bind((sys.argv[1], 0))\n\
                [s.send(bytes.fromhex(frame)) for frame in sys.argv[2:]]";
    let hex = |frame: &Vec<u8>| frame.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let args: Vec<String> = frames.iter().map(hex).collect();
    let args: Vec<&str> = ["-c", send, "c0"].into_iter().chain(args.iter().map(String::as_str)).collect();
    lab.run("c", "python3", &args);
    for frame in &frames {
        wait_until("it arrives", || fs::read(&server.capture).unwrap().windows(frame.len()).any(|window| window == frame));
    }
    drop(running.end());
}

#[test]
fn rules_come_and_go_while_traffic_runs_and_a_dry_run_drops_nothing() {
    let Some(lab) = Lab::new(Way::Bridge) else { return };
    let usual = lab.host(USUAL);
    let running = lab.start(RULES, &["--dry-run"]);
    assert!(lab.curl("evil.example", &usual, &["-m", "20"]), "it is a dry run");
    let events = running.end();
    assert_eq!(events.alerts(), ["name"]);
    assert_eq!(events.of("drop")[0]["drop"]["reason"], "rules");

    let running = lab.start(RULES, &[]);
    assert!(lab.curl("good.example", &usual, &["--tlsv1.3"]));
    // By the fingerprint of the client that just passed.
    let ja3 = wait_for_session(&running)["tls"]["ja3"]["hash"].as_str().unwrap().to_owned();
    wait_until("the status counts it", || {
        running.signal("-USR1");
        running.wait_for("portcullis: status: ").contains("1 sessions")
    });
    lab.dir.file("x.rules", format!("drop tls any any -> any any (msg:\"ja3\"; ja3.hash; content:\"{ja3}\"; sid:9;)").as_bytes());
    running.signal("-HUP");
    running.wait_for("portcullis: rules reloaded: ");
    thread::sleep(Duration::from_millis(500));
    assert!(!lab.curl("good.example", &usual, &["--tlsv1.3", "-m", "3"]), "by fingerprint");
    assert!(running.end().alerts().contains(&"ja3"));
}

fn wait_for_session(running: &Running) -> Value {
    let mut found = None;
    wait_until("a session is told", || {
        found = running.events().sessions().first().map(|session| (*session).clone());
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn killed_in_the_middle_a_queue_lets_traffic_go_on_and_a_bridge_does_not() {
    for (way, passes) in [(Way::Queue, true), (Way::Bridge, false)] {
        let Some(lab) = Lab::new(way) else { return };
        let usual = lab.host(USUAL);
        let mut running = lab.start(RULES, &[]);
        assert!(lab.curl("good.example", &usual, &[]));
        running.child.kill().unwrap();
        running.child.wait().unwrap();
        assert_eq!(lab.curl("good.example", &usual, if passes { &[] } else { &["-m", "2"] }), passes, "{way:?}");
        // And again in its place.
        let running = lab.start(RULES, &[]);
        assert!(lab.curl("good.example", &usual, &[]), "{way:?}");
        drop(running);
    }
}

#[test]
fn a_bridge_lives_through_what_becomes_of_its_interfaces() {
    let Some(lab) = Lab::new(Way::Bridge) else { return };
    let usual = lab.host(USUAL);
    let running = lab.start(RULES, &[]);
    for _ in 0..3 {
        lab.ip("m", "link set right down");
        running.wait_for("right is down");
        lab.ip("m", "link set right up");
        running.wait_for("right is up again");
        assert!(lab.curl("good.example", &usual, &[]));
    }
    lab.ip("m", "link set left name gone");
    running.wait_for("left is gone");
    lab.ip("m", "link set gone name left");
    running.wait_for("left is back");
    assert!(lab.curl("good.example", &usual, &[]));
    assert!(!lab.curl("evil.example", &usual, &[]));
    drop(running.end());
}

/// A machine behind a tap device sends a datagram to be cut into fragments, for which virtio_net(7) has had no word since Linux 4.14: the kernel
/// then lets nothing more into the ring.
#[test]
fn a_frame_that_the_kernel_chokes_on_stops_a_bridge_for_a_moment_only() {
    let Some(mut lab) = Lab::new(Way::Bridge) else { return };
    lab.ip("m", "link del left");
    let mut machine = lab
        .command("m", "python3")
        .args(["tests/path/machine.py", "left"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answers = BufReader::new(machine.stdout.take().unwrap()).lines();
    assert_eq!(answers.next().unwrap().unwrap(), "up");
    let mut orders = machine.stdin.take().unwrap();
    lab.children.push(machine);
    let running = lab.start(RULES, &[]);
    let server = lab.watch("s");
    let arrives = |what: &[u8]| fs::read(&server.capture).unwrap().windows(what.len()).any(|window| window == what);
    let say_until_it_arrives = |orders: &mut ChildStdin, text: &str| {
        wait_until(text, || {
            writeln!(orders, "say {text}").unwrap();
            thread::sleep(Duration::from_millis(50));
            arrives(text.as_bytes())
        });
    };
    say_until_it_arrives(&mut orders, "before");
    writeln!(orders, "choke").unwrap();
    say_until_it_arrives(&mut orders, "after");
    running.wait_for("left took nothing in any more, and was opened anew");
    let events = running.end();
    assert!(events.0.last().unwrap()["stats"]["capture"]["kernel_drops"].as_u64().unwrap() > 0);
}

#[test]
fn what_cannot_be_opened_is_said_with_what_to_do() {
    use crate::util::run::Ran;
    let nowhere = Ran::with(["inline", "--no-config", "--no-rules", "--bridge", "lo:nosuch0"]).expect(1);
    assert!(nowhere.stderr.contains("lo is no Ethernet interface"), "{}", nowhere.stderr);
    let nowhere = Ran::with(["inline", "--no-config", "--no-rules", "--bridge", "nosuch0:nosuch1"]).expect(1);
    assert!(nowhere.stderr.contains("there is no interface nosuch0; there are "), "{}", nowhere.stderr);
    for args in [
        &["--queue", "9-2"][..],
        &["--bridge", "x"],
        &[],
        &["--queue", "1", "--bridge", "a:b"],
        &["--queue", "1", "--workers", "2"],
    ] {
        Ran::with([&["inline", "--no-config"], args].concat()).expect(2);
    }
}
