//! A browser, and QUIC: Chromium as the client, Caddy as the server, and policy that lets QUIC through to one address and not to another.

use std::fs;
use std::process::{Command, Stdio};

use super::RULES;
use super::lab::{Lab, NO_QUIC, QUIC, RETRY, USUAL, Way, run, wait_until};
use super::{ASK, echo};

/// Reads the large file while it loads, and says how the page came, how long the file is, and its checksum.
const PAGE: &str = r#"<p id="said"></p><script>
var file = new XMLHttpRequest();
file.open("GET", "large.bin", false);
file.overrideMimeType("text/plain; charset=x-user-defined");
file.send();
var hash = 0x811c9dc5;
for (var i = 0; i < file.responseText.length; i++) hash = Math.imul(hash ^ (file.responseText.charCodeAt(i) & 255), 0x01000193) >>> 0;
var how = performance.getEntriesByType("navigation")[0].nextHopProtocol;
document.getElementById("said").append("it came by " + how + ": " + file.responseText.length + " " + hash.toString(16));
</script>"#;

/// FNV-1a, as the page has it.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// What Chromium shows of a page.
fn browse(lab: &Lab, profile: &str, host: &str, url: &str, args: &[&str]) -> String {
    let mut chromium = lab.command("c", "timeout");
    chromium.args(["60", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
    chromium.args(["--no-first-run", "--disable-background-networking"]).args(args);
    chromium.arg(format!("--user-data-dir={}", lab.dir.path(profile).display()));
    chromium.arg(format!("--ignore-certificate-errors-spki-list={}", key_of(lab)));
    chromium.arg(format!("--host-resolver-rules=MAP * {host}"));
    let output = chromium.args(["--dump-dom", url]).output().unwrap();
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The server's key, by which the browser trusts it: the digest of its SubjectPublicKeyInfo.
fn key_of(lab: &Lab) -> String {
    let pem = lab.dir.path("usual.pem").display().to_string();
    let script =
        "openssl x509 -in \"$0\" -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64";
    run(Command::new("sh").args(["-c", script, &pem])).trim().to_owned()
}

/// Caddy at its addresses, with the certificate and the files of the usual server.
fn caddy(lab: &mut Lab) {
    let root = lab.dir.path("").display().to_string();
    let at = [lab.host(QUIC), lab.host_v6(QUIC), lab.host(NO_QUIC)].join(" ");
    let conf = format!(
        "{{\n\tadmin off\n\tauto_https off\n\tdefault_bind {at}\n}}\n\
         :443 {{\n\ttls {root}/usual.pem {root}/usual.key\n\troot * {root}\n\tfile_server\n}}\n"
    );
    let conf = lab.dir.file("Caddyfile", conf.as_bytes());
    let mut caddy = lab.command("s", "caddy");
    caddy.args(["run", "--config", &conf, "--adapter", "caddyfile"]);
    // It keeps what it knows at home.
    let caddy =
        caddy.env("HOME", &root).env("XDG_DATA_HOME", &root).env("XDG_CONFIG_HOME", &root).stderr(Stdio::null()).spawn().unwrap();
    lab.children.push(caddy);
    for table in ["/proc/net/udp", "/proc/net/udp6"] {
        wait_until("caddy listens", || lab.run("s", "cat", &[table]).contains(":01BB"));
    }
}

/// Datagrams that are no QUIC: to one server they get, but from a barred port; to the other they do not.
fn echoes(lab: &mut Lab) {
    for host in [lab.host(RETRY), lab.host(USUAL)] {
        echo(lab, &host);
    }
    for (host, port, answer) in [(RETRY, "0", "0102"), (RETRY, "4444", "TimeoutError"), (USUAL, "0", "TimeoutError")] {
        assert_eq!(lab.run("c", "python3", &["-c", ASK, &lab.host(host), "0102", port, "1.5"]).trim(), answer, "{host} {port}");
    }
}

/// Chromium's hello is of two segments, since X25519MLKEM768 makes it long; asked to, it speaks QUIC, and nothing else.
#[test]
fn a_browser_gets_what_is_allowed_and_nothing_else() {
    for way in [Way::Bridge, Way::Queue] {
        let Some(mut lab) = Lab::with(way, &[], &["chromium"]) else { return };
        lab.dir.file("page.html", b"<p>the page came</p>");
        let running = lab.start(RULES, &[]);
        let server = lab.watch("s");
        for (name, more, comes) in [
            ("good.example", "--disable-quic", true),
            ("rejected.example", "--disable-quic", false),
            ("quic.good.example", "--origin-to-force-quic-on=quic.good.example:443", false),
        ] {
            let page = browse(&lab, name, &lab.host(USUAL), &format!("https://{name}/page.html"), &[more]);
            assert_eq!(page.contains("the page came"), comes, "{way:?} {name}: {page}");
        }
        server.expects("good.example");
        assert!(!server.saw("rejected.example"), "{way:?}");
        let events = running.end();
        for alert in ["reject", "quic"] {
            assert!(events.alerts().contains(&alert), "{way:?} {alert}");
        }
    }
}

/// Caddy, with HTTP/3, at two addresses; the browser is let through by QUIC to one of them.
#[test]
fn quic_goes_where_policy_lets_it() {
    for way in [Way::Bridge, Way::Queue] {
        let Some(mut lab) = Lab::with(way, &[], &["caddy", "chromium"]) else { return };
        caddy(&mut lab);
        lab.dir.file("page.html", PAGE.as_bytes());
        let (free, barred) = (lab.host(QUIC), lab.host(NO_QUIC));
        // As docs/operations.md has it.
        let rules = format!(
            "pass quic any any -> [{free},{}] 443 (msg:\"to ours\"; sid:1;)\n\
             reject quic any any -> any 443 (msg:\"no other\"; sid:2;)\n\
             drop udp any 4444 -> any 443 (msg:\"by port\"; sid:3;)\n\
             drop udp any any -> {} 443 (msg:\"by address\"; sid:4;)\n",
            lab.host_v6(QUIC),
            lab.host(USUAL)
        );
        let running = lab.start(&rules, &[]);
        let server = lab.watch("s");
        let datagrams = |to: &str| {
            let to_it = server.conversations("-").into_iter().filter(|found| found["protocol"] == "udp" && found["server"] == to);
            to_it.map(|found| found["packets"].as_u64().unwrap()).sum::<u64>()
        };
        let large = fs::read(lab.dir.path("large.bin")).unwrap();
        let by = |how: &str| format!("it came by {how}: {} {:x}", large.len(), checksum(&large));
        let forced = "--origin-to-force-quic-on=good.example:443";
        let url = "https://good.example/page.html";
        for (profile, host) in [("allowed", free.as_str()), ("allowed-v6", &format!("[{}]", lab.host_v6(QUIC)))] {
            let page = browse(&lab, profile, host, url, &[forced]);
            assert!(page.contains(&by("h3")), "{way:?} {profile}: {page}");
        }
        assert!(datagrams(&free) > 10, "{way:?}");

        let page = browse(&lab, "forced", &barred, url, &[forced]);
        assert!(!page.contains("it came by"), "{way:?}: {page}");
        let page = browse(&lab, "told", &barred, url, &[]);
        assert!(page.contains(&by("h2")), "{way:?}: it falls back: {page}");
        assert_eq!(datagrams(&barred), 0, "{way:?}");
        echoes(&mut lab);
        assert_eq!(datagrams(&lab.host(USUAL)), 0, "{way:?}");

        let events = running.end();
        for alert in ["no other", "by port", "by address"] {
            assert!(events.alerts().contains(&alert), "{way:?} {alert}");
        }
        let tried = events.of("drop").iter().filter(|drop| drop["dest_ip"] == barred.as_str()).count();
        assert!(tried > 1, "{way:?}: both have tried it by QUIC");
    }
}
