//! The truth about rules that do not load: where, why, and what to do.

use std::fmt;
use std::sync::Arc;

use super::protocol_names::SUPPORTED;
use crate::base::slip;

/// Why a rule, or a part of it, is not taken. The text in a variant is the user's, cut to a readable length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The text breaks off, or something else stands where this should.
    #[error("expected {0}")]
    Expected(&'static str),
    /// The first word is no action.
    #[error("`{0}` is no action")]
    UnknownAction(String),
    /// A protocol that Suricata has and Portcullis has not.
    #[error("protocol `{0}` is not supported yet")]
    ProtocolNotSupported(String),
    /// A rule hook of a protocol other than TLS.
    #[error("rule hook `{0}` is not supported")]
    HookNotSupported(String),
    /// The second word is no protocol.
    #[error("`{0}` is no protocol")]
    UnknownProtocol(String),
    /// No address, CIDR block or range.
    #[error("`{0}` is no address, network or range of addresses")]
    BadAddress(String),
    /// No port or range.
    #[error("`{0}` is no port or range of ports")]
    BadPort(String),
    /// Lists within lists, or variables within variables, beyond what anyone writes.
    #[error("nested too deeply")]
    TooDeep,
    /// No such variable.
    #[error("variable `${0}` is not defined")]
    UnknownVariable(String),
    /// A variable that is defined by itself.
    #[error("variable `${0}` is defined by itself")]
    CircularVariable(String),
    /// The text of a variable has a mistake of its own.
    #[error("in variable `${name}`: {reason}")]
    InVariable {
        /// The variable.
        name: String,
        /// What is wrong with its text.
        reason: Box<Reason>,
    },
    /// What is left after all negations is nothing.
    #[error("nothing is left of it after the negations")]
    EmptySet,
    /// A keyword that Suricata has and Portcullis has not.
    #[error("keyword `{0}` is not supported yet")]
    KeywordNotSupported(String),
    /// No such keyword.
    #[error("`{0}` is no keyword")]
    UnknownKeyword(String),
    /// The keyword wants a value.
    #[error("a value is missing")]
    MissingValue,
    /// The keyword has no value.
    #[error("it takes no value")]
    UnexpectedValue,
    /// The value does not have the form that the keyword wants.
    #[error("bad value: expected {0}")]
    BadValue(&'static str),
    /// A word of the value is none that the keyword knows.
    #[error("`{word}` is not known here: expected {form}")]
    UnknownWord {
        /// The word.
        word: String,
        /// What may stand there.
        form: &'static str,
        /// What it may be a slip of.
        meant: Option<&'static str>,
    },
    /// No such event.
    #[error("`{name}` is no event of TLS")]
    UnknownEvent {
        /// Its name.
        name: String,
        /// What it may be a slip of.
        meant: Option<String>,
    },
    /// The keyword's value has a form that Suricata knows and Portcullis does not.
    #[error("{0} is not supported yet")]
    NotSupported(&'static str),
    /// Something that Suricata has and that has no place here.
    #[error("not supported: {0}")]
    Refused(&'static str),
    /// No such variable of `byte_extract` or `byte_math`.
    #[error("`{0}` was not extracted before in this buffer")]
    UnknownExtract(String),
    /// The keyword works on a sticky buffer and none is named before it.
    #[error("it is about a buffer, and none is named before it")]
    NeedsBuffer,
    /// The keyword changes a content and none is before it.
    #[error("no content is before it to apply to")]
    NeedsContent,
    /// `base64_data` without a `base64_decode` before it that it could be about.
    #[error("no base64_decode is before base64_data")]
    NeedsBase64,
    /// A buffer is named and nothing is asked of it.
    #[error("buffer `{0}` is named, but nothing is matched in it")]
    EmptyBuffer(&'static str),
    /// Two parts that exclude each other.
    #[error("it can never match: {0}")]
    NeverMatches(&'static str),
    /// A note: it matches nothing that the server sends.
    #[error("of the server it can never match: {0}")]
    NeverOfServer(&'static str),
    /// What no value of a buffer looks like.
    #[error("it can never match: values of `{buffer}` are {form}")]
    NoSuchValue {
        /// The buffer.
        buffer: &'static str,
        /// What its values are.
        form: &'static str,
        /// What was meant, where that can be guessed.
        hint: Option<&'static str>,
    },
    /// A data set of digests of another length than the value.
    #[error("it can never match: a value of that type has {bytes} bytes, and this one has {width}")]
    OtherDigest {
        /// Bytes of each value of the data set.
        bytes: usize,
        /// Bytes of each value of the buffer, after its transforms.
        width: usize,
        /// What to do about it.
        hint: &'static str,
    },
    /// The keyword was given before.
    #[error("it is given twice")]
    GivenTwice,
    /// The regular expression is wrong, or too large.
    #[error("regular expression: {0}")]
    Pcre(String),
    /// No sid.
    #[error("it has no sid")]
    MissingSid,
    /// More text, or more parts, than any rule needs.
    #[error("too long: more than {0}")]
    TooLong(&'static str),
    /// What the keyword looks things up in was not given.
    #[error("the files that it looks things up in are not there")]
    NeedsFile(&'static str),
    /// A file of a data set is not there, or not fit to be one.
    #[error("data set `{0}` lacks its file")]
    NoDataset(String),
    /// A data set is of another type, or has other files, than the rule says.
    #[error("data set `{name}` has another {what} elsewhere")]
    OtherDataset {
        /// The data set.
        name: String,
        /// `type` or `file`.
        what: &'static str,
    },
    /// No rule says what a data set is.
    #[error("no rule gives data set `{0}` a type")]
    UnknownDataset(String),
    /// No finding is called so, or like it.
    #[error("no finding is called `{name}`")]
    UnknownFinding {
        /// The pattern.
        name: String,
        /// An id or a pattern that may have been meant.
        similar: Option<String>,
    },
    /// No such category of reputation.
    #[error("no category `{0}` is in the categories file")]
    UnknownCategory(String),
    /// A line of a configuration file that says something else.
    #[error("`{text}` is not of the form `{form}`")]
    BadLine {
        /// What it should look like.
        form: &'static str,
        /// The line.
        text: String,
    },
    /// A line of a list that is no entry.
    #[error("`{text}` is no {what}")]
    BadEntry {
        /// What it should be.
        what: &'static str,
        /// What it is.
        text: String,
    },
    /// A data set that is to be JSON.
    #[error("it cannot be read as JSON: {0}")]
    BadJson(String),
    /// More such lines than are told of one by one.
    #[error("{0} more lines are no entries")]
    MoreLines(usize),
    /// A list is of another kind than the user said.
    #[error("by its header it is a list of {is}, not of {wanted}")]
    OtherList {
        /// What it is.
        is: &'static str,
        /// What the user said.
        wanted: &'static str,
    },
    /// A line of a list has cells, and nothing before it says which has the entries.
    #[error("`{0}` is a cell of a table whose columns are not known")]
    UnknownColumns(String),
    /// A list is empty.
    #[error("there is no entry in it")]
    NoEntries,
    /// A note: the same sid twice.
    #[error("sid {sid} (revision {rev}) is also at {other} (revision {other_rev}): {kept} is kept")]
    DuplicateSid {
        /// The sid.
        sid: u32,
        /// The revision of the rule that the note is about.
        rev: u32,
        /// Where the other one is: `file:line`.
        other: String,
        /// Its revision.
        other_rev: u32,
        /// `this one` or `that one`.
        kept: &'static str,
    },
    /// A note: a protocol of which nothing is followed.
    #[error("{0} is not followed yet: it never matches")]
    NotFollowed(&'static str),
    /// A note: a keyword that is taken and changes nothing.
    #[error("it has no effect: {0}")]
    NoEffect(&'static str),
    /// A note: no line of `threshold.config` can name it.
    #[error("sid 0 is no rule's own: in threshold.config it means all rules")]
    ZeroSid,
    /// A note: a line of `threshold.config` about a rule that is not there.
    #[error("no rule has gid {gid} and sid {sid}")]
    NoSuchRule {
        /// The gid.
        gid: u32,
        /// The sid.
        sid: u32,
    },
    /// A note: the rule is for engines that have more, or less.
    #[error("it is left out: it requires `{0}`")]
    Unmet(String),
    /// A note: an event of Suricata's that no session here has.
    #[error("event `{0}` is never raised here: the rule cannot match")]
    NeverRaised(String),
    /// A note: a protocol that is not recognised.
    #[error("`{protocol}` is not recognised here: {}", match (never, negated) {
        (true, _) => "it never matches",
        (false, true) => "what is not recognised does not match",
        (false, false) => "it matches what else is named alone",
    })]
    NotRecognised {
        /// The protocol.
        protocol: String,
        /// Nothing else is asked for that could be.
        never: bool,
        /// It is not to be that.
        negated: bool,
    },
    /// A finding: it costs more than it needs to.
    #[error("{why}")]
    Slow {
        /// What costs.
        why: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// A finding: nothing tells beforehand where it could match.
    #[error("it is tried on each {0} that its header is about")]
    OnEach(&'static str),
    /// A finding: it waits for a bit that no rule of the set sets.
    #[error("it can never match: no rule here sets `{0}`")]
    NeverSet(String),
    /// A finding: it is about ports that are not watched.
    #[error("it can never match: no flow that is watched has such ports at client and server")]
    NotWatched,
    /// A finding: Suricata does not load it, or takes it otherwise.
    #[error("{0}")]
    NotPortable(&'static str),
    /// A note: a classtype without classification.
    #[error("classtype `{0}` has no classification: severity 3")]
    UnknownClasstype(String),
}

/// How grave it is that a rule has a [`Reason`] against it, where it loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// It can never match.
    Never,
    /// It is slow.
    Slow,
    /// It is not portable.
    NotPortable,
    /// It is good to know.
    Note,
}

impl Reason {
    /// How grave it is in a rule that loads.
    pub const fn weight(&self) -> Weight {
        match self {
            Self::NeverMatches(_)
            | Self::NeverSet(_)
            | Self::NeverRaised(_)
            | Self::NotFollowed(_)
            | Self::NotWatched
            | Self::NotRecognised { never: true, .. } => Weight::Never,
            Self::Slow { .. } => Weight::Slow,
            Self::NotPortable(_) => Weight::NotPortable,
            _ => Weight::Note,
        }
    }

    /// What to do about it, where there is something to say beyond the reason.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownWord { meant, .. } => return meant.map(did_you_mean),
            Self::UnknownEvent { meant: Some(meant), .. } => return Some(did_you_mean(meant)),
            Self::UnknownEvent { .. } => "docs/events.md has their names, such as tls.invalid_certificate",
            Self::UnknownAction(word) if action_meant(word).is_some() => return action_meant(word).map(did_you_mean),
            Self::UnknownProtocol(word) if protocol_meant(word).is_some() => return protocol_meant(word).map(did_you_mean),
            Self::UnknownAction(word) if word.contains(':') => {
                "what an action is about follows from the rule; for Suricata's firewall rules, use pass rules and --default-verdict drop"
            }
            Self::UnknownAction(_) => "use alert, pass, drop, reject, rejectsrc, rejectdst or rejectboth",
            Self::UnknownProtocol(_) | Self::ProtocolNotSupported(_) => "use tls, tcp, tcp-pkt, tcp-stream, udp, quic or ip",
            Self::UnknownVariable(name) => return Some(format!("define it: --var {name}=VALUE")),
            Self::UnknownKeyword(name) => return super::keyword::similar(name).map(did_you_mean),
            Self::UnknownFinding { similar: Some(id), .. } => return Some(did_you_mean(id)),
            Self::UnknownFinding { .. } => "`portcullis findings` lists them",
            Self::NeedsFile(flags) => return Some(format!("name them: {flags}")),
            Self::UnknownColumns(_) => "a header names them, such as `domain,reason`; docs/rules.md has the names that are known",
            Self::NeedsBuffer => "name a buffer such as `tls.sni;` before it",
            Self::Expected(";") => "every option ends with `;`, the last one too",
            Self::UnknownExtract(_) => "name it in byte_extract or byte_math",
            Self::NoSuchValue { hint, .. } => return hint.map(str::to_owned),
            Self::Slow { hint, .. } | Self::OtherDigest { hint, .. } => hint,
            Self::NoDataset(_) => {
                "it is relative to the file with the rule; one of `state` or `save` to --data-dir DIR where that is given"
            }
            Self::UnknownDataset(_) => {
                "give it one: `type string`, and `load FILE` where its values are in a file; or --dataset NAME:TYPE=FILE"
            }
            Self::HookNotSupported(_) => "leave the hook out; those of tls are supported, such as tls:server_hello",
            Self::NotWatched => "watch them (`--ports`, here as in the run); what the server sends comes from its port",
            Self::EmptySet => {
                "where it is of a variable such as `$EXTERNAL_NET`, which is `!$HOME_NET`, give that another value: --var EXTERNAL_NET=any"
            }
            Self::MissingSid | Self::ZeroSid => "give it a number of its own: `sid:1000001;`",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn did_you_mean(word: &str) -> String {
    format!("did you mean `{word}`?")
}

/// The action that `word` may mean: a slip, or what another engine or firewall calls it.
fn action_meant(word: &str) -> Option<&'static str> {
    let others = [("block", "drop"), ("deny", "drop"), ("sdrop", "drop"), ("accept", "pass"), ("allow", "pass"), ("log", "alert")];
    let other = others.into_iter().find(|(other, _)| word.eq_ignore_ascii_case(other)).map(|(_, ours)| ours);
    other.or_else(|| slip::meant(word, ACTIONS))
}

/// The protocol that `word` may mean.
fn protocol_meant(word: &str) -> Option<&'static str> {
    if word.eq_ignore_ascii_case("ssl") { Some("tls") } else { slip::meant(word, SUPPORTED.iter().copied()) }
}

const ACTIONS: [&str; 7] = ["alert", "pass", "drop", "reject", "rejectsrc", "rejectdst", "rejectboth"];

/// A [`Reason`] and the place it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The name that the source was given with.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The sid of the rule where it could be read.
    pub sid: Option<u32>,
    /// The keyword concerned.
    pub keyword: Option<String>,
    /// What is wrong.
    pub reason: Reason,
}

impl Diagnostic {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        self.reason.hint()
    }
}

/// `file:line:column: keyword: reason (hint)`
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if let Some(keyword) = &self.keyword {
            write!(f, "{keyword}: ")?;
        }
        write!(f, "{}", self.reason)?;
        match self.hint() {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// What came of loading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Rules that loaded.
    pub loaded: usize,
    /// Rules that are there as comments, or for other policies.
    pub disabled: usize,
    /// Why others did not load, one each, in the order of the text.
    pub errors: Vec<Diagnostic>,
    /// What is wrong with lines of other files that rules are loaded with, such as `threshold.config`: they are left out.
    pub mistakes: Vec<Diagnostic>,
    /// What loaded and is worth a word all the same.
    pub notes: Vec<Diagnostic>,
    /// What a review found, where one was asked for.
    pub findings: Vec<Diagnostic>,
}

/// `text` for a message: its first 60 characters, without control characters.
pub(super) fn excerpt(text: &str) -> String {
    let mut out: String = text.chars().take(EXCERPT_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(EXCERPT_CHARS).is_some() {
        out.push('…');
    }
    out
}

const EXCERPT_CHARS: usize = 60;
