//! Three machines in network namespaces: a client, a server, and Portcullis between them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::util::Dir;
use crate::util::bench::live_tests_are_left_out;
use crate::util::run::Events;

/// How Portcullis stands between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Queue,
    Bridge,
}

/// A client, a server with nginx, and between them a machine with Portcullis, each in a namespace of its own.
pub struct Lab {
    pub way: Way,
    /// The VLANs that client and server are in, outermost first.
    vlans: &'static [u16],
    name: String,
    pub dir: Dir,
    pub children: Vec<Child>,
    /// The address of the next hop as the client sees it.
    gateway: String,
    /// The labs take turns: they are slow enough alone.
    _turn: MutexGuard<'static, ()>,
}

/// What came and went at an interface.
pub struct Watch {
    pub capture: String,
}

/// `portcullis inline` as it runs.
pub struct Running {
    pub child: Child,
    said: Receiver<String>,
    events: String,
}

/// Addresses of the servers: the usual one; one that asks each client to say hello again; one with a certificate that is forbidden;
/// and two that nginx is not at.
pub const USUAL: u8 = 2;
pub const RETRY: u8 = 3;
pub const SECRET: u8 = 4;
pub const QUIC: u8 = 5;
pub const NO_QUIC: u8 = 6;
const HOSTS: [u8; 5] = [USUAL, RETRY, SECRET, QUIC, NO_QUIC];
const TOOLS: [&str; 8] = ["ip", "iptables", "nginx", "curl", "openssl", "tcpdump", "python3", "sysctl"];
static TURN: Mutex<()> = Mutex::new(());

impl Lab {
    /// `None`, and it says so, where this machine does not let us make one. With `PORTCULLIS_LIVE_TESTS` set that is a failure.
    pub fn new(way: Way) -> Option<Self> {
        Self::with(way, &[], &[])
    }

    /// One whose client and server are in VLANs: 802.1Q where there is one tag, 802.1ad around it where there are two. And it takes `tools`.
    pub fn with(way: Way, vlans: &'static [u16], tools: &[&str]) -> Option<Self> {
        if live_tests_are_left_out() {
            return None;
        }
        let is_there =
            |tool: &str| Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap().status.success();
        let needs_tun = !vlans.is_empty() && !Path::new("/dev/net/tun").exists();
        let reason = match TOOLS.iter().chain(tools).find(|tool| !is_there(tool)) {
            Some(tool) => Some(format!("{tool} is not installed")),
            None if needs_tun => Some("there is no /dev/net/tun".to_owned()),
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
        let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut lab = Self { way, vlans, name, dir: Dir::new(), children: Vec::new(), gateway: String::new(), _turn: turn };
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
            self.ip("m", &format!("link set {near} mtu {} up", if self.vlans.is_empty() { 1_500 } else { 1_508 }));
            self.ip(side, &format!("link set {far} up"));
            self.tag(side, far);
            self.run(side, "sysctl", &["-qw", "net.ipv4.tcp_fastopen=3"]);
        }
        let (client, server) = (self.device("c0"), self.device("s0"));
        let (v4, v6) = self.networks();
        self.ip("c", &format!("addr add 10.9.0.1/24 dev {client}"));
        self.ip("c", &format!("addr add fd09::1/64 dev {client} nodad"));
        for host in HOSTS {
            self.ip("s", &format!("addr add {v4}.{host}/24 dev {server}"));
            self.ip("s", &format!("addr add {v6}:{host}/64 dev {server} nodad"));
        }
        self.gateway = match self.way {
            Way::Bridge => self.mac("s", "s0"),
            Way::Queue => {
                self.route();
                self.mac("m", "left")
            }
        };
        // The crooked client's addresses, of which its kernel knows nothing: others are told where they are.
        let (neighbour, interface) = if self.way == Way::Bridge { ("s", server) } else { ("m", self.device("left")) };
        for ip in ["10.9.0.77", "fd09::77"] {
            self.ip(neighbour, &format!("neigh replace {ip} lladdr {} dev {interface}", self.mac("c", "c0")));
        }
    }

    /// Makes the machine in the middle a router that has netfilter queue what it forwards, as docs/operations.md tells.
    fn route(&mut self) {
        let (left, right) = (self.device("left"), self.device("right"));
        for device in ["left", "right"] {
            self.tag("m", device);
        }
        for device in [&left, &right] {
            // The `.` of a VLAN's device is no separator here.
            self.run("m", "sysctl", &["-qw", &format!("net/ipv6/conf/{device}/accept_dad=0")]);
        }
        self.run("m", "sysctl", &["-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
        for (net, device) in
            [("10.9.0.254/24", &left), ("10.9.1.254/24", &right), ("fd09::fe/64", &left), ("fd09:1::fe/64", &right)]
        {
            self.ip("m", &format!("addr add {net} dev {device}"));
        }
        for (side, v4, v6) in [("c", "10.9.0.254", "fd09::fe"), ("s", "10.9.1.254", "fd09:1::fe")] {
            self.ip(side, &format!("route add default via {v4}"));
            self.ip(side, &format!("-6 route add default via {v6}"));
        }
        for tables in ["iptables", "ip6tables"] {
            let queue = "-t mangle -A FORWARD -p tcp -m multiport --ports 443 -m connmark ! --mark 443 -j NFQUEUE --queue-num 7 --queue-bypass";
            let datagrams = "-t mangle -A FORWARD -p udp --dport 443 -j NFQUEUE --queue-num 7 --queue-bypass";
            let mark = "-t mangle -A POSTROUTING -m mark --mark 443 -j CONNMARK --save-mark";
            for rule in [queue, datagrams, mark] {
                self.run("m", tables, &rule.split(' ').collect::<Vec<_>>());
            }
        }
    }

    /// Makes the device of the VLANs on an interface, where there are any.
    fn tag(&mut self, side: &str, interface: &str) {
        let Some((innermost, outer)) = self.vlans.split_last() else { return };
        // Full packets and their tags.
        self.ip(side, &format!("link set {interface} mtu 1508"));
        let (device, mac) = (self.device(interface), self.mac(side, interface));
        let tags = outer.iter().map(|vlan| format!("88a8:{vlan}")).chain([format!("8100:{innermost}")]);
        let port = self.command(side, "python3").args(["tests/path/access.py", interface, &device]).args(tags).spawn().unwrap();
        self.children.push(port);
        let links = || Command::new("ip").args(["-n", &self.space(side), "link", "show", "dev", &device]).output().unwrap();
        wait_until("there is a device", || links().status.success());
        self.ip(side, &format!("link set {device} address {mac} up"));
    }

    /// What has the addresses of an interface: itself, or a device in its VLANs.
    fn device(&self, interface: &str) -> String {
        self.vlans.iter().fold(interface.to_owned(), |device, vlan| format!("{device}.{vlan}"))
    }

    fn mac(&self, side: &str, interface: &str) -> String {
        self.run(side, "cat", &[&format!("/sys/class/net/{interface}/address")]).trim().to_owned()
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
        let (v4, v6) = self.networks();
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

    /// The networks that the server is in: what stands before the number of a host, and a dot or a colon.
    fn networks(&self) -> (&'static str, &'static str) {
        if self.way == Way::Bridge { ("10.9.0", "fd09:") } else { ("10.9.1", "fd09:1:") }
    }

    pub fn host(&self, host: u8) -> String {
        format!("{}.{host}", self.networks().0)
    }

    pub fn host_v6(&self, host: u8) -> String {
        format!("{}:{host}", self.networks().1)
    }

    fn space(&self, side: &str) -> String {
        format!("{}-{side}", self.name)
    }

    pub fn command(&self, side: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space(side), program]).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
        command
    }

    #[track_caller]
    pub fn run(&self, side: &str, program: &str, args: &[&str]) -> String {
        run(self.command(side, program).args(args))
    }

    #[track_caller]
    pub fn ip(&self, side: &str, words: &str) {
        run(Command::new("ip").args(["-n", &self.space(side)]).args(words.split(' ')));
    }

    /// Starts Portcullis with these rules; it stands in the path when this comes back.
    pub fn start(&self, rules: &str, args: &[&str]) -> Running {
        let (rules, events) = (self.dir.file("x.rules", rules.as_bytes()), self.dir.path("events.json").display().to_string());
        let _ = fs::remove_file(&events); // of the run before, which this one would add to
        let mut command = self.command("m", env!("CARGO_BIN_EXE_portcullis"));
        command.args(["inline", "--no-config", "--rules", &rules, "-o", &events]);
        match self.way {
            Way::Queue => command.args(["--queue", "7", "--done-mark", "443"]),
            // On a machine that is busy elsewhere a frame may wait for longer than it should, and would go by --on-overload.
            Way::Bridge => command.args(["--bridge", "left:right", "--latest", "10000"]),
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
    pub fn crooked(&self, way: &str, name: &str, host: u8, v6: bool) -> Value {
        let server = if v6 { self.host_v6(host) } else { self.host(host) };
        let source = if v6 { "fd09::77" } else { "10.9.0.77" };
        let device = self.device("c0");
        let args = ["tests/path/client.py", &device, &self.gateway, source, &server, way, name, "/large.bin"];
        let out = self.run("c", "python3", &args);
        serde_json::from_str(&out).unwrap()
    }

    /// curl, from the client's side, for the large file of `name` at `host`. Whether it came whole.
    pub fn curl(&self, name: &str, host: &str, args: &[&str]) -> bool {
        let (to, got) = (format!("{name}:443:{host}"), self.dir.path("got.bin"));
        let _ = fs::remove_file(&got);
        let mut curl = self.command("c", "curl");
        curl.args(["-skg", "-m", if name.contains("good") { "20" } else { "3" }, "--resolve", &to, "-o"]).arg(&got).args(args);
        let output = curl.arg(format!("https://{name}/large.bin")).output().unwrap();
        output.status.success() && fs::read(got).unwrap() == fs::read(self.dir.path("large.bin")).unwrap()
    }

    /// Listens from now on to what comes and goes at the interface of the client (`c`) or the server (`s`).
    pub fn watch(&mut self, side: &str) -> Watch {
        let capture = self.dir.path(&format!("{side}.pcap")).display().to_string();
        let mut tcpdump = self.command(side, "tcpdump");
        tcpdump.args(["-i", &format!("{side}0"), "-U", "-s", "0", "-w", &capture]);
        let mut tcpdump = tcpdump.stderr(Stdio::null()).spawn().unwrap();
        wait_until("tcpdump listens", || {
            assert!(tcpdump.try_wait().unwrap().is_none(), "tcpdump has ended");
            fs::metadata(&capture).is_ok_and(|meta| meta.len() >= 24)
        });
        self.children.push(tcpdump);
        Watch { capture }
    }
}

impl Watch {
    /// Waits until `name` has come by: tcpdump tells late on a machine that is busy elsewhere.
    #[track_caller]
    pub fn expects(&self, name: &str) {
        wait_until(&format!("{name} comes by"), || self.saw(name));
    }

    /// Whether `name` came by, in whatever way the bytes could be put together.
    pub fn saw(&self, name: &str) -> bool {
        self.look(name)["anywhere"].as_bool().unwrap()
    }

    /// The conversations with port 443: see tests/path/seen.py.
    pub fn conversations(&self, name: &str) -> Vec<Value> {
        self.look(name)["conversations"].as_array().unwrap().clone()
    }

    fn look(&self, name: &str) -> Value {
        thread::sleep(Duration::from_millis(300)); // tcpdump writes what it has seen
        let mut seen = Command::new("python3");
        seen.args(["tests/path/seen.py", &self.capture, name]).current_dir(env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&run(&mut seen)).unwrap()
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
    pub fn wait_for(&self, words: &str) -> String {
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

    pub fn signal(&self, signal: &str) {
        // `ip netns exec` has become the program: it has the same number.
        run(Command::new("kill").args([signal, &self.child.id().to_string()]));
    }

    /// Ends it with SIGTERM, within a second as it promises (five where others keep the machine busy), and gives its events.
    pub fn end(mut self) -> Events {
        self.signal("-TERM");
        let asked = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(asked.elapsed() < Duration::from_secs(5), "it does not end");
            thread::sleep(Duration::from_millis(10));
        }
        self.events()
    }

    pub fn events(&self) -> Events {
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
pub fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "{what}: not within 20 s");
        thread::sleep(Duration::from_millis(20));
    }
}
