//! The rooms of the house use only rooms below them (docs/architecture.md), and the sans-IO ones know no file, thread or clock.

use std::fs;
use std::path::Path;

/// From the ground up: each room with those that it may use.
const ROOMS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("packet", &["base"]),
    ("flow", &["base", "packet"]),
    ("protocol", &["base", "packet", "flow"]),
    ("trust", &["base", "protocol"]),
    ("findings", &["base", "protocol"]),
    ("rules", &["base", "packet", "flow", "protocol", "findings"]),
    ("event", &["base", "packet", "flow", "protocol", "findings"]),
    ("engine", &["base", "packet", "flow", "protocol", "trust", "findings", "rules", "event"]),
    ("sink", &["base"]),
    ("monitor", &["base"]),
    ("capture", &["base", "packet"]),
    (
        "pipeline",
        &["base", "packet", "flow", "protocol", "trust", "findings", "rules", "event", "engine", "sink", "monitor", "capture"],
    ),
    (
        "cli",
        &[
            "base", "packet", "flow", "protocol", "trust", "findings", "rules", "event", "engine", "sink", "monitor", "capture",
            "pipeline",
        ],
    ),
];

/// The rooms where no input or output happens.
const SANS_IO: &[&str] = &["base", "packet", "flow", "protocol", "trust", "findings", "rules", "event", "engine"];

#[test]
fn a_room_uses_only_rooms_below_it() {
    for &(room, below) in ROOMS {
        for (place, line) in lines_of(room) {
            for used in line.split("crate::").skip(1) {
                let used: String = used.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                let is_room = ROOMS.iter().any(|(name, _)| *name == used);
                assert!(!is_room || used == room || below.contains(&used.as_str()), "{place}: {room} uses {used}: {line}");
            }
        }
    }
}

/// The words are put together here, so that this file has none of them.
#[test]
fn only_one_room_has_unsafe_code() {
    let allowed = concat!("allow(un", "safe_code)");
    for &(room, _) in ROOMS {
        for (place, line) in lines_of(room) {
            let code = line.split("//").next().unwrap();
            let is_there = code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == concat!("un", "safe"));
            assert!(!is_there && !line.contains(allowed) || place.contains("capture/sys/"), "{place}: {line}");
        }
    }
    let sys = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/capture/sys/mod.rs")).unwrap();
    assert!(sys.contains(allowed), "it is there that it is allowed");
}

#[test]
fn the_middle_is_sans_io() {
    for room in SANS_IO {
        for (place, line) in lines_of(room) {
            for forbidden in
                ["std::fs", "std::thread", "std::process", "std::env", "TcpStream", "UdpSocket", "Instant::now", "SystemTime"]
            {
                assert!(!line.contains(forbidden), "{place}: {line}");
            }
        }
    }
}

/// The lines of a room's code, without its tests, each with its place.
fn lines_of(room: &str) -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![src.join(format!("{room}.rs"))];
    collect(&src.join(room), &mut files);
    let mut lines = Vec::new();
    for file in files.into_iter().filter(|f| f.is_file()) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in (1..).zip(code.lines()) {
            if !line.trim_start().starts_with("//") {
                lines.push((format!("{}:{number}", file.display()), line.to_owned()));
            }
        }
    }
    assert!(!lines.is_empty(), "{room} has no code");
    lines
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match path.is_dir() {
            true if name != "tests" => collect(&path, files),
            false if name.ends_with(".rs") && name != "tests.rs" && name != "testkit.rs" => files.push(path),
            _ => {}
        }
    }
}
