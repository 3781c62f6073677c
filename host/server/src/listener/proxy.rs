//! The header of the PROXY protocol, by which a proxy says who has called it, before anything that the caller sends.
//!
//! Versions 1 and 2 as HAProxy has them: <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>. The header is read and no byte
//! more: what follows may be TLS.

use std::io;
use std::net::SocketAddr;

use ppp::{HeaderResult, v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Length of what version 2 begins with, up to and with the length of the rest.
const V2_BEGIN: usize = 16;
/// Longest header: addresses, and what a proxy says of TLS, which may hold a certificate's subject.
const MAX_BYTES: usize = 4 << 10;
/// Longest header of version 1, with its line's end.
const V1_BYTES: usize = 107;
/// What version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Why there is no header.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoHeader {
    #[error("the connection broke off")]
    Io(#[from] io::Error),
    #[error("there is no header of the PROXY protocol")]
    Missing,
    #[error("the header of the PROXY protocol is malformed")]
    Malformed,
}

/// Reads the header: who has called, or nothing if the proxy itself has, to see whether the service is there.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, NoHeader> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        header.resize(V2_BEGIN, 0);
        stream.read_exact(header.get_mut(SIGNATURE.len()..).unwrap_or_default()).await?;
        let length = header.last_chunk().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
        let whole = V2_BEGIN.saturating_add(length);
        if whole > MAX_BYTES {
            return Err(NoHeader::Malformed);
        }
        header.resize(whole, 0);
        stream.read_exact(header.get_mut(V2_BEGIN..).unwrap_or_default()).await?;
    } else if header.starts_with(b"PROXY ") {
        while !header.ends_with(b"\r\n") {
            if header.len() >= V1_BYTES {
                return Err(NoHeader::Malformed);
            }
            header.push(stream.read_u8().await?);
        }
    } else {
        return Err(NoHeader::Missing);
    }
    match HeaderResult::parse(&header) {
        HeaderResult::V1(Ok(header)) => Ok(match header.addresses {
            v1::Addresses::Tcp4(pair) => Some((pair.source_address, pair.source_port).into()),
            v1::Addresses::Tcp6(pair) => Some((pair.source_address, pair.source_port).into()),
            v1::Addresses::Unknown => None,
        }),
        HeaderResult::V2(Ok(header)) => Ok(match (header.command, header.addresses) {
            (v2::Command::Proxy, v2::Addresses::IPv4(pair)) => {
                Some((pair.source_address, pair.source_port).into())
            }
            (v2::Command::Proxy, v2::Addresses::IPv6(pair)) => {
                Some((pair.source_address, pair.source_port).into())
            }
            (v2::Command::Proxy, v2::Addresses::Unspecified | v2::Addresses::Unix(_))
            | (v2::Command::Local, _) => None,
        }),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Err(NoHeader::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of version 2 (section 2.2).
    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short");
        [SIGNATURE, &[0x20 | command, family], &length.to_be_bytes(), rest].concat()
    }

    async fn read_all(bytes: &[u8]) -> (Result<Option<SocketAddr>, NoHeader>, Vec<u8>) {
        let mut stream = bytes;
        let found = read(&mut stream).await;
        (found, stream.to_vec())
    }

    #[tokio::test]
    async fn both_versions_are_read_to_their_last_byte() {
        let v4 = v2(1, 0x11, &[203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80]);
        let mut six = [0; 36];
        six[..2].copy_from_slice(&[0x20, 1]);
        six[15] = 7;
        six[32..34].copy_from_slice(&[0, 9]);
        // A TLV behind the addresses (PP2_TYPE_NOOP).
        let with_more = [&six[..], &[4, 0, 1, 0]].concat();
        for (header, caller) in [
            (b"PROXY TCP4 203.0.113.7 10.0.0.1 4660 80\r\n".to_vec(), Some("203.0.113.7:4660")),
            (b"PROXY TCP6 2001::7 2001::1 9 80\r\n".to_vec(), Some("[2001::7]:9")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (v4.clone(), Some("203.0.113.7:4660")),
            (v2(1, 0x21, &with_more), Some("[2001::7]:9")),
            (v2(0, 0, &[]), None),
            (v2(0, 0x11, &v4[16..]), None),
        ] {
            let (found, rest) = read_all(&[&header, &b"GET /"[..]].concat()).await;
            assert_eq!(found.expect("a header").map(|address| address.to_string()).as_deref(), caller);
            assert_eq!(rest, b"GET /");
        }
    }

    #[tokio::test]
    async fn anything_else_is_none() {
        for bytes in [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.7 10.0.0.1 4660\r\n    ".to_vec(),
            b"PROXY TCP4 203.0.113.700 10.0.0.1 4660 80\r\n".to_vec(),
            [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat(),
            v2(1, 0x11, &[0; 11]),
            v2(1, 0x11, &vec![0; MAX_BYTES]),
            v2(7, 0x11, &[0; 12]),
            b"PROXY".to_vec(),
        ] {
            assert!(read_all(&bytes).await.0.is_err(), "{bytes:?}");
        }
    }
}
