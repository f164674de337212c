//! A thousand simulated nodes through all eight steps, against the floor: as many bare SSH logins to as many nodes of the same cloud
//! with the same client. Ratio and peak memory are printed; both sides of every connection are in this process.
//!
//! `cargo bench -p levelfield --bench thousand_nodes [-- NODES]`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and one that cannot go on is over")]

use std::{sync::Arc, time::Instant};

use futures_util::future::join_all;
use levelfield::{
    config,
    engine::{
        folder::RunFolder,
        interrupt::Interrupt,
        plan::{self, Selection},
        run::{Keep, Ready, Run},
    },
};
use levelfield_kit::{
    open_files,
    remote::{Credential, Door, NodeKey, Remote},
    settings::{Budget, Scale, Settings},
};
use levelfield_provider::{
    GroupRequest, KeyRequest, NodeRequest, NodeState, Protocol, Provider, Query, Rule, Scope, Tags,
};
use levelfield_reports::{event::RunHeader, redact::Redactor};
use levelfield_sim::{Persona, SimProvider};
use levelfield_suites::{Standard, guideline::Filter};

#[tokio::main]
async fn main() {
    open_files::raise_limit();
    let nodes = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(1000);
    let (run_s, sessions) = measure_run(nodes).await;
    println!("{nodes} nodes, eight steps each: {run_s:.2} s, {sessions} SSH sessions, peak memory {}", peak_memory());
    let floor_s = measure_floor(nodes, sessions).await;
    println!("floor: {sessions} bare logins to {nodes} nodes: {floor_s:.2} s");
    println!("ratio {:.2} (goal: at most 1.30)", run_s / floor_s);
}

async fn cloud() -> Arc<SimProvider> {
    Arc::new(SimProvider::embedded(Persona::embedded("aws-like").unwrap()).await.unwrap())
}

/// Wall seconds of the run, and the SSH sessions it took.
async fn measure_run(nodes: u32) -> (f64, u64) {
    let provider = cloud().await;
    let standard = Arc::new(Standard::embedded().unwrap());
    let settings = Settings {
        budget: Budget { nodes: nodes + 2, addresses: 2, parallel: 8 },
        scale: Scale { nodes: Some(nodes) },
        ..config::embedded().unwrap().targets.remove(0).settings()
    };
    let filter = Filter::parse("id(scale/parallel-nodes)").unwrap();
    let selection = Selection { profile: "scale".to_owned(), filter, partition: None, rounds: 1 };
    let plan = plan::plan(&standard, &selection, "thousand", provider.declaration(), &settings).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (folder, _lock) = RunFolder::create(home.path().join("run")).unwrap();
    let run = Run {
        header: RunHeader {
            id: "bench-00000001".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            guideline: standard.guideline().edition.clone(),
            guideline_sha256: standard.guideline().sha256().to_owned(),
            profile: selection.profile.clone(),
            selection: selection.filter.to_string(),
            rounds: 1,
            partition: None,
            vantage: "bench".to_owned(),
        },
        standard,
        targets: vec![Ready { plan, provider: Arc::clone(&provider) as Arc<dyn Provider>, settings }],
        waivers: Vec::new(),
        keep: Keep::Never,
        folder,
        redactor: Redactor::default(),
        interrupt: Interrupt::new(),
        onlookers: Vec::new(),
        earlier: None,
    };
    let began = Instant::now();
    let record = run.carry_out().await.unwrap();
    let took = began.elapsed().as_secs_f64();
    for result in record.targets[0].results.iter().filter(|r| r.id == "scale/parallel-nodes") {
        println!("{}: {}", result.verdict, result.summary);
    }
    (took, provider.server().map_or(0, levelfield_sim::SimServer::sessions))
}

/// Wall seconds of `sessions` logins, spread over `nodes` nodes that are up already.
async fn measure_floor(nodes: u32, sessions: u64) -> f64 {
    let provider = cloud().await;
    let key = NodeKey::generate_ed25519("bench").unwrap();
    let request = KeyRequest { name: "bench".to_owned(), public_key: key.public_line(), tags: Tags::new() };
    let key_pair = provider.import_key(&request).await.unwrap();
    let group = provider.create_group(&GroupRequest { name: "bench".to_owned(), tags: Tags::new() }).await.unwrap();
    let rule = Rule { protocol: Protocol::Tcp, from_port: 22, to_port: 22, source: "0.0.0.0/0".parse().unwrap() };
    provider.add_rule(&group.id, &rule).await.unwrap();
    let query = Query::default();
    let flavor = provider.flavors(&query).await.unwrap().items.remove(0);
    let images = provider.images(&query).await.unwrap().items;
    let image = images.into_iter().find(|i| i.login_account.is_some() && i.name.starts_with("debian")).unwrap();
    let mut ids = Vec::new();
    for n in 0..nodes {
        let request = NodeRequest {
            name: format!("bench-{n}"),
            image: image.id.clone(),
            flavor: flavor.id.clone(),
            key: Some(key_pair.id.clone()),
            groups: vec![group.id.clone()],
            ..NodeRequest::default()
        };
        ids.push(provider.create_node(&request).await.unwrap().id);
    }
    let mut doors = Vec::new();
    while doors.len() < ids.len() {
        let listed = provider.nodes(&Tags::new()).await.unwrap();
        let up = listed.iter().filter(|n| n.state == NodeState::Running).filter_map(|n| {
            let address = n.addresses_in(Scope::Public).find(|a| a.address.is_ipv4())?.ssh();
            Some(Door { address, account: image.login_account.clone()? })
        });
        doors = up.collect();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let remote = Remote::default();
    // The listeners come up a moment after the API says running.
    for door in &doors {
        while remote.login(door, &Credential::Key(key.clone()), None).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
    let began = Instant::now();
    let logins = (0..sessions).map(|n| {
        let door = &doors[usize::try_from(n).unwrap() % doors.len()];
        let (remote, key) = (&remote, &key);
        async move { remote.login(door, &Credential::Key(key.clone()), None).await.map(drop).unwrap() }
    });
    join_all(logins).await;
    began.elapsed().as_secs_f64()
}

/// The largest resident set of this process so far, from the kernel.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or("VmHWM: unknown");
    line.trim_start_matches("VmHWM:").trim().to_owned()
}
