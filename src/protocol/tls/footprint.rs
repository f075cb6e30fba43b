//! How much memory a session holds, for the account of all that are open.

use super::{ClientHello, Conversation, Extension, ServerHello, Session};
use crate::base::heap;
use crate::protocol::fingerprint::{ClientFingerprints, ServerFingerprints};
use crate::protocol::x509::Validation;

impl Conversation {
    /// Bytes of memory that what is known of the session takes, about; without [those that wait](Self::buffered) to be parsed. It
    /// changes with [`news`](Self::news) and with verdicts on chains.
    pub fn footprint(&self) -> usize {
        size_of::<Self>().saturating_add(self.known().heap())
    }
}

impl Session {
    /// Bytes that it has on the heap. Certificates and verdicts that several sessions share count for each of them, so that the sum
    /// does not depend on who found them first.
    fn heap(&self) -> usize {
        let certificates = self.server_certificates.iter().chain(&self.client_certificates);
        let lists = heap::of::<usize>(self.server_certificates.capacity().saturating_add(self.client_certificates.capacity()));
        let verdicts = [&self.server_trust, &self.client_trust].into_iter().flatten();
        let parts = [
            self.client_hello.as_ref().map_or(0, ClientHello::heap),
            self.client_fingerprints.as_ref().map_or(0, ClientFingerprints::heap),
            self.second_client_hello.as_ref().map_or(0, |hello| heap::of_box::<ClientHello>().saturating_add(hello.heap())),
            self.hello_retry_request.as_ref().map_or(0, |hello| heap::of_box::<ServerHello>().saturating_add(hello.heap())),
            self.server_hello.as_ref().map_or(0, ServerHello::heap),
            self.server_fingerprints.as_ref().map_or(0, ServerFingerprints::heap),
            self.openings.as_ref().map_or(0, |_| heap::of_box::<super::session::Openings>()),
            lists,
            self.ocsp_answer.as_ref().map_or(0, |answer| heap::of::<u8>(answer.len())),
            heap::of::<Option<Box<[u8]>>>(self.issuer_ocsp_answers.capacity()),
            self.issuer_ocsp_answers.iter().flatten().map(|answer| heap::of::<u8>(answer.len())).fold(0, usize::saturating_add),
            self.server_evidence.as_ref().map_or(0, |evidence| evidence.footprint()),
            heap::of::<super::session::Alert>(self.alerts.capacity()),
            heap::of::<super::session::Anomaly>(self.anomalies.capacity()),
        ];
        let shared = certificates.map(|c| c.footprint()).chain(verdicts.map(|v| Validation::footprint(v)));
        shared.chain(parts).fold(0, usize::saturating_add)
    }
}

impl ClientHello {
    /// Bytes that it has on the heap.
    pub(super) fn heap(&self) -> usize {
        let of_bytes = [&self.session_id, &self.compression_methods, &self.point_formats, &self.psk_modes];
        let of_numbers =
            [&self.cipher_suites, &self.supported_versions, &self.groups, &self.key_share_groups, &self.signature_algorithms];
        let bytes = of_bytes.into_iter().map(|list| heap::of::<u8>(list.capacity()));
        let numbers = of_numbers.into_iter().map(|list| heap::of::<u16>(list.capacity()));
        let others = [heap::of::<Extension>(self.extensions.capacity()), self.server_names.heap(), self.alpn.heap()];
        bytes.chain(numbers).chain(others).fold(0, usize::saturating_add)
    }
}

impl ServerHello {
    fn heap(&self) -> usize {
        let alpn = self.alpn.as_ref().map_or(0, Vec::capacity);
        let bytes = [self.session_id.capacity(), alpn, self.scts.capacity()].map(heap::of::<u8>);
        bytes.into_iter().fold(heap::of::<Extension>(self.extensions.capacity()), usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Direction;
    use crate::protocol::tls::build::{ClientHelloBuilder, record};
    use crate::protocol::tls::extension;
    use crate::protocol::x509::CertificateCache;

    /// A ClientHello of about 60 KB in records, and what is known of it.
    fn told(hello: ClientHelloBuilder) -> (usize, Conversation) {
        let message = hello.message();
        let mut conversation = Conversation::new(Direction::AToB, 1 << 20);
        for piece in message.chunks(16_000) {
            let bytes = record(22, piece);
            let read = conversation.data(Direction::AToB, &bytes, &mut CertificateCache::default());
            assert_eq!(read, bytes.len());
        }
        assert!(conversation.known().client_hello.as_ref().is_some_and(|hello| hello.complete));
        (message.len(), conversation)
    }

    #[test]
    fn a_long_hello_takes_a_few_times_its_size_whatever_it_is_made_of() {
        let list = |typ, body: &[u8]| {
            let body = [&u16::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat();
            ClientHelloBuilder::default().extension(typ, &body)
        };
        let empty_extensions = (0..15_000).fold(ClientHelloBuilder::default(), |hello, n| hello.extension(0x4000 + n, &[]));
        for (what, hello) in [
            ("padding", ClientHelloBuilder::default().extension(21, &[0; 60_000])),
            ("cipher suites", ClientHelloBuilder::default().ciphers(&[0xc02f; 30_000])),
            ("extensions", empty_extensions),
            ("empty protocols", list(extension::ALPN, &[0; 60_000])),
            ("protocols", list(extension::ALPN, &[1, b'x'].repeat(30_000))),
            ("names", list(extension::SERVER_NAME, &[0, 0, 1, b'x'].repeat(15_000))),
            ("key shares", list(extension::KEY_SHARE, &[0, 29, 0, 0].repeat(15_000))),
            ("groups", list(extension::SUPPORTED_GROUPS, &[0xc0, 29].repeat(30_000))),
        ] {
            let (size, conversation) = told(hello);
            assert!(size > 59_000, "{what}: {size}");
            let footprint = conversation.footprint();
            assert!(footprint < 7 * size, "{what}: {footprint} of {size}");
            assert!(conversation.buffered() < 4_096, "{what}: what was parsed is not held a second time");
        }
    }

    #[test]
    fn it_grows_with_what_is_known() {
        let (_, short) = told(ClientHelloBuilder::default().server_name(b"a.example"));
        let (_, long) = told(ClientHelloBuilder::default().server_name(&[b'a'; 255]));
        let nothing = Conversation::new(Direction::AToB, 1 << 20).footprint();
        assert_eq!(nothing, size_of::<Conversation>());
        assert!(nothing < short.footprint() && short.footprint() < long.footprint());
    }
}
