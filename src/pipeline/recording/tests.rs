use std::fs;

use super::*;

fn flow(flow_id: u64, bytes: usize) -> Recorded {
    let packet = |alerts: &[&str]| Kept {
        timestamp: Timestamp::from_parts(1_700_000_000, 5),
        original_len: bytes as u32,
        data: vec![0x45; bytes].into(),
        alerts: alerts.iter().map(|&alert| alert.to_owned()).collect(),
    };
    let packets = vec![packet(&[]), packet(&["rule 1:7:1 evil", "rule 1:8:2 worse"])];
    Recorded::Flow(RecordedFlow { flow_id, about: format!("flow {flow_id}: about it"), packets })
}

fn names(path: &std::path::Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The blocks and options are those of draft-ietf-opsawg-pcapng §4: an option has its code, its length, and is padded to 32 bits.
#[test]
fn a_flow_is_a_capture_with_comments_on_it_and_on_packets() {
    let dir = tempfile::tempdir().unwrap();
    let recording = Recording { path: dir.path().join("made/for/it"), most_bytes: 1 << 20, memory: 1 << 20 };
    let mut recordings = RecordingDir::open(&recording).unwrap();
    recordings.take(&flow(12, 100));
    assert_eq!(names(&recording.path), ["12.pcapng"]);
    let file = fs::read(recording.path.join("12.pcapng")).unwrap();
    let has = |comment: &str| {
        let option = [&1_u16.to_le_bytes()[..], &(comment.len() as u16).to_le_bytes(), comment.as_bytes()].concat();
        file.windows(option.len()).filter(|window| *window == option).count()
    };
    for comment in ["flow 12: about it", "rule 1:7:1 evil", "rule 1:8:2 worse"] {
        assert_eq!(has(comment), 1, "{comment}");
    }
    assert_eq!(file.windows(100).filter(|window| *window == [0x45; 100]).count(), 2);
    assert_eq!(recordings.counters()[..2], [("portcullis.recorded.flows", 1), ("portcullis.recorded.bytes", file.len() as u64)]);
}

#[test]
fn over_the_budget_the_oldest_go_also_of_an_earlier_run_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    fs::write(path.join("notes.pcapng"), "not ours").unwrap();
    let recording = Recording { path: path.clone(), most_bytes: 5_000, memory: 1 << 20 };
    let mut first = RecordingDir::open(&recording).unwrap();
    first.take(&flow(1, 900));
    first.take(&flow(2, 900));
    assert_eq!(names(&path), ["1.pcapng", "2.pcapng", "notes.pcapng"]);
    drop(first);
    let mut second = RecordingDir::open(&recording).unwrap();
    second.take(&flow(3, 900));
    assert_eq!(names(&path), ["2.pcapng", "3.pcapng", "notes.pcapng"]);
    second.take(&flow(3, 900));
    assert_eq!(names(&path), ["2.pcapng", "3.pcapng", "notes.pcapng"], "the same flow again takes its own place");
    second.take(&flow(4, 9_000));
    assert_eq!(names(&path), ["notes.pcapng"], "one that is too large by itself goes, too");
    let counted = |name: &str| second.counters().into_iter().find(|(known, _)| *known == name).unwrap().1;
    assert_eq!((counted("portcullis.recorded.removed"), counted("portcullis.recorded.bytes")), (4, 0));
}

#[test]
fn a_file_that_cannot_be_written_is_counted_and_the_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let recording = Recording { path: dir.path().join("gone"), most_bytes: 1 << 20, memory: 1 << 20 };
    let mut recordings = RecordingDir::open(&recording).unwrap();
    fs::remove_dir(&recording.path).unwrap();
    recordings.take(&flow(1, 10));
    recordings.take(&Recorded::Forgotten(3));
    assert_eq!(recordings.counters()[3..], [("portcullis.recorded.failed", 1), ("portcullis.recorded.forgotten", 3)]);
    let nowhere = Recording { path: dir.path().join("file/below"), ..recording };
    fs::write(dir.path().join("file"), "").unwrap();
    assert!(RecordingDir::open(&nowhere).unwrap_err().to_string().starts_with("cannot keep packets in "));
}
