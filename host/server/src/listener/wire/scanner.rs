//! Follows the requests of an HTTP/1 connection from byte to byte: which of them may go on, and where one ends.
//!
//! Pure. A head goes on only as a whole, when it has been read by [`head`]; a body as it comes. What follows
//! a fault never does, so that nothing can be smuggled behind one.

use super::head::{self, Framing, TARGET_BYTES};
use crate::listener::fault::Fault;

/// Longest extension of a chunk: nobody uses them, and they must be skipped (RFC 9112, section 7.1.1).
const EXTENSION_BYTES: u16 = 256;
/// Most digits of a chunk's size: as many as no sum of them overflows.
const SIZE_DIGITS: u8 = 15;

/// Limits of a head.
#[derive(Clone, Copy, Debug)]
pub(in crate::listener) struct Limits {
    /// Bytes of the first line and the headers, and of trailers.
    pub(in crate::listener) bytes: usize,
    /// Number of headers.
    pub(in crate::listener) count: usize,
}

/// What became of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fed {
    /// How many of them go on. The rest is the beginning of a head, unless there is a fault.
    pub(super) passed: usize,
    /// How many heads are among these.
    pub(super) heads: u32,
    /// What is wrong with what follows them.
    pub(super) fault: Option<Fault>,
}

/// Where in the connection's bytes it is.
#[derive(Debug)]
pub(super) struct Scanner {
    limits: Limits,
    at: At,
    /// How much of the head that has begun was looked through for its end.
    searched: usize,
    /// Whether its first line is whole.
    has_line: bool,
    /// Whether the one empty line that may precede a request was there.
    had_blank: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Head,
    Body(u64),
    Chunks(Chunk),
}

/// Where in a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    Size {
        bytes: u64,
        digits: u8,
    },
    Extension {
        bytes: u64,
        left: u16,
    },
    SizeEnds {
        bytes: u64,
    },
    Data {
        left: u64,
    },
    DataEnds {
        cr: bool,
    },
    /// At the beginning of a line of the trailers, which may have so many more bytes.
    Trailers {
        left: usize,
    },
    Trailer {
        left: usize,
    },
    TrailerEnds {
        left: usize,
    },
    LastLf,
}

impl Scanner {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, at: At::Head, searched: 0, has_line: false, had_blank: false }
    }

    /// Whether a body is on its way.
    pub(super) fn is_in_body(&self) -> bool {
        self.at != At::Head
    }

    /// Looks at bytes that follow those which have gone on: the head that had begun, if any, from its beginning.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Fed {
        let mut fed = Fed { passed: 0, heads: 0, fault: None };
        while let Some(rest) = bytes.get(fed.passed..).filter(|rest| !rest.is_empty()) {
            let step = match self.at {
                At::Head => self.head(rest, &mut fed.heads),
                At::Body(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    self.enter_body(left.saturating_sub(here as u64));
                    Ok(here)
                }
                At::Chunks(chunk) => self.chunks(chunk, rest),
            };
            match step {
                Ok(0) => break,
                Ok(passed) => fed.passed = fed.passed.saturating_add(passed),
                Err(fault) => {
                    fed.fault = Some(fault);
                    break;
                }
            }
        }
        fed
    }

    fn enter_body(&mut self, left: u64) {
        self.at = if left == 0 { At::Head } else { At::Body(left) };
    }

    /// How many bytes the head has; 0 while it is not whole.
    fn head(&mut self, bytes: &[u8], heads: &mut u32) -> Result<usize, Fault> {
        let Limits { bytes: most, count } = self.limits;
        if !self.had_blank && bytes.starts_with(b"\r\n") {
            (self.had_blank, self.searched) = (true, 0);
            return Ok(2);
        }
        if !bytes.first().is_some_and(|byte| byte.is_ascii_graphic() || (*byte == b'\r' && !self.had_blank)) {
            return Err(Fault::Malformed("this is not HTTP"));
        }
        while let Some(lf) = bytes
            .iter()
            .skip(self.searched)
            .position(|byte| *byte == b'\n')
            .map(|at| at.saturating_add(self.searched))
        {
            let line_end = bytes.get(..=lf).unwrap_or(bytes);
            if !line_end.ends_with(b"\r\n") {
                return Err(Fault::Malformed("a line ends with LF alone"));
            }
            (self.searched, self.has_line) = (line_end.len(), true);
            if line_end.len() > most {
                break;
            }
            if line_end.ends_with(b"\r\n\r\n") {
                let framing = head::read(line_end, count, most)?;
                (self.searched, self.has_line, self.had_blank) = (0, false, false);
                *heads = heads.saturating_add(1);
                match framing {
                    Framing::Length(length) => self.enter_body(length),
                    Framing::Chunked => self.at = At::Chunks(Chunk::Size { bytes: 0, digits: 0 }),
                }
                return Ok(line_end.len());
            }
        }
        if !self.has_line && bytes.len() > TARGET_BYTES.saturating_add(64) {
            return Err(Fault::Target(TARGET_BYTES));
        }
        if bytes.len() > most {
            return Err(Fault::Headers { count, bytes: most });
        }
        self.searched = bytes.len();
        Ok(0)
    }

    /// How many bytes of a chunked body there are, at least one.
    fn chunks(&mut self, mut chunk: Chunk, bytes: &[u8]) -> Result<usize, Fault> {
        let mut passed = 0_usize;
        while let Some(byte) = bytes.get(passed).copied() {
            if let Chunk::Data { left } = chunk {
                let here =
                    usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len().saturating_sub(passed));
                passed = passed.saturating_add(here);
                let left = left.saturating_sub(here as u64);
                chunk = if left == 0 { Chunk::DataEnds { cr: false } } else { Chunk::Data { left } };
                continue;
            }
            let next = match self.chunk(chunk, byte) {
                Ok(next) => next,
                // What is right before it goes on, however it was cut into pieces.
                Err(_) if passed > 0 => break,
                Err(fault) => return Err(fault),
            };
            passed = passed.saturating_add(1);
            match next {
                Some(next) => chunk = next,
                None => {
                    self.at = At::Head;
                    return Ok(passed);
                }
            }
        }
        self.at = At::Chunks(chunk);
        Ok(passed)
    }

    /// One byte of a chunked body that is not data; none after the last.
    fn chunk(&self, chunk: Chunk, byte: u8) -> Result<Option<Chunk>, Fault> {
        const MALFORMED: Fault = Fault::Malformed("the body's chunks are malformed");
        Ok(Some(match (chunk, byte) {
            (Chunk::Size { bytes, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F')
                if digits < SIZE_DIGITS =>
            {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                Chunk::Size { bytes: (bytes << 4) | digit, digits: digits.saturating_add(1) }
            }
            (Chunk::Size { bytes, digits: 1.. }, b'\r') | (Chunk::Extension { bytes, .. }, b'\r') => {
                Chunk::SizeEnds { bytes }
            }
            (Chunk::Size { bytes, digits: 1.. }, b';') => Chunk::Extension { bytes, left: EXTENSION_BYTES },
            (Chunk::Extension { bytes, left: left @ 1.. }, b'\t' | b' '..=b'~') => {
                Chunk::Extension { bytes, left: left.saturating_sub(1) }
            }
            (Chunk::SizeEnds { bytes: 0 }, b'\n') => Chunk::Trailers { left: self.limits.bytes },
            (Chunk::SizeEnds { bytes }, b'\n') => Chunk::Data { left: bytes },
            (Chunk::DataEnds { cr: false }, b'\r') => Chunk::DataEnds { cr: true },
            (Chunk::DataEnds { cr: true }, b'\n') => Chunk::Size { bytes: 0, digits: 0 },
            (Chunk::Trailers { .. }, b'\r') => Chunk::LastLf,
            (Chunk::Trailer { left }, b'\r') => Chunk::TrailerEnds { left: left.saturating_sub(1) },
            (Chunk::Trailers { left: 0 } | Chunk::Trailer { left: 0 }, _) => {
                return Err(Fault::Headers { count: self.limits.count, bytes: self.limits.bytes });
            }
            // A line that begins with a blank would be folded.
            (Chunk::Trailers { left }, b'!'..=b'~')
            | (Chunk::Trailer { left }, b'\t' | b' '..=b'~' | 0x80..) => {
                Chunk::Trailer { left: left.saturating_sub(1) }
            }
            (Chunk::TrailerEnds { left }, b'\n') => Chunk::Trailers { left: left.saturating_sub(1) },
            (Chunk::LastLf, b'\n') => return Ok(None),
            (
                Chunk::Size { .. }
                | Chunk::Extension { .. }
                | Chunk::SizeEnds { .. }
                | Chunk::Data { .. }
                | Chunk::DataEnds { .. }
                | Chunk::Trailers { .. }
                | Chunk::Trailer { .. }
                | Chunk::TrailerEnds { .. }
                | Chunk::LastLf,
                _,
            ) => return Err(MALFORMED),
        }))
    }
}

#[cfg(test)]
mod tests;
