//! `portcullis findings`: all that can be found, with what to do about it.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::terminal::{self, Style};
use crate::event::json::write_line;
use crate::findings::{Finding, Selection, text};
use crate::sink::Sink;

/// List the findings: what each means and what to do about it
#[derive(Debug, Args)]
pub(super) struct Findings {
    /// Those that are called so or like it, in patterns as --findings has them: weak.protocol.*, high [default: all]
    #[arg(value_name = "PATTERN", allow_hyphen_values = true)]
    patterns: Vec<String>,

    /// Write them as JSON, one a line
    #[arg(long)]
    json: bool,
}

impl Findings {
    /// Prints them.
    pub fn run(self) -> ExitCode {
        // What begins with `-` takes out, so that the parser leaves options behind a pattern to us.
        let (options, patterns): (Vec<String>, Vec<String>) = self.patterns.into_iter().partition(|text| text.starts_with("--"));
        if let Some(unknown) = options.iter().find(|option| *option != "--json") {
            super::say("error", format_args!("there is no option {unknown} here: write it before the patterns, or see --help"));
            return ExitCode::from(2);
        }
        let Selection(set) = match patterns.join(",").parse() {
            Ok(selection) => selection,
            Err(error) => {
                super::say("error", error);
                return ExitCode::from(2);
            }
        };
        let to_terminal = io::stdout().is_terminal();
        let style = Style { colour: to_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) };
        let mut out = Vec::new();
        match self.json || !options.is_empty() {
            true => set.iter().for_each(|finding| json(&mut out, finding)),
            false => out.extend(terminal::list(style, set, WIDTH).into_bytes()),
        }
        let mut sink = Sink::stdout();
        match sink.write(&out).and_then(|()| sink.flush()) {
            Err(error) if !error.is_closed() => {
                super::say("error", error);
                ExitCode::FAILURE
            }
            _ => ExitCode::SUCCESS,
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    severity: &'a str,
    reason: &'a str,
    advice: &'a str,
    references: Vec<String>,
}

fn json(out: &mut Vec<u8>, finding: &Finding) {
    let Finding { id, reason, advice, severity, .. } = *finding;
    let references = finding.references.iter().map(|reference| text::link(reference)).collect();
    let line = Line { id, severity: severity.as_str(), reason, advice, references };
    write_line(out, &line);
}

/// Characters of a line.
const WIDTH: usize = 100;
