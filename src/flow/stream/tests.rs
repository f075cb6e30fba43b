use super::*;
use proptest::prelude::*;

fn anchored(seq: u32) -> Stream {
    let mut s = Stream::default();
    s.anchor(seq);
    s
}

fn read(s: &Stream) -> String {
    String::from_utf8(s.unread().to_vec()).unwrap()
}

#[test]
fn segments_in_any_order_give_the_stream_across_the_wrap() {
    let mut s = anchored(u32::MAX - 2);
    for (seq, text) in [(4, "hij"), (u32::MAX - 2, "ab"), (u32::MAX, "cdefg"), (4, "hij")] {
        s.push(seq, text.as_bytes(), OverlapPolicy::First);
    }
    assert_eq!(read(&s), "abcdefghij");
    assert!(!s.has_gap());
}

#[test]
fn the_policy_decides_which_copy_wins_and_both_count_the_conflict() {
    for (policy, ahead, behind) in [(OverlapPolicy::First, "..BBcc", "aaBB"), (OverlapPolicy::Last, "..XXcc", "XXBB")] {
        let mut s = anchored(0);
        s.push(2, b"BB", OverlapPolicy::First);
        let pushed = s.push(2, b"XXcc", policy);
        assert_eq!((pushed.conflicting, pushed.duplicate), (2, 2));
        s.push(0, b"..", policy);
        assert_eq!(read(&s), ahead);

        let mut s = anchored(0);
        s.push(0, b"aaBB", policy);
        assert_eq!(s.push(0, b"XX", policy).conflicting, 2);
        assert_eq!(read(&s), behind);
    }
}

#[test]
fn what_was_consumed_is_not_rewritten() {
    let mut s = anchored(0);
    s.push(0, b"abcd", OverlapPolicy::Last);
    s.consume(2);
    assert_eq!(s.push(0, b"XXXX", OverlapPolicy::Last).conflicting, 4);
    assert_eq!(read(&s), "XX");
}

#[test]
fn a_keep_alive_is_no_conflict() {
    let mut s = anchored(0);
    s.push(0, b"abcd", OverlapPolicy::First);
    assert_eq!(s.push(3, &[0], OverlapPolicy::First).conflicting, 0);
    assert_eq!(s.push(2, &[0], OverlapPolicy::First).conflicting, 1);
    assert_eq!(s.push(3, &[0, 1], OverlapPolicy::First).conflicting, 1);
}

#[test]
fn a_stream_joined_in_the_middle_may_turn_out_to_begin_earlier() {
    let mut s = Stream::default();
    s.push(100, b"world", OverlapPolicy::First);
    s.consume(5);
    assert!(s.push(94, b"hello ", OverlapPolicy::First).restarted);
    assert_eq!(read(&s), "hello world");
}

#[test]
fn of_several_syns_the_acknowledged_one_counts() {
    let mut s = anchored(1_000);
    s.correct(500_000_000, false);
    s.push(500_000_000, b"data", OverlapPolicy::First);
    assert_eq!(read(&s), "data");

    let mut s = anchored(1_000);
    s.correct(1_004, false); // data was acknowledged that the capture brings late
    s.push(1_000, b"data", OverlapPolicy::First);
    assert_eq!(read(&s), "data");

    let mut s = anchored(1_000);
    s.correct(900, true); // a SYN-ACK tells exactly
    assert!(s.is_unsettled());
    s.correct(900, false);
    assert!(!s.is_unsettled());
    s.correct(500_000_000, false); // too late to mislead
    s.push(900, b"data", OverlapPolicy::First);
    assert_eq!(read(&s), "data");
}

#[test]
fn a_gap_is_kept_until_it_is_given_up() {
    let mut s = anchored(0);
    s.push(0, b"ab", OverlapPolicy::First);
    s.push(5, b"fg", OverlapPolicy::First);
    assert_eq!(read(&s), "ab");
    assert!(s.has_gap() && s.gap_is_acknowledged(7) && !s.gap_is_acknowledged(2));
    assert_eq!(s.gap_len(), 3);
    s.skip(3);
    assert_eq!(read(&s), "fg");
    assert_eq!(s.gap_len(), 0);
}

#[test]
fn what_the_capture_cut_off_is_missing_once_its_turn_comes() {
    let mut s = anchored(0);
    s.push(4, b"ef", OverlapPolicy::First); // of "efgh"
    s.note_cut(6, 8);
    assert_eq!(s.uncaptured_len(), 0, "what lies before may only be late");
    s.push(8, b"i", OverlapPolicy::First);
    s.push(0, b"abcd", OverlapPolicy::First);
    assert_eq!((read(&s).as_str(), s.uncaptured_len()), ("abcdef", 2));
    s.skip(2);
    assert_eq!((read(&s).as_str(), s.uncaptured_len()), ("i", 0));
}

#[test]
fn what_was_consumed_can_be_let_go() {
    let mut s = anchored(0);
    s.push(0, &[7; 10_000], OverlapPolicy::First);
    s.push(20_000, b"ahead", OverlapPolicy::First);
    s.consume(9_990);
    assert!(s.forget_consumed() && !s.forget_consumed());
    assert!(s.memory() < 200);
    assert_eq!((s.unread().len(), s.gap_len(), s.kept().1), (10, 10_000, 9_990));
    let again = s.push(9_985, &[8; 10], OverlapPolicy::First);
    assert_eq!((again.duplicate, again.conflicting, again.restarted), (10, 5, false), "of the ten, five are there still");

    let mut joined = Stream::default();
    joined.push(100, b"world", OverlapPolicy::First);
    joined.consume(5);
    assert!(!joined.forget_consumed(), "an earlier segment may come");
}

#[test]
fn what_lies_outside_the_window_is_counted_and_left() {
    let mut s = anchored(0);
    assert_eq!(s.push(1 << 25, b"far", OverlapPolicy::First).out_of_window, 3);
    assert_eq!(s.memory(), 0);
}

#[test]
fn urgent_bytes_are_none_of_the_stream() {
    let push = |s: &mut Stream, seq: u32, text: &str| s.push(seq, text.as_bytes(), OverlapPolicy::First);
    // Within one segment, at its start, at its end, behind it; each as its own row of pushes after the byte at 3 is said to be urgent.
    for pieces in [
        &[(0, "abcXdef")][..],
        &[(0, "abc"), (3, "Xdef")],
        &[(0, "abcX"), (4, "def")],
        &[(0, "abc"), (3, "X"), (4, "def")],
        &[(4, "def"), (0, "abcX")],
    ] {
        let mut s = anchored(0);
        s.note_urgent(0, 3);
        for (seq, text) in pieces {
            push(&mut s, *seq, text);
        }
        assert_eq!((read(&s).as_str(), s.has_gap(), s.ends_at(7)), ("abcdef", false, true), "{pieces:?}");
        let again = push(&mut s, 0, "abcXdef");
        assert_eq!((again.duplicate, again.conflicting), (6, 0), "sent again");
        assert!(s.has(0, 7) && !s.has(0, 8));
    }
}

#[test]
fn an_urgent_byte_that_waits_behind_a_gap_is_taken_out() {
    for (ahead, gap) in [("dXe", "abc"), ("Xde", "abc"), ("deX", "abc")] {
        let mut s = anchored(u32::MAX);
        s.push(2, ahead.as_bytes(), OverlapPolicy::First);
        s.note_urgent(u32::MAX, 3 + ahead.find('X').unwrap() as u16);
        s.push(u32::MAX, gap.as_bytes(), OverlapPolicy::First);
        assert_eq!(read(&s), "abcde", "{ahead}");
    }
    let mut s = anchored(0);
    s.push(0, b"ab", OverlapPolicy::First);
    s.push(3, b"cd", OverlapPolicy::First);
    s.note_urgent(3, 0);
    assert_eq!((read(&s).as_str(), s.gap_len()), ("ab", 1), "what is missing is no urgent byte");
    s.note_urgent(0, 2);
    assert_eq!(read(&s), "abd", "that was all that was missing");
}

#[test]
fn what_was_read_before_is_not_taken_out_and_neither_is_what_is_too_much() {
    let mut s = anchored(0);
    s.push(0, b"abc", OverlapPolicy::First);
    s.note_urgent(0, 1);
    assert_eq!(read(&s), "abc");
    (3..=200).for_each(|at| s.note_urgent(0, at));
    s.push(3, &[b'x'; 200], OverlapPolicy::First);
    assert_eq!(s.unread().len(), 203 - MOST_URGENT);
}

proptest! {
    /// A reference that knows no positions but an array of optional bytes, some of which are urgent.
    #[test]
    fn agrees_with_a_plain_array(
        base in any::<u32>(),
        urgent in prop::collection::vec(0_u16..70, 0..3),
        segments in prop::collection::vec((0_u32..60, prop::collection::vec(any::<u8>(), 1..20)), 1..40),
    ) {
        let mut model = [None; 80];
        let mut s = anchored(base);
        urgent.iter().for_each(|at| s.note_urgent(base, *at));
        for (at, bytes) in &segments {
            for (i, b) in bytes.iter().enumerate() {
                model[*at as usize + i].get_or_insert(*b);
            }
            s.push(base.wrapping_add(*at), bytes, OverlapPolicy::First);
        }
        let model: Vec<_> = model.iter().zip(0_u16..).filter(|(_, at)| !urgent.contains(at)).map(|(byte, _)| *byte).collect();
        let in_order: Vec<u8> = model.iter().map_while(|b| *b).collect();
        prop_assert_eq!(s.unread(), &in_order[..]);
        let held = model.iter().flatten().count();
        prop_assert_eq!(s.bytes.len() + s.ahead_len, held);
        prop_assert_eq!(s.ahead.values().map(Vec::len).sum::<usize>(), s.ahead_len);
    }
}
