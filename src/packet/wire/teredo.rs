//! Teredo: IPv6 in UDP (RFC 4380 §5.1.1).

use super::Layer;
use crate::base::Reader;

/// The optional indications before the IPv6 packet; nothing of them matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header;

impl Header {
    /// Takes the authentication and origin indications; `None` where no IPv6 packet follows.
    pub fn read(r: &mut Reader<'_>) -> Option<Self> {
        if r.rest().starts_with(&AUTHENTICATION) {
            let [_, _, id_length, value_length] = r.array()?;
            // then a nonce of eight bytes and a confirmation byte
            r.take(usize::from(id_length).wrapping_add(usize::from(value_length)).wrapping_add(9))?;
        }
        if r.rest().starts_with(&ORIGIN) {
            r.take(8)?;
        }
        (r.rest().first()? >> 4 == 6).then_some(Self)
    }

    /// What follows.
    pub const fn next(&self) -> Layer {
        Layer::Ipv6
    }
}

/// The first two bytes of either indication.
const AUTHENTICATION: [u8; 2] = [0, 1];
const ORIGIN: [u8; 2] = [0, 0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indications_are_skipped() {
        let authentication = [0, 1, 1, 2, 7, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let origin = [0, 0, 1, 2, 3, 4, 5, 6];
        for before in [vec![], origin.to_vec(), authentication.to_vec(), [&authentication[..], &origin].concat()] {
            let bytes = [before, vec![0x60, 0]].concat();
            let mut r = Reader::new(&bytes);
            assert_eq!(Header::read(&mut r), Some(Header));
            assert_eq!(r.rest(), [0x60, 0]);
        }
        assert_eq!(Header::read(&mut Reader::new(&[0x45, 0])), None);
        assert_eq!(Header::read(&mut Reader::new(&[0, 1, 255, 255, 0])), None);
    }
}
