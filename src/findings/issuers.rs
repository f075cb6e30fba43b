//! Certificates that come with a product, by what their names say: public facts, each with its source.

use crate::protocol::x509::Facts;

/// What made a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// Server software or an appliance, at its installation.
    Default,
    /// A program that looks into TLS on the machine where it runs, for developers.
    DebugProxy,
    /// A root that came with its private key, on other people's machines.
    Interceptor,
    /// An authority that lost the trust of browsers for all that it issued.
    Distrusted,
    /// DcRat, a tool of attackers, under the name that it gives its authority.
    DcRat,
}

/// What made the certificate of `facts`, by an attribute of its subject or issuer.
pub fn maker(facts: &Facts) -> Option<Maker> {
    facts.issuer.attributes().chain(facts.subject.attributes()).find_map(|(name, value)| match name {
        "CN" | "O" | "OU" => known(name, value),
        _ => None,
    })
}

fn known(name: &str, value: &str) -> Option<Maker> {
    Some(match (name, value) {
        // openssl req: apps/openssl.cnf
        ("O", "Internet Widgits Pty Ltd") => Maker::Default,
        // mod_ssl of Red Hat: /usr/libexec/httpd-ssl-gencerts
        ("O", "SomeOrganization") => Maker::Default,
        // github.com/traefik/traefik: pkg/tls/generate/generate.go
        ("CN", "TRAEFIK DEFAULT CERT") => Maker::Default,
        // github.com/kubernetes/ingress-nginx: internal/net/ssl/ssl.go
        ("CN", "Kubernetes Ingress Controller Fake Certificate") => Maker::Default,
        // docs.fortinet.com: Fortinet_Factory
        ("CN", "FortiGate") => Maker::Default,
        // docs.paloaltonetworks.com, docs.netgate.com, docs.opnsense.org: the web interface's own
        ("O", "pfSense webConfigurator Self-Signed Certificate") => Maker::Default,
        ("O", "OPNsense self-signed web certificate") => Maker::Default,
        // www.plesk.com: certificate of the panel after the installation
        ("CN", "Plesk") => Maker::Default,
        // Ubiquiti's devices
        ("CN", "UBNT" | "UniFi") => Maker::Default,
        // HPE iLO
        ("CN", "Default Issuer (Do not trust)" | "iLO Default Issuer (Do not trust)") => Maker::Default,
        // Dell iDRAC
        ("CN", "iDRAC default certificate") => Maker::Default,
        // VMware ESX and vCenter
        ("O", "VMware Installer") => Maker::Default,
        ("OU", "VMware ESX Server Default Certificate" | "VMware ESX Server Certificate") => Maker::Default,
        // kb.synology.com
        ("O", "Synology Inc.") => Maker::Default,
        // www.qnap.com
        ("CN", "QNAP NAS") => Maker::Default,
        // portswigger.net/burp/documentation: the CA that Burp makes
        ("CN", "PortSwigger CA") => Maker::DebugProxy,
        // docs.mitmproxy.org/stable/concepts-certificates
        ("CN", "mitmproxy") => Maker::DebugProxy,
        // docs.telerik.com/fiddler
        ("CN", "DO_NOT_TRUST_FiddlerRoot") => Maker::DebugProxy,
        // www.zaproxy.org/docs: the root that ZAP makes
        ("CN", "OWASP Zed Attack Proxy Root CA") => Maker::DebugProxy,
        // CVE-2015-2077; kb.cert.org 870761, 925497; CVE-2018-17612
        ("O", "Superfish, Inc.") | ("CN", "eDellRoot" | "DSDTestProvider") => Maker::Interceptor,
        ("CN", "SennComRootCA" | "SenncomRootCA") => Maker::Interceptor,
        // mozilla.org MFSA 2011-34
        ("O", "DigiNotar") => Maker::Distrusted,
        // github.com/qwqdanchun/DcRat
        ("O", "DcRat By qwqdanchun") => Maker::DcRat,
        _ if name == "CN" && value.starts_with("Charles Proxy CA") => Maker::DebugProxy,
        _ => return None,
    })
}

/// A tool of attackers, known by the certificate that it came with. Careful operators replace it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool<'a> {
    facts: &'a Facts,
    sha1: &'a [u8; 20],
}

impl<'a> Tool<'a> {
    pub const fn new(facts: &'a Facts, sha1: &'a [u8; 20]) -> Self {
        Self { facts, sha1 }
    }

    /// One certificate for all who did not make their own, by its SHA-1, or one that the team server's script made, by the subject that it gives.
    pub fn is_cobalt_strike(self) -> bool {
        *self.sha1 == COBALT_STRIKE
            || self.has_all(&[("O", "cobaltstrike"), ("OU", "AdvancedPenTesting"), ("CN", "Major Cobalt Strike")])
    }

    /// The subject of its configuration template.
    pub fn is_poshc2(self) -> bool {
        self.has_all(&[("O", "Pajfds"), ("OU", "Jethpro"), ("CN", "P18055077")])
    }

    pub fn is_asyncrat(self) -> bool {
        self.facts.subject == "CN=AsyncRAT Server"
    }

    pub fn is_quasar(self) -> bool {
        self.facts.subject == "CN=Quasar Server CA"
    }

    pub fn is_covenant(self) -> bool {
        self.facts.subject == "CN=Covenant" && self.facts.issuer == "CN=Covenant"
    }

    pub fn is_orcus(self) -> bool {
        self.facts.subject == "CN=Orcus Server"
    }

    /// Nothing but a country, for a year.
    pub fn is_empire(self) -> bool {
        self.facts.self_issued && self.facts.subject == "C=US" && self.facts.validity_days() == Some(365)
    }

    /// Whether the subject has all of these attributes.
    fn has_all(self, wanted: &[(&str, &str)]) -> bool {
        wanted.iter().all(|wanted| self.facts.subject.attributes().any(|attribute| attribute == *wanted))
    }
}

/// www.elastic.co/guide/en/security/current/default-cobalt-strike-team-server-certificate.html
const COBALT_STRIKE: [u8; 20] =
    [0x6e, 0xce, 0x5e, 0xce, 0x41, 0x92, 0x68, 0x3d, 0x2d, 0x84, 0xe2, 0x5b, 0x0b, 0xa7, 0xe0, 0x4f, 0x9c, 0xb7, 0xeb, 0x7c];
