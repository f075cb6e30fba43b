//! The captures of a run: planned, then played.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::base::Timestamp;

use super::block::Block;
use super::error::{CaptureError, Severity};
use super::inputs::{Candidate, expand};
use super::play::Play;
use super::read_ahead::{Opening, ReadAhead};
use super::source::{PeekError, Peeked, Source, peek};

/// How captures are read.
#[derive(Clone, Debug)]
pub struct CaptureSettings {
    /// Bytes per read and per buffer, from 1 to 1 GiB; 2 MiB by default. A block of frames is as large at most, unless a frame is larger.
    pub buffer_len: usize,
    /// How many buffers are read ahead; 2 by default.
    pub buffers_ahead: usize,
    /// Ends the play, even while a stream is waited for, once it is not 0: a signal handler may set it.
    pub stop: Arc<AtomicUsize>,
}

impl Default for CaptureSettings {
    fn default() -> Self {
        Self { buffer_len: 2 << 20, buffers_ahead: 2, stop: Arc::default() }
    }
}

/// One capture of a run.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Its path; `-` for standard input.
    pub path: PathBuf,
    /// The path as text (EVE's `pcap_filename`); what is not UTF-8 in it is replaced.
    pub name: String,
    /// Its length on disk in bytes; `None` for a stream.
    pub len: Option<u64>,
    /// When its first packet was captured; `None` if it has no packet (or none with a time).
    pub first_packet: Option<Timestamp>,
}

/// The captures of a run, in the order of play: that of their first packets, so that flows go on across rotated files. Equal
/// times keep the order in which they were named; captures without a packet come last.
pub struct CaptureSet {
    captures: Vec<Capture>,
    settings: CaptureSettings,
    consumed: Arc<AtomicU64>,
    stage: Stage,
}

/// Where a set is in its life.
enum Stage {
    Planned(Vec<Opening>),
    Playing(ReadAhead, Box<Play>),
    Done,
}

impl CaptureSet {
    /// Finds the captures that `inputs` name, looks into each, and orders them. What is no capture or cannot be read is
    /// reported and left out.
    ///
    /// An input is a file, a directory (all captures in it, at any depth), a glob, or `-` for standard input. Files are
    /// closed again after the look; a stream waits for its first packet.
    pub fn plan(inputs: &[OsString], settings: CaptureSettings) -> (Self, Vec<CaptureError>) {
        Self::plan_with(inputs, settings, io::stdin())
    }

    /// The same, with `stdin` in the place of standard input.
    pub fn plan_with(
        inputs: &[OsString],
        settings: CaptureSettings,
        stdin: impl Read + Send + 'static,
    ) -> (Self, Vec<CaptureError>) {
        let mut planner = Planner { stdin: Some(stdin), consumed: Arc::default(), planned: Vec::new(), problems: Vec::new() };
        for input in inputs {
            planner.add(input);
        }
        let Planner { consumed, mut planned, problems, .. } = planner;
        planned.sort_by_key(|(capture, _)| (capture.first_packet.is_none(), capture.first_packet)); // stable
        let (captures, openings) = planned.into_iter().unzip();
        (Self { captures, settings, consumed, stage: Stage::Planned(openings) }, problems)
    }

    /// The captures, in the order of play.
    pub fn captures(&self) -> &[Capture] {
        &self.captures
    }

    /// Bytes on disk of all captures; `None` if one is a stream.
    pub fn total_len(&self) -> Option<u64> {
        self.captures.iter().try_fold(0_u64, |sum, capture| Some(sum.saturating_add(capture.len?)))
    }

    /// Bytes read so far, as they lie on disk: a counter that any thread may look at.
    pub fn consumed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.consumed)
    }

    /// The next frames, or what went wrong; `None` when all is played. After an error it goes on with what is left.
    pub fn next_block(&mut self) -> Option<Result<Block, CaptureError>> {
        loop {
            match &mut self.stage {
                Stage::Planned(openings) => {
                    let openings = std::mem::take(openings);
                    let started = ReadAhead::start(openings, &self.settings, Arc::clone(&self.consumed));
                    match started {
                        Ok(read_ahead) => self.stage = Stage::Playing(read_ahead, Box::default()),
                        Err(source) => return self.fail(source),
                    }
                }
                Stage::Playing(read_ahead, play) => {
                    if let Some(answer) = play.next(read_ahead, &self.captures) {
                        return Some(answer);
                    }
                    let stopped = self.settings.stop.load(Ordering::Relaxed) != 0;
                    let complete = stopped || play.is_complete(self.captures.len());
                    self.stage = Stage::Done;
                    if !complete {
                        return self.fail(io::Error::other("the reading thread ended early"));
                    }
                }
                Stage::Done => return None,
            }
        }
    }

    fn fail(&mut self, source: io::Error) -> Option<Result<Block, CaptureError>> {
        self.stage = Stage::Done;
        Some(Err(CaptureError::Reader { source }))
    }
}

/// Looks into what the user named.
struct Planner<R> {
    stdin: Option<R>,
    consumed: Arc<AtomicU64>,
    planned: Vec<(Capture, Opening)>,
    problems: Vec<CaptureError>,
}

impl<R: Read + Send + 'static> Planner<R> {
    fn add(&mut self, input: &OsString) {
        let (planned, problems) = (self.planned.len(), self.problems.len());
        for candidate in expand(input, &mut self.problems) {
            match candidate {
                Candidate::Named(path) => self.file(path, true),
                Candidate::Found(path) => self.file(path, false),
                Candidate::Stream(path) => self.stream(path),
            }
        }
        let said_why = self.problems.iter().skip(problems).any(|problem| problem.severity() > Severity::Note);
        if self.planned.len() == planned && !said_why {
            self.problems.push(CaptureError::NothingFound { path: input.into() });
        }
    }

    fn file(&mut self, path: PathBuf, named: bool) {
        // Only the bytes that are played count as consumed: this look does not.
        let looked = Source::open(&path, &Arc::default()).map_err(PeekError::Io).and_then(|mut source| peek(&mut source));
        match looked {
            Ok(Peeked { first_packet, .. }) => {
                let len = fs::metadata(&path).map_or(0, |meta| meta.len());
                self.planned.push((Capture::new(&path, Some(len), first_packet), Opening::File { path, len }));
            }
            Err(PeekError::NotACapture(found)) if !named => self.problems.push(CaptureError::Skipped { path, found }),
            Err(error) => self.refuse(path, error),
        }
    }

    fn stream(&mut self, path: PathBuf) {
        let opened = if path == Path::new("-") {
            match self.stdin.take() {
                Some(stdin) => Source::stream(stdin, &self.consumed),
                None => Source::stream(io::empty(), &self.consumed), // named twice
            }
        } else {
            fs::File::open(&path).and_then(|file| Source::stream(file, &self.consumed))
        };
        let looked = opened.map_err(PeekError::Io).and_then(|mut source| Ok((peek(&mut source)?, source)));
        match looked {
            Ok((Peeked { first_packet, prefix }, source)) => {
                let source = source.put_back(prefix);
                self.planned.push((Capture::new(&path, None, first_packet), Opening::Stream { path, source }));
            }
            Err(error) => self.refuse(path, error),
        }
    }

    fn refuse(&mut self, path: PathBuf, error: PeekError) {
        self.problems.push(match error {
            PeekError::Io(source) => CaptureError::Open { path, source },
            PeekError::NotACapture(found) => CaptureError::NotACapture { path, found },
        });
    }
}

impl Capture {
    fn new(path: &Path, len: Option<u64>, first_packet: Option<Timestamp>) -> Self {
        Self { path: path.to_owned(), name: path.display().to_string(), len, first_packet }
    }
}
