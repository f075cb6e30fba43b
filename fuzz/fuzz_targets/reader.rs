//! Whatever a `Reader` is asked for: it gives a prefix of what is left, or gives and takes nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::base::Reader;

fuzz_target!(|input: (Vec<u8>, Vec<(u8, u16)>)| {
    let (bytes, calls) = input;
    let mut reader = Reader::new(&bytes);
    for (call, n) in calls {
        let before = reader.rest();
        let body_at = match call % 7 {
            0 => reader.take(usize::from(n)).map(|body| (0, body)),
            1 => reader.vec8().map(|body| (1, body)),
            2 => reader.vec16().map(|body| (2, body)),
            3 => reader.vec24().map(|body| (3, body)),
            4 => Some((0, reader.take_lenient(usize::from(n)).0)),
            5 => reader.u24().map(|value| {
                assert_eq!(value.to_be_bytes()[1..], before[..3]);
                (0, &before[..3])
            }),
            _ => reader.array::<4>().map(|value| {
                assert_eq!(value, before[..4]);
                (0, &before[..4])
            }),
        };
        match body_at {
            Some((prefix, body)) => {
                assert_eq!(body, &before[prefix..prefix + body.len()]);
                assert_eq!(reader.rest(), &before[prefix + body.len()..]);
            }
            None => assert_eq!(reader.rest(), before),
        }
    }
});
