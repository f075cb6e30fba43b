//! What was meant by a word that is not known.

/// The one of `words` that `word` may be a slip of: but for letter case and two letters inserted, left out or exchanged. Of short words
/// one letter alone, since two are most of it.
pub fn meant<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let word = word.to_ascii_lowercase();
    let most = if word.len() > SHORT { 2 } else { 1 };
    let as_long = words.into_iter().filter(|known| known.len().abs_diff(word.len()) <= most);
    let near = as_long.map(|known| (distance(word.as_bytes(), known.to_ascii_lowercase().as_bytes()), known));
    near.filter(|&(distance, _)| distance <= most).min_by_key(|&(distance, _)| distance).map(|(_, known)| known)
}

/// Levenshtein's distance. It takes as many steps as the product of the lengths.
pub fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for &x in a {
        let mut left = row.first().map_or(0, |d| d.saturating_add(1));
        let mut diagonal = std::mem::replace(row.first_mut().unwrap_or(&mut 0), left);
        for (cell, &y) in row.iter_mut().skip(1).zip(b) {
            let cost = diagonal.saturating_add(usize::from(x != y));
            diagonal = *cell;
            left = cost.min(left.saturating_add(1)).min(cell.saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// Words of so many letters are short.
const SHORT: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood() {
        let words = ["tls.sni", "content", "to_server", "to_client", "tls", "tcp", "ip"];
        for (slip, expected) in [
            ("tls.sin", Some("tls.sni")),
            ("contnt", Some("content")),
            ("toserver", Some("to_server")),
            ("To_Client", Some("to_client")),
            ("TLS", Some("tls")),
            ("tcl", Some("tcp")),
            ("udp", None),
            ("xyzzy", None),
        ] {
            assert_eq!(meant(slip, words), expected, "{slip}");
        }
    }
}
