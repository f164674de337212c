//! What can be asked on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use levelfield_suites::guideline::Partition;

use crate::{
    engine::{folder::DEFAULT_HOME, run::Keep},
    store::Format,
};

/// Does infrastructure behave like AWS where operations depend on it?
///
/// Without a configuration file, three simulated clouds inside this program are the targets.
#[derive(Debug, Parser)]
#[command(name = "levelfield", version, max_term_width = 110, arg_required_else_help = true)]
pub struct Cli {
    /// The configuration; `levelfield.yaml` if that is there, else the embedded targets.
    #[arg(long, short, global = true, value_name = "FILE", env = "LEVELFIELD_CONFIG")]
    pub config: Option<PathBuf>,
    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the behaviours against the targets and write the reports.
    Run(RunArgs),
    /// Say what a run would do and take, without creating anything.
    Plan(RunArgs),
    /// Go on with a run that was interrupted.
    Resume(ResumeArgs),
    /// Remove what a run left behind.
    Reap(ReapArgs),
    /// List the behaviours of the standard.
    List(ListArgs),
    /// Explain one behaviour.
    Explain(ExplainArgs),
    /// Print the standard as a document.
    Standard(StandardArgs),
    /// Look at a target without creating anything.
    Target(TargetArgs),
    /// Give verdicts again from stored evidence alone.
    Judge(JudgeArgs),
    /// Write reports again from a run's journal.
    Report(ReportArgs),
    /// Show runs side by side, and what changed between them.
    Compare(CompareArgs),
    /// Put the parts of a partitioned run together.
    Merge(MergeArgs),
    /// Write the verdicts of a run as the baseline that later runs are gated on.
    Baseline(BaselineArgs),
    /// Print the JSON Schema of a file format.
    Schema(SchemaArgs),
    /// Serve a simulated cloud, for other processes to use as a target.
    Sim(SimArgs),
    /// Print shell completions.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write manual pages.
    Man {
        /// The folder to write them into.
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
}

/// What to run.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Only these targets.
    #[arg(long, short, value_name = "TARGET")]
    pub target: Vec<String>,
    /// The profile of the guideline.
    #[arg(long, short, value_name = "PROFILE", default_value = "core")]
    pub profile: String,
    /// Only these suites.
    #[arg(long, short, value_name = "SUITE")]
    pub suite: Vec<String>,
    /// Only what this expression selects: `step(5) and not id(addressing/egress)`.
    #[arg(long, short, value_name = "EXPR")]
    pub filter: Option<String>,
    /// The guideline: an edition or a folder. What the configuration says, else the newest.
    #[arg(long, value_name = "EDITION|DIR")]
    pub guideline: Option<String>,
    /// Repeat everything, for success rates and distributions.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub repeat: u32,
    /// Whether nodes stay after the run.
    #[arg(long, value_enum, default_value_t = Keep::Never, value_name = "WHEN")]
    pub keep: Keep,
    /// Run one part of several: `hash:1/4`.
    #[arg(long, value_name = "hash:I/N")]
    pub partition: Option<Partition>,
    /// Gate the exit code on known verdicts; `embedded` is the baseline of the embedded targets.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Do not gate on the embedded baseline, even where the embedded targets are run as they are.
    #[arg(long, conflicts_with = "baseline")]
    pub no_baseline: bool,
    /// The run's folder; a new one below the home folder when absent.
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to print at the end.
    #[arg(long, value_enum, default_value_t = Print::Text, value_name = "FORMAT")]
    pub format: Print,
    /// The home folder of runs.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_HOME, env = "LEVELFIELD_RUNS")]
    pub home: PathBuf,
}

/// What a command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Print {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// What to go on with.
#[derive(Args, Debug)]
pub struct ResumeArgs {
    /// The run: its id, its folder, or `latest`.
    #[arg(default_value = "latest")]
    pub run: String,
    /// Gate the exit code on known verdicts.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// What to print at the end.
    #[arg(long, value_enum, default_value_t = Print::Text, value_name = "FORMAT")]
    pub format: Print,
    /// The home folder of runs.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_HOME, env = "LEVELFIELD_RUNS")]
    pub home: PathBuf,
}

/// What to remove.
#[derive(Args, Debug)]
pub struct ReapArgs {
    /// The run: its id, its folder, or `latest`. All runs of the home folder when absent.
    #[arg(long, value_name = "RUN", conflicts_with = "expired")]
    pub run: Option<String>,
    /// Everything on the configured targets, of any run, that has expired.
    #[arg(long)]
    pub expired: bool,
    /// The home folder of runs.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_HOME, env = "LEVELFIELD_RUNS")]
    pub home: PathBuf,
}

/// What to list.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Only this profile.
    #[arg(long, short, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// Only what this expression selects.
    #[arg(long, short, value_name = "EXPR")]
    pub filter: Option<String>,
    /// The guideline: an edition or a folder.
    #[arg(long, value_name = "EDITION|DIR")]
    pub guideline: Option<String>,
}

/// What to explain.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The behaviour's id.
    pub id: String,
    /// The guideline: an edition or a folder.
    #[arg(long, value_name = "EDITION|DIR")]
    pub guideline: Option<String>,
}

/// Which standard to print.
#[derive(Args, Debug)]
pub struct StandardArgs {
    /// The guideline: an edition or a folder.
    #[arg(long, value_name = "EDITION|DIR")]
    pub guideline: Option<String>,
}

/// What to look at.
#[derive(Args, Debug)]
pub struct TargetArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TargetCommand,
}

/// What to do with a target.
#[derive(Debug, Subcommand)]
pub enum TargetCommand {
    /// Check credentials, capabilities and quota.
    Check {
        /// The target.
        target: String,
    },
    /// Show the catalogue, and what would be chosen from it.
    Discover {
        /// The target.
        target: String,
    },
}

/// What to judge.
#[derive(Args, Debug)]
pub struct JudgeArgs {
    /// The run: its id, its folder, or `latest`.
    #[arg(default_value = "latest")]
    pub run: String,
    /// The guideline to judge by: an edition or a folder. That of the run when absent.
    #[arg(long, value_name = "EDITION|DIR")]
    pub guideline: Option<String>,
    /// Write the reports of the new verdicts into this folder.
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Print::Text, value_name = "FORMAT")]
    pub format: Print,
    /// The home folder of runs.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_HOME, env = "LEVELFIELD_RUNS")]
    pub home: PathBuf,
}

/// What to report.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// The run: its id, its folder, or `latest`.
    #[arg(default_value = "latest")]
    pub run: String,
    /// The report; all of them when absent.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Vec<Format>,
    /// Where to write; the run's own folder when absent.
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The home folder of runs.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_HOME, env = "LEVELFIELD_RUNS")]
    pub home: PathBuf,
}

/// What to compare.
#[derive(Args, Debug)]
pub struct CompareArgs {
    /// The runs: ids, folders, or `latest`; oldest first.
    #[arg(required = true)]
    pub runs: Vec<String>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = ComparePrint::Text, value_name = "FORMAT")]
    pub format: ComparePrint,
    /// The home folder of runs.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_HOME, env = "LEVELFIELD_RUNS")]
    pub home: PathBuf,
}

/// What a comparison prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ComparePrint {
    /// For a terminal.
    #[default]
    Text,
    /// Markdown.
    Md,
    /// A page.
    Html,
    /// For programs.
    Json,
}

/// What to put together.
#[derive(Args, Debug)]
pub struct MergeArgs {
    /// The parts: ids or folders.
    #[arg(required = true, num_args = 1..)]
    pub parts: Vec<String>,
    /// The folder for the merged record and its reports.
    #[arg(long, short, value_name = "DIR")]
    pub out: PathBuf,
    /// The home folder of runs.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_HOME, env = "LEVELFIELD_RUNS")]
    pub home: PathBuf,
}

/// Which verdicts are known.
#[derive(Args, Debug)]
pub struct BaselineArgs {
    /// The run: its id, its folder, or `latest`.
    #[arg(default_value = "latest")]
    pub run: String,
    /// The file; standard output when absent.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The home folder of runs.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_HOME, env = "LEVELFIELD_RUNS")]
    pub home: PathBuf,
}

/// Which schema.
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// The file format.
    #[arg(value_enum)]
    pub of: SchemaOf,
}

/// File formats with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// `levelfield.yaml`.
    Config,
    /// `run.json`.
    Run,
    /// `edition.yaml` of a guideline.
    GuidelineEdition,
    /// A suite's file of a guideline.
    GuidelineSuite,
}

/// Which cloud to serve.
#[derive(Args, Debug)]
pub struct SimArgs {
    /// An embedded persona, by name; or the path of a persona file.
    #[arg(long, default_value = "aws-like")]
    pub persona: String,
    /// Violate the standard in this way.
    #[arg(long, value_name = "NAME")]
    pub mutation: Vec<String>,
    /// Seed of its randomness.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Write endpoint and token into this file once the cloud is up.
    #[arg(long, value_name = "FILE")]
    pub ready: Option<PathBuf>,
    /// List the mutations and what each violates.
    #[arg(long)]
    pub list_mutations: bool,
}
