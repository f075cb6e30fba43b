//! Many inputs in one run.

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;

use crate::capture::testkit::{PcapFile, PcapngFile, compress, data, play_inputs, play_set};
use crate::capture::{CaptureSet, CaptureSettings, Compression, Severity, format::ByteOrder};

fn capture(seconds: u32, content: &[u8]) -> Vec<u8> {
    PcapFile::usual().record(seconds, 0, content).bytes()
}

#[test]
fn captures_are_played_in_the_order_of_their_first_packets() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("a"), capture(300, b"third")).unwrap();
    fs::write(path("b"), PcapFile::usual().bytes()).unwrap();
    let second = PcapngFile::new(ByteOrder::Big).interface_of(1, 9, 200).enhanced(0, 0, b"second");
    fs::write(path("c"), second.bytes()).unwrap();
    fs::write(path("d"), compress(Compression::Zstd, &capture(100, b"first"))).unwrap();
    fs::write(path("e"), capture(300, b"fourth")).unwrap();
    let (set, problems) = CaptureSet::plan(&[dir.path().into()], CaptureSettings::default());
    assert!(problems.is_empty());
    let names: Vec<_> = set.captures().iter().map(|capture| capture.path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["d", "c", "a", "e", "b"]);
    let (frames, problems) = play_set(set);
    assert_eq!(
        (data(&frames), problems),
        (["first", "second", "third", "fourth"].map(|text| text.as_bytes().to_vec()).to_vec(), vec![])
    );
    let captures: Vec<_> = frames.iter().map(|frame| (frame.capture, frame.number)).collect();
    assert_eq!(captures, [(0, 1), (1, 1), (2, 1), (3, 1)]);
}

#[test]
fn equal_times_keep_the_order_in_which_they_were_named() {
    let dir = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
    fs::write(&a, capture(1, b"a")).unwrap();
    fs::write(&b, capture(1, b"b")).unwrap();
    assert_eq!(data(&play_inputs(&[&b, &a]).0), [b"b", b"a"]);
}

#[test]
fn a_file_in_a_directory_that_is_no_capture_is_only_noted() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("README"), "All about it.\n").unwrap();
    fs::write(dir.path().join("x.pcap"), capture(1, b"x")).unwrap();
    let (set, problems) = CaptureSet::plan(&[dir.path().into()], CaptureSettings::default());
    assert_eq!(set.captures().len(), 1);
    assert_eq!(problems.iter().map(|problem| problem.severity()).collect::<Vec<_>>(), [Severity::Note]);
    assert!(problems[0].to_string().ends_with("README: no capture file: it looks like text"), "{}", problems[0]);
}

#[test]
fn a_directory_or_glob_without_any_capture_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("README"), "All about it.\n").unwrap();
    fs::create_dir(dir.path().join("empty")).unwrap();
    for (input, notes) in [(dir.path().to_owned(), 1), (dir.path().join("empty"), 0), (dir.path().join("R*"), 1)] {
        let (_, problems) = CaptureSet::plan(&[input.clone().into()], CaptureSettings::default());
        assert_eq!(problems.len(), notes + 1, "{problems:?}");
        assert_eq!(problems[notes].to_string(), format!("found no capture file in {}", input.display()));
    }
}

#[test]
fn a_file_that_is_named_and_no_capture_is_an_error_that_says_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    for (content, words) in [
        (&b""[..], "it is empty"),
        (b"# Notes\n", "it looks like text"),
        (b"\x23\x20\x4e\x6f\x01\x02\x03\x04\x05", "it starts with 23 20 4e 6f 01 02 03 04"),
        (b"\xd4\xc3\xb2\xa1\x02\0\x04\0", "it ends inside the file header, after 8 bytes"),
        (b"\x0a\x0d", "it ends inside the file header, after 2 bytes"),
        (b"\x0a\x0d\x0d\x0a\0\0\0\0\xff\xff\xff\xff", "it starts with 0a 0d 0d 0a 00 00 00 00"),
    ] {
        let path = dir.path().join("file");
        fs::write(&path, content).unwrap();
        fs::write(dir.path().join("good"), capture(1, b"good")).unwrap();
        let (frames, problems) = play_inputs(&[&path, &dir.path().join("good")]);
        assert_eq!(data(&frames), [b"good"]);
        let start = format!("{} is no capture file: {words}; expected pcap or pcapng", path.display());
        assert!(matches!(&problems[..], [one] if one.starts_with(&start)), "{problems:?}");
    }
}

#[test]
fn an_unreadable_file_is_an_error_and_the_others_still_run() {
    let dir = tempfile::tempdir().unwrap();
    let [secret, good] = ["secret", "good"].map(|name| dir.path().join(name));
    fs::write(&secret, capture(1, b"secret")).unwrap();
    fs::write(&good, capture(1, b"good")).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&secret).is_ok() {
        return; // root may read everything
    }
    let (frames, problems) = play_inputs(&[&secret, &good]);
    assert_eq!(data(&frames), [b"good"]);
    let message = format!("cannot open {}: Permission denied (os error 13); make it readable", secret.display());
    assert!(matches!(&problems[..], [one] if one.starts_with(&message)), "{problems:?}");
}

#[test]
fn standard_input_is_one_capture_among_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    fs::write(&path, capture(2, b"file")).unwrap();
    let stdin = Cursor::new(compress(Compression::Gzip, &capture(1, b"stdin")));
    let (set, problems) = CaptureSet::plan_with(&[path.clone().into(), "-".into()], CaptureSettings::default(), stdin);
    assert!(problems.is_empty());
    assert_eq!(set.captures()[0].name, "-");
    assert_eq!(set.total_len(), None);
    assert_eq!(data(&play_set(set).0), [b"stdin".to_vec(), b"file".to_vec()]);
}

#[test]
fn progress_is_counted_in_bytes_on_disk_and_ends_at_the_total() {
    let dir = tempfile::tempdir().unwrap();
    let packed = compress(Compression::Xz, &capture(1, &[0; 10_000]));
    let mut damaged = PcapFile::usual().record_of(1, 0, u32::MAX, 1, b"").bytes();
    damaged.resize(20 << 20, 0);
    for (name, content) in [("a", &packed), ("b", &damaged), ("c", &capture(3, b"x"))] {
        fs::write(dir.path().join(name), content).unwrap();
    }
    let (set, _) = CaptureSet::plan(&[dir.path().into()], CaptureSettings::default());
    let (total, consumed) = (set.total_len().unwrap(), set.consumed());
    assert_eq!((total, consumed.load(Ordering::Relaxed)), ((packed.len() + (20 << 20) + 41) as u64, 0));
    play_set(set);
    assert_eq!(consumed.load(Ordering::Relaxed), total);
}

#[test]
fn nothing_named_is_nothing_played() {
    let (set, problems) = CaptureSet::plan(&[], CaptureSettings::default());
    assert!(problems.is_empty() && play_set(set).0.is_empty());
}

#[test]
fn a_set_and_its_blocks_may_go_to_another_thread() {
    fn may_go<T: Send>() {}
    may_go::<CaptureSet>();
    may_go::<crate::capture::Block>();
}
