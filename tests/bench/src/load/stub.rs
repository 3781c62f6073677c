//! The system that connectors post orders to.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::board::Board;
use super::{framing, single};

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"ok\":true}";
/// What stands before an order's number in its JSON.
const KEY: &[u8] = b"\"number\":";

/// Starts the stub on a thread of its own.
pub(crate) fn start(board: Arc<Board>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || single().block_on(accept(listener, board)));
    address
}

async fn accept(listener: TcpListener, board: Arc<Board>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(stream, Arc::clone(&board)));
    }
}

async fn serve(mut stream: TcpStream, board: Arc<Board>) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::with_capacity(4 << 10);
    while let Some(message) = framing::read(&mut stream, &mut buffer).await {
        if let Some(order) = number(&buffer[message.head..message.total]) {
            board.arrive(order);
        }
        buffer.drain(..message.total);
        if stream.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}

fn number(body: &[u8]) -> Option<usize> {
    let at = body.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let digits = body[at..].trim_ascii_start();
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn the_number_is_found_wherever_it_stands() {
        assert_eq!(number(br#"{"item":"A","number":42,"count":1}"#), Some(42));
        assert_eq!(number(br#"{"number": 7}"#), Some(7));
        assert_eq!(number(b"{}"), None);
    }
}
