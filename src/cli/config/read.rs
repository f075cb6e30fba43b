//! From the text of a configuration file to what it says on the command line's behalf.

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::path::Path;

use clap::{Arg, ArgMatches, parser::ValueSource};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Reason, place_of};
use super::keys::{self, COMMAND, Keys, Kind, Leaf, VARS, key_of};
use super::sinks;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Entries {
    entries: Vec<Entry>,
    /// The variables of rules: name, value, and where that is.
    pub variables: Vec<(String, String, Range<usize>)>,
    /// How many keys there are in the file, variables among them.
    pub keys: usize,
}

/// A key, for one command.
#[derive(Debug)]
pub(super) struct Entry {
    /// The path of the command.
    command: Vec<String>,
    /// Whether it is in the table of the command, and counts more than what is said for all.
    is_own: bool,
    key: String,
    /// As on the command line, an option each: `--workers=2`. None for a switch that is off.
    pub words: Vec<OsString>,
    /// Where the value is.
    span: Range<usize>,
    /// The same in lines, from 1.
    pub line: u32,
}

impl Entries {
    /// Reads `text`, the text of a file in `dir`. What is wrong with it comes in the order of the file.
    pub fn read(text: &str, dir: &Path, keys: &Keys) -> (Self, Vec<Fault>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let fault = |error: toml::de::Error| Fault {
                span: error.span().unwrap_or_default(),
                reason: Reason::Toml(error.message().replace('\n', ", ")),
            };
            return (Self::default(), errors.into_iter().take(MOST_ERRORS).map(fault).collect());
        }
        let mut reader = Reader { text, dir, keys, read: Self::default(), faults: Vec::new() };
        reader.file(table.get_ref());
        let Reader { read, mut faults, .. } = reader;
        faults.extend(read.excluding(keys));
        faults.sort_by_key(|fault| (fault.span.start, fault.span.end));
        faults.dedup();
        (read, faults)
    }

    /// What the file says to a command: of each key what counts most, variables one by one.
    pub fn of(&self, leaf: &Leaf) -> Vec<(&Entry, Arg)> {
        let here = || self.entries.iter().filter(|entry| entry.command == leaf.path);
        let counts = |entry: &&Entry| entry.is_own || !here().any(|other| other.is_own && other.key == entry.key);
        let all: Vec<(&Entry, Arg)> =
            here().filter(counts).filter_map(|entry| Some((entry, leaf.flag(&entry.key)?.clone()))).collect();
        // What is said for all commands gives way to what excludes it and is said to this one.
        let gives_way = |(entry, arg): &(&Entry, Arg)| {
            let excluded = |(own, other): &(&Entry, Arg)| own.is_own && !own.words.is_empty() && leaf.exclude(arg, other);
            !entry.is_own && all.iter().any(excluded)
        };
        all.iter().filter(|entry| !gives_way(entry)).cloned().collect()
    }

    /// What of it counts beside what was `given` on the command line.
    pub fn beside(&self, leaf: &Leaf, given: &ArgMatches) -> Vec<(&Entry, Arg)> {
        let is_given = |arg: &Arg| given.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        // A switch that is turned off excludes nothing.
        let is_on = |arg: &Arg| is_given(arg) && (keys::kind(arg) != Kind::Switch || given.get_flag(arg.get_id().as_str()));
        let counts = |(_, arg): &(&Entry, Arg)| {
            keys::is_variable(arg) || !(is_given(arg) || leaf.flags().any(|other| is_on(other) && leaf.exclude(arg, other)))
        };
        self.of(leaf).into_iter().filter(counts).collect()
    }

    /// Keys that exclude each other, and are said to the same.
    fn excluding(&self, keys: &Keys) -> Vec<Fault> {
        let mut faults = Vec::new();
        for leaf in keys.leaves() {
            let said: Vec<(&Entry, Arg)> = self.of(leaf).into_iter().filter(|(entry, _)| !entry.words.is_empty()).collect();
            for (n, (one, arg)) in said.iter().enumerate() {
                for (two, _) in said.iter().skip(n.saturating_add(1)).filter(|(_, other)| leaf.exclude(arg, other)) {
                    let (first, later) = if one.span.start < two.span.start { (one, two) } else { (two, one) };
                    let reason = Reason::Excluded { key: later.key.clone(), by: first.key.clone() };
                    faults.push(Fault { span: later.span.clone(), reason });
                }
            }
        }
        faults
    }
}

/// Reads one file.
struct Reader<'r> {
    text: &'r str,
    dir: &'r Path,
    keys: &'r Keys,
    read: Entries,
    faults: Vec<Fault>,
}

type Key<'t> = Spanned<std::borrow::Cow<'t, str>>;
type Value<'t> = Spanned<DeValue<'t>>;

impl Reader<'_> {
    fn file(&mut self, table: &DeTable<'_>) {
        let all: Vec<&Leaf> = self.keys.leaves().iter().collect();
        for (key, value) in in_order(table) {
            match &**key.get_ref() {
                VARS => self.variables(value),
                COMMAND => self.commands(value, &[]),
                _ => self.key(key, value, &all, None),
            }
        }
    }

    /// A table below `command`: of a command, or of more of them.
    fn commands(&mut self, value: &Value<'_>, path: &[&str]) {
        let shown = [&[COMMAND][..], path].concat().join(".");
        let Some(table) = self.table(value, &shown) else { return };
        for (key, value) in in_order(table) {
            let name: &str = key.get_ref();
            let path = [path, &[name]].concat();
            match self.keys.leaf(&path) {
                Some(leaf) => self.command(leaf, value),
                None if !self.keys.below(&path).is_empty() => self.commands(value, &path),
                None => {
                    let parent = path.split_last().map_or(&[][..], |(_, parent)| parent);
                    let known = self.keys.below(parent).into_iter().map(str::to_owned).collect();
                    self.fault(key.span(), Reason::UnknownCommand { name: path.join(" "), known });
                }
            }
        }
    }

    fn command(&mut self, leaf: &Leaf, value: &Value<'_>) {
        let shown = format!("{COMMAND}.{}", leaf.path.join("."));
        let Some(table) = self.table(value, &shown) else { return };
        for (key, value) in in_order(table) {
            self.key(key, value, &[leaf], Some(leaf.name()));
        }
    }

    /// A key of these commands, or of the `command` whose table it is in.
    fn key(&mut self, key: &Key<'_>, value: &Value<'_>, leaves: &[&Leaf], command: Option<String>) {
        let name: &str = key.get_ref();
        let flags: Vec<(&Leaf, &Arg)> = leaves.iter().filter_map(|leaf| Some((*leaf, leaf.flag(name)?))).collect();
        if flags.is_empty() || flags.iter().any(|(_, arg)| keys::is_variable(arg)) {
            return self.unknown(key, leaves, command);
        }
        self.read.keys = self.read.keys.saturating_add(1);
        for (leaf, arg) in flags {
            match self.words(leaf, arg, value) {
                Ok(words) => self.entry(leaf, name, words, value.span(), command.is_some()),
                Err(faults) => return self.faults.extend(faults),
            }
        }
    }

    fn unknown(&mut self, key: &Key<'_>, leaves: &[&Leaf], command: Option<String>) {
        let name = key.get_ref().to_string();
        let has = self.keys.leaves().iter().find(|leaf| name != "var" && leaf.flag(&name).is_some());
        let reason = match (command, has) {
            (Some(command), Some(has)) => Reason::OtherCommand { key: name, command, has: has.name() },
            (command, _) => {
                let meant = Keys::meant(leaves, &name).map(str::to_owned);
                Reason::UnknownKey { key: name, command, meant }
            }
        };
        self.fault(key.span(), reason);
    }

    /// The table `vars`: it is said to all commands that have variables.
    fn variables(&mut self, value: &Value<'_>) {
        let Some(table) = self.table(value, VARS) else { return };
        for (name, value) in in_order(table) {
            let name: &str = name.get_ref();
            self.read.keys = self.read.keys.saturating_add(1);
            let text = match value.get_ref() {
                DeValue::Array(items) => {
                    let items: Option<Vec<String>> = items.iter().map(|item| scalar(item.get_ref())).collect();
                    items.map(|items| format!("[{}]", items.join(",")))
                }
                single => scalar(single),
            };
            let Some(text) = text else {
                self.wrong_type(name, "a string, a number, or a list of them", value, Some(format!("{name} = \"10.0.0.0/8\"")));
                continue;
            };
            self.read.variables.push((name.to_owned(), text.clone(), value.span()));
            let word: OsString = format!("--var={name}={text}").into();
            for leaf in self.keys.leaves() {
                let Some(arg) = leaf.flags().find(|arg| keys::is_variable(arg)) else { continue };
                match leaf.check(arg, &word) {
                    Ok(()) => self.entry(leaf, key_of(arg), vec![word.clone()], value.span(), false),
                    Err(reason) => {
                        let why = match reason {
                            Reason::BadValue { why, .. } => why,
                            other => other.to_string(),
                        };
                        self.fault(value.span(), Reason::BadValue { key: name.to_owned(), given: text, why });
                        break;
                    }
                }
            }
        }
    }

    /// A value as it would be on the command line of a command.
    fn words(&self, leaf: &Leaf, arg: &Arg, value: &Value<'_>) -> Result<Vec<OsString>, Vec<Fault>> {
        let bare = || OsString::from(format!("--{}", key_of(arg)));
        match value.get_ref() {
            DeValue::Boolean(on) if keys::kind(arg) == Kind::Switch || keys::may_be_bare(arg) => {
                Ok(if *on { vec![bare()] } else { Vec::new() })
            }
            DeValue::Array(items) if keys::is_sink(arg) && items.iter().any(|item| item.get_ref().is_table()) => {
                let described = items.iter().map(|item| match item.get_ref() {
                    DeValue::Table(table) => sinks::description(table, self.dir, item.span()),
                    _ => Err(vec![Fault { span: item.span(), reason: self.mismatch(arg, item) }]),
                });
                let (words, faults): (Vec<_>, Vec<_>) = described.partition(Result::is_ok);
                let faults: Vec<Fault> = faults.into_iter().filter_map(Result::err).flatten().collect();
                let option = |text: String| OsString::from(format!("--{}={text}", key_of(arg)));
                if faults.is_empty() { Ok(words.into_iter().flatten().map(option).collect()) } else { Err(faults) }
            }
            DeValue::Array(items) if items.is_empty() && keys::needs_entries(arg) => {
                let reason = Reason::EmptyList { key: key_of(arg).to_owned() };
                Err(vec![Fault { span: value.span(), reason }])
            }
            DeValue::Array(items) if keys::has_commas(arg) => {
                let texts: Result<Vec<String>, Fault> = items.iter().map(|item| self.text(arg, item)).collect();
                let texts = texts.map_err(|fault| vec![fault])?;
                self.word(leaf, arg, &texts.join(","), value.span()).map(|word| vec![word]).map_err(|fault| vec![fault])
            }
            DeValue::Array(items) if keys::is_repeated(arg) => {
                let read = items.iter().map(|item| self.text(arg, item).and_then(|text| self.word(leaf, arg, &text, item.span())));
                let (words, faults): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
                let faults: Vec<Fault> = faults.into_iter().filter_map(Result::err).collect();
                if faults.is_empty() { Ok(words.into_iter().flatten().collect()) } else { Err(faults) }
            }
            _ => {
                let word = self.text(arg, value).and_then(|text| self.word(leaf, arg, &text, value.span()));
                word.map(|word| vec![word]).map_err(|fault| vec![fault])
            }
        }
    }

    /// An option with its value, if clap takes it.
    fn word(&self, leaf: &Leaf, arg: &Arg, text: &str, span: Range<usize>) -> Result<OsString, Fault> {
        let option = |value: &OsStr| {
            let mut word = OsString::from(format!("--{}=", key_of(arg)));
            word.push(value);
            word
        };
        match leaf.check(arg, &option(text.as_ref())) {
            Ok(()) => Ok(option(&keys::resolved(arg, text, self.dir))),
            Err(reason) => Err(Fault { span, reason }),
        }
    }

    /// The text of a value that stands alone.
    fn text(&self, arg: &Arg, value: &Value<'_>) -> Result<String, Fault> {
        let is_right = match (keys::kind(arg), value.get_ref()) {
            (Kind::Switch, _) => false,
            (_, DeValue::String(_)) => true,
            (kind, DeValue::Integer(_) | DeValue::Float(_)) => kind == Kind::Amount,
            _ => false,
        };
        let text = if is_right { scalar(value.get_ref()) } else { None };
        text.ok_or_else(|| Fault { span: value.span(), reason: self.mismatch(arg, value) })
    }

    /// That the flag takes another type.
    fn mismatch(&self, arg: &Arg, value: &Value<'_>) -> Reason {
        let key = key_of(arg);
        let one = match keys::kind(arg) {
            Kind::Switch => "true or false",
            Kind::Text => "a string",
            Kind::Amount => "a number or a string",
        };
        let bare = if keys::may_be_bare(arg) && keys::kind(arg) != Kind::Switch { ", or true" } else { "" };
        let list = if keys::is_repeated(arg) || keys::has_commas(arg) { ", or a list of them" } else { "" };
        let written = self.text.get(value.span()).unwrap_or_default();
        let hint = match (keys::kind(arg), value.get_ref()) {
            (Kind::Switch, DeValue::String(text)) if ["true", "false"].contains(&&**text) => {
                Some(format!("without quotes: {text}"))
            }
            (Kind::Text, DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_)) => {
                Some(format!("with quotes: \"{written}\""))
            }
            (_, DeValue::Table(_)) if keys::is_sink(arg) => Some("each sink has a table: [[sink]]".to_owned()),
            (_, DeValue::Table(_)) => Some(format!("tables are those of commands: [{COMMAND}.NAME]")),
            _ => None,
        };
        Reason::Type { key: key.to_owned(), expected: format!("{one}{bare}{list}"), found: type_of(value), hint }
    }

    fn table<'t>(&mut self, value: &'t Value<'t>, name: &str) -> Option<&'t DeTable<'t>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => {
                self.wrong_type(name, "a table", value, Some(format!("write [{name}], and its keys in the lines below")));
                None
            }
        }
    }

    fn wrong_type(&mut self, key: &str, expected: &str, value: &Value<'_>, hint: Option<String>) {
        let reason = Reason::Type { key: key.to_owned(), expected: expected.to_owned(), found: type_of(value), hint };
        self.fault(value.span(), reason);
    }

    fn fault(&mut self, span: Range<usize>, reason: Reason) {
        self.faults.push(Fault { span, reason });
    }

    fn entry(&mut self, leaf: &Leaf, key: &str, words: Vec<OsString>, span: Range<usize>, is_own: bool) {
        let (line, _) = place_of(self.text, span.start);
        self.read.entries.push(Entry { command: leaf.path.clone(), is_own, key: key.to_owned(), words, span, line });
    }
}

/// The keys of a table as they stand in the file.
pub(super) fn in_order<'t>(table: &'t DeTable<'t>) -> Vec<(&'t Key<'t>, &'t Value<'t>)> {
    let mut keys: Vec<_> = table.iter().collect();
    keys.sort_by_key(|(key, _)| key.span().start);
    keys
}

/// A string or a number as text.
pub(super) fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

pub(super) fn type_of(value: &Value<'_>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Mistakes of syntax that are told at most: what comes after the first is often only its consequence.
const MOST_ERRORS: usize = 3;
