//! What a set of rules is loaded with: variables, classifications, kinds of references.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::action_order::ActionOrder;
use super::dataset::Datasets;
use super::diagnostic::Reason;
use super::list::List;
use super::parse;
use super::policy::Policy;
use super::reputation::{GeoIp, Reputation};
use super::vars::Variables;
use crate::packet::PortSet;

/// Variables, classifications and other things that rules look up. The default has the names that Suricata's default configuration has.
#[derive(Clone, Debug)]
pub struct RuleConfig {
    /// Names, without `$`, and what they stand for, as a rule would write it: addresses or ports, by where they are used.
    pub variables: BTreeMap<String, String>,
    /// By the name that `classtype` gives.
    pub classifications: BTreeMap<String, Classification>,
    /// By the kind that `reference` gives, in lower case: what stands before an id to make it a link.
    pub references: BTreeMap<String, Arc<str>>,
    /// What `iprep` looks up.
    pub reputation: Option<Arc<Reputation>>,
    /// What `geoip` looks up.
    pub geoip: Option<Arc<GeoIp>>,
    /// What `dataset` looks up.
    pub datasets: Datasets,
    /// Lists, each of which becomes a rule.
    pub lists: Vec<Arc<List>>,
    /// In which order rules act.
    pub action_order: ActionOrder,
    /// Leave out the rules that are for other policies; without one, none.
    pub policy: Option<Policy>,
    /// Keep the texts of rules.
    pub texts: bool,
    /// Look for what makes rules slow and what they wait for in vain: [`LoadReport::findings`](super::LoadReport::findings).
    pub review: bool,
    /// Also for what Suricata does not know or takes otherwise.
    pub portability: bool,
    /// The ports that are watched, where a review is to tell of rules about others.
    pub watched: Option<PortSet>,
    /// Names and texts of files in the form of `threshold.config`.
    pub threshold_files: Vec<(String, String)>,
}

/// What a `classtype` means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// EVE's `category`.
    pub description: String,
    /// EVE's `severity`: 1 is the highest.
    pub priority: u32,
}

impl RuleConfig {
    /// Gives `name` the value `value`, in place of the one it had.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Why rules could not use the variable `name`, all that its value names looked up: as ports where its name says ports, as addresses
    /// where it has the name of such a variable, else as either.
    pub fn variable_fault(&self, name: &str) -> Option<Reason> {
        let is_usual = VARIABLES.iter().any(|(usual, _)| *usual == name);
        let is_ports = name.ends_with("PORTS") || name.ends_with("PORT");
        let mut variables = Variables::new(self);
        let as_addresses = variables.address_fault(name);
        let as_ports = variables.port_fault(name);
        match (is_ports, is_usual) {
            (true, _) => as_ports,
            (false, true) => as_addresses,
            (false, false) => as_addresses.filter(|_| as_ports.is_some()),
        }
    }

    /// Whether a variable can have the value `value`: it has the form of addresses or of ports. What it may name in turn is not looked
    /// up.
    pub fn check_value(value: &str) -> Result<(), Reason> {
        match (parse::addresses(value), parse::ports(value)) {
            (Err(as_addresses), Err(_)) => Err(as_addresses),
            _ => Ok(()),
        }
    }
}

impl Default for RuleConfig {
    fn default() -> Self {
        let variables = VARIABLES.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let classifications = CLASSIFICATIONS
            .iter()
            .map(|&(name, description, priority)| {
                (name.to_owned(), Classification { description: description.to_owned(), priority })
            })
            .collect();
        Self {
            variables,
            classifications,
            reputation: None,
            geoip: None,
            datasets: Datasets::default(),
            lists: Vec::new(),
            threshold_files: Vec::new(),
            action_order: ActionOrder::default(),
            policy: None,
            texts: false,
            review: false,
            portability: false,
            watched: None,
            references: BTreeMap::from([("url".to_owned(), "https://".into())]),
        }
    }
}

const VARIABLES: &[(&str, &str)] = &[
    ("HOME_NET", "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"),
    ("EXTERNAL_NET", "!$HOME_NET"),
    ("HTTP_SERVERS", "$HOME_NET"),
    ("SMTP_SERVERS", "$HOME_NET"),
    ("SQL_SERVERS", "$HOME_NET"),
    ("DNS_SERVERS", "$HOME_NET"),
    ("TELNET_SERVERS", "$HOME_NET"),
    ("AIM_SERVERS", "$EXTERNAL_NET"),
    ("DC_SERVERS", "$HOME_NET"),
    ("DNP3_SERVER", "$HOME_NET"),
    ("DNP3_CLIENT", "$HOME_NET"),
    ("MODBUS_CLIENT", "$HOME_NET"),
    ("MODBUS_SERVER", "$HOME_NET"),
    ("ENIP_CLIENT", "$HOME_NET"),
    ("ENIP_SERVER", "$HOME_NET"),
    ("HTTP_PORTS", "80"),
    ("SHELLCODE_PORTS", "!80"),
    ("ORACLE_PORTS", "1521"),
    ("SSH_PORTS", "22"),
    ("DNP3_PORTS", "20000"),
    ("MODBUS_PORTS", "502"),
    ("FILE_DATA_PORTS", "[$HTTP_PORTS,110,143]"),
    ("FTP_PORTS", "21"),
    ("GENEVE_PORTS", "6081"),
    ("VXLAN_PORTS", "4789"),
    ("TEREDO_PORTS", "3544"),
    ("SIP_PORTS", "[5060,5061]"),
];

/// The classifications that public rule sets use: name, description, priority.
const CLASSIFICATIONS: &[(&str, &str, u32)] = &[
    ("not-suspicious", "Not Suspicious Traffic", 3),
    ("unknown", "Unknown Traffic", 3),
    ("bad-unknown", "Potentially Bad Traffic", 2),
    ("attempted-recon", "Attempted Information Leak", 2),
    ("successful-recon-limited", "Information Leak", 2),
    ("successful-recon-largescale", "Large Scale Information Leak", 2),
    ("attempted-dos", "Attempted Denial of Service", 2),
    ("successful-dos", "Denial of Service", 2),
    ("attempted-user", "Attempted User Privilege Gain", 1),
    ("unsuccessful-user", "Unsuccessful User Privilege Gain", 1),
    ("successful-user", "Successful User Privilege Gain", 1),
    ("attempted-admin", "Attempted Administrator Privilege Gain", 1),
    ("successful-admin", "Successful Administrator Privilege Gain", 1),
    ("rpc-portmap-decode", "Decode of an RPC Query", 2),
    ("shellcode-detect", "Executable code was detected", 1),
    ("string-detect", "A suspicious string was detected", 3),
    ("suspicious-filename-detect", "A suspicious filename was detected", 2),
    ("suspicious-login", "An attempted login using a suspicious username was detected", 2),
    ("system-call-detect", "A system call was detected", 2),
    ("tcp-connection", "A TCP connection was detected", 4),
    ("trojan-activity", "A Network Trojan was detected", 1),
    ("unusual-client-port-connection", "A client was using an unusual port", 2),
    ("network-scan", "Detection of a Network Scan", 3),
    ("denial-of-service", "Detection of a Denial of Service Attack", 2),
    ("non-standard-protocol", "Detection of a non-standard protocol or event", 2),
    ("protocol-command-decode", "Generic Protocol Command Decode", 3),
    ("web-application-activity", "access to a potentially vulnerable web application", 2),
    ("web-application-attack", "Web Application Attack", 1),
    ("misc-activity", "Misc activity", 3),
    ("misc-attack", "Misc Attack", 2),
    ("icmp-event", "Generic ICMP event", 3),
    ("policy-violation", "Potential Corporate Privacy Violation", 1),
    ("default-login-attempt", "Attempt to login by a default username and password", 2),
    ("targeted-activity", "Targeted Malicious Activity was Detected", 1),
    ("exploit-kit", "Exploit Kit Activity Detected", 1),
    ("external-ip-check", "Device Retrieving External IP Address Detected", 2),
    ("domain-c2", "Domain Observed Used for C2 Detected", 1),
    ("pup-activity", "Possibly Unwanted Program Detected", 2),
    ("credential-theft", "Successful Credential Theft Detected", 1),
    ("social-engineering", "Possible Social Engineering Attempted", 2),
    ("coin-mining", "Crypto Currency Mining Activity Detected", 2),
    ("command-and-control", "Malware Command and Control Activity Detected", 1),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_rules_could_not_use_says_why() {
        let mut config = RuleConfig::default();
        for (name, value, expected) in [
            ("HOME_NET", "3", Some(Reason::BadAddress("3".to_owned()))),
            ("EXTERNAL_NET", "any", None),
            ("HTTP_PORTS", "10.0.0.0/8", Some(Reason::BadPort("10.0.0.0/8".to_owned()))),
            ("OUR_PORTS", "[443,8443]", None),
            ("LAB", "[10.1.0.0/16,$SERVERS]", None),
            ("SERVERS", "10.2.0.0/16", None),
            ("WEB", "[443,$SSH_PORTS]", None),
            ("LOST", "[10.0.0.1,$NOWHERE]", Some(Reason::UnknownVariable("NOWHERE".to_owned()))),
            ("RING", "$RING", Some(Reason::CircularVariable("RING".to_owned()))),
            ("GONE", "[10.0.0.1,!10.0.0.0/8]", Some(Reason::EmptySet)),
        ] {
            config.set_variable(name, value);
            if name == "LAB" {
                config.set_variable("SERVERS", "any");
            }
            assert_eq!(config.variable_fault(name), expected, "{name}");
        }
        assert_eq!(RuleConfig::default().variables.keys().find_map(|name| RuleConfig::default().variable_fault(name)), None);
    }
}
