//! An OCSP answer and a list of SCTs of any bytes: what is read of them lies within them, and a list is whole where it can be put together
//! again from what was read.
//!
//! The input is an OCSP answer behind its length in two bytes, and behind that a SignedCertificateTimestampList.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::base::Reader;
use portcullis::protocol::x509::sct::{Sct, SctEntry, is_broken_list, scts};
use portcullis::protocol::x509::{OcspAnswer, OcspState, PublicKey};

fuzz_target!(|input: &[u8]| {
    let mut parts = Reader::new(input);
    let Some(answer) = parts.vec16() else { return };
    ocsp(answer);
    list(parts.rest());
});

fn ocsp(der: &[u8]) {
    let Ok(answer) = OcspAnswer::read(der) else { return };
    let within = |part: &[u8]| {
        part.is_empty() || der.as_ptr_range().start <= part.as_ptr() && part.as_ptr_range().end <= der.as_ptr_range().end
    };
    assert!([answer.signed.message, answer.signed.algorithm, answer.signed.signature].into_iter().all(within));
    assert!(answer.certificates.len() <= 4 && answer.certificates.iter().all(|certificate| within(certificate)));
    // An issuer and a serial number out of the answer itself, so that some may be found.
    let key = PublicKey { algorithm: &[], key: answer.signed.signature };
    for serial in [&[1][..], answer.signed.algorithm] {
        if let Some(single) = answer.of(answer.signed.algorithm, &key, serial) {
            assert!(within(single.scts));
            if let OcspState::Revoked(since, _) = single.state {
                assert!(since.utc().1 <= 12);
            }
        }
    }
}

fn list(list: &[u8]) {
    let mut again = Vec::new();
    for sct in scts(list) {
        again.extend(u16::try_from(sct.len()).unwrap().to_be_bytes());
        again.extend(sct);
        if let Some(read) = Sct::read(sct) {
            let signed = read.signed(SctEntry::Certificate(b"der")).unwrap();
            assert_eq!(signed[..2], [0, 0]);
            assert_eq!(signed[2..10], read.timestamp.to_be_bytes());
            assert!(signed.ends_with(read.extensions));
        }
    }
    let whole = [&u16::try_from(again.len()).unwrap().to_be_bytes()[..], &again].concat();
    assert_eq!(is_broken_list(list), again.is_empty() || whole != list);
}
