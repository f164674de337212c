//! Runs against simulated clouds, in this process and through the library alone: from a configuration to the record.

#![allow(dead_code, reason = "every test that shares this module uses a part of it")]

pub mod table;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use futures_util::{StreamExt as _, stream};
use levelfield::{
    config::{self, ProviderConfig, TargetConfig},
    engine::{
        folder::RunFolder,
        interrupt::Interrupt,
        plan::{self, Selection},
        reap,
        run::{Keep, Ready, Run},
    },
};
use levelfield_kit::{journey::TrustAnchor, settings::Budget};
use levelfield_provider::Provider;
use levelfield_reports::{
    Record, Verdict,
    event::{Proof, RunHeader},
    record::{BehaviorResult, TargetRecord},
    redact::Redactor,
};
use levelfield_sim::{Faults, Mutation, SimProvider};
use levelfield_suites::{Standard, guideline::Filter};
use tempfile::TempDir;

/// A simulated cloud to run against.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// An embedded target, by name.
    pub target: &'static str,
    /// Its mutations.
    pub mutations: Vec<Mutation>,
    /// What goes wrong by itself there.
    pub faults: Faults,
    /// The seed of its randomness; the persona's own when absent.
    pub seed: Option<u64>,
}

impl Cloud {
    /// The embedded target of that name, as it is.
    pub fn new(target: &'static str) -> Self {
        Self { target, mutations: Vec::new(), faults: Faults::default(), seed: None }
    }

    /// The positive control.
    pub fn aws_like() -> Self {
        Self::new("aws-like")
    }

    /// The same cloud with a mutation.
    #[must_use]
    pub fn with(mut self, mutation: Mutation) -> Self {
        self.mutations.push(mutation);
        self
    }

    /// The same cloud with faults, drawn from a seed.
    #[must_use]
    pub fn faulty(mut self, faults: Faults, seed: u64) -> Self {
        (self.faults, self.seed) = (faults, Some(seed));
        self
    }

    /// The target as a configuration would state it. Everything that can be observed there is, and the budgets hold nothing up.
    fn config(&self) -> TargetConfig {
        let embedded = config::embedded().expect("the embedded configuration is sound");
        let mut target = embedded.targets.into_iter().find(|t| t.name == self.target).expect("an embedded target");
        target.services.echo_ipv6 = Some("http://echo6.levelfield.test/echo".to_owned());
        target.scale.nodes = Some(4);
        target.budget = Budget { nodes: 64, addresses: 16, parallel: 64 };
        let ProviderConfig::Sim(sim) = &mut target.provider else { panic!("{} is no simulated cloud", self.target) };
        sim.mutations = self.mutations.iter().map(ToString::to_string).collect();
        sim.seed = self.seed;
        target
    }

    async fn connect(&self, target: &TargetConfig, redactor: &mut Redactor) -> Arc<dyn Provider> {
        if self.faults == Faults::default() {
            return config::connect(target, redactor).await.unwrap_or_else(|e| panic!("connect {self:?}: {e}"));
        }
        // Faults are the persona's: no configuration of a target asks for them.
        let ProviderConfig::Sim(sim) = &target.provider else { unreachable!("checked when it was made") };
        let persona = config::persona(&target.name, sim).expect("an embedded persona").with_faults(self.faults);
        Arc::new(SimProvider::embedded(persona).await.expect("a sim starts"))
    }
}

/// A profile that no guideline has selects everything, the add-ons too.
pub const EVERYTHING: &str = "everything";

/// What is asked of a run.
#[derive(Clone, Debug)]
pub struct Asked {
    pub profile: &'static str,
    pub filter: Filter,
}

impl Asked {
    /// Every behaviour of the guideline.
    pub fn everything() -> Self {
        Self::profile(EVERYTHING)
    }

    /// Every behaviour of a profile.
    pub fn profile(profile: &'static str) -> Self {
        Self { profile, filter: Filter::all() }
    }

    /// What a filter selects of the guideline.
    pub fn filter(text: &str) -> Self {
        Self { profile: EVERYTHING, filter: Filter::parse(text).unwrap_or_else(|e| panic!("{e}")) }
    }
}

/// A run that is over, with all that is needed to look after it.
pub struct Finished {
    pub record: Record,
    provider: Arc<dyn Provider>,
    folder: RunFolder,
    _home: TempDir,
}

impl Finished {
    /// The only target.
    pub fn target(&self) -> &TargetRecord {
        &self.record.targets[0]
    }

    /// What was selected, with its verdict.
    pub fn results(&self) -> impl Iterator<Item = &BehaviorResult> {
        self.target().results.iter().filter(|r| !matches!(r.verdict, Verdict::NotSelected { .. }))
    }

    /// What the run left on the target, as it says itself.
    pub fn proof(&self) -> Option<&Proof> {
        self.target().proof.as_ref()
    }

    /// The names of everything that is on the target, read from the target itself and without its faults' leave.
    pub async fn inventory(&self) -> Vec<String> {
        loop {
            match self.provider.inventory().await {
                Ok(listed) => return listed.into_iter().map(|r| format!("{} {}", r.resource, r.name)).collect(),
                Err(error) if error.class.is_transient() => {}
                Err(error) => return vec![format!("not readable: {error}")],
            }
        }
    }

    /// Removes what the run left, as `levelfield reap` does.
    pub async fn reap(&self) -> Proof {
        let trust = Arc::new(TrustAnchor::generate().expect("a certificate authority"));
        let (run, name, provider) = (&self.record.run.id, &self.target().name, Arc::clone(&self.provider));
        reap::reap(&self.folder.ledger(), run, name, provider, trust).await.expect("a ledger").proof
    }
}

/// Runs what is asked against a cloud of its own.
pub async fn run(cloud: &Cloud, asked: &Asked) -> Finished {
    let standard = Arc::new(Standard::embedded().expect("the embedded guideline is sound"));
    run_under(standard, cloud, asked).await
}

/// Runs what is asked against a cloud of its own, under a guideline at hand.
pub async fn run_under(standard: Arc<Standard>, cloud: &Cloud, asked: &Asked) -> Finished {
    let config = cloud.config();
    let mut redactor = Redactor::default();
    let provider = cloud.connect(&config, &mut redactor).await;
    let settings = config.settings();
    let selection =
        Selection { profile: asked.profile.to_owned(), filter: asked.filter.clone(), partition: None, rounds: 1 };
    let plan = plan::plan(&standard, &selection, &config.name, provider.declaration(), &settings)
        .unwrap_or_else(|e| panic!("{e}"));
    let home = tempfile::tempdir().expect("a folder for the run");
    let (folder, _lock) = RunFolder::create(PathBuf::from(home.path()).join("run")).expect("a folder for the run");
    let run = Run {
        header: header(&standard, asked),
        standard,
        targets: vec![Ready { plan, provider: Arc::clone(&provider), settings }],
        waivers: Vec::new(),
        keep: Keep::Never,
        folder: folder.clone(),
        redactor,
        interrupt: Interrupt::new(),
        onlookers: Vec::new(),
        earlier: None,
    };
    let record = run.carry_out().await.unwrap_or_else(|e| panic!("run against {cloud:?}: {e}"));
    Finished { record, provider, folder, _home: home }
}

fn header(standard: &Standard, asked: &Asked) -> RunHeader {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let guideline = standard.guideline();
    RunHeader {
        id: format!("test-{}-{:08}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed)),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        guideline: guideline.edition.clone(),
        guideline_sha256: guideline.sha256().to_owned(),
        profile: asked.profile.to_owned(),
        selection: asked.filter.to_string(),
        rounds: 1,
        partition: None,
        vantage: "test".to_owned(),
    }
}

/// Does `what` with every one of `all`, at most `at_once` of them side by side; the outcomes are in the order of `all`.
pub async fn side_by_side<T, R, F, Fut>(all: impl IntoIterator<Item = T>, at_once: usize, what: F) -> Vec<R>
where
    F: Fn(T) -> Fut,
    Fut: Future<Output = R> + Send + 'static,
    R: Send + 'static,
{
    // Tasks of their own, so that one cloud's work does not wait for another's on the same thread.
    let tasks = all.into_iter().map(|one| {
        let work = what(one);
        async move { tokio::spawn(work).await.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic())) }
    });
    stream::iter(tasks).buffered(at_once).collect().await
}
