//! Writes frames to a pcapng file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use pcap_parser::{BOM_MAGIC, EPB_MAGIC, IDB_MAGIC, SHB_MAGIC};

use crate::packet::{Frame, LinkType};

use super::error::CaptureError;

/// A pcapng file that is being written: one little-endian section, one interface per link type, times in nanoseconds.
///
/// Nothing is promised to be on disk before [`finish`](Self::finish) has succeeded.
pub struct PcapngWriter {
    path: PathBuf,
    out: BufWriter<Box<dyn Write + Send>>,
    /// The link types of the interfaces described so far, by interface number.
    interfaces: Vec<LinkType>,
}

impl PcapngWriter {
    /// Creates the file, or empties it, and writes the section header. `-` is standard output.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, CaptureError> {
        Self::begin(path.into(), "")
    }

    fn begin(path: PathBuf, comment: &str) -> Result<Self, CaptureError> {
        let out: Box<dyn Write + Send> = match (path == Path::new("-")).then(io::stdout) {
            Some(stdout) => Box::new(stdout),
            None => match File::create(&path) {
                Ok(file) => Box::new(file),
                Err(source) => return Err(CaptureError::Write { path, source }),
            },
        };
        let mut writer = Self { path, out: BufWriter::with_capacity(OUTPUT_BUFFER, out), interfaces: Vec::new() };
        let written = writer.section_header(comment);
        writer.named(written)?;
        Ok(writer)
    }

    /// As [`create`](Self::create), with a comment on all of it.
    pub fn create_about(path: impl Into<PathBuf>, comment: &str) -> Result<Self, CaptureError> {
        Self::begin(path.into(), comment)
    }

    /// Appends a frame, with comments on it.
    pub fn write_about(&mut self, frame: &Frame<'_>, comments: &[String]) -> Result<(), CaptureError> {
        let written = self.interface(frame.link).and_then(|interface| self.enhanced_packet(interface, frame, comments));
        self.named(written)
    }

    /// Appends a frame.
    pub fn write(&mut self, frame: &Frame<'_>) -> Result<(), CaptureError> {
        self.write_about(frame, &[])
    }

    /// Writes what is still in memory. Without it the end of the file may be lost without a word.
    pub fn finish(mut self) -> Result<(), CaptureError> {
        let written = self.out.flush();
        self.named(written)
    }

    /// The file that is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn named<T>(&self, written: io::Result<T>) -> Result<T, CaptureError> {
        written.map_err(|source| CaptureError::Write { path: self.path.clone(), source })
    }

    /// Its section length is -1: not known.
    fn section_header(&mut self, comment: &str) -> io::Result<()> {
        let version = [1_u16.to_le_bytes(), 0_u16.to_le_bytes()].concat();
        let application = concat!("portcullis ", env!("CARGO_PKG_VERSION")).as_bytes();
        let about = (!comment.is_empty()).then_some((COMMENT, comment.as_bytes()));
        let options = options(about.into_iter().chain([(SHB_USERAPPL, application)]));
        self.block(SHB_MAGIC, &[&BOM_MAGIC.to_le_bytes(), &version, &(-1_i64).to_le_bytes(), &options])
    }

    /// The number of the interface with this link type, which is described first if it is new.
    fn interface(&mut self, link: LinkType) -> io::Result<u32> {
        let known = self.interfaces.iter().position(|known| *known == link);
        let number = known.unwrap_or(self.interfaces.len()) as u32;
        if known.is_none() {
            let no_limit = 0_u32.to_le_bytes();
            let options = options([(IF_TSRESOL, &[9][..])]);
            self.block(IDB_MAGIC, &[&link.number().to_le_bytes(), &[0, 0], &no_limit, &options])?;
            self.interfaces.push(link);
        }
        Ok(number)
    }

    fn enhanced_packet(&mut self, interface: u32, frame: &Frame<'_>, comments: &[String]) -> io::Result<()> {
        let nanos = frame.timestamp.as_nanos();
        let captured_len = u32::try_from(frame.data.len()).map_err(io::Error::other)?;
        let fields = [interface, (nanos >> 32) as u32, nanos as u32, captured_len, frame.original_len];
        let [interface, high, low, captured_len, original_len] = fields.map(u32::to_le_bytes);
        let options = match comments {
            [] => Vec::new(),
            comments => options(comments.iter().map(|comment| (COMMENT, comment.as_bytes()))),
        };
        let padding = padding(frame.data.len());
        self.block(EPB_MAGIC, &[&interface, &high, &low, &captured_len, &original_len, frame.data, padding, &options])
    }

    /// Writes a block with the body that `parts` make up, whose length is a multiple of four.
    fn block(&mut self, block_type: u32, parts: &[&[u8]]) -> io::Result<()> {
        let len = parts.iter().fold(BLOCK_FRAME, |len, part| len.saturating_add(part.len()));
        let len = u32::try_from(len).map_err(io::Error::other)?.to_le_bytes();
        self.out.write_all(&block_type.to_le_bytes())?;
        self.out.write_all(&len)?;
        parts.iter().try_for_each(|part| self.out.write_all(part))?;
        self.out.write_all(&len)
    }
}

/// A list of options with its end mark.
fn options<'o>(list: impl IntoIterator<Item = (u16, &'o [u8])>) -> Vec<u8> {
    let mut out = Vec::new();
    for (code, value) in list {
        out.extend_from_slice(&code.to_le_bytes());
        let value = value.get(..LONGEST_OPTION).unwrap_or(value);
        out.extend_from_slice(&(value.len() as u16).to_le_bytes());
        out.extend_from_slice(value);
        out.extend_from_slice(padding(value.len()));
    }
    out.extend_from_slice(&[0; 4]);
    out
}

/// What fills up `len` bytes to a multiple of four.
fn padding(len: usize) -> &'static [u8] {
    match len % 4 {
        1 => &[0; 3],
        2 => &[0; 2],
        3 => &[0; 1],
        _ => &[],
    }
}

/// Option code: a comment.
const COMMENT: u16 = 1;
/// Bytes of an option, which has its length in 16 bits.
const LONGEST_OPTION: usize = 65_532;

/// Option code: the program that wrote the section.
const SHB_USERAPPL: u16 = 4;

/// Option code: the resolution of an interface's time stamps.
const IF_TSRESOL: u16 = 9;

/// Type and twice the total length.
const BLOCK_FRAME: usize = 12;

/// How much is written at a time.
const OUTPUT_BUFFER: usize = 1 << 20;
