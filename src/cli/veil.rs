//! Secrets that were written where none should be: messages that show what was written show them as stars.

/// `text` with a star for each character of what seems to be a secret: user and password in a URL, and values of keys that are called like one.
pub(super) fn veiled(text: &str) -> String {
    let mut out: Vec<char> = text.chars().collect();
    let chars = out.clone();
    for at in 0..chars.len() {
        let secret = match chars.get(at..) {
            Some([':', '/', '/', ..]) => login(&chars, at.saturating_add(3)),
            Some(['=', ..]) => value(&chars, at),
            _ => None,
        };
        if let Some(range) = secret {
            out.get_mut(range).into_iter().flatten().for_each(|c| *c = '*');
        }
    }
    out.into_iter().collect()
}

/// Whether what goes by this name is a secret, and not the place of one.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_place = ["-file", "-env"].iter().any(|end| name.ends_with(end));
    !is_place
        && (["token", "secret", "passw", "apikey", "api-key", "api_key", "access-key", "access_key", "credential"]
            .iter()
            .any(|part| name.contains(part))
            || ["pwd", "pass", "auth", "authorization", "sig", "signature"].contains(&&*name))
}

/// What stands before the last `@` of a URL's authority, which begins at `from`.
fn login(chars: &[char], from: usize) -> Option<std::ops::Range<usize>> {
    let rest = chars.get(from..)?;
    let end = rest.iter().position(|c| c.is_whitespace() || "\"'".contains(*c)).unwrap_or(rest.len());
    let length = rest.get(..end)?.iter().rposition(|c| *c == '@')?;
    Some(from..from.saturating_add(length))
}

/// What is given to a key before the `=` at `at`, where it is a secret.
fn value(chars: &[char], at: usize) -> Option<std::ops::Range<usize>> {
    let before = chars.get(..at)?;
    let is_of_name = |c: &char| c.is_ascii_alphanumeric() || "-_".contains(*c);
    let name: Vec<char> = before
        .iter()
        .rev()
        .skip_while(|c| c.is_whitespace() || "\"'".contains(**c))
        .take_while(|c| is_of_name(c))
        .copied()
        .collect();
    let name: String = name.into_iter().rev().collect();
    if !is_secret(&name) {
        return None;
    }
    let from = at.saturating_add(1);
    let blank = chars.get(from..)?.iter().take_while(|c| c.is_whitespace()).count();
    let from = from.saturating_add(blank);
    let rest = chars.get(from..)?;
    let quote = rest.first().copied().filter(|c| "\"'".contains(*c));
    let from = from.saturating_add(usize::from(quote.is_some()));
    let rest = chars.get(from..)?;
    let is_end = |c: &char| quote.map_or_else(|| c.is_whitespace() || "&\"',}".contains(*c), |quote| *c == quote);
    let length = rest.iter().position(is_end).unwrap_or(rest.len());
    Some(from..from.saturating_add(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_seems_to_be_a_secret_is_shown_as_stars() {
        for (text, shown) in [
            ("http:https://u:hunter2@a:1/x?mode=loki", "http:https://*********@a:1/x?mode=loki"),
            ("https://u:p/w?@a b@c", "https://******@a b@c"),
            ("http://a?token=hunter2&mode=loki", "http://a?token=*******&mode=loki"),
            ("http://a%3Fapi_key=hunter2&x=y", "http://a%3Fapi_key=*******&x=y"),
            ("token = \"hunter2 3\" # why", "token = \"*********\" # why"),
            (
                "{ type = \"http\", Password='hunter2', url = \"http://a\" }",
                "{ type = \"http\", Password='*******', url = \"http://a\" }",
            ),
            // Where secrets are is no secret.
            ("token-file = \"/etc/p\"", "token-file = \"/etc/p\""),
            ("token-env=P&key=k.pem&user=u", "token-env=P&key=k.pem&user=u"),
            ("a=b@c http://d", "a=b@c http://d"),
            ("token=", "token="),
        ] {
            assert_eq!(veiled(text), shown);
        }
    }
}
