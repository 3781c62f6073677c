//! The log lines of one attempt: what the guest logged and what it printed, in order and capped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stepmill_core::attempt::{LogLevel, LogLine};

/// What a line costs beside its text, so that empty lines are not free.
const LINE_COST: u64 = 32;
/// Bytes of one printed line; a longer one is broken.
const PRINTED_LINE: usize = 4 << 10;
/// Last bytes of standard error that are kept to explain a trap.
const TAIL: usize = 2 << 10;

/// Writes a guest's lines to the host's log, each with these fields. Their text is a field, never the message.
macro_rules! tell {
    ($lines:expr, $($fields:tt)+) => {
        for stepmill_core::attempt::LogLine { level, message, fields } in $lines {
            macro_rules! line {
                ($level:ident) => {
                    tracing::$level!($($fields)+, text = ?message, fields = ?fields, "guest")
                };
            }
            match level {
                stepmill_core::attempt::LogLevel::Trace => line!(trace),
                stepmill_core::attempt::LogLevel::Debug => line!(debug),
                stepmill_core::attempt::LogLevel::Info => line!(info),
                stepmill_core::attempt::LogLevel::Warn => line!(warn),
                stepmill_core::attempt::LogLevel::Error => line!(error),
            }
        }
    };
}
pub(crate) use tell;

/// Which standard stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// The lines of an attempt; a shared handle, because standard streams outlive the call that opens them.
#[derive(Clone, Debug)]
pub(crate) struct Logs(Arc<Mutex<Lines>>);

#[derive(Debug)]
struct Lines {
    limit: u64,
    kept: Vec<LogLine>,
    used: u64,
    dropped: u64,
    out: Vec<u8>,
    err: Vec<u8>,
    tail: VecDeque<u8>,
}

impl Logs {
    pub(crate) fn new(limit: u64) -> Self {
        Self(Arc::new(Mutex::new(Lines {
            limit,
            kept: Vec::new(),
            used: 0,
            dropped: 0,
            out: Vec::new(),
            err: Vec::new(),
            tail: VecDeque::new(),
        })))
    }

    /// Adds a line, or counts it as dropped.
    pub(crate) fn write(&self, line: LogLine) {
        let mut lines = self.lines();
        lines.flush();
        lines.push(line);
    }

    /// Adds printed bytes.
    pub(crate) fn print(&self, stream: Stream, bytes: &[u8]) {
        self.lines().print(stream, bytes);
    }

    /// The last bytes of standard error, as text.
    pub(crate) fn last_words(&self) -> String {
        let mut lines = self.lines();
        let tail = lines.tail.make_contiguous();
        String::from_utf8_lossy(tail).trim().to_owned()
    }

    /// All lines that were kept; the last one says how much was dropped, if anything was.
    pub(crate) fn take(&self) -> Vec<LogLine> {
        let mut lines = self.lines();
        lines.flush();
        let mut kept = std::mem::take(&mut lines.kept);
        if lines.dropped > 0 {
            kept.push(LogLine {
                level: LogLevel::Warn,
                message: format!(
                    "{} bytes were dropped: over the limit of {} log bytes",
                    lines.dropped, lines.limit
                ),
                fields: Vec::new(),
            });
        }
        lines.used = 0;
        lines.dropped = 0;
        kept
    }

    // A poisoned lock is no reason to lose the lines.
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn push(&mut self, line: LogLine) {
        let fields: usize = line.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        let bytes = (line.message.len() + fields) as u64;
        let cost = bytes.saturating_add(LINE_COST.saturating_mul(1 + line.fields.len() as u64));
        if self.used.saturating_add(cost) > self.limit {
            self.dropped = self.dropped.saturating_add(bytes);
            return;
        }
        self.used += cost;
        self.kept.push(line);
    }

    fn print(&mut self, stream: Stream, bytes: &[u8]) {
        if stream == Stream::Err {
            let recent = bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or(bytes);
            let over = (self.tail.len() + recent.len()).saturating_sub(TAIL);
            self.tail.drain(..over);
            self.tail.extend(recent);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            for part in piece.chunks(PRINTED_LINE) {
                let buffer = self.buffer(stream);
                buffer.extend_from_slice(part);
                if part.ends_with(b"\n") || buffer.len() >= PRINTED_LINE {
                    self.end_line(stream);
                }
            }
        }
    }

    fn flush(&mut self) {
        self.end_line(Stream::Out);
        self.end_line(Stream::Err);
    }

    fn end_line(&mut self, stream: Stream) {
        let buffer = self.buffer(stream);
        if buffer.is_empty() {
            return;
        }
        let message = String::from_utf8_lossy(buffer).trim_end().to_owned();
        buffer.clear();
        let level = match stream {
            Stream::Out => LogLevel::Info,
            Stream::Err => LogLevel::Warn,
        };
        self.push(LogLine { level, message, fields: Vec::new() });
    }

    fn buffer(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }
}

#[cfg(test)]
mod tests {
    use stepmill_core::attempt::{LogLevel, LogLine};

    use super::{Logs, Stream};

    fn line(message: &str) -> LogLine {
        LogLine { level: LogLevel::Info, message: message.into(), fields: Vec::new() }
    }

    #[test]
    fn lines_keep_their_order_and_printed_text_is_split() {
        let logs = Logs::new(1 << 16);
        logs.print(Stream::Out, b"one\ntw");
        logs.print(Stream::Out, b"o\nthree");
        logs.write(line("four"));
        let messages: Vec<_> = logs.take().into_iter().map(|line| line.message).collect();
        assert_eq!(messages, ["one", "two", "three", "four"]);
    }

    #[test]
    fn a_flood_is_capped_and_the_last_line_says_how_much_was_dropped() {
        let logs = Logs::new(1_000);
        for _ in 0..1_000 {
            logs.write(line(""));
            logs.print(Stream::Err, &[b'x'; 10_000]);
        }
        logs.print(Stream::Err, b"\nthe end\n");
        let lines = logs.take();
        assert!(lines.len() < 40);
        assert!(lines.last().unwrap().message.contains("bytes were dropped"), "{lines:?}");
        assert!(logs.last_words().ends_with("the end"));
    }
}
