//! A file that grows, is rotated, and is kept for a while.
//!
//! The file is appended to. When it is rotated it is renamed to `NAME.20261129T215801.000000`, the time in UTC, and begun anew. What was rotated
//! is compressed, and the oldest goes, in a thread of its own; what an earlier run has left undone is done with the next rotation.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use super::{BUFFER, Error};
use crate::base::Timestamp;

/// How a file is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Which file.
    pub path: PathBuf,
    /// Bytes that it has at most, but for a line that is longer; not rotated by size where there is none.
    pub rotate_size: Option<u64>,
    /// Seconds after which it is rotated, counted from 1970: 86,400 is at midnight in UTC.
    pub rotate_interval: Option<u64>,
    /// What was rotated is compressed with zstd.
    pub compress: bool,
    /// Rotated files that are kept; all where there is no number.
    pub keep: Option<usize>,
}

/// A file that is rotated.
#[derive(Debug)]
pub struct LogFile {
    settings: LogSettings,
    out: BufWriter<fs::File>,
    size: u64,
    /// Device and inode, to notice that somebody has moved it away.
    identity: (u64, u64),
    /// The interval that it is of.
    period: u64,
    tidying: Option<JoinHandle<io::Result<()>>>,
    /// Why what was rotated could not be tidied up, where that was so. The file itself is none the worse.
    untidy: Option<String>,
}

impl LogFile {
    /// Opens the file to append to it. Where it does not end with a whole line, since whoever wrote it was killed, one is ended.
    pub fn open(settings: LogSettings) -> Result<Self, Error> {
        let (out, size, identity, modified) = append_to(&settings.path)?;
        let period = settings
            .rotate_interval
            .map_or(0, |interval| if size == 0 { now() } else { modified }.checked_div(interval).unwrap_or(0));
        Ok(Self { settings, out, size, identity, period, tidying: None, untidy: None })
    }

    /// Takes lines, and rotates where they would make the file too large.
    pub fn write(&mut self, mut lines: &[u8]) -> Result<(), Error> {
        self.rotate_by_time()?;
        while let Some(limit) = self.settings.rotate_size {
            let room = usize::try_from(limit.saturating_sub(self.size)).unwrap_or(usize::MAX);
            if lines.len() <= room {
                break;
            }
            let whole = lines.get(..room).and_then(|fitting| fitting.iter().rposition(|&b| b == b'\n'));
            let first = || lines.iter().position(|&b| b == b'\n');
            let end = match (whole, self.size) {
                (Some(end), _) => end.saturating_add(1),
                (None, 0) => first().map_or(lines.len(), |end| end.saturating_add(1)), // longer than a file may be
                (None, _) => 0,
            };
            let (now, later) = lines.split_at_checked(end).unwrap_or((lines, &[]));
            self.append(now)?;
            lines = later;
            if lines.is_empty() {
                return Ok(());
            }
            self.rotate()?;
        }
        self.append(lines)
    }

    /// Hands on all that was taken.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(|source| self.failed(source))
    }

    /// To be called once a second: rotates by time, and goes on in a new file where somebody has moved this one away.
    pub fn tick(&mut self) -> Result<(), Error> {
        self.rotate_by_time()?;
        let is_there = fs::metadata(&self.settings.path).is_ok_and(|meta| (meta.dev(), meta.ino()) == self.identity);
        if is_there { Ok(()) } else { self.reopen() }
    }

    /// Goes on in the file that now has the name.
    pub fn reopen(&mut self) -> Result<(), Error> {
        self.flush()?;
        (self.out, self.size, self.identity, _) = append_to(&self.settings.path)?;
        Ok(())
    }

    /// Opens the file again after a failure. What was not written is given up.
    pub fn restart(&mut self) -> Result<(), Error> {
        let (out, size, identity, _) = append_to(&self.settings.path)?;
        let failed = std::mem::replace(&mut self.out, out);
        drop(failed.into_parts()); // as it is: to drop it whole would try to write once more
        (self.size, self.identity) = (size, identity);
        Ok(())
    }

    /// Writes the rest, and waits for what was rotated to be tidied up. What was wrong with that is told.
    pub fn finish(&mut self) -> Result<Option<String>, Error> {
        self.flush()?;
        self.join();
        Ok(self.untidy.take())
    }

    fn append(&mut self, lines: &[u8]) -> Result<(), Error> {
        self.out.write_all(lines).map_err(|source| self.failed(source))?;
        self.size = self.size.saturating_add(u64::try_from(lines.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    fn rotate_by_time(&mut self) -> Result<(), Error> {
        let Some(period) = self.settings.rotate_interval.and_then(|interval| now().checked_div(interval)) else { return Ok(()) };
        if period != self.period {
            self.period = period;
            if self.size > 0 {
                return self.rotate();
            }
        }
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), Error> {
        self.flush()?;
        let mut at = nanos();
        let name = loop {
            let name = rotated(&self.settings.path, Timestamp::from_nanos(at));
            if !name.exists() && !compressed(&name).exists() {
                break name;
            }
            at = at.saturating_add(1_000);
        };
        fs::rename(&self.settings.path, &name).map_err(|source| self.failed(source))?;
        (self.out, self.size, self.identity, _) = append_to(&self.settings.path)?;
        self.join();
        let settings = self.settings.clone();
        match thread::Builder::new().name("rotated".to_owned()).spawn(move || tidy(&settings)) {
            Ok(handle) => self.tidying = Some(handle),
            Err(error) => self.untidy = Some(error.to_string()),
        }
        Ok(())
    }

    /// Waits for what was rotated before.
    fn join(&mut self) {
        let Some(handle) = self.tidying.take() else { return };
        match handle.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.untidy = Some(error.to_string()),
            Err(_) => self.untidy = Some("a thread failed".to_owned()),
        }
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::File { path: self.settings.path.clone(), source }
    }
}

type Opened = (BufWriter<fs::File>, u64, (u64, u64), u64);

/// The file, its size, which one it is, and when it was written to last, in seconds from 1970.
fn append_to(path: &Path) -> Result<Opened, Error> {
    let open = || -> io::Result<Opened> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let meta = file.metadata()?;
        let mut size = meta.len();
        if meta.is_file() && size > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                size = size.saturating_add(1);
            }
        }
        let modified = u64::try_from(meta.mtime()).unwrap_or(0);
        Ok((BufWriter::with_capacity(BUFFER, file), size, (meta.dev(), meta.ino()), modified))
    };
    open().map_err(|source| Error::Create { path: path.to_owned(), source })
}

/// Compresses what was rotated, if that is wanted, and removes the oldest.
fn tidy(settings: &LogSettings) -> io::Result<()> {
    if settings.compress {
        for plain in rotated_files(&settings.path)?.into_iter().filter(|path| !is_compressed(path)) {
            let whole = compressed(&plain);
            let part = whole.with_added_extension("part");
            let mut out = fs::File::create(&part)?;
            zstd::stream::copy_encode(fs::File::open(&plain)?, &mut out, LEVEL)?;
            out.sync_all()?;
            fs::rename(&part, &whole)?;
            fs::remove_file(&plain)?;
        }
    }
    if let Some(keep) = settings.keep {
        let files = rotated_files(&settings.path)?;
        for old in files.iter().take(files.len().saturating_sub(keep)) {
            fs::remove_file(old)?;
        }
    }
    Ok(())
}

/// What was rotated of `path`, the oldest first.
fn rotated_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(name), dir) = (path.file_name(), directory(path)) else { return Ok(Vec::new()) };
    let name = name.to_string_lossy();
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let other = entry.file_name();
        let other = other.to_string_lossy();
        let stamp = other.strip_prefix(&*name).and_then(|rest| rest.strip_prefix('.')).map(|rest| rest.trim_end_matches(ENDING));
        if stamp.is_some_and(is_stamp) {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Whether `text` is a time as [`rotated`] writes it: `20261129T215801.000000`.
fn is_stamp(text: &str) -> bool {
    text.len() == STAMP.len()
        && text.bytes().zip(STAMP.bytes()).all(|(b, form)| if form == b'0' { b.is_ascii_digit() } else { b == form })
}

fn rotated(path: &Path, at: Timestamp) -> PathBuf {
    let (y, mo, d, h, mi, s) = at.utc();
    let micros = at.subsec_nanos().checked_div(1_000).unwrap_or(0);
    path.with_added_extension(format!("{y:04}{mo:02}{d:02}T{h:02}{mi:02}{s:02}.{micros:06}"))
}

fn compressed(path: &Path) -> PathBuf {
    path.with_added_extension("zst")
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "zst")
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn nanos() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn now() -> u64 {
    Timestamp::from_nanos(nanos()).as_secs()
}

/// The form of the time in a rotated file's name.
const STAMP: &str = "00000000T000000.000000";
const ENDING: &str = ".zst";
/// Zstandard's own default.
const LEVEL: i32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(dir: &Path) -> LogSettings {
        LogSettings { path: dir.join("eve.json"), rotate_size: None, rotate_interval: None, compress: false, keep: None }
    }

    /// Rotated files, oldest first, and the one in use, with their text.
    fn texts(dir: &Path) -> Vec<String> {
        let path = dir.join("eve.json");
        let read = |path: &PathBuf| match is_compressed(path) {
            true => String::from_utf8(zstd::decode_all(fs::File::open(path).unwrap()).unwrap()).unwrap(),
            false => fs::read_to_string(path).unwrap(),
        };
        rotated_files(&path).unwrap().iter().chain([&path]).map(read).collect()
    }

    #[test]
    fn a_file_is_rotated_between_lines_before_it_is_too_large() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(LogSettings { rotate_size: Some(8), ..settings(dir.path()) }).unwrap();
        log.write(b"one\ntwo\nthree\n").unwrap();
        log.write(b"a line that is longer than a file\n4\n5\n").unwrap();
        assert_eq!(log.finish().unwrap(), None);
        assert_eq!(texts(dir.path()), ["one\ntwo\n", "three\n", "a line that is longer than a file\n", "4\n5\n"]);
    }

    #[test]
    fn what_was_rotated_is_compressed_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("eve.json.old");
        fs::write(&other, "not ours").unwrap();
        let mut log =
            LogFile::open(LogSettings { rotate_size: Some(2), compress: true, keep: Some(2), ..settings(dir.path()) }).unwrap();
        for line in ["1\n", "2\n", "3\n", "4\n", "5\n"] {
            log.write(line.as_bytes()).unwrap();
        }
        assert_eq!(log.finish().unwrap(), None);
        assert_eq!(texts(dir.path()), ["3\n", "4\n", "5\n"]);
        assert!(rotated_files(&dir.path().join("eve.json")).unwrap().iter().all(|path| is_compressed(path)));
        assert!(other.exists());
    }

    #[test]
    fn what_a_killed_run_left_uncompressed_is_compressed_with_the_next_rotation() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("eve.json.20200101T000000.000000"), "old\n").unwrap();
        fs::write(dir.path().join("eve.json.20200101T000000.000000.zst.part"), "half").unwrap();
        let mut log = LogFile::open(LogSettings { rotate_size: Some(2), compress: true, ..settings(dir.path()) }).unwrap();
        log.write(b"1\n2\n").unwrap();
        log.finish().unwrap();
        assert_eq!(texts(dir.path()), ["old\n", "1\n", "2\n"]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_file_is_appended_to_and_a_torn_line_stands_alone() {
        let dir = tempfile::tempdir().unwrap();
        for (before, after) in [("", "new\n"), ("whole\n", "whole\nnew\n"), ("torn", "torn\nnew\n")] {
            fs::write(dir.path().join("eve.json"), before).unwrap();
            let mut log = LogFile::open(settings(dir.path())).unwrap();
            log.write(b"new\n").unwrap();
            log.finish().unwrap();
            assert_eq!(texts(dir.path()), [after]);
        }
    }

    #[test]
    fn a_file_of_an_earlier_interval_is_rotated_before_it_is_appended_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("eve.json");
        for (age, expected) in [(2 * 86_400, &["old\n", "new\n"][..]), (0, &["old\nnew\n"])] {
            let _ = rotated_files(&path).unwrap().iter().map(fs::remove_file).collect::<Vec<_>>();
            fs::write(&path, "old\n").unwrap();
            let modified = SystemTime::now() - std::time::Duration::from_secs(age);
            fs::File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
            // An interval so long that the test does not run into its end.
            let interval = if age == 0 { 1 << 40 } else { 86_400 };
            let mut log = LogFile::open(LogSettings { rotate_interval: Some(interval), ..settings(dir.path()) }).unwrap();
            log.write(b"new\n").unwrap();
            log.finish().unwrap();
            assert_eq!(texts(dir.path()), expected, "{age}");
        }
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("eve.json");
        let mut log = LogFile::open(settings(dir.path())).unwrap();
        log.write(b"1\n").unwrap();
        fs::rename(&path, dir.path().join("moved")).unwrap();
        log.write(b"2\n").unwrap();
        log.tick().unwrap();
        log.write(b"3\n").unwrap();
        log.finish().unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("moved")).unwrap(), "1\n2\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "3\n");
    }
}
