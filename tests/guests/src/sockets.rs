//! A transform that imports `wasi:sockets`: the host must refuse to load it.

use std::net::TcpStream;

use stepmill_sdk::{Context, Document, Failure, NoConfig, OrFail, Transform};

struct Sockets;

impl Transform for Sockets {
    const NAME: &'static str = "sockets";
    const SUMMARY: &'static str = "Opens a TCP connection.";
    type Config = NoConfig;
    type Input = Document;
    type Output = String;

    fn prepare(_: NoConfig) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn run(&self, _: Document, _: &Context) -> Result<String, Failure> {
        let stream = TcpStream::connect("127.0.0.1:80").or_retry("connecting")?;
        Ok(format!("{:?}", stream.peer_addr()))
    }
}

stepmill_sdk::export_transform!(Sockets);
