//! The rules that a guideline's files keep, beyond their types.

use std::collections::BTreeSet;

use levelfield_yaml::{KeyPath, YamlError, YamlSource};

use super::{
    filter::{Expr, Filter, FilterError},
    model::{Behavior, EditionFile, FORMAT, Guideline, Level, Status, SuiteFile, is_kebab},
};

/// No candidates to offer.
const NONE: [&str; 0] = [];

/// What is wrong with `edition.yaml`, before any other file is opened. `names` are the files beside it.
pub(super) fn edition(file: &EditionFile, source: &YamlSource, names: &[String]) -> Vec<YamlError> {
    let mut errors = Vec::new();
    if file.format != FORMAT {
        errors.push(source.error_at("format", format!("format {} is not known", file.format), [FORMAT.to_string()]));
    }
    let (year, month) = file.edition.split_once('.').unwrap_or_default();
    let digits = |word: &str, count: usize| word.len() == count && word.bytes().all(|b| b.is_ascii_digit());
    if !digits(year, 4) || !digits(month, 2) {
        errors.push(source.error_at("edition", "the edition must be a year and a month, such as \"2026.11\"", NONE));
    }
    for key in ["title", "preface"] {
        let text = if key == "title" { &file.title } else { &file.preface };
        if text.trim().is_empty() {
            errors.push(source.error_at(key, format!("`{key}` must not be empty"), NONE));
        }
    }
    steps(file, source, &mut errors);
    suites(file, source, names, &mut errors);
    for profile in &file.profiles {
        if !is_kebab(&profile.name) {
            let path = KeyPath::root().key("profiles").key(&profile.name);
            errors.push(source.error_at_key(path, not_kebab("profile", &profile.name), NONE));
        }
    }
    errors
}

fn steps(file: &EditionFile, source: &YamlSource, errors: &mut Vec<YamlError>) {
    if file.steps.len() != 8 {
        let message = format!("there are eight steps of node allocation, not {}", file.steps.len());
        errors.push(source.error_at("steps", message, NONE));
    }
    for (at, step) in file.steps.iter().enumerate() {
        if usize::from(step.step) != at + 1 {
            let message = format!("the steps count from 1 to 8: this one is {}", at + 1);
            errors.push(source.error_at(format!("steps[{at}].step"), message, NONE));
        }
        if step.title.trim().is_empty() {
            errors.push(source.error_at(format!("steps[{at}].title"), "a step needs a title", NONE));
        }
    }
}

fn suites(file: &EditionFile, source: &YamlSource, names: &[String], errors: &mut Vec<YamlError>) {
    let mut seen = BTreeSet::new();
    for (at, suite) in file.suites.iter().enumerate() {
        let path = format!("suites[{at}].suite");
        let name = &suite.suite;
        if !is_kebab(name) || name == "edition" {
            errors.push(source.error_at(path, not_kebab("suite", name), NONE));
        } else if !seen.insert(name.as_str()) {
            errors.push(source.error_at(path, format!("suite `{name}` is listed twice"), NONE));
        } else if !names.contains(&format!("{name}.yaml")) {
            let files = names.iter().filter_map(|name| name.strip_suffix(".yaml")).filter(|name| *name != "edition");
            let message = format!("there is no file `{name}.yaml` beside this one");
            errors.push(source.error_at(path, message, files));
        }
    }
    for name in names.iter().filter_map(|name| name.strip_suffix(".yaml")) {
        if name != "edition" && !seen.contains(name) {
            let message = format!("`{name}.yaml` is beside this file, and no suite `{name}` is listed");
            errors.push(source.error_at("suites", message, NONE));
        }
    }
}

/// What is wrong with the file of the suite listed as `name`.
pub(super) fn suite(file: &SuiteFile, name: &str, source: &YamlSource) -> Vec<YamlError> {
    let mut errors = Vec::new();
    if file.suite != name {
        let message = format!("suite `{}` stands in the file of suite `{name}`", file.suite);
        errors.push(source.error_at("suite", message, [name]));
    }
    if file.behaviors.is_empty() {
        errors.push(source.error_at("behaviors", "a suite needs at least one behaviour", NONE));
    }
    let mut seen = BTreeSet::new();
    for (at, behavior) in file.behaviors.iter().enumerate() {
        let mut report = |below: &str, message: String, candidates: &[&str]| {
            errors.push(source.error_at(format!("behaviors[{at}].{below}"), message, candidates.iter().copied()));
        };
        entry(behavior, name, &mut report);
        if !seen.insert(behavior.id.as_str()) {
            report("id", format!("behaviour `{}` is stated twice", behavior.id), &[]);
        }
    }
    errors
}

/// Checks one entry; `report` takes the key path below it, the message, and what is valid there.
fn entry(behavior: &Behavior, suite: &str, report: &mut impl FnMut(&str, String, &[&str])) {
    match behavior.id.split_once('/') {
        Some((own, name)) if is_kebab(own) && is_kebab(name) => {
            if own != suite {
                let meant = format!("{suite}/{name}");
                report("id", format!("behaviour `{}` stands in the file of suite `{suite}`", behavior.id), &[&meant]);
            }
        }
        _ => report("id", format!("`{}` is no id: write `{suite}/name-in-lower-case`", behavior.id), &[]),
    }
    if behavior.step.is_some_and(|step| !(1..=8).contains(&step)) {
        report("step", "a step is 1 to 8; leave `step` out for what goes beyond the steps".to_owned(), &[]);
    }
    for (key, text) in [
        ("title", &behavior.title),
        ("why", &behavior.why),
        ("reference.behavior", &behavior.reference.behavior),
        ("reference.source", &behavior.reference.source),
    ] {
        if text.trim().is_empty() {
            report(key, format!("`{key}` must not be empty"), &[]);
        }
    }
    repeated("needs", behavior.needs.iter().map(|need| need.id()), report);
    if behavior.mutations.is_empty() && behavior.status != Status::Removed {
        let message = format!("`{}` names no mutation that its check is proven to catch", behavior.id);
        report("mutations", message, &[]);
    }
    repeated("mutations", behavior.mutations.iter().map(String::as_str), report);
    for (at, mutation) in behavior.mutations.iter().enumerate() {
        if !is_kebab(mutation) {
            report(&format!("mutations[{at}]"), not_kebab("mutation", mutation), &[]);
        }
    }
    let mut patterns = BTreeSet::new();
    for (at, alternative) in behavior.alternatives.iter().enumerate() {
        let path = format!("alternatives[{at}].pattern");
        let pattern = alternative.pattern.as_str();
        if !is_kebab(pattern) {
            report(&path, not_kebab("pattern", pattern), &[]);
        } else if !patterns.insert(pattern) {
            report(&path, format!("pattern `{pattern}` is given twice"), &[]);
        }
    }
}

fn repeated<'w>(key: &str, words: impl Iterator<Item = &'w str>, report: &mut impl FnMut(&str, String, &[&str])) {
    let mut seen = BTreeSet::new();
    for (at, word) in words.enumerate() {
        if !seen.insert(word) {
            report(&format!("{key}[{at}]"), format!("`{word}` is given twice"), &[]);
        }
    }
}

fn not_kebab(what: &str, name: &str) -> String {
    format!("`{name}` is no name for a {what}: write lower-case words joined by hyphens")
}

/// What is wrong across files; reads the profiles' selections on the way.
pub(super) fn whole(guideline: &mut Guideline, source: &YamlSource) -> Vec<YamlError> {
    let mut errors = Vec::new();
    let mut filters = Vec::new();
    let at = |profile: &str| KeyPath::root().key("profiles").key(profile).key("select");
    for profile in &guideline.profiles {
        match Filter::parse(&profile.select) {
            Ok(filter) => filters.push((profile.name.clone(), filter)),
            Err(error) => errors.push(in_yaml(source, at(&profile.name), error)),
        }
    }
    // A level that behaviours have must be one that somebody can ask for; what a profile asks for must be there.
    let asked: BTreeSet<_> = filters.iter().flat_map(|(_, filter)| filter.expr().levels()).collect();
    for behavior in &guideline.behaviors {
        if let Level::AddOn(name) = &behavior.level
            && !asked.contains(name.as_str())
        {
            let known = ["core", "extended"].into_iter().chain(asked.iter().copied()).collect::<BTreeSet<_>>();
            let message = format!("no profile selects level({name})");
            let known = known.into_iter().map(str::to_owned).collect();
            errors.push(guideline.error_at(&behavior.id, "level", message, known));
        }
    }
    for (profile, filter) in &filters {
        if let Err(error) = filter.check(guideline) {
            errors.push(in_yaml(source, at(profile), error));
        } else if filter.expr() != &Expr::None && guideline.select(filter).next().is_none() {
            let message = format!("profile `{profile}` selects nothing");
            errors.push(source.error_at(at(profile), message, NONE));
        }
    }
    guideline.selects = filters.into_iter().collect();
    errors
}

/// A filter's mistake at its place in the file.
fn in_yaml(source: &YamlSource, path: KeyPath, error: FilterError) -> YamlError {
    let message = format!("{}, at column {} of the selection", error.message, error.column());
    source.error_at(path, message, NONE).with_candidates(error.word.as_deref(), error.candidates)
}
