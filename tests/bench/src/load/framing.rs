//! As much of HTTP/1.1 (RFC 9112) as the answers of a known server need: a head, and a body of
//! `content-length` bytes.

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// A whole message at the front of a buffer.
pub(crate) struct Message {
    /// Bytes up to the body.
    pub(crate) head: usize,
    /// Bytes in all.
    pub(crate) total: usize,
}

/// Reads until a whole message stands at the buffer's front; `None` if the peer closes before.
pub(crate) async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Message> {
    loop {
        if let Some(message) = parse(buffer).filter(|message| message.total <= buffer.len()) {
            return Some(message);
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// Status of a response.
pub(crate) fn status(head: &[u8]) -> u16 {
    std::str::from_utf8(&head[9..12]).unwrap().parse().unwrap()
}

fn parse(buffer: &[u8]) -> Option<Message> {
    let head = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let length = buffer[..head].split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(b"content-length:".len())?;
        name.eq_ignore_ascii_case(b"content-length:").then_some(value)
    });
    let length = length.map_or(0, |text| std::str::from_utf8(text).unwrap().trim().parse().unwrap());
    Some(Message { head, total: head + length })
}

#[cfg(test)]
mod tests {
    use super::{parse, status};

    #[test]
    fn a_message_ends_where_its_length_says() {
        let text = b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello";
        let message = parse(text).unwrap();
        assert_eq!((message.head, message.total, status(text)), (44, 49, 202));
        assert!(parse(b"HTTP/1.1 202 Accepted\r\ncontent").is_none());
    }
}
