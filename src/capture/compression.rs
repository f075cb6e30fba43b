//! Compressed files: recognised by content, decompressed as a stream.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use lz4_flex::frame::FrameDecoder;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// gzip (RFC 1952), any number of members.
    Gzip,
    /// zstd (RFC 8878), any number of frames.
    Zstd,
    /// xz, any number of streams, with padding between them.
    Xz,
    /// The LZ4 frame format, any number of frames.
    Lz4,
}

impl Compression {
    /// How many first bytes [`by_first_bytes`](Self::by_first_bytes) wants to see.
    pub const MAGIC_LEN: usize = 6;

    /// By the first bytes of a file; `None` where it is not compressed in a known way.
    pub fn by_first_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, 0x08, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            // A skippable frame (RFC 8878 §3.1.2): parallel and seekable compressors of zstd begin with one.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// A reader of what `compressed` holds. It reports a stream that is cut as an error, after all that could be decompressed.
    pub fn decoder<R: Read + Send + 'static>(self, compressed: R) -> io::Result<Box<dyn Read + Send>> {
        let compressed = BufReader::with_capacity(INPUT_BUFFER, compressed);
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(compressed)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
            Self::Xz => Box::new(XzDecoder::new_stream(compressed, Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?)),
            Self::Lz4 => Box::new(Lz4Frames::new(compressed)),
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
        })
    }
}

/// LZ4 frames one after the other. [`FrameDecoder`] reads a frame at a time, and answers the end of a frame and the end of
/// a file that is cut inside one alike: with no bytes. They differ in whether the source had run dry.
struct Lz4Frames<R: Read> {
    /// `None` only while one decoder is exchanged for the next.
    decoder: Option<FrameDecoder<Watched<R>>>,
}

impl<R: BufRead> Lz4Frames<R> {
    fn new(compressed: R) -> Self {
        Self { decoder: Some(FrameDecoder::new(Watched { inner: compressed, delivered: false, dry: false })) }
    }
}

impl<R: BufRead> Read for Lz4Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(decoder) = self.decoder.as_mut() else { return Ok(0) };
            let n = decoder.read(out)?;
            let source = decoder.get_ref();
            match (n, source.dry, source.delivered) {
                (0, true, false) => return Ok(0),
                (0, true, true) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends inside a frame")),
                // The frame is whole. The next one may have another block size, so it gets a decoder of its own.
                (0, false, _) if !out.is_empty() => {
                    let source = self.decoder.take().map(FrameDecoder::into_inner);
                    self.decoder = source.map(|source| FrameDecoder::new(Watched { delivered: false, ..source }));
                }
                (n, ..) => return Ok(n),
            }
        }
    }
}

/// Notes whether anything was read from `inner`, and whether the last read found nothing more.
struct Watched<R> {
    inner: R,
    delivered: bool,
    dry: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        self.dry = n == 0 && !out.is_empty();
        self.delivered |= n > 0;
        Ok(n)
    }
}

/// How much compressed data is read at a time.
const INPUT_BUFFER: usize = 256 << 10;

/// The largest window of zstd that is accepted: 128 MiB, what `zstd --ultra -22` makes. Only `--long=28` and above need more.
const ZSTD_WINDOW_LOG: u32 = 27;

/// The most memory that decompressing xz may take, in bytes: `xz -9` needs 65 MiB, dictionaries up to 250 MiB pass.
const XZ_MEMORY: u64 = 256 << 20;
