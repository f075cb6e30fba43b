//! What is known of addresses: reputation by category (`iprep`), and the country (`geoip`).

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use maxminddb::{LookupResult, PathElement, WithinOptions};
use smallvec::SmallVec;

use super::config_files::each_line;
use super::diagnostic::{Diagnostic, excerpt};
use super::load::Source;
use super::network::Network;

/// Scores of addresses and networks in categories, as Suricata's categories file and reputation files have them.
#[derive(Clone, Debug, Default)]
pub struct Reputation {
    /// By short name.
    categories: BTreeMap<String, u8>,
    scores: HashMap<Network, Scores>,
    /// The prefix lengths that there are, longest first.
    prefixes: SmallVec<[u8; 8]>,
    /// Lines of reputation files that are none.
    unread: usize,
}

/// Categories, and the score in each.
type Scores = SmallVec<[(u8, u8); 4]>;

impl Reputation {
    /// Takes in the lines `id,name,description` of a categories file. Answers what is wrong with the others.
    pub fn add_categories(&mut self, source: &Source<'_>) -> Vec<Diagnostic> {
        each_line(source, "id,name,description", |text| {
            let (id, rest) = text.split_once(',')?;
            let (name, _) = rest.split_once(',')?;
            let id = id.trim().parse().ok().filter(|id| (1..=MAX_CATEGORY).contains(id))?;
            self.categories.insert(name.trim().to_owned(), id);
            Some(())
        })
    }

    /// Takes in the lines `address,category,score` of a reputation file; the address may be a network. Answers what is wrong with
    /// the others.
    pub fn add_scores(&mut self, source: &Source<'_>) -> Vec<Diagnostic> {
        let mistakes = each_line(source, "address,category,score", |text| {
            let mut parts = text.split(',').map(str::trim);
            let network = Network::parse(parts.next()?)?;
            let category: u8 = parts.next()?.parse().ok()?;
            let score = parts.next()?.parse().ok().filter(|&s| s <= MAX_SCORE)?;
            if parts.next().is_some() || !self.categories.values().any(|&c| c == category) || self.scores.len() >= MAX_ENTRIES {
                return None;
            }
            let scores = self.scores.entry(network).or_default();
            scores.retain(|(c, _)| *c != category);
            scores.push((category, score));
            Some(())
        });
        let mut prefixes: Vec<u8> = self.scores.keys().map(|network| network.prefix()).collect();
        prefixes.sort_unstable_by(|a, b| b.cmp(a));
        prefixes.dedup();
        self.prefixes = prefixes.into();
        self.unread = self.unread.saturating_add(mistakes.len());
        mistakes
    }

    /// How many addresses and networks have scores.
    pub(super) fn len(&self) -> usize {
        self.scores.len()
    }

    /// How many lines of reputation files are none.
    pub(super) const fn unread(&self) -> usize {
        self.unread
    }

    /// How many addresses and networks have other scores in `other`, or none.
    pub(super) fn missing_in(&self, other: &Self) -> usize {
        self.scores.iter().filter(|(network, scores)| other.scores.get(network) != Some(scores)).count()
    }

    /// The number of a category.
    pub(super) fn category(&self, name: &str) -> Option<u8> {
        self.categories.get(name).copied()
    }

    /// The score of an address in a category: that of the smallest network that has one.
    pub(super) fn score(&self, ip: IpAddr, category: u8) -> Option<u8> {
        self.prefixes.iter().find_map(|&prefix| {
            let scores = self.scores.get(&Network::of(ip, prefix))?;
            scores.iter().find(|(c, _)| *c == category).map(|&(_, score)| score)
        })
    }
}

/// Countries of addresses, of a database in MaxMind's format.
pub struct GeoIp(maxminddb::Reader<Vec<u8>>);

impl GeoIp {
    /// Reads a database; else says what is wrong with it. One of something else than countries is wrong: nothing would ever be found.
    pub fn read(bytes: Vec<u8>) -> Result<Self, String> {
        let reader = maxminddb::Reader::from_source(bytes).map_err(|e| e.to_string())?;
        let networks = reader.networks(WithinOptions::default()).map_err(|e| e.to_string())?;
        if !networks.take(LOOKED_AT).flatten().any(|found| country_of(&found).is_some()) {
            return Err(format!("it is a database of {}, and has no countries in it", excerpt(&reader.metadata().database_type)));
        }
        Ok(Self(reader))
    }

    /// The ISO 3166 code of the country that `ip` is in.
    pub(super) fn country(&self, ip: IpAddr) -> Option<&str> {
        country_of(&self.0.lookup(ip.to_canonical()).ok()?)
    }
}

fn country_of<'r>(found: &LookupResult<'r, Vec<u8>>) -> Option<&'r str> {
    found.decode_path(&[PathElement::Key("country"), PathElement::Key("iso_code")]).ok()?
}

impl std::fmt::Debug for GeoIp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("GeoIp").field(&self.0.metadata().database_type).finish()
    }
}

/// Networks of a database among which one has to have a country: in MaxMind's the first has one.
const LOOKED_AT: usize = 10_000;

/// Suricata's limit.
const MAX_CATEGORY: u8 = 60;

/// The highest score, by definition of the format.
const MAX_SCORE: u8 = 127;

/// Networks in all files together.
const MAX_ENTRIES: usize = 10_000_000;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn reputation() -> Reputation {
        let mut reputation = Reputation::default();
        let categories = "1,BadHosts,Known bad hosts\n2,Google,Known google host\n";
        assert_eq!(reputation.add_categories(&Source { name: "categories.txt", text: categories }), []);
        let scores = "# comment\n198.18.0.1,1,101\r\n198.18.0.0/15,1,20\n198.18.0.0/24,2,88\n2001:db8::/32,2,10\n10.0.0.1,2,0\n";
        assert_eq!(reputation.add_scores(&Source { name: "a.list", text: scores }), []);
        reputation
    }

    /// A database that knows of the lower half of IPv4's addresses that they are in `country`.
    pub fn database(country: &str) -> Vec<u8> {
        database_of("country", country)
    }

    /// One that says of them that they are in the `key` with this code.
    fn database_of(key: &str, code: &str) -> Vec<u8> {
        let string = |s: &str| [&[0x40 | s.len() as u8], s.as_bytes()].concat();
        let pair = |key: &str, value: &[u8]| [&string(key), value].concat();
        let country = pair(key, &[&[0xe1], &pair("iso_code", &string(code))[..]].concat());
        let metadata = [
            pair("node_count", &[0xc1, 1]),
            pair("record_size", &[0xa1, 24]),
            pair("ip_version", &[0xa1, 4]),
            pair("database_type", &string("Test-Country")),
            pair("languages", &[0, 4]),
            pair("binary_format_major_version", &[0xa1, 2]),
            pair("binary_format_minor_version", &[0xa0]),
            pair("build_epoch", &[1, 2, 1]),
            pair("description", &[0xe0]),
        ];
        let tree = [0, 0, 1 + 16, 0, 0, 1];
        let marker = b"\xab\xcd\xefMaxMind.com\xe9";
        [&tree[..], &[0; 16], &[0xe1], &country, marker, &metadata.concat()].concat()
    }

    #[test]
    fn the_smallest_network_with_a_score_counts() {
        let reputation = reputation();
        for (ip, category, score) in [
            ("198.18.0.1", 1, Some(101)),
            ("198.18.0.2", 1, Some(20)),
            ("::ffff:198.19.0.2", 1, Some(20)),
            ("198.18.0.1", 2, Some(88)),
            ("2001:db8::5", 2, Some(10)),
            ("2001:db9::5", 2, None),
            ("10.0.0.1", 2, Some(0)),
        ] {
            assert_eq!(reputation.score(ip.parse().unwrap(), category), score, "{ip}");
        }
    }

    #[test]
    fn other_lines_are_mistakes() {
        let mut reputation = reputation();
        for text in ["1.2.3.4,1,128", "1.2.3.4,3,1", "1.2.3.4/33,1,1", "x,1,1", "1.2.3.4,1", "1.2.3.4,1,1,1"] {
            let said = reputation.add_scores(&Source { name: "a.list", text });
            assert_eq!(said[0].to_string(), format!("a.list:1:1: `{text}` is not of the form `address,category,score`"));
        }
        assert_eq!(reputation.add_categories(&Source { name: "c", text: "61,x,y\n0,x,y\n1,x\n" }).len(), 3);
    }

    #[test]
    fn a_country_is_found_or_not() {
        let db = GeoIp::read(database("DE")).unwrap();
        let country = |ip: &str| db.country(ip.parse().unwrap());
        assert_eq!(
            [country("10.0.0.1"), country("::ffff:10.0.0.1"), country("198.18.0.1"), country("2001:db8::1")],
            [Some("DE"), Some("DE"), None, None]
        );
        assert!(GeoIp::read(b"no database".to_vec()).is_err());
        let error = GeoIp::read(database_of("continent", "EU")).unwrap_err();
        assert_eq!(error, "it is a database of Test-Country, and has no countries in it");
    }
}
