//! Against earlier sessions: each finding with sessions before it by which it is found, and others by which it is not.

use std::net::{IpAddr, Ipv4Addr};

use super::*;

/// A session, those that come before it so that the finding is made, and those that come before it so that it is not.
pub(super) struct Case {
    pub id: &'static str,
    session: Seen,
    fires: Vec<Seen>,
    near: Vec<Seen>,
}

/// Where a session is seen, and what its server shows.
#[derive(Clone)]
struct Seen {
    session: Session,
    address: IpAddr,
    port: u16,
    vlan: [u16; 2],
}

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

impl Seen {
    /// A server that shows a certificate with this number, of this issuer and key.
    fn new(certificate: u8, issuer: &str, key: u8, names: &[&str]) -> Self {
        let leaf = leaf(|facts| {
            (facts.issuer, facts.spki_sha256) = (issuer.into(), [key; 32]);
            facts.subject_alt_names = names.iter().map(|&name| name.into()).collect();
        });
        let session =
            with(|session| session.server_certificates = vec![Arc::new(Certificate { sha256: [certificate; 32], ..leaf })]);
        Self { session, address: SERVER, port: 443, vlan: [0; 2] }
    }

    fn asked_for(mut self, name: &[u8]) -> Self {
        self.session.client_hello.as_mut().unwrap().server_names = [name].into();
        self
    }

    fn take(&self, memory: &mut Memory) -> FindingSet {
        Sighting::of(&self.session, self.address, self.port, self.vlan)
            .map(|sighting| found_by(memory.compare(&sighting)))
            .unwrap_or_default()
    }
}

const SHOP: &[&str] = &["www.shop.example"];
const CA: &str = "C=US, O=Good CA, CN=Server CA 1";

/// A certificate of the shop's, each with a key of its own.
fn shop(certificate: u8, issuer: &str) -> Seen {
    Seen::new(certificate, issuer, certificate, SHOP)
}

pub(super) fn cases() -> Vec<Case> {
    let case = |id, session: &Seen, fires: &[&Seen], near: &[&Seen]| Case {
        id,
        session: session.clone(),
        fires: fires.iter().copied().cloned().collect(),
        near: near.iter().copied().cloned().collect(),
    };
    let (first, second) = (shop(1, CA), shop(2, CA));
    let others = "C=US, O=Other CA, CN=Server CA 1";
    let elsewhere = |change: fn(&mut Seen)| {
        let mut seen = first.clone();
        change(&mut seen);
        seen
    };
    let with_key = |certificate, names: &[&str]| Seen::new(certificate, CA, 9, names);
    let device = |subject: &str, certificate| {
        let mut seen = with_key(certificate, &[]);
        let leaf = Arc::make_mut(&mut seen.session.server_certificates[0]);
        leaf.facts.as_mut().unwrap().subject = subject.into();
        seen
    };
    let changed = "cert.changed.certificate";
    vec![
        case(changed, &second, &[&first], &[&second]),
        case(changed, &second, &[&first], &[]),
        case(changed, &second, &[&first], &[&elsewhere(|seen| seen.address = Ipv4Addr::new(198, 51, 100, 8).into())]),
        case(changed, &second, &[&first], &[&elsewhere(|seen| seen.port = 8443)]),
        case(changed, &second, &[&first], &[&elsewhere(|seen| seen.vlan = [7, 0])]),
        case(changed, &second, &[&first], &[&first.clone().asked_for(b"api.shop.example")]),
        case(changed, &second, &[&first.clone().asked_for(b"WWW.Shop.example")], &[&elsewhere(|seen| seen.port = 8443)]),
        // Machines behind one address with certificates of their own take turns.
        case(changed, &second, &[&first], &[&second, &first]),
        case("cert.changed.issuer", &second, &[&shop(1, others)], &[&first]),
        case("cert.changed.issuer", &second, &[&shop(1, others)], &[&shop(1, "C=US, O=Good CA, CN=Server CA 2")]),
        case("cert.changed.issuer", &second, &[&shop(1, "CN=Proxy")], &[&shop(3, others), &first]),
        case("cert.key.shared", &with_key(2, SHOP), &[&with_key(1, &["mail.other.example"])], &[&with_key(1, SHOP)]),
        case("cert.key.shared", &with_key(2, SHOP), &[&with_key(1, &["b.example"])], &[&with_key(1, &["b.example", SHOP[0]])]),
        case("cert.key.shared", &with_key(2, SHOP), &[&with_key(1, &["b.example"])], &[&with_key(1, &["*.Shop.example"])]),
        case("cert.key.shared", &with_key(2, SHOP), &[&with_key(1, &["b.example"])], &[&Seen::new(1, CA, 8, &["b.example"])]),
        case("cert.key.shared", &device("CN=router-2", 2), &[&device("CN=router-1", 1)], &[&device("CN=router-2", 1)]),
        case("cert.key.shared", &device("CN=router-2", 2), &[&device("CN=router-1", 1)], &[&device("", 1)]),
    ]
}

#[test]
fn each_is_found_by_what_was_before_and_not_without() {
    for (place, Case { id, session, fires, near }) in cases().into_iter().enumerate() {
        let finding = find(id).unwrap();
        for (before, expected) in [(fires, true), (near, false)] {
            let mut memory = Memory::new(1 << 20);
            for seen in before {
                seen.take(&mut memory);
            }
            let mut session = session.clone();
            assert_eq!(session.take(&mut memory.clone()).contains(finding), expected, "{place}: {id}");
            session.session.compared =
                Sighting::of(&session.session, session.address, session.port, session.vlan).map(|s| memory.compare(&s));
            let evidence = Evidence::new(&session.session, NOW, true);
            assert_eq!((finding.holds(&evidence), judge(&evidence).contains(finding)), (expected, expected), "{place}: {id}");
        }
        assert!(!finding.holds(&Evidence::new(&session.session, NOW, true)), "{id} is no matter of one session");
    }
}

#[test]
fn a_change_is_told_once_and_a_shared_key_each_time() {
    let mut memory = Memory::new(1 << 20);
    let mut told = |seen: &Seen| seen.take(&mut memory).iter().map(|finding| finding.id).collect::<Vec<_>>();
    let (old, new) = (Seen::new(1, CA, 9, &["a.example"]), Seen::new(2, "CN=Proxy", 9, &["b.example"]));
    assert_eq!(told(&old), [""; 0]);
    assert_eq!(told(&new), ["cert.changed.certificate", "cert.changed.issuer", "cert.key.shared"]);
    assert_eq!(told(&new), ["cert.key.shared"]);
    assert_eq!(told(&old), ["cert.key.shared"], "and of the first one, now that it is known");
}

#[test]
fn a_service_with_sixteen_certificates_is_told_of_once() {
    for (certificates, again) in [(16, 0), (17, 17)] {
        let mut memory = Memory::new(1 << 20);
        let mut round = || (1..=certificates).filter(|&n| !shop(n, CA).take(&mut memory).is_empty()).count();
        assert_eq!((round(), round()), (usize::from(certificates) - 1, again), "{certificates}");
    }
}

#[test]
fn a_session_without_a_certificate_that_can_be_read_says_nothing() {
    let mut memory = Memory::new(1 << 20);
    let mut resumed = shop(2, CA);
    resumed.session.server_certificates.clear();
    let mut broken = shop(3, CA);
    Arc::make_mut(&mut broken.session.server_certificates[0]).facts = None;
    for seen in [shop(1, CA), resumed, broken, shop(1, CA)] {
        assert!(seen.take(&mut memory).is_empty());
    }
    assert_eq!(memory.len(), 2, "a server and a key");
}

#[test]
fn it_stays_within_its_limit_and_forgets_what_was_not_seen_for_longest() {
    let at = |n: u32, certificate| {
        let mut seen = Seen::new(certificate, CA, 0, SHOP);
        seen.address = Ipv4Addr::from(n).into();
        seen
    };
    let mut memory = Memory::new(64 << 10);
    for n in 0..10_000 {
        assert!(at(n, 1).take(&mut memory).is_empty());
        at(7, 1).take(&mut memory); // the one that is always there
    }
    assert!((50..600).contains(&memory.len()), "{}", memory.len());
    assert_eq!(memory.evicted(), 10_000 - memory.len() as u64);
    assert!(!at(7, 2).take(&mut memory).is_empty(), "it is remembered");
    assert!(at(8, 2).take(&mut memory).is_empty(), "it is forgotten");
}

#[test]
fn without_memory_nothing_is_remembered() {
    let mut memory = Memory::new(0);
    assert!(shop(1, CA).take(&mut memory).is_empty() && shop(2, CA).take(&mut memory).is_empty());
    assert!(memory.is_empty());
}
