//! `classification.config` and `reference.config`: what classes and kinds of references mean.

use std::sync::Arc;

use super::config::{Classification, RuleConfig};
use super::diagnostic::{Diagnostic, Reason, excerpt};
use super::load::Source;

impl RuleConfig {
    /// Takes in the lines `config classification: name,description,priority` of a classification.config; a class that is there
    /// already gets the new meaning. Answers what is wrong with the other lines.
    pub fn add_classifications(&mut self, source: &Source<'_>) -> Vec<Diagnostic> {
        each_line(source, "config classification: name,description,priority", |line| {
            let value = value_of(line, "classification")?;
            let (name, rest) = value.split_once(',')?;
            let (description, priority) = rest.rsplit_once(',')?;
            let (name, description) = (name.trim(), description.trim());
            let priority = priority.trim().parse().ok().filter(|p| (1..=255).contains(p))?;
            if name.is_empty() || description.is_empty() {
                return None;
            }
            let class = Classification { description: description.to_owned(), priority };
            self.classifications.insert(name.to_owned(), class);
            Some(())
        })
    }

    /// Takes in the lines `config reference: kind prefix` of a reference.config; the kind is read without regard to case. Answers
    /// what is wrong with the other lines.
    pub fn add_references(&mut self, source: &Source<'_>) -> Vec<Diagnostic> {
        each_line(source, "config reference: kind prefix", |line| {
            let (kind, prefix) = value_of(line, "reference")?.split_once(char::is_whitespace)?;
            self.references.insert(kind.to_ascii_lowercase(), prefix.trim().into());
            Some(())
        })
    }
}

/// Calls `read` with each line, empty lines and comments left out. A line that it does not want is a mistake.
pub(super) fn each_line(source: &Source<'_>, form: &'static str, mut read: impl FnMut(&str) -> Option<()>) -> Vec<Diagnostic> {
    let file: Arc<str> = source.name.into();
    let mut mistakes = Vec::new();
    for (line, text) in (1_u32..).zip(source.text.trim_start_matches('\u{feff}').lines()) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if read(text).is_none() {
            let reason = Reason::BadLine { form, text: excerpt(text) };
            mistakes.push(Diagnostic { file: file.clone(), line, column: 1, sid: None, keyword: None, reason });
        }
    }
    mistakes
}

/// What is behind `config WORD:`.
fn value_of<'t>(line: &'t str, word: &str) -> Option<&'t str> {
    let rest = line.strip_prefix("config")?.trim_start().strip_prefix(word)?;
    Some(rest.trim_start().strip_prefix(':')?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source<'_> {
        Source { name: "x.config", text }
    }

    #[test]
    fn classes_are_added_and_replaced() {
        let mut config = RuleConfig::default();
        let text = "\u{feff}# $Id$\r\n\r\nconfig classification: my-own, One, two and three ,7\r\nconfig classification:misc-attack,Other words,1\r\n";
        assert_eq!(config.add_classifications(&source(text)), []);
        let class = |name: &str| config.classifications.get(name).map(|c| (c.description.as_str(), c.priority));
        assert_eq!(class("my-own"), Some(("One, two and three", 7)));
        assert_eq!(class("misc-attack"), Some(("Other words", 1)));
        assert_eq!(class("unknown"), Some(("Unknown Traffic", 3)));
    }

    #[test]
    fn references_have_prefixes() {
        let mut config = RuleConfig::default();
        let text = "config reference: McAfee\thttp://vil.nai.com/vil/content/v_\nconfig reference: url       http://\n";
        assert_eq!(config.add_references(&source(text)), []);
        assert_eq!(config.references.get("mcafee").map(|p| &**p), Some("http://vil.nai.com/vil/content/v_"));
        assert_eq!(config.references.get("url").map(|p| &**p), Some("http://"));
    }

    #[test]
    fn other_lines_are_mistakes_with_their_place() {
        let mut config = RuleConfig::default();
        for text in [
            "config classification: a,b",
            "config classification: a,b,0",
            "config classification: a,b,256",
            "config classification: ,b,1",
            "config reference: url http://",
            "classification: a,b,1",
            "config classification a,b,1",
        ] {
            let mistakes = config.add_classifications(&source(&format!("\n{text}\n")));
            let said: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
            assert_eq!(
                said,
                [format!("x.config:2:1: `{text}` is not of the form `config classification: name,description,priority`")]
            );
        }
        assert_eq!(config.add_references(&source("config reference: url")).len(), 1);
        assert_eq!(config.classifications, RuleConfig::default().classifications);
        assert_eq!(config.references, RuleConfig::default().references);
    }
}
