//! From files' texts to a set, with the truth about what did not load.
//!
//! [`RuleSet::compile`] does all of it. Where there are many rules it pays to do it with several threads, which the caller has: a
//! [`Portion`] of the text can be read apart from the others, and [`RuleSet::join`] makes one set of what was read.

use std::sync::Arc;

use hashbrown::hash_map::{Entry as Slot, HashMap};

use super::compile::Compiled;
use super::config::RuleConfig;
use super::dataset::KnownSets;
use super::diagnostic::{Diagnostic, LoadReport, Reason, excerpt};
use super::feed::Feed;
use super::parse::lines::{Entry, Piece, entries, pieces};
use super::read::{Reader, Reading};
use super::review;
use super::set::RuleSet;
use super::threshold_config::Setting;
use super::vars::Variables;

/// The text of rules, and the name to speak of it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// Mostly a path.
    pub name: &'a str,
    /// Rules, one a line.
    pub text: &'a str,
}

/// Some of the rules of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion<'a> {
    name: &'a str,
    piece: Piece<'a>,
}

/// The data sets that rules speak of, gathered before they are read: one name is one set, whoever reads the rule.
#[derive(Clone, Debug)]
pub struct NamedSets(Arc<KnownSets>);

/// Reads rules, portion by portion.
pub struct RuleReader<'c>(Reader<'c>);

/// The rules of a portion, and the truth about those that do not load.
#[derive(Debug)]
pub struct ReadRules(Reading);

impl<'a> Source<'a> {
    /// Cuts it into portions of about `bytes` bytes, none within a rule.
    pub fn portions(&self, bytes: usize) -> impl Iterator<Item = Portion<'a>> + use<'a> {
        let name = self.name;
        pieces(self.text, bytes).map(move |piece| Portion { name, piece })
    }
}

impl NamedSets {
    /// Those that the rules of `sources` speak of, and those that `config` has.
    pub fn of(sources: &[Source<'_>], config: &RuleConfig) -> Self {
        Self(Arc::new(KnownSets::of(sources, config)))
    }
}

impl<'c> RuleReader<'c> {
    /// One that reads with `config` some of the rules that speak of `sets`.
    pub fn new(config: &'c RuleConfig, sets: &NamedSets) -> Self {
        Self(Reader::new(config, Arc::clone(&sets.0)))
    }

    /// Reads the rules of `portion`.
    pub fn read(&mut self, portion: &Portion<'_>) -> ReadRules {
        ReadRules(self.0.read(portion.name, portion.piece))
    }
}

impl RuleSet {
    /// Loads what can be loaded of `sources`; the report says what could not, and why.
    pub fn compile(sources: &[Source<'_>], config: &RuleConfig) -> (Self, LoadReport) {
        let mut reader = RuleReader::new(config, &NamedSets::of(sources, config));
        Self::join(sources.iter().flat_map(|s| s.portions(usize::MAX)).map(|p| reader.read(&p)).collect(), config)
    }

    /// The set of all rules that were read with `config`, portion by portion in the order of the text, whoever read them.
    pub fn join(read: Vec<ReadRules>, config: &RuleConfig) -> (Self, LoadReport) {
        let mut joined = Joined::default();
        joined.rules.reserve_exact(read.iter().map(|r| r.0.rules.len()).sum());
        joined.by_sid.reserve(joined.rules.capacity());
        read.into_iter().for_each(|ReadRules(reading)| joined.add(reading));
        let (rules, report) = joined.finish(config);
        let mut set = Self::new(rules, config.action_order);
        set.failed = report.errors.len();
        set.feeds = Feed::all(config);
        (set, report)
    }
}

/// The rules of all portions so far.
#[derive(Default)]
struct Joined {
    rules: Vec<Compiled>,
    /// By gid and sid: the place in `rules`.
    by_sid: HashMap<(u32, u32), usize>,
    report: LoadReport,
}

impl Joined {
    fn add(&mut self, reading: Reading) {
        let Reading { rules, errors, notes, findings, disabled } = reading;
        self.report.errors.extend(errors);
        self.report.findings.extend(findings);
        self.report.disabled = self.report.disabled.saturating_add(disabled);
        let mut notes = notes.into_iter().peekable();
        for (place, rule) in rules.into_iter().enumerate() {
            while let Some((_, note)) = notes.next_if(|(about, _)| *about == place) {
                self.report.notes.push(note);
            }
            let twice = self.keep(rule);
            self.report.notes.extend(twice);
        }
        self.report.notes.extend(notes.map(|(_, note)| note));
    }

    /// Takes a rule in. Of two with one sid the newer revision stays, of equal ones the first; that is noted.
    fn keep(&mut self, new: Compiled) -> Option<Diagnostic> {
        match self.by_sid.entry((new.entry.rule.gid, new.entry.rule.sid)) {
            Slot::Vacant(slot) => {
                slot.insert(self.rules.len());
                self.rules.push(new);
                None
            }
            Slot::Occupied(slot) => {
                let old = self.rules.get_mut(*slot.get())?;
                let (sid, rev, file, line) =
                    (new.entry.rule.sid, new.entry.rule.rev, new.entry.rule.file.clone(), new.entry.rule.line);
                let (other, other_rev) = (format!("{}:{}", old.entry.rule.file, old.entry.rule.line), old.entry.rule.rev);
                let newer = rev > other_rev;
                if newer {
                    *old = new;
                }
                let kept = if newer { "this one" } else { "that one" };
                let reason = Reason::DuplicateSid { sid, rev, other, other_rev, kept };
                Some(Diagnostic { file, line, column: 1, sid: Some(sid), keyword: None, reason })
            }
        }
    }

    /// Applies what `threshold.config` says, to lists too. A line about a rule that is not there is noted; one with a mistake is left out.
    fn apply_thresholds(&mut self, config: &RuleConfig) {
        let mut variables = Variables::new(config);
        for (name, text) in &config.threshold_files {
            let file: Arc<str> = name.as_str().into();
            for entry in entries(text) {
                let Entry::Rule(line) = entry else { continue };
                let setting = Setting::parse(&line.text, &mut variables);
                let Err(reason) = setting.and_then(|s| s.apply(self.rules.iter_mut().map(|c| &mut *c.entry))) else { continue };
                let (line, column) = line.position(0);
                let about =
                    if matches!(reason, Reason::NoSuchRule { .. }) { &mut self.report.notes } else { &mut self.report.mistakes };
                about.push(Diagnostic { file: file.clone(), line, column, sid: None, keyword: None, reason });
            }
        }
    }

    /// Notes the rules that wait for what no rule does.
    fn review(&mut self) {
        for (i, keyword, name) in review::never_set(&self.rules) {
            let Some(rule) = self.rules.get(i).map(|c| &c.entry.rule) else { continue };
            let (file, line, sid, keyword) = (rule.file.clone(), rule.line, Some(rule.sid), Some(keyword.to_owned()));
            self.report.findings.push(Diagnostic { file, line, column: 1, sid, keyword, reason: Reason::NeverSet(excerpt(&name)) });
        }
    }

    /// The rules. What was needed to join them is let go.
    fn finish(mut self, config: &RuleConfig) -> (Vec<Compiled>, LoadReport) {
        if config.review {
            self.review();
        }
        self.report.loaded = self.rules.len();
        let lists = (1..).zip(&config.lists).filter(|(_, list)| !list.is_empty());
        self.rules.extend(lists.map(|(place, list)| list.compile(place, config)));
        self.apply_thresholds(config);
        (self.rules, self.report)
    }
}
