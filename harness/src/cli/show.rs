//! `list`, `explain`, `standard`, `target`, `schema` and `man`: everything that only shows.

use std::path::Path;

use clap::CommandFactory as _;
use levelfield_kit::journey::{pick_flavor, pick_image, pick_network};
use levelfield_provider::{Capability, Page, Provider, ProviderError, Query};
use levelfield_reports::{json, overall::Outcome};
use levelfield_suites::{
    Standard,
    guideline::{self, Filter, Guideline},
};

use super::{
    args::{Cli, ExplainArgs, ListArgs, SchemaArgs, SchemaOf, StandardArgs, TargetArgs, TargetCommand},
    failure::{Failure, OrUsage as _},
    output::Output,
};
use crate::config::{self, Config, ConfigError, connect};

fn find(word: Option<&str>) -> Result<Guideline, Failure> {
    match word {
        Some(word) => Guideline::find(word).or_usage(),
        None => Guideline::embedded().or_usage(),
    }
}

/// Lists behaviours.
pub(super) fn list(args: &ListArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let guideline = find(args.guideline.as_deref())?;
    let mut filter = match &args.filter {
        Some(text) => Filter::parse(text).or_usage()?,
        None => Filter::all(),
    };
    filter.check(&guideline).or_usage()?;
    if let Some(profile) = &args.profile {
        let (_, of_profile) = guideline.profile(profile).or_usage()?;
        filter = if args.filter.is_some() { filter.and(of_profile.clone()) } else { of_profile.clone() };
    }
    output.print(&guideline::list(guideline.select(&filter)));
    Ok(Outcome::Good)
}

/// Explains one behaviour.
pub(super) fn explain(args: &ExplainArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let guideline = find(args.guideline.as_deref())?;
    let behavior = guideline.behavior(&args.id).or_usage()?;
    output.print(&guideline::explain(&guideline, behavior));
    Ok(Outcome::Good)
}

/// Prints the standard.
pub(super) fn standard(args: &StandardArgs, output: &mut Output) -> Result<Outcome, Failure> {
    output.print(&guideline::edition_markdown(&find(args.guideline.as_deref())?));
    Ok(Outcome::Good)
}

/// Looks at a target.
pub(super) async fn target(args: &TargetArgs, path: Option<&Path>, output: &mut Output) -> Result<Outcome, Failure> {
    let config = config::load(path).or_usage()?;
    match &args.command {
        TargetCommand::Check { target } => check(&config, target, output).await,
        TargetCommand::Discover { target } => discover(&config, target, output).await,
    }
}

async fn provider(config: &Config, name: &str, output: &mut Output) -> Result<std::sync::Arc<dyn Provider>, Failure> {
    let known: Vec<String> = config.targets.iter().map(|t| t.name.clone()).collect();
    let target = config
        .targets
        .iter()
        .find(|t| t.name == name)
        .ok_or_else(|| ConfigError::UnknownTarget { name: name.to_owned(), known })
        .or_usage()?;
    connect(target, &mut output.redactor).await.or_usage()
}

async fn check(config: &Config, name: &str, output: &mut Output) -> Result<Outcome, Failure> {
    let provider = provider(config, name, output).await?;
    let fingerprint = provider.fingerprint().await.or_incomplete()?;
    let mut lines = vec![format!("{name}: answers")];
    lines.extend(fingerprint.facts.iter().map(|(fact, value)| format!("  {fact}: {value}")));
    lines.push(format!("  {:<18} declared  probed", "capability"));
    for capability in Capability::ALL {
        let declared = if provider.declaration().has(capability) { "yes" } else { "no" };
        let probed = match provider.probe(capability).await {
            Ok(probe) => format!("{:?} ({})", probe.presence, probe.note).to_lowercase(),
            Err(error) => error.to_string(),
        };
        lines.push(format!("  {:<18} {declared:<8}  {probed}", capability.id()));
    }
    if provider.declaration().has(Capability::Quota) {
        let quota = provider.quota().await.or_incomplete()?;
        let show = |free: Option<u32>| free.map_or_else(|| "not told".to_owned(), |n| n.to_string());
        lines.push(format!(
            "  free: {} nodes, {} vCPU, {} floating addresses, {} keys, {} groups",
            show(quota.nodes_free),
            show(quota.vcpus_free),
            show(quota.addresses_free),
            show(quota.keys_free),
            show(quota.groups_free)
        ));
    }
    output.print(&lines.join("\n"));
    Ok(Outcome::Good)
}

async fn discover(config: &Config, name: &str, output: &mut Output) -> Result<Outcome, Failure> {
    let provider = provider(config, name, output).await?;
    let params = Standard::embedded().or_usage()?.journey_params();
    let networks = every_page(|query| {
        let p = &provider;
        async move { p.networks(&query).await }
    })
    .await?;
    let flavors = every_page(|query| {
        let p = &provider;
        async move { p.flavors(&query).await }
    })
    .await?;
    let images = every_page(|query| {
        let p = &provider;
        async move { p.images(&query).await }
    })
    .await?;
    let mut lines = vec!["networks".to_owned()];
    for network in &networks {
        let cidrs: Vec<String> = network.cidrs.iter().map(ToString::to_string).collect();
        let default = if network.default { " (default)" } else { "" };
        lines.push(format!("  {}  {}  {}{default}", network.id, network.name, cidrs.join(" ")));
    }
    lines.push("flavors".to_owned());
    for flavor in &flavors {
        let (vcpus, memory) = (flavor.vcpus.unwrap_or_default(), flavor.memory_mib.unwrap_or_default());
        lines.push(format!("  {}  {}  {vcpus} vCPU  {memory} MiB", flavor.id, flavor.name));
    }
    lines.push("images".to_owned());
    for image in &images {
        let portable = levelfield_kit::naming::identify(image).map(|i| i.portable.to_string());
        lines.push(format!(
            "  {}  {}  {}",
            image.id,
            image.name,
            portable.unwrap_or_else(|| "not readable".to_owned())
        ));
    }
    let word = |picked: Result<String, String>| picked.unwrap_or_else(|why| format!("none: {why}"));
    lines.push("chosen by the standard's own way".to_owned());
    lines.push(format!("  network  {}", word(pick_network(&networks).map(|n| n.id.clone()))));
    let flavor = pick_flavor(&flavors, params.vcpus, params.memory_gib, Some(&params.image));
    lines.push(format!("  flavor   {}", word(flavor.map(|f| f.id.clone()))));
    lines.push(format!("  image    {}", word(pick_image(&images, &params.image).map(|i| i.id.clone()))));
    output.print(&lines.join("\n"));
    Ok(Outcome::Good)
}

/// The most pages of a listing that are shown; a target that never ends must not hold a person up.
const PAGES: usize = 1000;

async fn every_page<T, Fut>(page: impl Fn(Query) -> Fut) -> Result<Vec<T>, Failure>
where
    Fut: Future<Output = Result<Page<T>, ProviderError>>,
{
    let (mut items, mut query) = (Vec::new(), Query::default());
    for _ in 0..PAGES {
        let answer = page(query.clone()).await.or_incomplete()?;
        items.extend(answer.items);
        query.marker = answer.next;
        if query.marker.is_none() {
            break;
        }
    }
    Ok(items)
}

/// Prints a JSON Schema.
pub(super) fn schema(args: &SchemaArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let schema = match args.of {
        SchemaOf::Config => schemars::schema_for!(Config).to_value(),
        SchemaOf::Run => json::schema(),
        SchemaOf::GuidelineEdition => guideline::schema::edition(),
        SchemaOf::GuidelineSuite => guideline::schema::suite(),
    };
    output.print(&serde_json::to_string_pretty(&schema).or_incomplete()?);
    Ok(Outcome::Good)
}

/// Writes manual pages.
pub(super) fn man(out: &Path, output: &mut Output) -> Result<Outcome, Failure> {
    std::fs::create_dir_all(out).or_usage()?;
    clap_mangen::generate_to(Cli::command(), out).or_incomplete()?;
    output.note(&format!("wrote manual pages into {}", out.display()));
    Ok(Outcome::Good)
}
