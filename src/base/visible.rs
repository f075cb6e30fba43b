//! Text that is safe to show, whoever wrote it.

/// Whether `c` moves a cursor, starts a terminal's control sequence, ends a line, reorders text or cannot be seen: what hostile
/// names use to look like others. JSON lines write them as `\uNNNN`, what people read as `\u{nnnn}`.
pub const fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The first `most` characters of `text`, with an ellipsis where there are more; deceptive ones as `\u{202e}`.
pub fn visible(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most));
    for (index, c) in text.chars().enumerate() {
        if index >= most {
            out.push('…');
            break;
        }
        if is_deceptive(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_shown_by_its_number_and_length_is_bounded() {
        for (text, most, expected) in [
            ("shop.example", 20, "shop.example"),
            ("\u{202e}moc.live\u{9b}2J\n", 20, r"\u{202e}moc.live\u{9b}2J\u{a}"),
            ("ähnlich", 3, "ähn…"),
            ("abc", 3, "abc"),
        ] {
            assert_eq!(visible(text, most), expected);
        }
    }
}
