//! Keys, each with what is known of it, by the hundred thousand.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::kind::Item;

/// Keys of one [`DatasetKind`](super::DatasetKind), and what is known of each.
#[derive(Clone, Debug)]
pub(in crate::rules) struct Entries<V> {
    values: HashMap<Box<[u8]>, V>,
    /// The prefix lengths that there were among networks, longest first.
    prefixes: SmallVec<[u8; 8]>,
    /// Bytes of keys, and what keeping them takes.
    memory: usize,
}

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Self { values: HashMap::new(), prefixes: SmallVec::new(), memory: 0 }
    }
}

impl<V> Entries<V> {
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Bytes that it takes, about.
    pub const fn memory(&self) -> usize {
        self.memory
    }

    /// All keys, in any order.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.values.keys().map(|key| &**key)
    }

    /// Whether it has this key.
    pub fn has(&self, key: &[u8]) -> bool {
        self.values.contains_key(key)
    }

    /// How many of its keys are not in `other`, or stand for something else there.
    pub fn missing_in(&self, other: &Self) -> usize
    where
        V: PartialEq,
    {
        self.values.iter().filter(|(key, value)| other.values.get(*key) != Some(value)).count()
    }

    /// Puts an item in, with what is known of it, in place of one with the same key.
    pub fn insert(&mut self, item: Item<'_>, value: V) {
        if let Item::Network(network) = &item
            && let Err(place) = self.prefixes.binary_search_by(|known| network.prefix().cmp(known))
        {
            self.prefixes.insert(place, network.prefix());
        }
        let key = item.into_key();
        let cost = entry_memory(&key);
        if self.values.insert(key, value).is_none() {
            self.memory = self.memory.saturating_add(cost);
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &[u8]) {
        if self.values.remove(key).is_some() {
            self.memory = self.memory.saturating_sub(entry_memory(key));
        }
    }

    /// What is known of an item, or of the smallest network around it, the key of which `counts`.
    pub fn find(&self, item: &Item<'_>, counts: impl Fn(&[u8]) -> bool) -> Option<&V> {
        match item {
            Item::Value(value) => self.values.get(&**value).filter(|_| counts(value)),
            Item::Network(network) => {
                let within =
                    |prefix: &&u8| **prefix <= network.prefix() && network.widened(**prefix).is_ipv4() == network.is_ipv4();
                self.prefixes.iter().filter(within).find_map(|&prefix| {
                    let key = network.widened(prefix).to_bytes();
                    self.values.get(&key[..]).filter(|_| counts(&key))
                })
            }
        }
    }
}

/// Bytes that an entry with this key takes, about: the key, what an allocation takes, and its place in the table.
pub(in crate::rules) const fn entry_memory(key: &[u8]) -> usize {
    key.len().saturating_add(ENTRY_BYTES)
}

const ENTRY_BYTES: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::network::Network;

    fn networks(texts: &[&str]) -> Entries<()> {
        let mut entries = Entries::default();
        texts.iter().for_each(|text| entries.insert(Item::Network(Network::parse(text).unwrap()), ()));
        entries
    }

    #[test]
    fn a_network_is_found_by_what_lies_in_it() {
        let entries = networks(&["192.168.0.0/16", "192.168.1.5", "fc00::/7", "::/0"]);
        for (text, expected) in [
            ("192.168.0.0", true),
            ("192.168.255.255", true),
            ("192.168.9.0/24", true),
            ("192.169.0.1", false),
            ("192.0.0.0/8", false),
            ("::ffff:192.168.1.5", true),
            ("fd12:3456::1", true),
            ("2001:db8::1", true),
        ] {
            let item = Item::Network(Network::parse(text).unwrap());
            assert_eq!(entries.find(&item, |_| true).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn memory_is_what_is_there() {
        let mut entries = networks(&["10.0.0.1", "10.0.0.1", "10.0.0.2"]);
        let key = Network::parse("10.0.0.2").unwrap().to_bytes();
        assert_eq!(entries.memory(), 2 * entry_memory(&key));
        entries.remove(&key);
        entries.remove(&key);
        assert_eq!(entries.memory(), entry_memory(&key));
    }
}
