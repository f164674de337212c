//! Runs against simulated clouds, in this process and through the library alone: from a configuration to the record.

#![allow(dead_code, reason = "every test that shares this module uses a part of it")]

pub(crate) mod table;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
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
use levelfield_kit::settings::Budget;
use levelfield_provider::{Capability, Provider};
use levelfield_reports::{
    Record, Verdict,
    event::{Proof, RunHeader},
    record::{BehaviorResult, TargetRecord},
    redact::Redactor,
};
use levelfield_sim::{Faults, Mutation, SimProvider};
use levelfield_suites::{
    Standard,
    guideline::{Filter, Guideline},
};
use tempfile::TempDir;

/// A simulated cloud to run against.
#[derive(Clone, Debug)]
pub(crate) struct Cloud {
    /// An embedded target, by name.
    pub(crate) target: &'static str,
    /// Its mutations.
    pub(crate) mutations: Vec<Mutation>,
    /// What goes wrong by itself there.
    pub(crate) faults: Faults,
    /// The seed of its randomness; the persona's own when absent.
    pub(crate) seed: Option<u64>,
    /// What the persona has and this cloud has not, nor declares.
    pub(crate) lacking: Vec<Capability>,
    /// Its clock's pace; the persona's own when absent.
    pub(crate) pace: Option<f64>,
}

impl Cloud {
    /// The embedded target of that name, as it is.
    pub(crate) fn new(target: &'static str) -> Self {
        Self { target, mutations: Vec::new(), faults: Faults::default(), seed: None, lacking: Vec::new(), pace: None }
    }

    /// The positive control.
    pub(crate) fn aws_like() -> Self {
        Self::new("aws-like")
    }

    /// The same cloud with a mutation.
    #[must_use]
    pub(crate) fn with(mut self, mutation: Mutation) -> Self {
        self.mutations.push(mutation);
        self
    }

    /// The same cloud without something that its persona has.
    #[must_use]
    pub(crate) fn without(mut self, capabilities: impl IntoIterator<Item = Capability>) -> Self {
        self.lacking.extend(capabilities);
        self
    }

    /// The same cloud with another pace. The slower, the less the time that this machine needs for its own work weighs in the
    /// target's seconds, in which maxima are counted.
    #[must_use]
    pub(crate) fn at_pace(mut self, pace: f64) -> Self {
        self.pace = Some(pace);
        self
    }

    /// The same cloud with faults, drawn from a seed.
    #[must_use]
    pub(crate) fn faulty(mut self, faults: Faults, seed: u64) -> Self {
        (self.faults, self.seed) = (faults, Some(seed));
        self
    }

    /// The target as a configuration would state it. Everything that can be observed there is, and the budgets hold nothing up.
    fn config(&self) -> TargetConfig {
        let embedded = config::embedded().expect("the embedded configuration is sound");
        let mut target = embedded.targets.into_iter().find(|t| t.name == self.target).expect("an embedded target");
        target.services.echo_ipv6 = Some("http://echo6.levelfield.test/echo".to_owned());
        target.budget = Budget { nodes: 64, addresses: 16, parallel: 64 };
        let ProviderConfig::Sim(sim) = &mut target.provider else { panic!("{} is no simulated cloud", self.target) };
        sim.mutations = self.mutations.iter().map(ToString::to_string).collect();
        sim.seed = self.seed;
        target
    }

    /// Connects as a configuration would be, but for what is the persona's and no configuration asks for.
    async fn connect(&self, target: &TargetConfig, redactor: &mut Redactor) -> Arc<dyn Provider> {
        if self.faults == Faults::default() && self.lacking.is_empty() && self.pace.is_none() {
            return config::connect(target, redactor).await.unwrap_or_else(|e| panic!("connect {self:?}: {e}"));
        }
        let ProviderConfig::Sim(sim) = &target.provider else { unreachable!("checked when it was made") };
        let mut persona = config::persona(&target.name, sim).expect("an embedded persona").with_faults(self.faults);
        persona = persona.with_pace(self.pace.unwrap_or(20.0));
        persona.capabilities.retain(|capability| !self.lacking.contains(capability));
        persona.addressing.ipv6 &= !self.lacking.contains(&Capability::Ipv6);
        Arc::new(SimProvider::embedded(persona).await.expect("a sim starts"))
    }
}

/// A profile that no guideline has selects everything, the add-ons too.
pub(crate) const EVERYTHING: &str = "everything";

/// What is asked of a run.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) profile: &'static str,
    pub(crate) filter: Filter,
}

impl Asked {
    /// Every behaviour of the guideline.
    pub(crate) fn everything() -> Self {
        Self::profile(EVERYTHING)
    }

    /// Every behaviour of a profile.
    pub(crate) fn profile(profile: &'static str) -> Self {
        Self { profile, filter: Filter::all() }
    }

    /// What a filter selects of the guideline.
    pub(crate) fn filter(text: &str) -> Self {
        Self { profile: EVERYTHING, filter: Filter::parse(text).unwrap_or_else(|e| panic!("{e}")) }
    }
}

/// A run that is over, with all that is needed to look after it.
pub(crate) struct Finished {
    pub(crate) record: Record,
    provider: Arc<dyn Provider>,
    folder: RunFolder,
    _home: TempDir,
}

impl Finished {
    /// The first target; most runs have no other.
    pub(crate) fn target(&self) -> &TargetRecord {
        &self.record.targets[0]
    }

    /// What was selected, with its verdict.
    pub(crate) fn results(&self) -> impl Iterator<Item = &BehaviorResult> {
        self.target().results.iter().filter(|r| !matches!(r.verdict, Verdict::NotSelected { .. }))
    }

    /// What the run left on the target, as it says itself.
    pub(crate) fn proof(&self) -> Option<&Proof> {
        self.target().proof.as_ref()
    }

    /// The names of everything that is on the target, read from the target itself, however often that fails for a passing reason.
    pub(crate) async fn inventory(&self) -> Vec<String> {
        loop {
            match self.provider.inventory().await {
                Ok(listed) => return listed.into_iter().map(|r| format!("{} {}", r.resource, r.name)).collect(),
                Err(error) if error.class.is_transient() => {}
                Err(error) => return vec![format!("not readable: {error}")],
            }
        }
    }

    /// Removes what the run left, as `levelfield reap` does.
    pub(crate) async fn reap(&self) -> Proof {
        let (run, name, provider) = (&self.record.run.id, &self.target().name, Arc::clone(&self.provider));
        reap::reap(&self.folder.ledger(), run, name, provider).await.expect("a ledger").proof
    }
}

/// The standard that ships.
pub(crate) fn standard() -> Arc<Standard> {
    Arc::new(Standard::embedded().expect("the embedded guideline is sound"))
}

/// The standard that ships, but for how many nodes the scale add-on asks for at one time.
pub(crate) fn standard_at_scale(nodes: u32) -> Arc<Standard> {
    let mut guideline = Guideline::embedded().expect("the embedded guideline is sound");
    let scale = guideline.behaviors.iter_mut().find(|b| b.id == "scale/parallel-nodes").expect("the scale add-on");
    scale.expect.insert("nodes".to_owned(), nodes.into());
    Arc::new(Standard::of(guideline).expect("another number fits the code as well"))
}

/// Runs what is asked against a cloud of its own.
pub(crate) async fn run(standard: &Arc<Standard>, cloud: &Cloud, asked: &Asked) -> Finished {
    let mut redactor = Redactor::default();
    let target = cloud.config();
    let provider = cloud.connect(&target, &mut redactor).await;
    carry_out(standard, vec![(target, provider)], redactor, asked).await
}

/// Runs what is asked against the embedded targets, all in one run, as `levelfield run` does without a configuration.
pub(crate) async fn run_embedded(standard: &Arc<Standard>, asked: &Asked) -> Finished {
    let (mut redactor, mut targets) = (Redactor::default(), Vec::new());
    for target in config::embedded().expect("the embedded configuration is sound").targets {
        let provider = config::connect(&target, &mut redactor).await.unwrap_or_else(|e| panic!("{e}"));
        targets.push((target, provider));
    }
    carry_out(standard, targets, redactor, asked).await
}

async fn carry_out(
    standard: &Arc<Standard>,
    targets: Vec<(TargetConfig, Arc<dyn Provider>)>,
    redactor: Redactor,
    asked: &Asked,
) -> Finished {
    let (profile, filter) = (asked.profile.to_owned(), asked.filter.clone());
    let selection = Selection { profile, filter, partition: None, rounds: 1 };
    let provider = Arc::clone(&targets[0].1);
    let ready = targets.into_iter().map(|(target, provider)| {
        let settings = target.settings();
        let plan = plan::plan(standard, &selection, &target.name, provider.declaration(), &settings);
        Ready { plan: plan.unwrap_or_else(|e| panic!("{e}")), provider, settings }
    });
    let home = tempfile::tempdir().expect("a folder for the run");
    let (folder, _lock) = RunFolder::create(home.path().join("run")).expect("a folder for the run");
    let run = Run {
        header: header(standard, asked),
        standard: Arc::clone(standard),
        targets: ready.collect(),
        waivers: Vec::new(),
        keep: Keep::Never,
        folder: folder.clone(),
        redactor,
        interrupt: Interrupt::new(),
        onlookers: Vec::new(),
        earlier: None,
    };
    let record = run.carry_out().await.unwrap_or_else(|e| panic!("{e}"));
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
pub(crate) async fn side_by_side<T, R, F>(all: impl IntoIterator<Item = T>, at_once: usize, what: F) -> Vec<R>
where
    F: AsyncFn(T) -> R,
{
    // A run spreads its work over the runtime's threads by itself, so nothing is lost by waiting for all of them in one task.
    let numbered = stream::iter(all).enumerate().map(async |(number, one)| (number, what(one).await));
    let mut outcomes: Vec<(usize, R)> = numbered.buffer_unordered(at_once).collect().await;
    outcomes.sort_by_key(|(number, _)| *number);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}
