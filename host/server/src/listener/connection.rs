//! The life of one connection: who has called, TLS, which HTTP, requests, the end.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use stepmill_core::network::Network;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::activity::Asked;
use super::body::Pace;
use super::exchange::Exchanges;
use super::fault::Fault;
use super::peer::Peer;
use super::proxy;
use super::source::Source;
use super::table::{Place, Table};
use super::tls::Certificates;
use super::wire::{Limits, Wire, sniff};
use crate::config::{Connections, ForwardedBy};
use crate::metrics;

/// Pause between two pings of HTTP/2, and how long an answer may take: a peer that is gone, or that sends headers without end, does
/// not answer.
const PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// Streams that a peer of HTTP/2 may reset before they were looked at (CVE-2023-44487), and that may end by its faults.
const RESETS: (usize, usize) = (32, 128);
/// Bytes that a peer of HTTP/2 may send unread, of a stream and of a connection.
const WINDOWS: (u32, u32) = (256 << 10, 1 << 20);
/// Longest time to tell somebody that there is no room.
const REFUSAL: Duration = Duration::from_millis(250);

/// How the connections of a listener are served.
pub(super) struct Serving {
    pub(super) name: &'static str,
    pub(super) table: Arc<Table>,
    pub(super) router: Router,
    /// The certificates, and the key of those of this listener.
    pub(super) certificates: (Arc<Certificates>, &'static str),
    pub(super) trusted: Arc<[Network]>,
    pub(super) forwarded: ForwardedBy,
    pub(super) has_proxy_header: bool,
    limits: Limits,
    pace: Pace,
    handshake: Duration,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl Serving {
    pub(super) fn new(
        name: &'static str,
        table: Arc<Table>,
        router: Router,
        certificates: (Arc<Certificates>, &'static str),
        connections: &Connections,
    ) -> Self {
        let limits = Limits {
            bytes: usize::try_from(connections.header_bytes).unwrap_or(usize::MAX),
            count: usize::try_from(connections.header_count).unwrap_or(usize::MAX),
        };
        let mut http1 = http1::Builder::new();
        // Times and limits of heads are kept before hyper sees them, so that it needs none of its own.
        http1.header_read_timeout(None).half_close(false);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(PING.0)
            .keep_alive_timeout(PING.1)
            .max_concurrent_streams(connections.streams)
            .max_pending_accept_reset_streams(RESETS.0)
            .max_local_error_reset_streams(RESETS.1)
            .initial_stream_window_size(WINDOWS.0)
            .initial_connection_window_size(WINDOWS.1)
            .max_header_list_size(u32::try_from(connections.header_bytes).unwrap_or(u32::MAX));
        Self {
            name,
            table,
            router,
            certificates,
            trusted: Arc::new([]),
            forwarded: ForwardedBy::default(),
            has_proxy_header: false,
            limits,
            pace: Pace { within: connections.body, rate: connections.body_rate },
            handshake: connections.headers,
            http1,
            http2,
        }
    }

    fn is_trusted(&self, address: SocketAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address.ip()))
    }

    /// Serves a connection that was just made.
    pub(super) async fn accept(self: Arc<Self>, stream: TcpStream, address: SocketAddr) {
        // Of a proxy's connections it is not known yet for whom they are.
        let source = (!self.is_trusted(address)).then(|| Source::from(address.ip()));
        match self.table.enter(source) {
            Some(place) => {
                // Answers are small and whole: waiting to fill a packet only delays them.
                let _ = stream.set_nodelay(true);
                let ended = tokio::select! {
                    biased;
                    ended = self.serve(stream, address, &place) => ended,
                    _abort = place.activity.asked_more(Asked::SlowHead) => Ok(()),
                };
                if let Err(error) = ended {
                    tracing::debug!(listener = self.name, peer = %address.ip(), error = &error as &dyn std::error::Error, "a connection has ended");
                }
            }
            None => self.refuse(stream).await,
        }
    }

    /// Says that there is no room, where that can be said in the clear.
    async fn refuse(&self, mut stream: TcpStream) {
        metrics::connection_refused(self.name, Fault::Full.code());
        if self.certificates.0.current(self.certificates.1).is_none() && !self.has_proxy_header {
            let answer = Fault::Full.to_bytes();
            let _ = tokio::time::timeout(REFUSAL, async {
                stream.write_all(&answer).await?;
                stream.shutdown().await
            })
            .await;
        }
    }

    async fn serve(&self, mut stream: TcpStream, socket: SocketAddr, place: &Place) -> io::Result<()> {
        // Until HTTP has begun nothing is lost with the connection.
        let opened = async {
            let address = self.caller(&mut stream, socket, place).await?;
            let mut peer =
                Peer { address: address.ip().to_canonical(), certificate: None, is_https: false, host: None };
            match self.certificates.0.current(self.certificates.1) {
                None => {
                    let (read, is_http2) = sniff(&mut stream).await?;
                    Ok(Opened { stream: Stream::Plain(stream), read, is_http2, peer })
                }
                Some(config) => {
                    let handshake = TlsAcceptor::from(config).accept(stream);
                    let stream = tokio::time::timeout(self.handshake, handshake).await??;
                    let (_, session) = stream.get_ref();
                    peer.is_https = true;
                    peer.certificate = (session.peer_certificates().and_then(<[_]>::first))
                        .map(|certificate| Arc::new(certificate.clone().into_owned()));
                    // Who has agreed on HTTP/1.1, or on nothing, speaks that.
                    let is_http2 = session.alpn_protocol() == Some(b"h2");
                    Ok(Opened { stream: Stream::Tls(Box::new(stream)), read: Vec::new(), is_http2, peer })
                }
            }
        };
        let opened: io::Result<Opened> = tokio::select! {
            biased;
            opened = opened => opened,
            _ = place.activity.asked_more(Asked::Nothing) => return Ok(()),
        };
        let Opened { stream, read, is_http2, peer } = opened.inspect_err(|_| {
            metrics::connection_refused(self.name, "not-opened");
        })?;
        place.activity.opened();
        let is_proxy = self.is_trusted(SocketAddr::new(peer.address, 0));
        let exchanges = Exchanges {
            router: self.router.clone(),
            activity: Arc::clone(&place.activity),
            listener: self.name,
            limits: self.limits,
            pace: self.pace,
            peer,
            proxy: is_proxy.then(|| (self.forwarded, Arc::clone(&self.trusted))),
        };
        match stream {
            Stream::Plain(stream) => self.speak(stream, read, is_http2, exchanges, place).await,
            Stream::Tls(stream) => self.speak(*stream, read, is_http2, exchanges, place).await,
        }
    }

    /// Who has called, if a proxy says so before anything else.
    async fn caller(
        &self,
        stream: &mut TcpStream,
        socket: SocketAddr,
        place: &Place,
    ) -> io::Result<SocketAddr> {
        if !self.has_proxy_header {
            return Ok(socket);
        }
        if !self.is_trusted(socket) {
            let why = "the PROXY protocol is believed of server.trusted_proxies alone";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        let found = tokio::time::timeout(self.handshake, proxy::read(stream)).await?;
        let Some(caller) = found.map_err(io::Error::other)? else { return Ok(socket) };
        if !self.is_trusted(caller) && !self.table.attribute(place, Source::from(caller.ip())) {
            metrics::connection_refused(self.name, Fault::Full.code());
            return Err(io::Error::other(Fault::Full));
        }
        Ok(caller)
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        read: Vec<u8>,
        is_http2: bool,
        exchanges: Exchanges,
        place: &Place,
    ) -> io::Result<()> {
        let activity = Arc::clone(&place.activity);
        let mut asked = Asked::Nothing;
        if is_http2 {
            let wire = TokioIo::new(Wire::http2(stream, activity, self.name, read));
            let mut connection = pin!(self.http2.serve_connection(wire, exchanges));
            loop {
                tokio::select! {
                    biased;
                    ended = connection.as_mut() => return ended.map_err(io::Error::other),
                    more = place.activity.asked_more(asked) => {
                        asked = more;
                        connection.as_mut().graceful_shutdown();
                    }
                }
            }
        }
        let wire = TokioIo::new(Wire::http1(stream, activity, self.name, self.limits, read));
        let mut connection = pin!(self.http1.serve_connection(wire, exchanges));
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => return ended.map_err(io::Error::other),
                more = place.activity.asked_more(asked) => {
                    asked = more;
                    // Anything else its stream sees to, which hyper looks at again now.
                    if asked == Asked::Drain {
                        connection.as_mut().graceful_shutdown();
                    }
                }
            }
        }
    }
}

/// A connection that can speak HTTP.
struct Opened {
    stream: Stream,
    /// What was read of it to tell which HTTP it speaks.
    read: Vec<u8>,
    is_http2: bool,
    peer: Peer,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}
