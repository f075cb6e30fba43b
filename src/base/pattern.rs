//! Names by patterns with stars.

/// Whether `id` is like `pattern`, in which a `*` is any characters. Between two stars the first place that fits will do.
pub fn is_like(id: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return id == pattern };
    let Some(mut left) = id.strip_prefix(start) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let Some(end) = pieces.pop() else { return false };
    for piece in pieces {
        match left.split_once(piece) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_characters() {
        for (id, pattern, expected) in [
            ("weak.protocol.tls10", "weak.protocol.tls10", true),
            ("weak.protocol.tls10", "weak.protocol.tls1", false),
            ("weak.protocol.tls10", "weak.*", true),
            ("weak.protocol.tls10", "*", true),
            ("weak.protocol.tls10", "*.tls10", true),
            ("weak.protocol.tls10", "weak.*.tls*", true),
            ("weak.protocol.tls10", "*proto*10", true),
            ("weak.protocol.tls10", "*tls11", false),
            ("weak.protocol.tls10", "*protocol*cipher*", false),
            ("aa", "a*a", true),
            ("a", "a*a", false),
        ] {
            assert_eq!(is_like(id, pattern), expected, "{id} {pattern}");
        }
    }
}
