//! Requests byte for byte, as no well-behaved client would send them.

use std::net::SocketAddr;
use std::time::Duration;

use stepmill_core::signature::{Algorithm, sign};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::host::PATIENCE;
use crate::project::SECRET;

/// A connection.
pub struct Raw {
    stream: TcpStream,
}

impl Raw {
    /// Connects to a base URL such as `http://127.0.0.1:8080`.
    pub async fn connect(base: &str) -> Self {
        Self { stream: TcpStream::connect(address(base)).await.unwrap() }
    }

    /// The same from an address of loopback, such as `127.0.0.2`.
    pub async fn connect_from(from: &str, base: &str) -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from.parse().unwrap(), 0))?;
        Ok(Self { stream: socket.connect(address(base)).await? })
    }

    /// Sends bytes; false if the peer takes no more.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Whether the peer has neither closed nor said anything.
    pub fn is_open(&mut self) -> bool {
        let read = self.stream.try_read(&mut [0; 1]);
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Reads until the peer closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut read = Vec::new();
        let mut piece = [0; 4 << 10];
        let all = async {
            loop {
                // A reset is an end too.
                match self.stream.read(&mut piece).await {
                    Ok(0) | Err(_) => return,
                    Ok(got) => read.extend_from_slice(&piece[..got]),
                }
            }
        };
        tokio::time::timeout(PATIENCE, all).await.expect("the connection is not closed");
        read
    }

    /// The same as text.
    pub async fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.rest().await).into_owned()
    }

    /// What comes within a time, until the peer closes.
    pub async fn within(&mut self, time: Duration) -> Vec<u8> {
        let mut read = vec![0; 64 << 10];
        let got = tokio::time::timeout(time, self.stream.read(&mut read)).await;
        read.truncate(got.map_or(0, |got| got.unwrap_or(0)));
        read
    }

    /// One answer, whose length its head says.
    pub async fn answer(&mut self) -> String {
        let mut read = Vec::new();
        let whole = |read: &[u8]| {
            let text = String::from_utf8_lossy(read).into_owned();
            let (head, body) = text.split_once("\r\n\r\n")?;
            let length = head.to_ascii_lowercase();
            let (_, length) = length.split_once("content-length: ")?;
            let length: usize = length.lines().next()?.parse().ok()?;
            (body.len() >= length).then(|| text.clone())
        };
        loop {
            if let Some(answer) = whole(&read) {
                return answer;
            }
            let byte =
                tokio::time::timeout(PATIENCE, self.stream.read_u8()).await.expect("there is no answer");
            read.push(byte.expect("the connection was closed before the answer was whole"));
        }
    }
}

fn address(base: &str) -> SocketAddr {
    base.split_once("://").unwrap().1.parse().unwrap()
}

/// A POST to a webhook of a test's project that would be accepted, with more headers.
pub fn post(target: &str, id: &str, headers: &str, body: &str) -> String {
    let signature = sign::hmac_hex(Algorithm::Sha256, SECRET.as_bytes(), body.as_bytes());
    format!(
        "POST {target} HTTP/1.1\r\nHost: hooks.test\r\nContent-Type: application/json\r\nX-Id: {id}\r\n\
         X-Signature: {signature}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
