//! The `levelfield` command as a person or a pipeline calls it: the binary itself, in a folder and with an environment of its own.

#![allow(dead_code, reason = "every test that shares this module uses a part of it")]
#![allow(clippy::print_stderr, reason = "a skipped test has no other way to say so")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use levelfield_kit::ledger;
use levelfield_provider::{Provider as _, Resource, tag};
use levelfield_sim::SimProvider;
use serde_json::Value;
use tempfile::TempDir;

/// The environment variable that holds a sim's token.
pub(crate) const TOKEN: &str = "LEVELFIELD_TEST_TOKEN";
/// The environment variable that turns a skipped test into a failed one, if it is `1`.
pub(crate) const REQUIRE: &str = "LEVELFIELD_REQUIRE_REAL_TARGETS";
/// The longest that anything here is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What a command answered.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        // A process that a signal ended has no code.
        Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err)
    }
}

/// A folder to call commands in, with runs of its own.
pub(crate) struct Home {
    folder: TempDir,
    token: Option<String>,
    /// Where OpenStack clouds are named, if not where the environment says.
    clouds: Option<PathBuf>,
}

impl Home {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), token: None, clouds: None }
    }

    /// One whose configuration names `sim` as its only target, `cloud`.
    pub(crate) fn on(sim: &Sim) -> Self {
        let mut home = Self::new();
        home.token = Some(sim.token.clone());
        home.configure(&sim.target("cloud"));
        home
    }

    /// Names OpenStack clouds in a file of its own.
    pub(crate) fn name_clouds(&mut self, text: &str) {
        self.clouds = Some(self.write("clouds.yaml", text));
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the run called `name` is.
    pub(crate) fn run(&self, name: &str) -> PathBuf {
        self.path().join("levelfield-runs").join(name)
    }

    /// Writes the configuration that is read by default: these targets.
    pub(crate) fn configure(&self, targets: &str) {
        self.write("levelfield.yaml", &format!("format: 1\ntargets:\n{targets}"));
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The command, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_levelfield"));
        self.around(command.args(arguments));
        command
    }

    /// Lets `command` run here, with the environment of a plain user.
    pub(crate) fn around(&self, command: &mut Command) {
        command.current_dir(self.path()).stdin(Stdio::null()).env("HOME", self.path()).env("NO_COLOR", "1");
        command.env_remove("LEVELFIELD_CONFIG").env_remove("LEVELFIELD_RUNS").env_remove("RUST_BACKTRACE");
        match &self.token {
            Some(token) => command.env(TOKEN, token),
            None => command.env_remove(TOKEN),
        };
        if let Some(clouds) = &self.clouds {
            command.env("OS_CLIENT_CONFIG_FILE", clouds);
        }
    }

    /// What the command answers.
    pub(crate) fn say(&self, arguments: &[&str]) -> Said {
        self.command(arguments).output().unwrap().into()
    }

    /// Starts the command, to be looked at while it runs.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// A simulated cloud in a process of its own, which is there for as long as this is.
pub(crate) struct Sim {
    child: Child,
    pub(crate) endpoint: String,
    pub(crate) token: String,
    runtime: tokio::runtime::Runtime,
    _home: Home,
}

impl Sim {
    /// A cloud that passes everything.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The same with more arguments.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let home = Home::new();
        let ready = home.path().join("ready");
        let mut command = home.command(&["sim", "--ready", "ready"]);
        let child = command.args(arguments).stdout(Stdio::null()).spawn().unwrap();
        eventually("the sim is ready", || ready.exists());
        let text = fs::read_to_string(&ready).unwrap();
        let word = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap_or_else(|| panic!("no {key} in {text}"))
                .to_owned()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { child, endpoint: word("endpoint: "), token: word("token: "), runtime, _home: home }
    }

    /// The lines of a configuration for it.
    pub(crate) fn target(&self, name: &str) -> String {
        format!(
            "  - name: {name}\n    provider: {{ sim: {{ persona: aws-like, endpoint: \"{}\", token: {{ env: {TOKEN} }} }} }}\n",
            self.endpoint
        )
    }

    /// Everything in it that looks like the harness's, as its own API tells.
    pub(crate) fn inventory(&self) -> Vec<Resource> {
        self.runtime.block_on(async {
            let provider = SimProvider::connect(&self.endpoint, &self.token).await.expect("the sim answers");
            provider.inventory().await.expect("the sim lists")
        })
    }

    /// What it holds of one run.
    pub(crate) fn holds_of(&self, run: &str) -> Vec<String> {
        let ours = |r: &Resource| r.tags.get(tag::RUN).is_some_and(|tag| tag == run);
        self.inventory().into_iter().filter(ours).map(|r| r.resource.to_string()).collect()
    }

    /// Sends it a signal, by the name that `kill` knows it by.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Ends it now, as a cloud that vanishes.
    pub(crate) fn vanish(mut self) {
        self.kill();
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Looks until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {} s: {what}", PATIENCE.as_secs());
        thread::sleep(Duration::from_millis(2));
    }
}

/// Waits for a process to end by itself.
pub(crate) fn ended(mut child: Child) -> Said {
    eventually("the process ends", || child.try_wait().unwrap().is_some());
    child.wait_with_output().unwrap().into()
}

/// Sends a signal, by the name that `kill` knows it by.
pub(crate) fn signal(child: &Child, name: &str) {
    let done = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(done.success(), "kill -s {name}");
}

/// A run's `run.json`.
pub(crate) fn record(folder: &Path) -> Value {
    let path = folder.join("run.json");
    let text = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

/// The run's id.
pub(crate) fn id(record: &Value) -> &str {
    record["run"]["id"].as_str().unwrap()
}

/// The verdicts of the only target, and whether any of them is called flaky.
pub(crate) fn verdicts(record: &Value) -> BTreeMap<String, String> {
    let results = record["targets"][0]["results"].as_array().unwrap();
    let word = |r: &Value| format!("{}{}", r["verdict"], if r["flaky"] == true { ", flaky" } else { "" });
    results.iter().map(|r| (r["id"].as_str().unwrap().to_owned(), word(r))).collect()
}

/// The lines of a journal that can be read, as far as they are there already.
pub(crate) fn events(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("events.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Whether the journal holds an event of this kind already.
pub(crate) fn has_event(folder: &Path, kind: &str) -> bool {
    events(folder).iter().any(|event| event["kind"]["event"] == kind)
}

/// What the ledger holds open.
pub(crate) fn open_entries(folder: &Path) -> Vec<String> {
    let path = folder.join("ledger.jsonl");
    if !path.exists() {
        return Vec::new();
    }
    let entries = ledger::read(&path).unwrap();
    entries
        .into_values()
        .filter(|e| e.open)
        .map(|e| format!("{} {} `{}` {:?}", e.number, e.kind, e.name, e.id))
        .collect()
}

/// A run that is not complete must not be taken for a good one by any reader, of whatever format.
pub(crate) fn assert_nothing_reads_green(folder: &Path) {
    let record = record(folder);
    assert_eq!(record["status"], "incomplete");
    let junit = fs::read_to_string(folder.join("junit/cloud.xml")).unwrap();
    let (_, case) = junit.split_once("name=\"run-complete\"").expect("JUnit has a case for the run's end");
    let (case, _) = case.split_once("</testcase>").unwrap();
    assert!(case.contains("<error"), "{case}");
    for page in ["report.md", "report.html"] {
        let text = fs::read_to_string(folder.join(page)).unwrap();
        let headline = text.lines().find(|l| l.contains("incomplete") || l.contains("conformant")).unwrap_or_default();
        assert!(headline.contains("incomplete"), "{page}: {headline}");
    }
}

/// The reason for leaving a test out, printed; a failure where everything is required.
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var(REQUIRE).as_deref() != Ok("1"), "{REQUIRE}=1, and this cannot be had: {why}");
    eprintln!("skipped: {why}");
}
