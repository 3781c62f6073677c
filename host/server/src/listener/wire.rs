//! A connection's bytes on their way to and from hyper.
//!
//! Of HTTP/1 only requests go on that the [`scanner`] has passed, and a fault is answered here when all that came
//! before it has been: hyper reads the connection's end in its place. HTTP/2 goes through as it is.

mod head;
mod scanner;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::activity::{Activity, Asked};
use super::fault::Fault;
use crate::metrics;
pub(super) use scanner::Limits;
use scanner::{Fed, Scanner};

/// What a connection of HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Read at once while a head is not whole.
const PIECE: usize = 4 << 10;
/// Most bytes that are read, and thrown away, of a request that was refused before it was read: who is reset before its answer is
/// read has none.
const LINGER: usize = 1 << 20;

/// Reads as much as it takes to tell HTTP/2 from HTTP/1: what was read, and whether it is HTTP/2.
pub(super) async fn sniff(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(Vec<u8>, bool)> {
    let mut read = Vec::new();
    while read.len() < PREFACE.len() && PREFACE.starts_with(&read) {
        let mut piece = [0; PREFACE.len()];
        let room = piece.get_mut(..PREFACE.len().saturating_sub(read.len())).unwrap_or_default();
        let got = stream.read(room).await?;
        if got == 0 {
            return Ok((read, false));
        }
        read.extend(room.iter().take(got));
    }
    let is_http2 = read == PREFACE;
    Ok((read, is_http2))
}

/// A connection's stream.
pub(super) struct Wire<S> {
    stream: S,
    activity: Arc<Activity>,
    /// Of which listener, for the metrics.
    listener: &'static str,
    /// None of HTTP/2.
    scanner: Option<Scanner>,
    /// Bytes that were read and have not gone on.
    held: Vec<u8>,
    /// How many of them may.
    passed: usize,
    fault: Option<Fault>,
    /// What is left to write of a fault's answer.
    answer: Vec<u8>,
    is_shut: bool,
    /// How much may yet be read of what nobody wants.
    linger: usize,
}

impl<S> Wire<S> {
    /// A stream of HTTP/2 of which something was read already.
    pub(super) fn http2(stream: S, activity: Arc<Activity>, listener: &'static str, read: Vec<u8>) -> Self {
        let passed = read.len();
        Self {
            stream,
            activity,
            listener,
            scanner: None,
            held: read,
            passed,
            fault: None,
            answer: Vec::new(),
            is_shut: false,
            linger: 0,
        }
    }

    /// The same of HTTP/1.
    pub(super) fn http1(
        stream: S,
        activity: Arc<Activity>,
        listener: &'static str,
        limits: Limits,
        read: Vec<u8>,
    ) -> Self {
        let mut wire = Self::http2(stream, activity, listener, read);
        (wire.scanner, wire.passed) = (Some(Scanner::new(limits)), 0);
        wire.scan();
        wire
    }

    /// Looks at what is held.
    fn scan(&mut self) {
        let Some(scanner) = &mut self.scanner else { return };
        let fed = scanner.feed(&self.held);
        self.passed = fed.passed;
        let has_more = fed.passed < self.held.len();
        self.note(fed, has_more);
    }

    fn note(&mut self, fed: Fed, has_more: bool) {
        if fed.heads > 0 {
            self.activity.requested(fed.heads);
            self.activity.head_ended();
        }
        if let Some(fault) = fed.fault {
            self.fail(fault);
        } else if has_more {
            self.activity.head_begun();
        }
    }

    fn fail(&mut self, fault: Fault) {
        if self.fault.replace(fault).is_none() {
            metrics::connection_refused(self.listener, fault.code());
            tracing::debug!(listener = self.listener, code = fault.code(), "refused a request: {fault}");
            self.held.truncate(self.passed);
            if !self.scanner.as_ref().is_some_and(Scanner::is_in_body) {
                self.answer = fault.to_bytes();
            }
            self.linger = LINGER;
        }
    }

    /// Gives what has passed; whether that was anything.
    fn give(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let here = self.passed.min(buf.remaining());
        if here > 0 {
            buf.put_slice(self.held.get(..here).unwrap_or_default());
            self.held.drain(..here);
            self.passed = self.passed.saturating_sub(here);
        }
        here > 0
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    /// Reads on while the beginning of a head is held.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut piece = [std::mem::MaybeUninit::uninit(); PIECE];
        let mut piece = ReadBuf::uninit(&mut piece);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
        self.held.extend_from_slice(piece.filled());
        let got = piece.filled().len();
        if got > 0 {
            self.scan();
        }
        Poll::Ready(Ok(got))
    }

    /// Reads on into the reader's own buffer, and takes back what may not pass.
    fn poll_through(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let new = buf.filled().get(before..).unwrap_or_default();
        let got = new.len();
        if let Some(scanner) = self.scanner.as_mut().filter(|_| got > 0) {
            let fed = scanner.feed(new);
            let rest = new.get(fed.passed..).unwrap_or_default();
            self.held.extend_from_slice(rest);
            let has_more = !rest.is_empty();
            buf.set_filled(before.saturating_add(fed.passed));
            self.note(fed, has_more);
        }
        Poll::Ready(Ok(got))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        loop {
            if this.give(buf) || buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            let is_in_body = this.scanner.as_ref().is_some_and(Scanner::is_in_body);
            match this.fault {
                Some(fault) if is_in_body => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)));
                }
                // Its end, when all before it is answered: hyper asks again when it has done so.
                Some(_) if this.activity.is_quiet() => return Poll::Ready(Ok(())),
                Some(_) => return Poll::Pending,
                None => {}
            }
            if this.scanner.is_some() && !is_in_body && this.activity.is_quiet() {
                match this.activity.asked() {
                    Asked::Nothing | Asked::Drain => {}
                    Asked::SlowHead => {
                        this.fail(Fault::Slow);
                        continue;
                    }
                    Asked::Idle | Asked::Yield | Asked::Abort => return Poll::Ready(Ok(())),
                }
            }
            let got = if this.held.is_empty() { this.poll_through(cx, buf) } else { this.poll_held(cx) };
            if ready!(got)? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.watched(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.watched(|stream| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.watched(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !this.answer.is_empty() {
            let answer = std::mem::take(&mut this.answer);
            let wrote = this.watched(|stream| stream.poll_write(cx, &answer));
            this.answer = answer;
            match ready!(wrote)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                wrote => drop(this.answer.drain(..wrote)),
            }
        }
        if !this.is_shut {
            ready!(this.watched(|stream| stream.poll_shutdown(cx)))?;
            this.is_shut = true;
            // What a refused body still sends is read, for a while, as a reset would take the answer with it.
            if this.scanner.as_ref().is_some_and(Scanner::is_in_body) {
                this.linger = LINGER;
            }
            this.activity.ask(Asked::Drain);
        }
        while this.linger > 0 {
            let mut piece = [std::mem::MaybeUninit::uninit(); PIECE];
            let mut piece = ReadBuf::uninit(&mut piece);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut piece))?;
            let got = piece.filled().len();
            this.linger = if got == 0 { 0 } else { this.linger.saturating_sub(got) };
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    /// Writes, and notes whether the peer takes it.
    fn watched<T>(&mut self, write: impl FnOnce(Pin<&mut S>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let wrote = write(Pin::new(&mut self.stream));
        match &wrote {
            Poll::Pending => self.activity.stuck(),
            Poll::Ready(_) => self.activity.taken(),
        }
        wrote
    }
}

#[cfg(test)]
mod tests;
