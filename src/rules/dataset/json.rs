//! Data sets in JSON: each value lies in an object, which alerts show.

use std::sync::Arc;

use serde_json::Value;

use super::super::diagnostic::{Diagnostic, Reason, excerpt};
use super::super::load::Source;
use super::{DatasetKind, Entries};

/// Where the values of a set lie in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFormat {
    /// Each line is an object; else all of the file is one value.
    pub lines: bool,
    /// The key of the value in its object; keys within keys have dots between.
    pub value_key: String,
    /// The key of the list of objects in the file, in the same way; without one the file is that list.
    pub array_key: Option<String>,
    /// The value is taken out of what alerts show.
    pub remove_key: bool,
}

/// What was read of a file in JSON.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// The values.
    pub entries: Entries<()>,
    /// The objects that they lie in, as text.
    pub contexts: Entries<Arc<str>>,
    /// What is wrong with the file.
    pub mistakes: Vec<Diagnostic>,
}

impl JsonFormat {
    /// Reads the values of `kind` in `source`.
    pub(super) fn read(&self, kind: DatasetKind, source: &Source<'_>) -> Read {
        let mut read = Read::default();
        let file: Arc<str> = source.name.into();
        let text = source.text.trim_start_matches('\u{feff}');
        let mut wrong = |line: usize, column: usize, reason| {
            let place = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).max(1);
            let (line, column) = (place(line), place(column));
            read.mistakes.push(Diagnostic { file: file.clone(), line, column, sid: None, keyword: None, reason });
        };
        let mut objects = Vec::new();
        if self.lines {
            for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
                match serde_json::from_str(line) {
                    Ok(object) => objects.push((number, object)),
                    Err(error) => wrong(number, error.column(), Reason::BadJson(excerpt(&error.to_string()))),
                }
            }
        } else {
            match serde_json::from_str(text).map(|whole| self.list(whole)) {
                Ok(Some(list)) => objects.extend(list.into_iter().map(|object| (1, object))),
                Ok(None) => wrong(1, 1, Reason::BadJson("there is no list where the objects should be".to_owned())),
                Err(error) => wrong(error.line(), error.column(), Reason::BadJson(excerpt(&error.to_string()))),
            }
        }
        let mut found = false;
        for (line, mut object) in objects {
            let Some(value) = self.value(&mut object) else { continue };
            found = true;
            match kind.read_plain(&value) {
                Some(item) => {
                    read.contexts.insert(item.clone(), object.to_string().into());
                    read.entries.insert(item, ());
                }
                None => wrong(line, 1, Reason::BadEntry { what: kind.plain_form(), text: excerpt(&value) }),
            }
        }
        if !found && read.mistakes.is_empty() {
            let reason = Reason::NoEntries;
            read.mistakes.push(Diagnostic { file, line: 1, column: 1, sid: None, keyword: None, reason });
        }
        read
    }

    /// The list of objects in a file.
    fn list(&self, mut whole: Value) -> Option<Vec<Value>> {
        let list = match &self.array_key {
            Some(key) => at(&mut whole, key)?,
            None => &mut whole,
        };
        match list.take() {
            Value::Array(objects) => Some(objects),
            _ => None,
        }
    }

    /// The value in an object, which it may be taken out of.
    fn value(&self, object: &mut Value) -> Option<String> {
        let text = at(object, &self.value_key)?.as_str()?.to_owned();
        if self.remove_key {
            let (parent, key) = match self.value_key.rsplit_once('.') {
                Some((parent, key)) => (at(object, parent)?, key),
                None => (object, self.value_key.as_str()),
            };
            parent.as_object_mut()?.remove(key);
        }
        Some(text)
    }
}

/// What is at a key, or at keys within keys.
fn at<'v>(value: &'v mut Value, path: &str) -> Option<&'v mut Value> {
    path.split('.').try_fold(value, |value, key| value.as_object_mut()?.get_mut(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(lines: bool, array_key: Option<&str>, remove_key: bool) -> JsonFormat {
        JsonFormat { lines, value_key: "host".into(), array_key: array_key.map(str::to_owned), remove_key }
    }

    /// What is known of each of `names`, and what is wrong.
    fn read(format: &JsonFormat, text: &str, names: &[&str]) -> (Vec<Option<String>>, Vec<String>) {
        let read = format.read(DatasetKind::Text, &Source { name: "x.json", text });
        let of = |name: &&str| read.contexts.find(&DatasetKind::Text.read_plain(name).unwrap(), |_| true).map(ToString::to_string);
        (names.iter().map(of).collect(), read.mistakes.iter().map(ToString::to_string).collect())
    }

    /// The example of Suricata's documentation.
    #[test]
    fn objects_lie_in_a_list_in_the_file() {
        let text = r#"{"time": "2024-12-21", "response": {"threats": [
            {"host": "toto.com", "origin": "japan"}, {"host": "grenouille.com", "origin": "french"}, {"other": 1}]}}"#;
        let (found, mistakes) = read(&format(false, Some("response.threats"), false), text, &["toto.com", "x"]);
        assert_eq!((found, mistakes.len()), (vec![Some(r#"{"host":"toto.com","origin":"japan"}"#.to_owned()), None], 0));
        let (found, _) = read(&format(false, Some("response.threats"), true), text, &["grenouille.com"]);
        assert_eq!(found, [Some(r#"{"origin":"french"}"#.to_owned())]);
        for path in ["response", "response.threats.x", "none"] {
            let (_, mistakes) = read(&format(false, Some(path), false), text, &[]);
            assert_eq!(mistakes, ["x.json:1:1: it cannot be read as JSON: there is no list where the objects should be"], "{path}");
        }
    }

    #[test]
    fn or_each_is_a_line() {
        let text = "{\"host\":\"a.test\",\"n\":1}\n\n{\"host\":\"b.test\"\n{\"host\":7}\n{\"host\":\"c.test\",\"n\":[null,2.5]}\n";
        let (found, mistakes) = read(&format(true, None, true), text, &["a.test", "b.test", "c.test"]);
        assert_eq!(found, [Some("{\"n\":1}".to_owned()), None, Some("{\"n\":[null,2.5]}".to_owned())]);
        assert_eq!(mistakes.len(), 1);
        assert!(mistakes[0].starts_with("x.json:3:16: it cannot be read as JSON: EOF while parsing an object"), "{mistakes:?}");
        assert_eq!(read(&format(true, None, false), "{\"name\":\"a\"}", &[]).1, ["x.json:1:1: there is no entry in it"]);
    }

    #[test]
    fn a_value_is_of_the_type_of_the_set() {
        let format = JsonFormat { value_key: "ip".into(), ..format(false, None, false) };
        let source = Source { name: "x.json", text: r#"[{"ip":"10.0.0.0/8"},{"ip":"host.test"}]"# };
        let read = format.read(DatasetKind::Ip, &source);
        let said: Vec<_> = read.mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["x.json:1:1: `host.test` is no address"]);
    }
}
