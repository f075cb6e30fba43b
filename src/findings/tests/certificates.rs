use super::*;
use crate::protocol::x509::{
    CheckedSct, CrlFault, DistinguishedName, Evidence, Fault, IssuerOcsp, KeyFlaws, Ocsp, OcspStatus, Problems, SctSource,
    SctStatus,
};

/// A triple of tag, length and these parts, in DER.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&[tag, u8::try_from(content.len()).unwrap()], &content[..]].concat()
}

pub(super) fn cases() -> Vec<Case> {
    let key = |typ: &'static str, bits: u32| {
        serving(move |f| {
            f.key_curve = (typ == "EC").then(|| "secp160r1".into());
            (f.key_type, f.key_bits) = (typ.into(), Some(bits));
        })
    };
    let curve = |curve: Option<&'static str>| serving(move |f| f.key_curve = curve.map(Into::into));
    // id-ecPublicKey, and behind it the SEQUENCE of ECParameters in place of a curve's OID (RFC 5480 §2.1.1).
    let explicit = || {
        let der = vec![0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x30];
        with(|session| session.server_certificates = vec![Arc::new(Certificate { der, ..leaf(|f| f.key_curve = None) })])
    };
    let weighed = |evidence: Evidence| with(|session| session.server_evidence = Some(Box::new(evidence)));
    let ocsp = |status: OcspStatus| weighed(Evidence { ocsp: Some(Ocsp::of(status)), ..Evidence::default() });
    let sct = |status: SctStatus| {
        let sct = CheckedSct { source: SctSource::Embedded, log_id: None, log: None, timestamp: None, status };
        weighed(Evidence { scts: vec![sct], ..Evidence::default() })
    };
    let issuer_ocsp = |status: OcspStatus| {
        let answer = IssuerOcsp { place: 1, sha256: [7; 32], ocsp: Ocsp::of(status) };
        weighed(Evidence { issuer_ocsp: vec![answer], ..Evidence::default() })
    };
    let useless_crl = |useless_crl: Option<CrlFault>| {
        let verdict = Validation { useless_crl, ..Validation::of(Problems::default()) };
        with(move |session| session.server_trust = Some(Arc::new(verdict)))
    };
    let handing_over = |tls_scts: u32| {
        let mut session = serving(|f| f.embedded_scts = 0);
        session.server_evidence = Some(Box::new(Evidence { tls_scts, ..Evidence::default() }));
        session
    };
    let listed = |is_listed| with(|session| session.server_key_listed = Some(is_listed));
    let flawed = |flaws: KeyFlaws| serving(move |f| f.key_flaws = flaws);
    let signed = |algorithm: &'static str| serving(move |f| f.signature_algorithm = algorithm.into());
    let serial = |bytes: &'static [u8]| serving(move |f| f.serial = bytes.to_vec());
    let names =
        |names: &'static [&'static str]| serving(move |f| f.subject_alt_names = names.iter().map(|n| (*n).to_owned()).collect());
    let subject = |subject: &'static str| serving(move |f| f.subject = subject.into());
    let issuer = |issuer: &'static str| serving(move |f| f.issuer = issuer.into());
    let lasting = |from: (i64, i64, i64), days: i64| {
        serving(move |f| {
            let start = Time::from_utc(from.0, from.1, from.2, 0, 0, 0).unwrap();
            (f.not_before, f.not_after) = (Some(start), Some(Time::from_unix(start.as_unix() + days * DAY)));
        })
    };
    let around = |from: i64, until: i64| {
        serving(move |f| {
            f.not_before = Some(Time::from_unix(NOW.as_unix() + from));
            f.not_after = Some(Time::from_unix(NOW.as_unix() + until));
        })
    };
    let itself = |name: &'static str| {
        serving(move |f| {
            (f.subject, f.issuer, f.self_issued) = (name.into(), name.into(), true);
        })
    };
    let chain = |certificates: Vec<Certificate>| {
        with(|session| session.server_certificates = certificates.into_iter().map(Arc::new).collect())
    };
    let root = || named("CN=Example Root", "CN=Example Root", 3);
    let client = |problems: &[Status]| {
        with(|session| {
            session.client_certificates = vec![Arc::new(leaf(|_| {}))];
            session.client_trust = Some(Arc::new(Validation::of(problems.iter().copied().collect())));
        })
    };
    let client_key = |typ: &'static str, bits: u32, flaws: KeyFlaws| {
        let own = leaf(move |f| (f.key_type, f.key_bits, f.key_flaws) = (typ.into(), Some(bits), flaws));
        with(|session| session.client_certificates = vec![Arc::new(own)])
    };
    // An intermediate with a key of so many bits.
    let below = |bits: u32| {
        let mut issuer = authority();
        issuer.facts = issuer.facts.map(|facts| Facts { key_type: "RSA".into(), key_bits: Some(bits), ..facts });
        chain(vec![leaf(|_| {}), issuer])
    };
    // Its name is its issuer's, its key is not.
    let rollover = || {
        let id = |last: u8, value: &[u8]| tlv(0x30, &[&[0x06, 3, 0x55, 0x1d, last], &tlv(0x04, &[value])]);
        let ids = [id(0x0e, &[0x04, 1, 7]), id(0x23, &[0x30, 3, 0x80, 1, 8])].concat();
        let der = tlv(0x30, &[&tlv(0x30, &[&tlv(0xa3, &[&tlv(0x30, &[&ids])])])]);
        chain(vec![leaf(|_| {}), authority(), Certificate { der, ..root() }])
    };
    // An extension in an intermediate, for which the chain was refused.
    let critical = |oid: &[u8], is_critical: bool| {
        let critical: &[u8] = if is_critical { &[1, 1, 0xff] } else { &[] };
        let extension = tlv(0x30, &[&tlv(0x06, &[oid]), critical, &tlv(0x04, &[&[5, 0]])]);
        let der = tlv(0x30, &[&tlv(0x30, &[&tlv(0xa3, &[&tlv(0x30, &[&extension])])])]);
        let mut session = because(Status::Unsupported, Reason::CriticalExtension);
        session.server_certificates = vec![Arc::new(leaf(|_| {})), Arc::new(Certificate { der, ..authority() })];
        session
    };
    // The extension for SCTs, and nothing in it that can be read.
    let cut_scts = || {
        let list = tlv(0x30, &[&[0x06, 10, 0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2], &tlv(0x04, &[&[0x04, 1, 0]])]);
        let der = tlv(0x30, &[&tlv(0x30, &[&tlv(0xa3, &[&tlv(0x30, &[&list])])])]);
        let mut session = serving(|f| f.embedded_scts = 0);
        let own = Certificate { der, ..(*session.server_certificates[0]).clone() };
        session.server_certificates[0] = Arc::new(own);
        session
    };
    let unkept_scts = || {
        let mut session = serving(|f| f.embedded_scts = 0);
        session.server_hello.as_mut().unwrap().extensions.push(Extension { typ: 18, len: 0 });
        session
    };
    let empire = |days: i64| {
        serving(move |f| {
            (f.subject, f.issuer, f.self_issued) = ("C=US".into(), "C=US".into(), true);
            f.not_after = f.not_before.map(|from| Time::from_unix(from.as_unix() + days * DAY));
        })
    };
    let cobalt = |organization: &'static str| {
        let rest = "OU=AdvancedPenTesting, CN=Major Cobalt Strike";
        serving(move |f| f.subject = format!("C=Earth, ST=Cyberspace, L=Somewhere, O={organization}, {rest}").into())
    };
    // A name with one attribute: what looks like others is part of its value.
    let in_one = |value: &str| {
        let subject =
            DistinguishedName::read(&tlv(0x31, &[&tlv(0x30, &[&[0x06, 3, 0x55, 4, 10], &tlv(0x0c, &[value.as_bytes()])])]));
        serving(move |f| (f.subject, f.issuer) = (subject.clone(), subject))
    };
    let broken =
        |fault: Option<Fault>| with(|session| session.server_certificates = vec![Arc::new(Certificate { fault, ..leaf(|_| {}) })]);
    let ca = |self_issued: bool| {
        serving(move |f| {
            (f.is_ca, f.self_issued) = (Some(true), self_issued);
        })
    };
    vec![
        case("cert.revoked", judged(Status::Revoked), judged(Status::Expired)),
        case("cert.bad-signature", judged(Status::BadSignature), judged(Status::WeakSignature)),
        case("cert.name-constraint", judged(Status::NameConstraint), judged(Status::NameMismatch)),
        case("cert.self-signed", judged(Status::SelfSigned), judged(Status::UntrustedRoot)),
        case("cert.untrusted-root", judged(Status::UntrustedRoot), judged(Status::IncompleteChain)),
        case("cert.incomplete-chain", judged(Status::IncompleteChain), judged(Status::UntrustedRoot)),
        case("cert.not-for-server", judged(Status::NotForServer), judged(Status::NameMismatch)),
        case("cert.name-mismatch", judged(Status::NameMismatch), judged(Status::NameConstraint)),
        case("cert.weak-signature", judged(Status::WeakSignature), judged(Status::BadSignature)),
        case("cert.not-yet-valid", judged(Status::NotYetValid), judged(Status::Expired)),
        case("cert.expired", judged(Status::Expired), judged(Status::NotYetValid)),
        case("cert.ocsp.invalid", ocsp(OcspStatus::BadSignature), ocsp(OcspStatus::Good)),
        case("cert.ocsp.invalid", ocsp(OcspStatus::OtherCertificate), ocsp(OcspStatus::NoIssuer)),
        case("cert.ocsp.stale", ocsp(OcspStatus::Expired), ocsp(OcspStatus::Good)),
        case("cert.ocsp.no-answer", ocsp(OcspStatus::Unknown), ocsp(OcspStatus::Unsupported)),
        case("cert.sct.invalid", sct(SctStatus::BadSignature), sct(SctStatus::UnknownLog)),
        case("cert.sct.invalid", sct(SctStatus::Unparsable), sct(SctStatus::NotYetValid)), // the clock of who captured it
        case("cert.sct.log", sct(SctStatus::DistrustedLog), sct(SctStatus::UnknownLog)),
        case("cert.sct.log", sct(SctStatus::OtherPeriod), sct(SctStatus::Valid)),
        case("cert.crl.unsigned", useless_crl(Some(CrlFault::Unsigned)), useless_crl(None)),
        case("cert.crl.unverifiable", useless_crl(Some(CrlFault::Unverifiable)), useless_crl(Some(CrlFault::Unsigned))),
        case("cert.crl.not-allowed", useless_crl(Some(CrlFault::NotForCrls)), useless_crl(Some(CrlFault::Unverifiable))),
        case("cert.ocsp.stale", issuer_ocsp(OcspStatus::Expired), issuer_ocsp(OcspStatus::Good)),
        case("cert.sct.none", serving(|f| f.embedded_scts = 0), cut_scts()),
        case("cert.sct.none", serving(|f| f.embedded_scts = 0), unkept_scts()),
        case("cert.sct.none", serving(|f| f.embedded_scts = 0), serving(|f| f.embedded_scts = 1)),
        case("cert.sct.none", serving(|f| f.embedded_scts = 0), handing_over(1)),
        case(
            "cert.sct.none",
            serving(|f| f.embedded_scts = 0),
            serving(|f| (f.embedded_scts, f.not_before) = (0, Time::from_utc(2018, 4, 30, 0, 0, 0))),
        ),
        case("cert.critical-extension", critical(&[0x2a, 3, 4], true), critical(&[0x2a, 3, 4], false)),
        // certificatePolicies, policyMappings, policyConstraints, inhibitAnyPolicy (RFC 5280 §4.2.1)
        case("cert.critical-extension", critical(&[0x55, 0x1d, 99], true), critical(&[0x55, 0x1d, 32], true)),
        case("cert.critical-extension", critical(&[0x55, 0x1d, 99], true), critical(&[0x55, 0x1d, 33], true)),
        case("cert.critical-extension", critical(&[0x55, 0x1d, 99], true), critical(&[0x55, 0x1d, 36], true)),
        case("cert.critical-extension", critical(&[0x55, 0x1d, 99], true), critical(&[0x55, 0x1d, 54], true)),
        case(
            "cert.critical-extension",
            critical(&[0x2a, 3, 4], true),
            Session {
                server_trust: because(Status::Unsupported, Reason::TooComplex).server_trust,
                ..critical(&[0x2a, 3, 4], true)
            },
        ),
        case("cert.unsupported", judged(Status::Unsupported), judged(Status::Unparsable)),
        case("cert.unparsable", judged(Status::Unparsable), judged(Status::Unsupported)),
        case("cert.version", because(Status::Unsupported, Reason::Version), because(Status::Unsupported, Reason::Encoding)),
        case("cert.malformed", broken(Some(Fault::Der)), broken(None)),
        case("cert.client.rejected", client(&[Status::SelfSigned]), client(&[])),
        case("cert.client.expired", client(&[Status::Expired]), client(&[Status::NotYetValid])),
        case("cert.client.weak-key", client_key("RSA", 1_024, KeyFlaws::default()), client_key("RSA", 2_048, KeyFlaws::default())),
        case("cert.client.weak-key", client_key("RSA", 2_048, KeyFlaws::ROCA), client_key("EC", 256, KeyFlaws::default())),
        case("cert.client.visible", client(&[]), sound()),
        case("cert.key.rsa-broken", key("RSA", 1_023), key("RSA", 1_024)),
        case("cert.key.rsa-short", key("RSA", 2_047), key("RSA", 2_048)),
        case("cert.key.rsa-short", key("RSA", 1_024), key("RSA", 1_023)),
        case("cert.key.rsa-broken", below(1_023), below(1_024)),
        case("cert.key.rsa-short", below(1_024), below(2_048)),
        case("cert.key.ec-short", key("EC", 192), key("EC", 224)),
        case("cert.key.curve-explicit", explicit(), curve(Some("secp256r1"))),
        case("cert.key.curve-odd", curve(Some("secp256k1")), curve(Some("secp384r1"))),
        case("cert.key.dsa", key("DSA", 2_048), key("RSA", 2_048)),
        case("cert.key.post-quantum", key("ML-DSA-65", 0), key("Ed25519", 256)),
        case("cert.key.exponent-one", flawed(KeyFlaws::EXPONENT_ONE), flawed(KeyFlaws::EXPONENT_THREE)),
        case("cert.key.exponent-three", flawed(KeyFlaws::EXPONENT_THREE), flawed(KeyFlaws::EXPONENT_EVEN)),
        case("cert.key.exponent-even", flawed(KeyFlaws::EXPONENT_EVEN), flawed(KeyFlaws::EXPONENT_ONE)),
        case("cert.key.small-factor", flawed(KeyFlaws::SMALL_FACTOR), flawed(KeyFlaws::ROCA)),
        case("cert.key.listed", listed(true), listed(false)),
        case("cert.key.roca", flawed(KeyFlaws::ROCA), flawed(KeyFlaws::SMALL_FACTOR)),
        case("cert.signature.md5", signed("md5WithRSAEncryption"), signed("sha1WithRSAEncryption")),
        case("cert.signature.sha1", signed("sha1WithRSAEncryption"), signed("md5WithRSAEncryption")),
        case("cert.signature.sha1", signed("ecdsa-with-SHA1"), signed("ecdsa-with-SHA256")),
        case("cert.serial.short", serial(&[1, 2, 3, 4, 5, 6, 7]), serial(&[1, 2, 3, 4, 5, 6, 7, 8])),
        case("cert.serial.invalid", serial(&[0]), serial(&[1])),
        case("cert.serial.invalid", serial(&[0x80, 1]), serial(&[0, 0x80, 1])),
        case("cert.serial.invalid", serial(&[1; 21]), serial(&[1; 20])),
        case("cert.validity.long", lasting((2020, 9, 1), 399), lasting((2020, 9, 1), 398)),
        case("cert.validity.long", lasting((2020, 9, 1), 399), lasting((2020, 8, 31), 399)),
        case("cert.validity.beyond-baseline", lasting((2026, 3, 15), 201), lasting((2026, 3, 14), 201)),
        case("cert.validity.beyond-baseline", lasting((2027, 3, 15), 101), lasting((2027, 3, 14), 101)),
        case("cert.validity.absurd", lasting((2026, 1, 1), 7_321), lasting((2026, 1, 1), 7_320)),
        case("cert.validity.reversed", lasting((2026, 1, 1), -1), lasting((2026, 1, 1), 0)),
        case("cert.validity.fresh", around(-3_599, 90 * DAY), around(-3_600, 90 * DAY)),
        case("cert.validity.fresh", around(0, 90 * DAY), around(1, 90 * DAY)),
        case("cert.validity.ending", around(-90 * DAY, 7 * DAY - 1), around(-90 * DAY, 7 * DAY)),
        case("cert.validity.ending", around(-90 * DAY, 0), around(-90 * DAY, -1)),
        // One of 160 hours, as Let's Encrypt issues them.
        case("cert.validity.ending", around(-107 * 3_600, 53 * 3_600), around(-2 * 3_600, 158 * 3_600)),
        case("cert.validity.ending", around(-4 * DAY - 1, 2 * DAY), around(-4 * DAY, 2 * DAY)),
        case("cert.names.none", names(&[]), names(&["www.shop.example"])),
        case("cert.names.wildcard-suffix", names(&["*.co.uk"]), names(&["*.shop.co.uk"])),
        case("cert.names.wildcard-suffix", names(&["*.com"]), names(&["*.github.io"])),
        case("cert.names.wildcard-odd", names(&["www*.shop.example"]), names(&["*.shop.example"])),
        case("cert.names.wildcard-odd", names(&["*.*.shop.example"]), names(&["shop.example"])),
        case("cert.names.nul", names(&["www.bank.example\0.evil.example"]), names(&["www.bank.example"])),
        case("cert.names.internal", names(&["nas.local"]), names(&["local.shop.example"])),
        case("cert.names.internal", names(&["10.0.0.1"]), names(&["192.0.2.1"])),
        case(
            "cert.names.many",
            serving(|f| f.subject_alt_names = vec!["a.shop.example".into(); 101]),
            serving(|f| f.subject_alt_names = vec!["a.shop.example".into(); 100]),
        ),
        case("cert.authority-as-server", ca(false), ca(true)),
        case("cert.made-by.default", subject("C=AU, O=Internet Widgits Pty Ltd"), subject("C=AU, O=Internet Widgets Pty Ltd")),
        case("cert.made-by.default", subject("CN=TRAEFIK DEFAULT CERT"), subject("CN=TRAEFIK")),
        case("cert.made-by.debug-proxy", issuer("CN=mitmproxy, O=mitmproxy"), issuer("CN=proxy, O=mitmproxy")),
        case("cert.made-by.debug-proxy", issuer("CN=Charles Proxy CA (1 Jan 2026, mac), O=XK72 Ltd"), issuer("CN=Charles CA")),
        case("cert.made-by.interceptor", issuer("CN=eDellRoot, O=Dell"), issuer("CN=DellRoot, O=eDellRoot")),
        case("cert.made-by.interceptor", issuer("CN=eDellRoot"), issuer("CN=DellRoot")),
        case("cert.made-by.distrusted", issuer("C=NL, O=DigiNotar, CN=DigiNotar Public CA"), issuer("C=NL, O=Digi")),
        case("cert.tool.cobalt-strike", cobalt("cobaltstrike"), cobalt("cobalt")),
        case(
            "cert.tool.cobalt-strike",
            subject("CN=Major Cobalt Strike, OU=AdvancedPenTesting, O=cobaltstrike"),
            in_one("x, O=cobaltstrike, OU=AdvancedPenTesting, CN=Major Cobalt Strike"),
        ),
        case(
            "cert.tool.poshc2",
            subject("C=US, ST=Minnesota, L=Minnetonka, O=Pajfds, OU=Jethpro, CN=P18055077"),
            in_one("x, O=Pajfds, OU=Jethpro, CN=P18055077"),
        ),
        case("cert.made-by.default", in_one("Internet Widgits Pty Ltd"), in_one("x, O=Internet Widgits Pty Ltd")),
        case("cert.made-by.interceptor", in_one("Superfish, Inc."), in_one("Superfish, Ltd.")),
        case(
            "cert.tool.poshc2",
            subject("C=US, ST=Minnesota, L=Minnetonka, O=Pajfds, OU=Jethpro, CN=P18055077"),
            subject("C=US, ST=Minnesota, L=Minnetonka, O=Pajfds, OU=Jethpro, CN=P18055078"),
        ),
        case("cert.tool.asyncrat", subject("CN=AsyncRAT Server"), subject("CN=AsyncRAT Servers")),
        case("cert.tool.quasar", subject("CN=Quasar Server CA"), subject("CN=Quasar Server CA 2")),
        case("cert.tool.dcrat", issuer("CN=DcRat Server, OU=qwqdanchun, O=DcRat By qwqdanchun"), issuer("CN=DcRat Server")),
        case("cert.tool.covenant", itself("CN=Covenant"), subject("CN=Covenant")),
        case("cert.tool.orcus", subject("CN=Orcus Server"), subject("CN=Orcus Servers")),
        case("cert.tool.empire", empire(365), empire(366)),
        case("cert.chain.duplicate", chain(vec![leaf(|_| {}), authority(), authority()]), chain(vec![leaf(|_| {}), authority()])),
        case(
            "cert.chain.unrelated",
            chain(vec![leaf(|_| {}), authority(), named("CN=Stranger", "CN=Other", 9)]),
            chain(vec![leaf(|_| {}), authority(), root()]),
        ),
        case("cert.chain.order", chain(vec![leaf(|_| {}), root(), authority()]), chain(vec![leaf(|_| {}), authority(), root()])),
        case(
            "cert.chain.order",
            chain(vec![leaf(|_| {}), root(), authority()]),
            chain(vec![leaf(|_| {}), leaf(|_| {}), authority(), authority(), root()]),
        ),
        case(
            "cert.chain.unrelated",
            chain(vec![leaf(|_| {}), named("CN=Stranger", "CN=Other", 9)]),
            chain(vec![leaf(|_| {}), leaf(|_| {}), authority()]),
        ),
        case("cert.chain.root", chain(vec![leaf(|_| {}), authority(), root()]), rollover()),
        case("cert.chain.root", chain(vec![leaf(|_| {}), authority(), root()]), chain(vec![leaf(|_| {}), authority()])),
        case("cert.chain.long", chain(vec![leaf(|_| {}); 7]), chain(vec![leaf(|_| {}); 6])),
    ]
}
