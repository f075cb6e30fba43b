//! Segments in any order, overlapping as they like, with sequence numbers that wrap: the stream holds what a plain map of
//! positions to bytes holds, and counts the bytes that came twice and those that differed.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use portcullis::flow::Stream;
use portcullis::packet::OverlapPolicy;

fuzz_target!(|input: (u32, bool, Vec<(u8, Vec<u8>)>)| {
    let (first_seq, last_wins, segments) = input;
    let policy = if last_wins { OverlapPolicy::Last } else { OverlapPolicy::First };
    let mut stream = Stream::default();
    stream.anchor(first_seq);
    let mut model = BTreeMap::new();
    for (offset, payload) in &segments {
        let next = in_order(&model).len();
        // The byte of a keep-alive is garbage by design (RFC 9293 §3.8.4): it counts as come twice, and as nothing else.
        let keep_alive = payload.len() == 1 && usize::from(*offset) + 1 == next;
        let (mut duplicate, mut conflicting) = (0, 0);
        for (position, &byte) in (usize::from(*offset)..).zip(payload) {
            if let Some(old) = model.get_mut(&position) {
                duplicate += 1;
                if !keep_alive && *old != byte {
                    conflicting += 1;
                    *old = if last_wins { byte } else { *old };
                }
            } else {
                model.insert(position, byte);
            }
        }
        let pushed = stream.push(first_seq.wrapping_add(u32::from(*offset)), payload, policy);
        assert_eq!((pushed.duplicate, pushed.conflicting, pushed.out_of_window), (duplicate, conflicting, 0));
        assert_eq!(stream.unread(), in_order(&model));
    }
    assert_eq!(stream.has_gap(), stream.unread().len() < model.len());
});

fn in_order(model: &BTreeMap<usize, u8>) -> Vec<u8> {
    (0..).map_while(|position| model.get(&position).copied()).collect()
}
