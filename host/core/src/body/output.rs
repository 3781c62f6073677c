//! JSON that is written up to a limit.

use std::io;

use serde::Serialize;

use super::refused::Refused;

/// JSON text that never grows beyond its limit.
pub(super) struct Output {
    bytes: Vec<u8>,
    limit: u64,
}

impl Output {
    pub(super) fn new(limit: u64) -> Self {
        Self { bytes: Vec::new(), limit }
    }

    /// Adds text that is JSON, or a part of some.
    pub(super) fn push(&mut self, json: &str) -> Result<(), Refused> {
        io::Write::write_all(self, json.as_bytes()).map_err(|_| Refused::Inflated { limit: self.limit })
    }

    /// Adds a value.
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        // What is written here are texts and maps of texts, so that nothing else can fail.
        serde_json::to_writer(&mut *self, value).map_err(|_| Refused::Inflated { limit: self.limit })
    }

    /// Adds a comma, unless what was added last opens an array or an object.
    pub(super) fn comma(&mut self) -> Result<(), Refused> {
        match self.bytes.last() {
            Some(b'[' | b'{') | None => Ok(()),
            Some(_) => self.push(","),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn into_text(self) -> String {
        String::from_utf8(self.bytes).expect("only text was added")
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let whole = self.bytes.len().saturating_add(bytes.len());
        if u64::try_from(whole).unwrap_or(u64::MAX) > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
