//! `portcullis inline` between real clients and real servers, in network namespaces: what must pass passes whole, and of what must not the
//! server sees no part.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::util::Dir;
use crate::util::bench::live_tests_are_left_out;
use crate::util::run::Events;

/// How Portcullis stands between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Queue,
    Bridge,
}

/// A client, a server with nginx, and between them a machine with Portcullis, each in a namespace of its own.
struct Lab {
    way: Way,
    name: String,
    dir: Dir,
    children: Vec<Child>,
    /// The address of the next hop as the client sees it.
    gateway: String,
}

/// `portcullis inline` as it runs.
struct Running {
    child: Child,
    said: Receiver<String>,
    events: String,
}

const RULES: &str = r#"
drop tls any any -> any any (msg:"name"; tls.sni; content:"evil.example"; endswith; sid:1;)
drop tls any any -> any any (msg:"suffix"; tls.sni; dotprefix; content:".blocked.example"; endswith; sid:2;)
drop tls any any -> any any (msg:"certificate"; tls.cert_subject; content:"secret.example"; sid:3;)
rejectboth tls any any -> any any (msg:"reject"; tls.sni; content:"rejected.example"; endswith; sid:4;)
reject quic any any -> any 443 (msg:"quic"; sid:5;)
"#;

/// Addresses of the servers: the usual one; one that asks each client to say hello again; one with a certificate that is forbidden.
const USUAL: u8 = 2;
const RETRY: u8 = 3;
const SECRET: u8 = 4;
const TOOLS: [&str; 8] = ["ip", "iptables", "nginx", "curl", "openssl", "tcpdump", "python3", "sysctl"];
/// The labs take turns: they are slow enough alone.
static TURN: Mutex<()> = Mutex::new(());

impl Lab {
    /// `None`, and it says so, where this machine does not let us make one. With `PORTCULLIS_LIVE_TESTS` set that is a failure.
    fn new(way: Way) -> Option<Self> {
        if live_tests_are_left_out() {
            return None;
        }
        let is_there =
            |tool: &str| Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap().status.success();
        let reason = match TOOLS.into_iter().find(|tool| !is_there(tool)) {
            Some(tool) => Some(format!("{tool} is not installed")),
            None => {
                let probe = format!("portcullis-probe-{}-{way:?}", std::process::id());
                let made = Command::new("ip").args(["netns", "add", &probe]).output().unwrap();
                let _ = Command::new("ip").args(["netns", "del", &probe]).output();
                (!made.status.success()).then(|| format!("no network namespace: {}", String::from_utf8_lossy(&made.stderr).trim()))
            }
        };
        if let Some(reason) = reason {
            assert!(std::env::var_os("PORTCULLIS_LIVE_TESTS").is_none(), "live tests are wanted, but {reason}");
            eprintln!("SKIPPED: {reason}");
            return None;
        }
        let name = format!("portcullis-{}-{way:?}", std::process::id()).to_lowercase();
        let mut lab = Self { way, name, dir: Dir::new(), children: Vec::new(), gateway: String::new() };
        lab.wire();
        lab.serve();
        Some(lab)
    }

    fn wire(&mut self) {
        for side in ["c", "m", "s"] {
            run(Command::new("ip").args(["netns", "add", &self.space(side)]));
            self.ip(side, "link set lo up");
        }
        for (near, far, side) in [("left", "c0", "c"), ("right", "s0", "s")] {
            self.ip("m", &format!("link add name {near} type veth peer name {far} netns {}", self.space(side)));
            self.run("m", "sysctl", &["-qw", &format!("net.ipv6.conf.{near}.accept_dad=0"), "net.ipv4.ip_forward=1"]);
            self.ip("m", &format!("link set {near} up"));
            self.ip(side, &format!("link set {far} up"));
            self.run(side, "sysctl", &["-qw", "net.ipv4.tcp_fastopen=3"]);
        }
        let server = self.server();
        let (v4, v6) = (format!("{server}."), if self.way == Way::Bridge { "fd09::" } else { "fd09:1::" });
        self.ip("c", "addr add 10.9.0.1/24 dev c0");
        self.ip("c", "addr add fd09::1/64 dev c0 nodad");
        for host in [USUAL, RETRY, SECRET] {
            self.ip("s", &format!("addr add {v4}{host}/24 dev s0"));
            self.ip("s", &format!("addr add {v6}{host}/64 dev s0 nodad"));
        }
        let mac = |side: &str, interface: &str| {
            self.run(side, "cat", &[&format!("/sys/class/net/{interface}/address")]).trim().to_owned()
        };
        let client_mac = mac("c", "c0");
        // The crooked client's addresses, of which its kernel knows nothing: others are told where they are.
        let (neighbour, interface) = if self.way == Way::Bridge { ("s", "s0") } else { ("m", "left") };
        match self.way {
            Way::Bridge => {
                self.gateway = mac("s", "s0");
            }
            Way::Queue => {
                self.gateway = mac("m", "left");
                self.run("m", "sysctl", &["-qw", "net.ipv6.conf.all.forwarding=1"]);
                for (net, interface) in
                    [("10.9.0.254/24", "left"), ("10.9.1.254/24", "right"), ("fd09::fe/64", "left"), ("fd09:1::fe/64", "right")]
                {
                    self.ip("m", &format!("addr add {net} dev {interface}"));
                }
                for (side, v4, v6) in [("c", "10.9.0.254", "fd09::fe"), ("s", "10.9.1.254", "fd09:1::fe")] {
                    self.ip(side, &format!("route add default via {v4}"));
                    self.ip(side, &format!("-6 route add default via {v6}"));
                }
                // What docs/operations.md tells.
                for tables in ["iptables", "ip6tables"] {
                    let queue = "-t mangle -A FORWARD -p tcp -m multiport --ports 443 -m connmark ! --mark 443 -j NFQUEUE --queue-num 7 --queue-bypass";
                    let datagrams = "-t mangle -A FORWARD -p udp --dport 443 -j NFQUEUE --queue-num 7 --queue-bypass";
                    let mark = "-t mangle -A POSTROUTING -m mark --mark 443 -j CONNMARK --save-mark";
                    for rule in [queue, datagrams, mark] {
                        self.run("m", tables, &rule.split(' ').collect::<Vec<_>>());
                    }
                }
            }
        }
        for ip in ["10.9.0.77", "fd09::77"] {
            self.ip(neighbour, &format!("neigh replace {ip} lladdr {client_mac} dev {interface}"));
        }
    }

    fn serve(&mut self) {
        for (file, subject) in [("usual", "good.example"), ("secret", "secret.example")] {
            let (key, pem) = (self.dir.path(&format!("{file}.key")), self.dir.path(&format!("{file}.pem")));
            let mut openssl = Command::new("openssl");
            openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9"]);
            run(openssl.arg("-subj").arg(format!("/CN={subject}")).arg("-keyout").arg(key).arg("-out").arg(pem));
        }
        let content: Vec<u8> = (0_u32..1_000_000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        fs::write(self.dir.path("large.bin"), content).unwrap();
        let root = self.dir.path("").display().to_string();
        let server = |listen: &str, file: &str, more: &str| {
            format!(
                "server {{ listen {listen}; ssl_certificate {root}/{file}.pem; ssl_certificate_key {root}/{file}.key; root {root}; {more} }}\n"
            )
        };
        let (v4, v6) = (self.server(), if self.way == Way::Bridge { "fd09:" } else { "fd09:1:" });
        let listen = |host: u8, how: &str| format!("{v4}.{host}:443 {how}; listen [{v6}:{host}]:443 ssl");
        let temporary: String =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|t| format!("{t}_temp_path {root}/{t};")).concat();
        let conf = format!(
            "daemon off; user root; worker_processes 1; pid {root}/nginx.pid; error_log {root}/nginx.log; events {{}}\n\
             http {{ access_log off; ssl_protocols TLSv1.2 TLSv1.3; {temporary}\n{}{}{}}}\n",
            server(&listen(USUAL, "ssl fastopen=16"), "usual", "ssl_early_data on;"),
            server(&listen(RETRY, "ssl"), "usual", "ssl_ecdh_curve secp384r1;"),
            server(&listen(SECRET, "ssl"), "secret", ""),
        );
        let conf = self.dir.file("nginx.conf", conf.as_bytes());
        let nginx = self.command("s", "nginx").args(["-c", &conf, "-p", &root]).stderr(Stdio::null()).spawn().unwrap();
        self.children.push(nginx);
        wait_until("nginx listens", || self.run("s", "cat", &["/proc/net/tcp"]).contains(":01BB"));
    }

    /// The network that the server is in.
    fn server(&self) -> &'static str {
        if self.way == Way::Bridge { "10.9.0" } else { "10.9.1" }
    }

    fn space(&self, side: &str) -> String {
        format!("{}-{side}", self.name)
    }

    fn command(&self, side: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space(side), program]).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn run(&self, side: &str, program: &str, args: &[&str]) -> String {
        run(self.command(side, program).args(args))
    }

    #[track_caller]
    fn ip(&self, side: &str, words: &str) {
        run(Command::new("ip").args(["-n", &self.space(side)]).args(words.split(' ')));
    }

    /// Starts Portcullis; it stands in the path when this comes back.
    fn start(&self, args: &[&str]) -> Running {
        let (rules, events) = (self.dir.file("x.rules", RULES.as_bytes()), self.dir.path("events.json").display().to_string());
        let _ = fs::remove_file(&events); // of the run before, which this one would add to
        let mut command = self.command("m", env!("CARGO_BIN_EXE_portcullis"));
        command.args(["inline", "--no-config", "--rules", &rules, "-o", &events]);
        match self.way {
            Way::Queue => command.args(["--queue", "7", "--done-mark", "443"]),
            Way::Bridge => command.args(["--bridge", "left:right"]),
        };
        let mut child = command.args(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (say, said) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let running = Running { child, said, events };
        running.wait_for("portcullis: in the path: ");
        running
    }

    /// What the crooked client gets of server `host`, to which it says hello in this `way`.
    fn crooked(&self, way: &str, name: &str, host: u8, v6: bool) -> Value {
        let server = match (v6, self.way) {
            (false, _) => format!("{}.{host}", self.server()),
            (true, Way::Bridge) => format!("fd09::{host}"),
            (true, Way::Queue) => format!("fd09:1::{host}"),
        };
        let source = if v6 { "fd09::77" } else { "10.9.0.77" };
        let out =
            self.run("c", "python3", &["tests/path/client.py", "c0", &self.gateway, source, &server, way, name, "/large.bin"]);
        serde_json::from_str(&out).unwrap()
    }

    /// curl, from the client's side, for the large file of `name` at `host`. Whether it came whole.
    fn curl(&self, name: &str, host: &str, args: &[&str]) -> bool {
        let (to, got) = (format!("{name}:443:{host}"), self.dir.path("got.bin"));
        let _ = fs::remove_file(&got);
        let mut curl = self.command("c", "curl");
        curl.args(["-skg", "-m", if name.contains("good") { "20" } else { "3" }, "--resolve", &to, "-o"]).arg(&got).args(args);
        let output = curl.arg(format!("https://{name}/large.bin")).output().unwrap();
        output.status.success() && fs::read(got).unwrap() == fs::read(self.dir.path("large.bin")).unwrap()
    }

    fn host(&self, host: u8) -> String {
        format!("{}.{host}", self.server())
    }

    /// Listens at the server's interface from now on.
    fn watch_server(&mut self) -> String {
        let capture = self.dir.path("server.pcap").display().to_string();
        let mut tcpdump =
            self.command("s", "tcpdump").args(["-i", "s0", "-U", "-s", "0", "-w", &capture]).stderr(Stdio::null()).spawn().unwrap();
        wait_until("tcpdump listens", || {
            fs::metadata(&capture).is_ok_and(|meta| meta.len() >= 24) || tcpdump.try_wait().unwrap().is_some()
        });
        self.children.push(tcpdump);
        capture
    }

    /// Whether the server has seen `name`, in whatever way the bytes that came to it could be put together.
    fn server_saw(&self, capture: &str, name: &str) -> bool {
        thread::sleep(Duration::from_millis(300)); // tcpdump writes what it has seen
        match run(Command::new("python3").args(["tests/path/seen.py", capture, name]).current_dir(env!("CARGO_MANIFEST_DIR")))
            .trim()
        {
            "yes" => true,
            "no" => false,
            odd => panic!("{odd}"),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        for side in ["c", "m", "s"] {
            // What was started here and has outlived who started it: workers of nginx.
            let left = Command::new("ip").args(["netns", "pids", &self.space(side)]).output().unwrap().stdout;
            for pid in String::from_utf8_lossy(&left).split_whitespace() {
                let _ = Command::new("kill").args(["-9", pid]).output();
            }
            let _ = Command::new("ip").args(["netns", "del", &self.space(side)]).output();
        }
    }
}

impl Running {
    #[track_caller]
    fn wait_for(&self, words: &str) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        let mut said = Vec::new();
        while let Ok(line) = self.said.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if line.contains(words) {
                return line;
            }
            said.push(line);
        }
        panic!("it never said {words:?}, but {said:#?}");
    }

    fn signal(&self, signal: &str) {
        // `ip netns exec` has become the program: it has the same number.
        run(Command::new("kill").args([signal, &self.child.id().to_string()]));
    }

    /// Ends it with SIGTERM, within a second as it promises (five where others keep the machine busy), and gives its events.
    fn end(mut self) -> Events {
        self.signal("-TERM");
        let asked = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(asked.elapsed() < Duration::from_secs(5), "it does not end");
            thread::sleep(Duration::from_millis(10));
        }
        self.events()
    }

    fn events(&self) -> Events {
        let lines = fs::read(&self.events).unwrap();
        let whole = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1); // more may be on the way
        Events::parse(&lines[..whole])
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "{what}: not within 20 s");
        thread::sleep(Duration::from_millis(20));
    }
}

/// However the hello comes, a forbidden name does not get to the server, and an allowed one gets all it asks for.
fn enforces(way: Way) {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let Some(mut lab) = Lab::new(way) else { return };
    let running = lab.start(&[]);
    let capture = lab.watch_server();
    let ways = [
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
    let mut cases: Vec<(&str, u8, bool)> = ways.into_iter().map(|how| (how, USUAL, false)).collect();
    cases.extend([("split", USUAL, true), ("bytes", USUAL, true), ("plain", RETRY, false), ("split", RETRY, false)]);
    for (how, host, v6) in cases {
        let good = lab.crooked(how, "good.example", host, v6);
        assert_eq!((&good["handshake"], &good["bytes"]), (&true.into(), &4_000_000.into()), "{way:?} {how} {host} {v6}: {good}");
        let evil = lab.crooked(how, "evil.example", host, v6);
        assert_eq!((&evil["connected"], &evil["handshake"]), (&true.into(), &false.into()), "{way:?} {how} {host} {v6}: {evil}");
    }
    // Behind the FIN of a pretence nothing goes on, forbidden or not.
    assert_eq!(lab.crooked("fin", "evil.example", USUAL, false)["handshake"], false);

    let usual = lab.host(USUAL);
    for (what, name, host, args, passes) in [
        ("allowed", "good.example", &usual, &[][..], true),
        ("by name", "evil.example", &usual, &[], false),
        ("below a suffix", "www.blocked.example", &usual, &[], false),
        ("beside a suffix", "goodblocked.example", &usual, &[], true),
        ("TLS 1.2", "good.example", &usual, &["--tls-max", "1.2"], true),
        ("by certificate", "other.example", &lab.host(SECRET), &["--tls-max", "1.2"], false),
        ("certificate in the dark", "good.example", &lab.host(SECRET), &["--tlsv1.3"], true),
        ("fast open, first", "good.example", &usual, &["--tcp-fastopen"], true),
        ("fast open, with a cookie", "good.example", &usual, &["--tcp-fastopen"], true),
        ("fast open of what is forbidden", "evil.example", &usual, &["--tcp-fastopen"], false),
    ] {
        assert_eq!(lab.curl(name, host, args), passes, "{way:?}: {what}");
    }
    let begun = Instant::now();
    assert!(!lab.curl("rejected.example", &usual, &[]));
    assert!(begun.elapsed() < Duration::from_millis(2_800), "the client is told, and does not wait for its three seconds");
    early_data(&lab, way);
    datagrams(&mut lab, way);

    for forbidden in ["evil.example", "www.blocked.example", "rejected.example"] {
        assert!(!lab.server_saw(&capture, forbidden), "{way:?}: the server saw {forbidden}");
    }
    assert!(lab.server_saw(&capture, "good.example"));
    let events = running.end();
    for expected in ["name", "suffix", "certificate", "reject", "quic"] {
        assert!(events.alerts().contains(&expected), "{way:?}: {expected}");
    }
    assert!(events.of("drop").len() > 20);
}

/// A session of an earlier connection, with data sent before the handshake is done.
fn early_data(lab: &Lab, way: Way) {
    let session = lab.dir.path("session").display().to_string();
    let request = lab.dir.file("request", b"GET /large.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let to = format!("{}:443", lab.host(USUAL));
    let client = |name: &str, args: &[&str]| {
        let mut openssl = lab.command("c", "timeout");
        openssl.args(["5", "openssl", "s_client", "-connect", &to, "-tls1_3", "-ign_eof", "-servername", name]).args(args);
        let input = fs::File::open(&request).unwrap();
        String::from_utf8_lossy(&openssl.stdin(input).stderr(Stdio::null()).output().unwrap().stdout).into_owned()
    };
    client("good.example", &["-sess_out", &session]);
    let good = client("good.example", &["-sess_in", &session, "-early_data", &request]);
    assert!(good.contains("Early data was accepted"), "{way:?}: {good}");
}

/// QUIC is answered with an ICMP message, which the client's kernel takes for an answer of the server's; other datagrams get there and back.
fn datagrams(lab: &mut Lab, way: Way) {
    let v6 = if lab.way == Way::Bridge { "fd09::2" } else { "fd09:1::2" };
    let echo = "import socket, sys\ns = socket.socket(socket.AF_INET6 if \":\" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)\n\
                s.bind((sys.argv[1], 443))\nwhile True:\n  data, peer = s.recvfrom(2000)\n  s.sendto(data, peer)";
    for (host, table) in [(lab.host(USUAL).as_str(), "/proc/net/udp"), (v6, "/proc/net/udp6")] {
        let server = lab.command("s", "python3").args(["-c", echo, host]).spawn().unwrap();
        lab.children.push(server);
        wait_until("it listens", || lab.run("s", "cat", &[table]).contains(":01BB"));
    }
    let ask = "import socket, sys\ns = socket.socket(socket.AF_INET6 if \":\" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)\n\
               s.settimeout(5)\ns.connect((sys.argv[1], 443))\ns.send(bytes.fromhex(sys.argv[2]))\n\
               try: print(s.recv(2000).hex())\nexcept OSError as error: print(type(error).__name__)";
    let initial = "c00000000108 8394c8f03e515708 0000 449e".replace(' ', "") + &"00".repeat(1_180);
    for host in [lab.host(USUAL).as_str(), v6] {
        assert_eq!(lab.run("c", "python3", &["-c", ask, host, "0102"]).trim(), "0102", "{way:?} {host}");
        assert_eq!(lab.run("c", "python3", &["-c", ask, host, &initial]).trim(), "ConnectionRefusedError", "{way:?} {host}");
    }
}

#[test]
fn queues_enforce() {
    enforces(Way::Queue);
}

#[test]
fn a_bridge_enforces() {
    enforces(Way::Bridge);
}

/// Chromium's hello is of two segments, since X25519MLKEM768 makes it long; asked to, it speaks QUIC, and nothing else.
#[test]
fn a_browser_gets_what_is_allowed_and_nothing_else() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if !Command::new("sh").args(["-c", "command -v chromium"]).output().unwrap().status.success() {
        return eprintln!("SKIPPED: chromium is not installed");
    }
    for way in [Way::Bridge, Way::Queue] {
        let Some(mut lab) = Lab::new(way) else { return };
        lab.dir.file("page.html", b"<p>the page came</p>");
        let running = lab.start(&[]);
        let capture = lab.watch_server();
        for (name, more, comes) in [
            ("good.example", "--disable-quic", true),
            ("rejected.example", "--disable-quic", false),
            ("quic.good.example", "--origin-to-force-quic-on=quic.good.example:443", false),
        ] {
            let mut chromium = lab.command("c", "timeout");
            chromium.args(["60", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
            chromium.args(["--no-first-run", "--disable-background-networking", "--ignore-certificate-errors", more]);
            chromium.arg(format!("--user-data-dir={}", lab.dir.path(name).display()));
            chromium.arg(format!("--host-resolver-rules=MAP * {}", lab.host(USUAL)));
            let output = chromium.args(["--dump-dom", &format!("https://{name}/page.html")]).output().unwrap();
            let page = String::from_utf8_lossy(&output.stdout);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(page.contains("the page came"), comes, "{way:?} {name}: {page} {said}");
        }
        assert!(lab.server_saw(&capture, "good.example") && !lab.server_saw(&capture, "rejected.example"), "{way:?}");
        let events = running.end();
        for alert in ["reject", "quic"] {
            assert!(events.alerts().contains(&alert), "{way:?} {alert}");
        }
    }
}

/// Tags, jumbo frames and protocols that nobody knows arrive as they were sent, both ways.
#[test]
fn a_bridge_is_transparent() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let Some(mut lab) = Lab::new(Way::Bridge) else { return };
    for (side, interface) in [("c", "c0"), ("m", "left"), ("m", "right"), ("s", "s0")] {
        lab.ip(side, &format!("link set {interface} mtu 9000"));
    }
    let running = lab.start(&[]);
    let capture = lab.watch_server();
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
        wait_until("it arrives", || fs::read(&capture).unwrap().windows(frame.len()).any(|window| window == frame));
    }
    drop(running.end());
}

#[test]
fn rules_come_and_go_while_traffic_runs_and_a_dry_run_drops_nothing() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let Some(lab) = Lab::new(Way::Bridge) else { return };
    let usual = lab.host(USUAL);
    let running = lab.start(&["--dry-run"]);
    assert!(lab.curl("evil.example", &usual, &["-m", "20"]), "it is a dry run");
    let events = running.end();
    assert_eq!(events.alerts(), ["name"]);
    assert_eq!(events.of("drop")[0]["drop"]["reason"], "rules");

    let running = lab.start(&[]);
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
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for (way, passes) in [(Way::Queue, true), (Way::Bridge, false)] {
        let Some(lab) = Lab::new(way) else { return };
        let usual = lab.host(USUAL);
        let mut running = lab.start(&[]);
        assert!(lab.curl("good.example", &usual, &[]));
        running.child.kill().unwrap();
        running.child.wait().unwrap();
        assert_eq!(lab.curl("good.example", &usual, if passes { &[] } else { &["-m", "2"] }), passes, "{way:?}");
        // And again in its place.
        let running = lab.start(&[]);
        assert!(lab.curl("good.example", &usual, &[]), "{way:?}");
        drop(running);
    }
}

#[test]
fn a_bridge_lives_through_what_becomes_of_its_interfaces() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let Some(lab) = Lab::new(Way::Bridge) else { return };
    let usual = lab.host(USUAL);
    let running = lab.start(&[]);
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
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
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
    let running = lab.start(&[]);
    let capture = lab.watch_server();
    let arrives = |what: &[u8]| fs::read(&capture).unwrap().windows(what.len()).any(|window| window == what);
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
