//! The example's folder, copied to where the demo can serve it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use include_dir::{Dir, include_dir};

/// The example `order-to-cash`, as the binary carries it.
pub static EXAMPLE: Dir<'_> = include_dir!("$OUT_DIR/order-to-cash");

/// Where the demo looks for ports: below those that systems take for outgoing connections. A sender that
/// tries again and again to reach a stopped service on such a port could otherwise be given that very
/// port for its own end, be connected to itself, and keep the service from starting again.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// Addresses that the demo replaces, as they stand in the example's `stepmill.yaml`.
const INGRESS: &str = "127.0.0.1:8080";
const ADMIN: &str = "127.0.0.1:8081";
const ERP: &str = "http://127.0.0.1:9101";
const CARRIER: &str = "http://127.0.0.1:9102";
const CRM: &str = "http://127.0.0.1:9103";

/// Environment variables that the example takes its secrets from, with the demo's values.
pub(super) const SECRETS: [(&str, &str); 5] = [
    ("SHOP_SECRET", "the shop's secret of the demo"),
    ("ERP_TOKEN", "the ERP's token of the demo"),
    ("CARRIER_API_KEY", "the carrier's key of the demo"),
    ("CARRIER_WEBHOOK_SECRET", "whsec_dGhlIGNhcnJpZXIncyBzZWNyZXQgb2YgdGhlIGRlbW8="),
    ("CRM_PASSWORD", "the CRM's password of the demo"),
];

/// One of the demo's secrets.
pub(super) fn secret(name: &str) -> &'static str {
    SECRETS.iter().find_map(|(key, value)| (*key == name).then_some(*value)).unwrap_or_default()
}

/// Where everything is in this demo.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    /// Of Stepmill.
    pub(super) ingress: SocketAddr,
    /// Of Stepmill.
    pub(super) admin: SocketAddr,
    /// Base URL.
    pub(super) erp: String,
    /// Base URL.
    pub(super) carrier: String,
    /// Base URL.
    pub(super) crm: String,
}

/// The demo's folder. Removed when dropped, unless kept.
pub(super) struct Folder {
    /// The folder.
    pub(super) path: PathBuf,
    is_kept: bool,
}

impl Folder {
    /// A new folder of this user's alone.
    pub(super) fn new() -> io::Result<Self> {
        let name = format!("stepmill-demo-{}-{:08x}", std::process::id(), rand::random::<u32>());
        let path = std::env::temp_dir().join(name);
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self { path, is_kept: false })
    }

    /// Leaves it where it is.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }

    /// The config in it.
    pub(super) fn config(&self) -> PathBuf {
        self.path.join(crate::config::FILE)
    }

    /// The log of the serving process.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("serve.log")
    }

    /// Copies the example here and puts the demo's addresses into it.
    pub(super) fn fill(&self, addresses: &Addresses) -> anyhow::Result<()> {
        copy_example(&self.path)?;
        let path = self.config();
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let text = readdress(&text, addresses)?;
        std::fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Copies the example into a folder that is there.
pub fn copy_example(folder: &Path) -> anyhow::Result<()> {
    EXAMPLE.extract(folder).with_context(|| format!("failed to write the example to {}", folder.display()))
}

/// `stepmill.yaml` with the demo's addresses in place of the example's.
fn readdress(text: &str, addresses: &Addresses) -> anyhow::Result<String> {
    let mut text = text.to_owned();
    for (example, ours) in [
        (INGRESS, addresses.ingress.to_string()),
        (ADMIN, addresses.admin.to_string()),
        (ERP, addresses.erp.clone()),
        (CARRIER, addresses.carrier.clone()),
        (CRM, addresses.crm.clone()),
    ] {
        let found = text.matches(example).count();
        ensure!(found == 1, "the example's stepmill.yaml has {example} {found} times, not once");
        text = text.replace(example, &ours);
    }
    Ok(text)
}

/// Two addresses of loopback that nobody listens on.
pub(super) fn free_addresses() -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let mut free = Vec::new();
    for _ in 0..1_000 {
        let port = rand::random_range(PORTS);
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            free.push(listener);
        }
        if let [ingress, admin] = free.as_slice() {
            return Ok((ingress.local_addr()?, admin.local_addr()?));
        }
    }
    bail!("found no two free ports in {}..{} on 127.0.0.1", PORTS.start, PORTS.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_gets_the_demos_addresses_and_nothing_else_changes() {
        let text =
            EXAMPLE.get_file("stepmill.yaml").and_then(|file| file.contents_utf8()).expect("it is there");
        let (ingress, admin) = free_addresses().expect("there are ports");
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let addresses =
            Addresses { ingress, admin, erp: url(31_001), carrier: url(31_002), crm: url(31_003) };
        let ours = readdress(text, &addresses).expect("the addresses are there");
        let changed = text.lines().zip(ours.lines()).filter(|(before, after)| before != after).count();
        assert_eq!((changed, text.lines().count()), (5, ours.lines().count()));
        assert!(
            ours.contains(&ingress.to_string()) && ours.contains("url: http://127.0.0.1:31003"),
            "{ours}"
        );
    }
}
