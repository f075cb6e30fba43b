//! Certificates: whether they are trusted, their keys, signatures, dates and names, who made them, and how they are sent.

use super::Known::{ClientCertificates, Dark, ServerCertificates};
use super::Severity::{High, Info, Low, Medium};
use super::issuers::{Maker, Tool};
use super::{Evidence, Finding, finding, hosts};
use crate::protocol::x509::sct::has_embedded;
use crate::protocol::x509::{Certificate, CrlFault, Facts, KeyFlaws, OcspStatus, Reason, SctStatus, Status, Time, key_ids};

#[rustfmt::skip]
pub(super) const FINDINGS: &[Finding] = &[
    // What the validation came to, at the time of the packet.
    finding("cert.revoked", High, Dark, // an OCSP answer comes behind the certificates
        "the server's certificate, or one of its issuers', is revoked",
        "do not trust the server; replace the certificate and its key",
        &["RFC 5280"],
        |e| e.server_chain_is(Status::Revoked)),
    finding("cert.bad-signature", High, ServerCertificates,
        "a signature in the server's chain is wrong: a certificate is not what its issuer signed",
        "find out who is on the way; a sound server does not have it",
        &["RFC 5280"],
        |e| e.server_chain_is(Status::BadSignature)),
    finding("cert.name-constraint", High, ServerCertificates,
        "the issuer may not issue for this name",
        "find out who issued it, and why: a constrained authority goes beyond its domain",
        &["RFC 5280"],
        |e| e.server_chain_is(Status::NameConstraint)),
    finding("cert.self-signed", Medium, ServerCertificates,
        "the server's certificate is signed by itself: anyone could have made it",
        "get one from an authority that clients trust, or add it to their trust store",
        &["RFC 5280"],
        |e| e.server_chain_is(Status::SelfSigned)),
    finding("cert.untrusted-root", Medium, ServerCertificates,
        "the server's chain ends in a root that is not trusted",
        "add your own authority with --trust-store; else find out whose root it is",
        &["RFC 5280"],
        |e| e.server_chain_is(Status::UntrustedRoot)),
    finding("cert.incomplete-chain", Medium, ServerCertificates,
        "the server's certificate has an issuer that was not sent and is not known",
        "let the server send its intermediate certificates; add your own authority with --trust-store",
        &["RFC 8446"],
        |e| e.server_chain_is(Status::IncompleteChain)),
    finding("cert.not-for-server", Medium, ServerCertificates,
        "a certificate of the server's chain was not issued for this use",
        "get a certificate for servers (serverAuth), from an authority",
        &["RFC 5280"],
        |e| e.server_chain_is(Status::NotForServer)),
    finding("cert.name-mismatch", Medium, ServerCertificates,
        "the server's certificate is for another name than the client asked for",
        "get a certificate for the name; where it is another server's, find out who is on the way",
        &["RFC 9525"],
        |e| e.server_chain_is(Status::NameMismatch)),
    finding("cert.weak-signature", Medium, ServerCertificates,
        "a certificate of the path is signed over MD5 or SHA-1, which can be forged",
        "replace it; authorities stopped to issue such in 2016",
        &["RFC 9155", "shattered.io"],
        |e| e.server_chain_is(Status::WeakSignature)),
    finding("cert.not-yet-valid", Medium, ServerCertificates,
        "a certificate of the path is not valid yet",
        "set the clock of who made it, or of who captured this",
        &["RFC 5280"],
        |e| e.server_chain_is(Status::NotYetValid)),
    finding("cert.expired", Medium, ServerCertificates,
        "a certificate of the path has expired",
        "renew it, best by a program (ACME)",
        &["RFC 5280", "RFC 8555"],
        |e| e.server_chain_is(Status::Expired)),
    finding("cert.ocsp.invalid", Medium, Dark,
        "the server staples an OCSP answer that nobody can believe: wrongly signed, about another certificate, or unreadable",
        "mend the server; `portcullis.trust.ocsp` says what is wrong with it",
        &["RFC 6960", "RFC 6066"],
        |e| e.ocsp_is(&[OcspStatus::BadSignature, OcspStatus::OtherCertificate, OcspStatus::Unparsable])),
    finding("cert.ocsp.stale", Low, Dark,
        "the server staples an OCSP answer of another time",
        "see why the server does not fetch new ones; or set the clock of who captured this",
        &["RFC 6960", "RFC 6066"],
        |e| e.ocsp_is(&[OcspStatus::Expired, OcspStatus::NotYetValid])),
    finding("cert.ocsp.no-answer", Low, Dark,
        "the server staples an OCSP answer that says nothing: the responder does not know, or could not answer",
        "see whether the authority issued the certificate",
        &["RFC 6960"],
        |e| e.ocsp_is(&[OcspStatus::Unknown, OcspStatus::Refused])),
    finding("cert.crl.unsigned", Low, ServerCertificates,
        "a revocation list that was given has the name of an issuer of the server's certificate, and is not signed by it: it does not count",
        "fetch the list anew from where the certificate says, and give it with --crl",
        &["RFC 5280"],
        |e| e.useless_crl_is(CrlFault::Unsigned)),
    finding("cert.crl.unverifiable", Low, ServerCertificates,
        "a revocation list that was given is signed in a way that cannot be verified here, so that it does not count",
        "ask the list by other means: `openssl verify -crl_check`",
        &["RFC 5280"],
        |e| e.useless_crl_is(CrlFault::Unverifiable)),
    finding("cert.crl.not-allowed", Low, ServerCertificates,
        "a revocation list that was given is signed by an authority that may not sign such lists, so that it does not count",
        "let the authority's certificate have the key usage cRLSign, or another one sign its lists",
        &["RFC 5280"],
        |e| e.useless_crl_is(CrlFault::NotForCrls)),
    finding("cert.sct.invalid", Medium, Dark,
        "a log of certificates did not sign what is said to be its promise (SCT)",
        "find out who made the certificate; browsers refuse it",
        &["RFC 6962"],
        |e| e.any_sct_is(&[SctStatus::BadSignature, SctStatus::Unparsable])),
    finding("cert.sct.log", Low, Dark,
        "a promise (SCT) is of a log that was not to be trusted any more, or that is for certificates of another time",
        "find out who made the certificate; `portcullis.trust.scts` says which log",
        &["RFC 6962", "googlechrome.github.io/CertificateTransparency/ct_policy.html"],
        |e| e.any_sct_is(&[SctStatus::DistrustedLog, SctStatus::OtherPeriod])),
    finding("cert.sct.none", Info, Dark,
        "the certificate is trusted, and in no public log: browsers refuse it where its authority is a public one",
        "nothing, where the authority is your own; else get one that is logged",
        &["RFC 6962", "googlechrome.github.io/CertificateTransparency/ct_policy.html"],
        |e| e.is_unlogged()),
    finding("cert.critical-extension", Medium, ServerCertificates,
        "a certificate of the server's chain has a critical extension that RFC 5280 does not name: clients that do not know it refuse it",
        "find out who made it, and what it is to hide",
        &["RFC 5280"],
        |e| e.server_chain_is(Status::Unsupported) && e.trust_reason_is(Reason::CriticalExtension) && e.has_unknown_critical()),
    finding("cert.unsupported", Low, ServerCertificates,
        "the server's chain cannot be judged here: it has something that is not supported",
        "judge it by other means: `portcullis.trust.reason` says what it has",
        &["RFC 5280"],
        |e| e.server_chain_is(Status::Unsupported)),
    finding("cert.unparsable", Medium, ServerCertificates,
        "what the server sent as its certificate is none",
        "see what program answers there",
        &["RFC 5280"],
        |e| e.server_chain_is(Status::Unparsable)),
    finding("cert.version", Low, ServerCertificates,
        "a certificate of the chain is of version 1: it cannot say what it is for",
        "replace it by one of version 3",
        &["RFC 5280"],
        |e| e.trust_reason_is(Reason::Version)),
    finding("cert.malformed", Medium, ServerCertificates,
        "a certificate of the server's breaks the encoding rules, or the profile of RFC 5280",
        "replace it; where it is not the server's own, find out who made it",
        &["RFC 5280"],
        |e| e.chain().iter().any(|certificate| certificate.fault.is_some())),
    finding("cert.client.rejected", Low, ClientCertificates,
        "the client's certificate would not be trusted",
        "add the authority of your clients with --trust-store; else see whose it is",
        &["RFC 5280"],
        |e| e.session.client_trust.as_ref().is_some_and(|trust| !trust.problems.is_empty())),
    finding("cert.client.expired", Medium, ClientCertificates,
        "the client's certificate has expired",
        "renew it",
        &["RFC 5280"],
        |e| e.session.client_trust.as_ref().is_some_and(|trust| trust.problems.contains(Status::Expired))),
    finding("cert.client.weak-key", Medium, ClientCertificates,
        "a key of the client's chain can be found or made up: RSA under 2048 bits, a short curve, or a known flaw",
        "make a new key on P-256, and replace the certificate",
        &["RFC 9325", "CVE-2017-15361"],
        |e| e.session.client_certificates.iter().take(MOST).filter_map(|c| c.facts.as_ref()).any(has_weak_key)),
    finding("cert.client.visible", Info, ClientCertificates,
        "the client's certificate can be read by everyone on the way, with whose it is",
        "use TLS 1.3, which encrypts it",
        &["RFC 8446"],
        |e| !e.session.client_certificates.is_empty()),

    // The server's key.
    finding("cert.key.rsa-broken", High, ServerCertificates,
        "an RSA key of the server's chain has fewer than 1024 bits, which can be factored",
        "make a new key of 2048 bits or more, or one on P-256, and replace the certificate",
        &["RFC 9325", "eprint.iacr.org/2010/006"],
        |e| e.any_is(|f| f.key_type == "RSA" && f.key_bits.is_some_and(|bits| bits < 1_024))),
    finding("cert.key.rsa-short", Medium, ServerCertificates,
        "an RSA key of the server's chain has fewer than 2048 bits",
        "make a new key of 2048 bits or more, or one on P-256, and replace the certificate",
        &["RFC 9325"],
        |e| e.any_is(|f| f.key_type == "RSA" && f.key_bits.is_some_and(|bits| (1_024..2_048).contains(&bits)))),
    finding("cert.key.ec-short", Medium, ServerCertificates,
        "an elliptic curve key of the server's chain has fewer than 224 bits",
        "make a new key on P-256, and replace the certificate",
        &["RFC 9325"],
        |e| e.any_is(|f| f.key_type == "EC" && f.key_bits.is_some_and(|bits| bits < 224))),
    finding("cert.key.curve-explicit", High, ServerCertificates,
        "a certificate writes its curve out in numbers, which may be made to match another's key (CurveBall)",
        "do not trust it; no authority issues such",
        &["CVE-2020-0601", "RFC 5480"],
        |e| e.any_is(|f| f.key_type == "EC" && f.key_curve.is_none())),
    finding("cert.key.curve-odd", Low, ServerCertificates,
        "the server's key is on a curve that no public authority certifies",
        "make a new key on P-256 or P-384 where public clients are to come",
        &["cabforum.org/working-groups/server/baseline-requirements/documents/"],
        |e| e.leaf_is(|f| f.key_curve.as_deref().is_some_and(|c| !matches!(c, "secp256r1" | "secp384r1" | "secp521r1")))),
    finding("cert.key.dsa", Medium, ServerCertificates,
        "the server's key is DSA, which is no longer approved, and not in TLS 1.3",
        "make a new key on P-256, and replace the certificate",
        &["csrc.nist.gov/pubs/fips/186-5/final"],
        |e| e.leaf_is(|f| f.key_type == "DSA")),
    finding("cert.key.post-quantum", Info, ServerCertificates,
        "the server's key withstands quantum computers",
        "nothing",
        &["RFC 9881", "RFC 9909"],
        |e| e.leaf_is(|f| f.key_type.starts_with("ML-DSA") || f.key_type.starts_with("SLH-DSA"))),
    finding("cert.key.exponent-one", High, ServerCertificates,
        "an RSA key has the exponent 1: everyone can sign with it",
        "do not trust it; make a new key, and find out what made this one",
        &["RFC 8017"],
        |e| e.any_is(|f| f.key_flaws.has_any(KeyFlaws::EXPONENT_ONE))),
    finding("cert.key.exponent-three", Low, ServerCertificates,
        "an RSA key has the exponent 3: where padding is checked carelessly, its signatures can be made up",
        "make a new key with the exponent 65537",
        &["CVE-2006-4339", "RFC 8017"],
        |e| e.any_is(|f| f.key_flaws.has_any(KeyFlaws::EXPONENT_THREE))),
    finding("cert.key.exponent-even", High, ServerCertificates,
        "an RSA key has an even exponent: no private key belongs to it",
        "do not trust it; find out what made it",
        &["RFC 8017"],
        |e| e.any_is(|f| f.key_flaws.has_any(KeyFlaws::EXPONENT_EVEN))),
    finding("cert.key.small-factor", High, ServerCertificates,
        "an RSA key has a small factor: everyone can find its private key, or it was damaged",
        "do not trust it; make a new key, and find out what made this one",
        &["RFC 8017", "factorable.net"],
        |e| e.any_is(|f| f.key_flaws.has_any(KeyFlaws::SMALL_FACTOR))),
    finding("cert.key.roca", High, ServerCertificates,
        "an RSA key was made by a chip whose keys can be factored (ROCA)",
        "make a new key outside of the chip, and replace the certificate",
        &["CVE-2017-15361", "crocs.fi.muni.cz/public/papers/rsa_ccs17"],
        |e| e.any_is(|f| f.key_flaws.has_any(KeyFlaws::ROCA))),
    finding("cert.key.listed", High, ServerCertificates,
        "an RSA key is on the list of those whose private keys are known (--weak-keys), such as Debian's of 2006 to 2008",
        "make a new key, replace the certificate, and take the old one for read by others",
        &["CVE-2008-0166", "wiki.debian.org/SSLkeys"],
        |e| e.session.server_key_listed == Some(true)),

    // Signatures and serial numbers.
    finding("cert.signature.md5", High, ServerCertificates,
        "a certificate is signed over MD5 or older: such a one was forged in 2008",
        "replace it",
        &["CVE-2004-2761", "RFC 6151"],
        |e| e.any_is(|f| !f.self_issued && f.signature_algorithm.starts_with("md"))),
    finding("cert.signature.sha1", Medium, ServerCertificates,
        "a certificate is signed over SHA-1, for which collisions can be bought",
        "replace it",
        &["RFC 9155", "shattered.io"],
        |e| e.any_is(|f| !f.self_issued && f.is_weakly_signed() && !f.signature_algorithm.starts_with("md"))),
    finding("cert.serial.short", Info, ServerCertificates,
        "the certificate's serial number has fewer than 64 bits, as no public authority gives it",
        "nothing, where the authority is your own",
        &["cabforum.org/working-groups/server/baseline-requirements/documents/"],
        |e| e.leaf_is(|f| !f.self_issued && f.serial.len() < 8)),
    finding("cert.serial.invalid", Low, ServerCertificates,
        "the certificate's serial number is zero, negative, or longer than 20 bytes",
        "replace the certificate",
        &["RFC 5280"],
        |e| e.leaf_is(|f| {
            f.serial.len() > 20 || f.serial.iter().all(|byte| *byte == 0) || f.serial.first().is_some_and(|byte| byte & 0x80 != 0)
        })),

    // Dates.
    finding("cert.validity.long", Low, ServerCertificates,
        "the certificate is valid for more than 398 days, longer than any public one since September 2020",
        "renew more often; where it is not your own authority's, find out whose it is",
        &["cabforum.org/working-groups/server/baseline-requirements/documents/"],
        |e| e.leaf_is(|f| f.validity_days().is_some_and(|days| days > 398) && f.not_before >= time(2020, 9, 1))),
    finding("cert.validity.beyond-baseline", Info, ServerCertificates,
        "the certificate is valid for longer than public authorities may issue since March 2026 (200 days; 100 since March 2027)",
        "renew by a program (ACME)",
        &["cabforum.org/2025/04/11/ballot-sc081v3-introduce-schedule-of-reducing-validity-and-data-reuse-periods/", "RFC 8555"],
        |e| e.leaf_is(|f| f.validity_days().is_some_and(|days| {
            days > 200 && f.not_before >= time(2026, 3, 15) || days > 100 && f.not_before >= time(2027, 3, 15)
        }))),
    finding("cert.validity.absurd", Low, ServerCertificates,
        "the certificate is valid for more than twenty years: nobody means to replace it",
        "replace it, and plan to do so again",
        &["RFC 5280"],
        |e| e.leaf_is(|f| f.validity_days().is_some_and(|days| days > 20 * 366))),
    finding("cert.validity.reversed", Medium, ServerCertificates,
        "the certificate ends before it begins",
        "replace it; see what made it",
        &["RFC 5280"],
        |e| e.leaf_is(|f| f.not_after < f.not_before && f.not_after.is_some())),
    finding("cert.validity.fresh", Info, ServerCertificates,
        "the certificate became valid within the last hour: it was made just now",
        "nothing, where a server was just set up; an interceptor, or malware, makes its own on the spot too",
        &["RFC 5280"],
        |e| e.leaf_is(|f| f.not_before.is_some_and(|from| (0..3_600).contains(&e.now.as_unix().saturating_sub(from.as_unix()))))),
    finding("cert.validity.ending", Low, ServerCertificates,
        "the certificate expires within a week, and less than a third of its time is left",
        "renew it now; see why it was not renewed by itself",
        &["RFC 8555"],
        |e| e.leaf_is(|f| is_ending(f, e.now))),

    // Names.
    finding("cert.names.none", Low, ServerCertificates,
        "the certificate has no subjectAltName: clients of today do not look at its CN",
        "replace it by one with its names in subjectAltName",
        &["RFC 9525"],
        |e| e.leaf_is(|f| f.subject_alt_names.is_empty() && f.other_alt_names == 0)),
    finding("cert.names.wildcard-suffix", High, ServerCertificates,
        "a wildcard stands for all names below a public suffix, such as *.co.uk",
        "do not trust it; no authority may issue it",
        &["RFC 9525", "publicsuffix.org"],
        |e| e.leaf_is(|f| f.subject_alt_names.iter().any(|name| {
            name.strip_prefix("*.").is_some_and(|rest| hosts::is_public_suffix(rest.to_ascii_lowercase().as_bytes()))
        }))),
    finding("cert.names.wildcard-odd", Low, ServerCertificates,
        "a wildcard is not the whole first label of its name: clients do not agree on what it means",
        "replace it by names, or by wildcards such as *.example.com",
        &["RFC 9525"],
        |e| e.leaf_is(|f| f.subject_alt_names.iter().any(|name| {
            name.strip_prefix("*.").unwrap_or(name).contains('*') || name == "*"
        }))),
    finding("cert.names.nul", High, ServerCertificates,
        "a name of the certificate has a NUL: readers take it for different names",
        "do not trust it; find out who issued it",
        &["CVE-2009-2408", "CVE-2013-4238"],
        |e| e.leaf_is(|f| f.subject_alt_names.iter().any(|name| name.contains('\0')) || f.subject.contains('\0'))),
    finding("cert.names.internal", Low, ServerCertificates,
        "the certificate is for a name or an address that means something inside of a network only",
        "nothing on a network of your own; no public authority issues for it",
        &["RFC 6761", "RFC 1918"],
        |e| e.leaf_is(|f| f.subject_alt_names.iter().any(|name| match hosts::address(name.as_bytes()) {
            Some(address) => hosts::is_private(address),
            None => hosts::is_internal(name.as_bytes()) && hosts::is_host_name(name.as_bytes()),
        }))),
    finding("cert.names.many", Info, ServerCertificates,
        "the certificate is for more than a hundred names: all of them share a key",
        "nothing at a large provider; else give each service its own",
        &["RFC 9525"],
        |e| e.leaf_is(|f| f.subject_alt_names.len() > 100)),

    // What it is, and who made it.
    finding("cert.authority-as-server", Medium, ServerCertificates,
        "the server uses the certificate of an authority as its own: its key lies where it can be taken",
        "issue a certificate of its own for the server",
        &["RFC 5280"],
        |e| e.leaf_is(|f| f.is_ca == Some(true) && !f.self_issued)),
    finding("cert.made-by.default", Low, ServerCertificates,
        "the certificate is the one that a product makes at its installation: nobody set it up",
        "give it a certificate of your own; see that its password is no default either",
        &["cwe.mitre.org/data/definitions/1392.html"],
        |e| e.made_by(Maker::Default)),
    finding("cert.made-by.debug-proxy", Medium, ServerCertificates,
        "a developer's proxy reads this session: Burp, mitmproxy, Fiddler, Charles or ZAP issued the certificate",
        "nothing, where somebody tests; else find out who runs it",
        &["attack.mitre.org/techniques/T1557/"],
        |e| e.made_by(Maker::DebugProxy)),
    finding("cert.made-by.interceptor", High, ServerCertificates,
        "the certificate was issued by software that shipped its private key: anyone can read this session",
        "remove the software and its root from the client (Superfish, eDellRoot, DSDTestProvider, SennComRootCA)",
        &["CVE-2015-2077", "CVE-2018-17612", "www.kb.cert.org/vuls/id/870761", "www.kb.cert.org/vuls/id/925497"],
        |e| e.made_by(Maker::Interceptor)),
    finding("cert.made-by.distrusted", High, ServerCertificates,
        "the certificate was issued by an authority that was broken into (DigiNotar)",
        "do not trust it",
        &["www.mozilla.org/en-US/security/advisories/mfsa2011-34/"],
        |e| e.made_by(Maker::Distrusted)),
    finding("cert.tool.cobalt-strike", High, ServerCertificates,
        "the certificate is the one that Cobalt Strike's team server came with, or made for itself",
        "isolate the client: it is controlled from there, by attackers or by testers",
        &["www.elastic.co/guide/en/security/current/default-cobalt-strike-team-server-certificate.html"],
        |e| e.tool_is(|tool| tool.is_cobalt_strike())),
    finding("cert.tool.poshc2", High, ServerCertificates,
        "the certificate is the one of PoshC2's template",
        "isolate the client: it is controlled from there, by attackers or by testers",
        &["github.com/nettitude/PoshC2"],
        |e| e.tool_is(|tool| tool.is_poshc2())),
    finding("cert.tool.asyncrat", High, ServerCertificates,
        "the certificate has the name that AsyncRAT gives it",
        "isolate the client: it is controlled from there",
        &["github.com/NYAN-x-CAT/AsyncRAT-C-Sharp"],
        |e| e.tool_is(|tool| tool.is_asyncrat())),
    finding("cert.tool.quasar", High, ServerCertificates,
        "the certificate has the name that Quasar gives it",
        "isolate the client: it is controlled from there",
        &["github.com/quasar/Quasar"],
        |e| e.tool_is(|tool| tool.is_quasar())),
    finding("cert.tool.dcrat", High, ServerCertificates,
        "the certificate was issued under the name that DcRat gives its authority",
        "isolate the client: it is controlled from there",
        &["github.com/qwqdanchun/DcRat"],
        |e| e.made_by(Maker::DcRat)),
    finding("cert.tool.covenant", High, ServerCertificates,
        "the certificate has the name that Covenant gives it",
        "isolate the client: it is controlled from there, by attackers or by testers",
        &["github.com/cobbr/Covenant"],
        |e| e.tool_is(|tool| tool.is_covenant())),
    finding("cert.tool.orcus", High, ServerCertificates,
        "the certificate has the name that Orcus gives it",
        "isolate the client: it is controlled from there",
        &["malpedia.caad.fkie.fraunhofer.de/details/win.orcus_rat"],
        |e| e.tool_is(|tool| tool.is_orcus())),
    finding("cert.tool.empire", Medium, ServerCertificates,
        "the certificate has nothing but a country and a year, as PowerShell Empire makes it",
        "see what the client runs: others may have had the same idea",
        &["github.com/BC-SECURITY/Empire", "attack.mitre.org/software/S0363/"],
        |e| e.tool_is(|tool| tool.is_empire())),

    // How the chain is sent.
    finding("cert.chain.duplicate", Low, ServerCertificates,
        "the server sends the same certificate twice",
        "mend the file with its chain",
        &["RFC 8446"],
        |e| e.any_of_chain(|chain, i| chain.iter().take(i).any(|before| before.sha256 == chain.get(i).map_or([0; 32], |c| c.sha256)))),
    finding("cert.chain.unrelated", Low, ServerCertificates,
        "the server sends a certificate that issued none of the others",
        "mend the file with its chain",
        &["RFC 8446"],
        |e| e.any_of_facts(|facts, i| i > 0 && !is_again(facts, i) && !issued_any(facts, i))),
    finding("cert.chain.order", Low, ServerCertificates,
        "the certificates are not in the order of who issued whom, which older clients need",
        "mend the file with its chain: the server's own first, then its issuer's, and so on",
        &["RFC 5246", "RFC 8446"],
        |e| e.any_of_facts(|facts, i| {
            // Before it is what comes before those that are sent again.
            let before = (0..i).rev().find(|before| !is_again(facts, *before)).unwrap_or(0);
            i > 0 && !is_again(facts, i) && issued_any(facts, i) && !issued(facts, i, before)
        })),
    finding("cert.chain.root", Info, ServerCertificates,
        "the server sends the root too, which clients have or do not trust",
        "leave it out: it only makes each handshake longer",
        &["RFC 8446"],
        |e| e.chain().len() > 1 && e.chain().iter().take(MOST).skip(1).any(|certificate| is_root(certificate))),
    finding("cert.chain.long", Low, ServerCertificates,
        "the server sends more than six certificates",
        "mend the file with its chain; a list of all authorities may be in it",
        &["RFC 8446"],
        |e| e.chain().len() > 6),
];

impl<'a> Evidence<'a> {
    fn leaf_is(&self, ask: impl FnOnce(&Facts) -> bool) -> bool {
        self.leaf().is_some_and(ask)
    }

    /// Whether any certificate of the server's is so.
    fn any_is(&self, ask: impl Fn(&Facts) -> bool) -> bool {
        self.chain().iter().take(MOST).filter_map(|certificate| certificate.facts.as_ref()).any(ask)
    }

    fn ocsp_is(&self, statuses: &[OcspStatus]) -> bool {
        let evidence = self.session.server_evidence.as_ref();
        evidence.is_some_and(|evidence| evidence.ocsp_answers().any(|ocsp| statuses.contains(&ocsp.status)))
    }

    fn any_sct_is(&self, statuses: &[SctStatus]) -> bool {
        self.session.server_evidence.as_ref().is_some_and(|evidence| evidence.scts.iter().any(|sct| statuses.contains(&sct.status)))
    }

    /// Chrome asks for logs since May 2018, Apple since October of that year.
    fn is_unlogged(&self) -> bool {
        let is_valid = self.session.server_trust.as_ref().is_some_and(|trust| trust.status == Status::Valid);
        let handed_over =
            self.session.server_evidence.as_ref().map_or(0, |evidence| evidence.tls_scts.saturating_add(evidence.ocsp_scts));
        let is_due = |facts: &Facts| facts.embedded_scts == 0 && facts.not_before >= time(2018, 5, 1);
        // A list that is cut, or was too long to be kept, is not none.
        let has_list =
            || self.answers(SIGNED_CERTIFICATE_TIMESTAMP) || self.chain().first().is_some_and(|leaf| has_embedded(&leaf.der));
        is_valid && handed_over == 0 && self.leaf_is(is_due) && !has_list()
    }

    /// Whether a certificate that was sent has a critical extension which RFC 5280 does not name. Those that it names may be refused here all
    /// the same, such as certificatePolicies, and policyConstraints, which has to be critical.
    fn has_unknown_critical(&self) -> bool {
        self.chain().iter().take(MOST).any(|certificate| certificate.has_unknown_critical_extension())
    }

    fn trust_reason_is(&self, reason: Reason) -> bool {
        self.session.server_trust.as_ref().is_some_and(|trust| trust.reason == Some(reason))
    }

    fn tool_is(&self, ask: impl FnOnce(Tool<'_>) -> bool) -> bool {
        self.chain().first().and_then(|leaf| Some(Tool::new(leaf.facts.as_ref()?, &leaf.sha1))).is_some_and(ask)
    }

    fn any_of_chain(&self, ask: impl Fn(&[std::sync::Arc<Certificate>], usize) -> bool) -> bool {
        let chain = self.chain().get(..MOST).unwrap_or(self.chain());
        (0..chain.len()).any(|i| ask(chain, i))
    }

    fn any_of_facts(&self, ask: impl Fn(&[Option<&'a Facts>], usize) -> bool) -> bool {
        if self.chain().len() < 2 {
            return false;
        }
        let facts: smallvec::SmallVec<[_; 8]> =
            self.chain().iter().take(MOST).map(|certificate| certificate.facts.as_ref()).collect();
        (0..facts.len()).any(|i| ask(&facts, i))
    }
}

/// Whether a certificate is one that has signed itself: one that only bears the name of its issuer (a new key of an authority, signed by the
/// old one, RFC 4210 §4.4) says so by another key identifier.
fn is_root(certificate: &Certificate) -> bool {
    let is_own = || {
        let ids = key_ids(&certificate.der);
        ids.authority.is_none() || ids.subject.is_none() || ids.authority == ids.subject
    };
    certificate.facts.as_ref().is_some_and(|facts| facts.self_issued) && is_own()
}

/// Whether a certificate should have been renewed: within its last week, and its last third, as those of a few days are renewed late.
fn is_ending(facts: &Facts, now: Time) -> bool {
    let (Some(from), Some(until)) = (facts.not_before, facts.not_after) else { return false };
    let left = until.as_unix().saturating_sub(now.as_unix());
    (0..7 * 86_400).contains(&left) && left.saturating_mul(3) < until.as_unix().saturating_sub(from.as_unix())
}

fn has_weak_key(facts: &Facts) -> bool {
    let least = match facts.key_type.as_str() {
        "RSA" => 2_048,
        "EC" => 224,
        _ => 0,
    };
    facts.key_bits.is_some_and(|bits| bits < least) || facts.key_flaws != KeyFlaws::default()
}

/// Whether certificate `i` was sent before.
fn is_again(facts: &[Option<&Facts>], i: usize) -> bool {
    let this = facts.get(i).copied().flatten();
    this.is_some() && facts.iter().take(i).any(|before| *before == this)
}

/// Whether certificate `i` issued certificate `j`, by their names.
fn issued(facts: &[Option<&Facts>], i: usize, j: usize) -> bool {
    match (facts.get(i).copied().flatten(), facts.get(j).copied().flatten()) {
        (Some(issuer), Some(subject)) => issuer.subject == subject.issuer,
        _ => false,
    }
}

/// Whether certificate `i` issued any of the others, by their names; one that cannot be read may have.
fn issued_any(facts: &[Option<&Facts>], i: usize) -> bool {
    facts.get(i).copied().flatten().is_none() || (0..facts.len()).any(|j| j != i && issued(facts, i, j))
}

/// The first second of a day.
fn time(year: i64, month: i64, day: i64) -> Option<Time> {
    Time::from_utc(year, month, day, 0, 0, 0)
}

/// The extension signed_certificate_timestamp (RFC 6962 §3.3.1).
const SIGNED_CERTIFICATE_TIMESTAMP: u16 = 18;
/// Certificates of a chain that are looked at.
const MOST: usize = 16;
