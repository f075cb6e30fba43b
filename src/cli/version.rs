//! What `--version` tells: the number, and how old is what ages.

use std::sync::LazyLock;

use crate::rules::SHIPPED;

/// All of it; `-V` tells the number alone.
pub(super) static LONG: LazyLock<String> = LazyLock::new(|| {
    let known =
        [("ja4plus", cfg!(feature = "ja4plus")), ("kafka", cfg!(feature = "kafka")), ("kafka-ssl", cfg!(feature = "kafka-ssl"))];
    let features: Vec<&str> = known.iter().filter(|(_, is_built)| *is_built).map(|(name, _)| *name).collect();
    let features = if features.is_empty() { "none".to_owned() } else { features.join(", ") };
    let roots = webpki_roots::TLS_SERVER_ROOTS.len();
    let number = env!("CARGO_PKG_VERSION");
    format!(
        "{number}\nfeatures: {features}\nrules: {} that ship, the newest of {}\ntrust store: {roots} roots of Mozilla, by webpki-roots {WEBPKI_ROOTS}",
        rules().count(),
        newest()
    )
});

/// The rules that ship, a line for each.
fn rules() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().flat_map(|source| source.text.lines()).filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// The newest day on which one of them was made or changed: `2026-11-24`.
fn newest() -> String {
    let dates = rules()
        .flat_map(|rule| ["created_at ", "updated_at "].map(|key| rule.split_once(key).and_then(|(_, rest)| rest.get(..10))));
    dates.flatten().max().unwrap_or_default().replace('_', "-")
}

/// Its version, which it does not tell itself; a test compares it with Cargo.lock.
const WEBPKI_ROOTS: &str = "1.0.10";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_trust_store_is_that_of_the_lock_file() {
        let lock = include_str!("../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"webpki-roots\"\nversion = \"{WEBPKI_ROOTS}\"")));
    }

    #[test]
    fn rules_that_ship_have_their_number_and_the_newest_day() {
        let loaded = crate::rules::RuleSet::compile(SHIPPED, &crate::rules::RuleConfig::default());
        assert_eq!(rules().count(), loaded.0.len());
        let day = newest();
        assert!(day.len() == 10 && ("2026-11-24"..).contains(&day.as_str()), "{day}");
    }
}
