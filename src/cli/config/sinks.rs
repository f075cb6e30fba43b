//! `[[sink]]`: a table for each sink, which becomes what `--sink` takes.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Reason};
use super::read::{in_order, scalar, type_of};
use crate::cli::sink_description::{self, TYPE, encoded, is_path, target_key};

/// The description of the sink in `table`. Relative paths are so to `dir`; `span` is the table's.
pub(super) fn description(table: &DeTable<'_>, dir: &Path, span: Range<usize>) -> Result<String, Vec<Fault>> {
    let place = |key: &str| table.get_key_value(key).map(|(key, value)| (key.span(), value.span()));
    let whole = |why: &str, hint: Option<&str>| {
        vec![Fault { span: span.clone(), reason: Reason::Sink { why: why.to_owned(), hint: hint.map(str::to_owned) } }]
    };
    let Some(kind) = table.get(TYPE) else { return Err(whole("a sink has no type", Some("type = \"file\", for one"))) };
    let Some(kind_text) = kind.get_ref().as_str() else { return Err(vec![mismatch(TYPE, "a string", kind)]) };
    let (mut target, mut pairs, mut faults) = (String::new(), Vec::new(), Vec::new());
    for (key, value) in in_order(table).into_iter().filter(|(key, _)| key.get_ref() != TYPE) {
        let key: &str = key.get_ref();
        match text(value) {
            Some(path) if Some(key) == target_key(kind_text) && key == "path" => match dir.join(path).to_str() {
                Some(path) => target = encoded(path),
                None => faults.extend(whole("the directory of this file is not UTF-8", Some("write paths from the root on"))),
            },
            Some(text) if Some(key) == target_key(kind_text) => target = encoded(&text),
            Some(path) if is_path(key) && (key != "spool" || path != "none") => match dir.join(path).to_str() {
                Some(path) => pairs.push(format!("{key}={}", encoded(path))),
                None => faults.extend(whole("the directory of this file is not UTF-8", Some("write paths from the root on"))),
            },
            Some(text) => pairs.push(format!("{key}={}", encoded(&text))),
            None => faults.push(mismatch(key, "a string, a number, or a list of them", value)),
        }
    }
    let description = format!("{kind_text}:{target}?{}", pairs.join("&"));
    if faults.is_empty()
        && let Err(fault) = sink_description::parse(&description)
    {
        let places = fault.key.as_deref().and_then(place);
        let span = places.map_or_else(|| span.clone(), |(key, value)| if fault.is_unknown { key } else { value });
        faults.push(Fault { span, reason: Reason::Sink { why: fault.why, hint: fault.hint } });
    }
    if faults.is_empty() { Ok(description) } else { Err(faults) }
}

/// A value as text: of a list, with commas.
fn text(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| scalar(item.get_ref())).collect();
            items.map(|items| items.join(","))
        }
        single => scalar(single),
    }
}

fn mismatch(key: &str, expected: &str, value: &Spanned<DeValue<'_>>) -> Fault {
    let reason = Reason::Type { key: key.to_owned(), expected: expected.to_owned(), found: type_of(value), hint: None };
    Fault { span: value.span(), reason }
}
