//! Content codings of RFC 9110, section 8.4: gzip, deflate, br and zstd, alone or two of them.
//!
//! Invariant: no more than the limit is ever inflated, nor is more kept than that and a window: 16 MiB with br, and
//! the limit or 8 MiB, whichever is more, with zstd. Decoders stop when the limit is passed, not after.

use std::io::{self, Read};

use brotli_decompressor::{BrotliDecoderParameter, Decompressor};
use flate2::bufread::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::refused::{Format, Place, QUOTED_BYTES, Refused};

/// Most codings of one body.
const CODINGS: usize = 2;
/// Bytes that are inflated at a time.
const CHUNK: usize = 32 << 10;
/// Most members of gzip and frames of zstd: each has a decoder made ready, which takes longer than to read a short one.
const MEMBERS: usize = 1_000;
/// The window that every decoder of zstd must have, and the most that a sender may ask for: RFC 9659.
const ZSTD_WINDOW: u64 = 8 << 20;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950; and what it is taken for by many, RFC 1951.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// The codings that `Content-Encoding` names, in the order in which they were applied.
pub(super) fn codings(header: &str) -> Result<Vec<Coding>, Refused> {
    let refused = || Refused::Encoding(crate::attempt::capped(header.to_owned(), QUOTED_BYTES));
    let mut codings = Vec::new();
    for name in header.split(',').map(|name| name.trim().to_ascii_lowercase()) {
        let coding = match name.as_str() {
            "" | "identity" => continue,
            "gzip" | "x-gzip" => Coding::Gzip,
            "deflate" => Coding::Deflate,
            "br" => Coding::Brotli,
            "zstd" => Coding::Zstd,
            _ => return Err(refused()),
        };
        if codings.len() == CODINGS {
            return Err(refused());
        }
        codings.push(coding);
    }
    Ok(codings)
}

/// The bytes before the codings were applied; at most `limit`, in between too.
pub(super) fn inflate(codings: &[Coding], bytes: &[u8], limit: u64) -> Result<Vec<u8>, Refused> {
    let mut inflated: Option<Vec<u8>> = None;
    for coding in codings.iter().rev() {
        inflated = Some(coding.inflate(inflated.as_deref().unwrap_or(bytes), limit)?);
    }
    Ok(inflated.unwrap_or_else(|| bytes.to_vec()))
}

impl Coding {
    fn format(self) -> Format {
        match self {
            Self::Gzip => Format::Gzip,
            Self::Deflate => Format::Deflate,
            Self::Brotli => Format::Brotli,
            Self::Zstd => Format::Zstd,
        }
    }

    fn inflate(self, bytes: &[u8], limit: u64) -> Result<Vec<u8>, Refused> {
        let mut out = Inflated { bytes: Vec::new(), limit };
        let done = match self {
            Self::Gzip => gzip(&mut out, bytes),
            Self::Deflate => deflate(&mut out, bytes),
            Self::Brotli => brotli(&mut out, bytes),
            Self::Zstd => zstd(&mut out, bytes),
        };
        match done {
            Ok(()) => Ok(out.bytes),
            Err(Stop::Limit) => Err(Refused::Inflated { limit }),
            Err(Stop::Members) => Err(Refused::TooMany { what: "compressed members", limit: MEMBERS }),
            Err(Stop::Broken(why)) => {
                Err(Refused::malformed(self.format(), Place::Byte(out.bytes.len()), why))
            }
        }
    }
}

/// Why inflating ends before the bytes do.
enum Stop {
    Limit,
    Members,
    Broken(String),
}

impl Stop {
    fn trailing() -> Self {
        Self::Broken("something follows its end".into())
    }

    fn truncated() -> Self {
        Self::Broken("it breaks off".into())
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// What has been inflated.
struct Inflated {
    bytes: Vec<u8>,
    limit: u64,
}

impl Inflated {
    /// Takes all that a decoder gives.
    fn take(&mut self, mut decoder: impl Read) -> Result<(), Stop> {
        let mut chunk = [0; CHUNK];
        loop {
            let read = decoder.read(&mut chunk)?;
            if read == 0 {
                return Ok(());
            }
            self.push(chunk.get(..read).unwrap_or_default())?;
        }
    }

    fn push(&mut self, chunk: &[u8]) -> Result<(), Stop> {
        let whole = self.bytes.len().saturating_add(chunk.len());
        if u64::try_from(whole).unwrap_or(u64::MAX) > self.limit {
            return Err(Stop::Limit);
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
}

/// Members one after another: RFC 1952, section 2.2.
fn gzip(out: &mut Inflated, mut bytes: &[u8]) -> Result<(), Stop> {
    for _ in 0..MEMBERS {
        out.take(GzDecoder::new(&mut bytes))?;
        if bytes.is_empty() {
            return Ok(());
        }
    }
    Err(Stop::Members)
}

/// With the wrapper that the coding has, or without, as servers sent it so long that all browsers take both.
fn deflate(out: &mut Inflated, bytes: &[u8]) -> Result<(), Stop> {
    let mut inflater = Decompress::new(is_zlib(bytes));
    let mut chunk = [0; CHUNK];
    loop {
        let (read, written) = (inflater.total_in(), inflater.total_out());
        let rest = usize::try_from(read).ok().and_then(|read| bytes.get(read..)).unwrap_or_default();
        let status = inflater
            .decompress(rest, &mut chunk, FlushDecompress::None)
            .map_err(|error| Stop::Broken(error.to_string()))?;
        let added = usize::try_from(inflater.total_out().saturating_sub(written)).unwrap_or_default();
        out.push(chunk.get(..added).unwrap_or_default())?;
        match status {
            Status::StreamEnd if inflater.total_in() == bytes.len() as u64 => return Ok(()),
            Status::StreamEnd => return Err(Stop::trailing()),
            Status::Ok | Status::BufError if added == 0 && inflater.total_in() == read => {
                return Err(Stop::truncated());
            }
            Status::Ok | Status::BufError => {}
        }
    }
}

/// Whether bytes begin as RFC 1950 has it: a method of 8, and a sum that is right.
fn is_zlib(bytes: &[u8]) -> bool {
    let Some([method, flags]) = bytes.first_chunk::<2>() else { return false };
    method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
}

fn brotli(out: &mut Inflated, bytes: &[u8]) -> Result<(), Stop> {
    let mut decoder = Decompressor::new(bytes, CHUNK);
    // RFC 7932 knows no such windows, which would be up to a gigabyte.
    decoder.set_parameter(BrotliDecoderParameter::BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
    out.take(&mut decoder)?;
    // Of what it has read and does not need it tells when asked again.
    let rest = decoder.read(&mut [0; 1]);
    if rest.is_err() || !decoder.get_ref().is_empty() { Err(Stop::trailing()) } else { Ok(()) }
}

/// Frames one after another, some of which may be there to be skipped: RFC 8878, section 3.1.
fn zstd(out: &mut Inflated, mut bytes: &[u8]) -> Result<(), Stop> {
    let mut frames = FrameDecoder::new();
    // A frame in one segment has a window of its whole content.
    frames.set_max_window_size(out.limit.max(ZSTD_WINDOW));
    if bytes.is_empty() {
        return Err(Stop::truncated());
    }
    for _ in 0..MEMBERS {
        if bytes.is_empty() {
            return Ok(());
        }
        match StreamingDecoder::new_with_decoder(&mut bytes, &mut frames) {
            Ok(frame) => out.take(frame)?,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                bytes = bytes.get(length..).ok_or_else(Stop::truncated)?;
                continue;
            }
            // It is the content that is too long, so that nobody looks for a fault in the frame.
            Err(FrameDecoderError::WindowSizeTooBig { .. }) => return Err(Stop::Limit),
            Err(error) => return Err(Stop::Broken(error.to_string())),
        }
        let said = frames.get_checksum_from_data();
        if said.is_some() && said != frames.get_calculated_checksum() {
            return Err(Stop::Broken("its checksum is wrong".into()));
        }
    }
    if bytes.is_empty() { Ok(()) } else { Err(Stop::Members) }
}
