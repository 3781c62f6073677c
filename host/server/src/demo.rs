//! `stepmill demo`: the example `order-to-cash` under fire, with an account of every order at the end.
//!
//! In this process: a shop that sends signed webhooks, an ERP, a carrier and a CRM, all on loopback. In a
//! process of its own: `stepmill serve`, which is killed with SIGKILL in the middle and started again on
//! the same data. What it shows is invariant 1: nothing that was answered 2xx is ever lost.

mod account;
mod carrier;
mod crm;
mod erp;
mod order;
mod process;
mod progress;
mod project;
mod report;
mod shop;
mod simulator;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::cli::client::{self, Client};
use crate::cli::output;
use carrier::Carrier;
use crm::Crm;
use erp::Erp;
use process::Server;
use progress::Progress;
use project::{Addresses, Folder, secret};
use report::Report;
use shop::Shop;

pub use project::copy_example;

/// Share of the orders after which the serving process is killed, in percent.
const KILL_AT: u64 = 40;
/// Share of the orders after which the ERP goes down, in percent.
const DOWN_AT: u64 = 60;
/// How long the ERP is down.
const DOWN_FOR: Duration = Duration::from_secs(3);
/// How long nobody answers between the kill and the new start: long enough for senders to notice.
const DEAD_FOR: Duration = Duration::from_millis(400);
/// Longest wait for the accepted orders once the shop has sent them all.
const FINISH: Duration = Duration::from_secs(120);
/// How often the demo looks around.
const TICK: Duration = Duration::from_millis(50);

/// How the demo is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many orders the shop sends.
    pub orders: u64,
    /// How long it takes over them, if the service keeps up.
    pub period: Duration,
    /// Whether all goes on running until Ctrl-C, and the folder is left.
    pub keep: bool,
    /// Whether the account is printed as JSON.
    pub json: bool,
}

/// Everything that runs.
struct Stage {
    folder: Folder,
    admin: Client,
    server: Server,
    shop: Arc<Shop>,
    erp: Erp,
    carrier: Carrier,
    crm: Crm,
    ingress: String,
    orders: u64,
}

/// Runs the demo and answers whether everything adds up.
///
/// # Errors
/// Something could not be started, or orders did not come to their end in time.
pub async fn run(options: &Options) -> anyhow::Result<bool> {
    let (mut stage, adds_up) = tokio::select! {
        result = play(options) => result?,
        () = interrupted() => bail!("the demo was interrupted"),
    };
    if options.keep {
        stage.folder.keep();
        eprintln!("{}", stage.where_to_look());
        interrupted().await;
    } else if !adds_up {
        stage.folder.keep();
        eprintln!("the folder is left for a look: {}", stage.folder.path.display());
    } else if !options.json {
        eprintln!("`stepmill demo --keep` leaves all this running, to look around in.");
    }
    stage.server.kill().await?;
    Ok(adds_up)
}

async fn play(options: &Options) -> anyhow::Result<(Stage, bool)> {
    let mut stage = Stage::set(options).await?;
    let progress = Progress::new(options.orders);
    let result = stage.act(&progress).await;
    progress.finish();
    let report = match result {
        Ok(report) => report,
        Err(error) => {
            stage.folder.keep();
            return Err(
                error.context(format!("the demo broke off; its folder is {}", stage.folder.path.display()))
            );
        }
    };
    if options.json {
        output::print_json(&report)?;
    } else {
        output::print(&format!("\n{}\n", report.table()))?;
    }
    Ok((stage, report.adds_up()))
}

impl Stage {
    /// Starts the simulated applications and writes the project; the service is not started.
    async fn set(options: &Options) -> anyhow::Result<Self> {
        let http = client::http()?;
        let (ingress, admin) = project::free_addresses()?;
        let (ingress_url, admin_url) = (format!("http://{ingress}"), format!("http://{admin}"));
        let erp = Erp::start(secret("ERP_TOKEN")).await.context("failed to start the simulated ERP")?;
        let shipments = format!("{ingress_url}/carrier/shipments");
        let carrier_secret = secret("CARRIER_WEBHOOK_SECRET");
        let carrier = Carrier::start(secret("CARRIER_API_KEY"), carrier_secret, shipments, http.clone())
            .await
            .context("failed to start the simulated carrier")?;
        let crm = Crm::start("stepmill", secret("CRM_PASSWORD"))
            .await
            .context("failed to start the simulated CRM")?;
        let folder = Folder::new().context("failed to make a folder for the demo")?;
        folder.fill(&Addresses {
            ingress,
            admin,
            erp: erp.url.clone(),
            carrier: carrier.url.clone(),
            crm: crm.url.clone(),
        })?;
        let orders = format!("{ingress_url}/shop/orders");
        let shop_secret = secret("SHOP_SECRET").as_bytes();
        Ok(Self {
            admin: Client::try_new(&admin_url, None)?,
            server: Server::new(&folder, ingress_url.clone(), http.clone()),
            shop: Arc::new(Shop::new(http, orders, shop_secret, options.orders, options.period)),
            folder,
            erp,
            carrier,
            crm,
            ingress: ingress_url,
            orders: options.orders,
        })
    }

    /// The whole story.
    async fn act(&mut self, progress: &Progress) -> anyhow::Result<Report> {
        let began = Instant::now();
        progress.say("starting the service; its first start compiles the plugins");
        let took = self.server.start().await?;
        progress.say(&format!(
            "serving {} on {} (pid {}), ready after {} ms",
            self.folder.path.display(),
            self.ingress,
            self.server.id().unwrap_or_default(),
            took.as_millis()
        ));
        let mut selling = tokio::spawn(Arc::clone(&self.shop).run());
        let mut kills = 0;
        let mut is_down_since = None;
        let mut was_down = false;
        while !selling.is_finished() {
            let done = self.shop.done();
            if kills == 0 && done * 100 >= self.orders * KILL_AT {
                kills += 1;
                self.kill_and_start_again(progress).await?;
            }
            if !was_down && done * 100 >= self.orders * DOWN_AT {
                was_down = true;
                is_down_since = Some(Instant::now());
                self.erp.set_down(true);
                progress.say(&format!("the ERP goes down: it answers 503 for {} s", DOWN_FOR.as_secs()));
            }
            if is_down_since.is_some_and(|since: Instant| since.elapsed() >= DOWN_FOR) {
                is_down_since = None;
                self.erp_comes_back(progress);
            }
            self.server.watch()?;
            progress.show(done, self.erp.counts().orders);
            tokio::time::sleep(TICK).await;
        }
        (&mut selling).await.context("the shop broke down")?;
        if let Some(since) = is_down_since {
            tokio::time::sleep(DOWN_FOR.saturating_sub(since.elapsed())).await;
            self.erp_comes_back(progress);
        }
        progress.say("the shop has sent everything: waiting for retries and for the carrier");
        self.settle(progress).await?;
        let mut report = self.account().await?;
        report.kills = kills;
        report.seconds = began.elapsed().as_secs();
        Ok(report)
    }

    fn erp_comes_back(&self, progress: &Progress) {
        self.erp.set_down(false);
        progress.say(&format!("the ERP is back: it answered 503 {} times", self.erp.counts().unavailable));
    }

    async fn kill_and_start_again(&mut self, progress: &Progress) -> anyhow::Result<()> {
        let id = self.server.id().unwrap_or_default();
        self.server.kill().await?;
        let accepted = self.shop.counts().accepted;
        progress.say(&format!(
            "kill -9 {id}: the serving process is dead; {accepted} orders are accepted so far"
        ));
        tokio::time::sleep(DEAD_FOR).await;
        let took = self.server.start().await?;
        progress.say(&format!(
            "started again on the same data (pid {}), ready after {} ms",
            self.server.id().unwrap_or_default(),
            took.as_millis()
        ));
        Ok(())
    }

    /// Waits until there is nothing left to do: no unfinished run, then no webhook of the carrier on its
    /// way, then none of the runs that those started. Order runs have all ended by the first look, so
    /// no shipment is booked after it.
    async fn settle(&mut self, progress: &Progress) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut stages_left = 3_u8;
        loop {
            self.server.watch()?;
            let is_over = match stages_left {
                0 => return Ok(()),
                2 => self.carrier.counts().pending == 0,
                _ => self.admin.status().await?.backlog.unfinished == 0,
            };
            if is_over {
                stages_left -= 1;
                continue;
            }
            if began.elapsed() > FINISH {
                let unfinished = self.admin.status().await?.backlog.unfinished;
                bail!("{unfinished} runs are unfinished {} s after the last order", FINISH.as_secs());
            }
            progress.show(self.orders, self.erp.counts().orders);
            tokio::time::sleep(TICK).await;
        }
    }

    fn where_to_look(&self) -> String {
        let admin = self.admin.base().as_str().trim_end_matches('/');
        let folder = self.folder.path.display();
        let binaries = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.display().to_string()));
        let binaries = binaries.unwrap_or_default();
        format!(
            "Everything goes on running until Ctrl-C. Look around, in another terminal:\n\n  \
             export PATH={binaries}:$PATH STEPMILL_ADMIN={admin}\n  \
             stepmill runs list                 stepmill runs show run_…\n  \
             stepmill dead list                 stepmill dead redrive run_… --payload FILE\n  \
             stepmill plugin list              curl {admin}/metrics\n\n  \
             the project and its log: {folder}\n  \
             webhooks go to {}/shop/orders, signed with {:?}\n",
            self.ingress,
            secret("SHOP_SECRET"),
        )
    }
}

/// Ends when a person or the system asks this process to end.
pub(crate) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests;
