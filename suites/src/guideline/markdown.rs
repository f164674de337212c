//! The edition as a document that people read, generated so that it can't disagree with what is enforced.

use std::fmt::{self, Write};

use super::{
    model::{Behavior, Guideline, Step},
    text::{flat, plain},
};

/// The whole edition in Markdown.
pub fn edition_markdown(guideline: &Guideline) -> String {
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = edition(&mut out, guideline);
    out
}

fn edition(out: &mut impl Write, guideline: &Guideline) -> fmt::Result {
    writeln!(
        out,
        "<!-- Generated from suites/guidelines/{}/. Edit the YAML there, not this file. -->\n",
        guideline.edition
    )?;
    writeln!(out, "# {}\n", guideline.title.trim())?;
    writeln!(
        out,
        "Edition {}, {} behaviours in {} suites.\n",
        guideline.edition,
        guideline.behaviors.len(),
        guideline.suites.len()
    )?;
    writeln!(out, "{}\n", guideline.preface.trim())?;
    how_to_read(out, guideline)?;
    steps(out, guideline)?;
    profiles(out, guideline)?;
    for suite in &guideline.suites {
        writeln!(out, "## Suite `{}`: {}\n", suite.suite, flat(&suite.title))?;
        writeln!(out, "{}\n", suite.why.trim())?;
        for behavior in guideline.behaviors.iter().filter(|behavior| behavior.suite() == suite.suite) {
            self::behavior(out, behavior, &guideline.steps)?;
        }
    }
    untested(out, guideline)
}

fn how_to_read(out: &mut impl Write, guideline: &Guideline) -> fmt::Result {
    writeln!(
        out,
        "## How to read it\n\n\
         Each behaviour is one requirement with an id that never changes and is never reused.\n\n\
         - **Level**: `core` must pass on every target; `extended` only where it is claimed; any other level is an add-on, \
         claimed by name.\n\
         - **Status**: `required` counts; `advisory` is reported and will count in a later edition; `deprecated` counts for the \
         last time; `removed` keeps the id and is never run.\n\
         - **Needs**: what the target must be able to do for the behaviour to be observed.\n\
         - **Accepted instead**: other ways that pass, each reported as a deviation with its effect and its work-around.\n\
         - **Parameters**: what the judge compares with.\n\
         - **Catches**: violations that the check is proven to find; a simulated cloud commits each of them in the tests.\n"
    )?;
    writeln!(out, "| Suite | Behaviours | About |\n| --- | ---: | --- |")?;
    for suite in &guideline.suites {
        let count = guideline.behaviors.iter().filter(|behavior| behavior.suite() == suite.suite).count();
        writeln!(out, "| `{}` | {count} | {} |", suite.suite, cell(&suite.title))?;
    }
    writeln!(out)
}

fn steps(out: &mut impl Write, guideline: &Guideline) -> fmt::Result {
    writeln!(out, "## The eight steps\n")?;
    for Step { step, title, why } in &guideline.steps {
        writeln!(out, "### Step {step}: {}\n\n{}\n", flat(title), why.trim())?;
        let ids: Vec<_> = guideline
            .behaviors
            .iter()
            .filter(|behavior| behavior.step == Some(*step))
            .map(|behavior| format!("[`{}`](#{})", behavior.id, anchor(&behavior.id)))
            .collect();
        if !ids.is_empty() {
            writeln!(out, "Behaviours: {}\n", ids.join(", "))?;
        }
    }
    Ok(())
}

fn profiles(out: &mut impl Write, guideline: &Guideline) -> fmt::Result {
    writeln!(out, "## Profiles\n\n| Profile | Behaviours | For | Selects |\n| --- | ---: | --- | --- |")?;
    for profile in &guideline.profiles {
        let count = guideline.profile(&profile.name).map_or(0, |(_, filter)| guideline.select(filter).count());
        let (title, select) = (cell(&profile.title), cell(&profile.select));
        writeln!(out, "| `{}` | {count} | {title} | `{select}` |", profile.name)?;
    }
    writeln!(out)
}

fn behavior(out: &mut impl Write, behavior: &Behavior, steps: &[Step]) -> fmt::Result {
    writeln!(out, "### `{}`\n\n**{}**\n", behavior.id, flat(&behavior.title))?;
    let step = match behavior.step.and_then(|number| steps.iter().find(|step| step.step == number)) {
        Some(step) => format!("{} ({})", step.step, flat(&step.title)),
        None => "none".to_owned(),
    };
    let needs = if behavior.needs.is_empty() {
        "nothing".to_owned()
    } else {
        behavior.needs.iter().map(|need| format!("`{need}`")).collect::<Vec<_>>().join(", ")
    };
    writeln!(out, "- Level: `{}`, {}", behavior.level, behavior.status)?;
    writeln!(out, "- Step: {step}")?;
    writeln!(out, "- Needs: {needs}")?;
    let source = flat(&behavior.reference.source);
    writeln!(out, "- Reference: {} ({})", flat(&behavior.reference.behavior), linked(&source))?;
    for (at, (name, value)) in behavior.expect.iter().enumerate() {
        if at == 0 {
            writeln!(out, "- Parameters:")?;
        }
        writeln!(out, "  - `{name}`: `{}`", plain(value).replace('`', "'"))?;
    }
    if !behavior.mutations.is_empty() {
        let mutations: Vec<_> = behavior.mutations.iter().map(|mutation| format!("`{mutation}`")).collect();
        writeln!(out, "- Catches: {}", mutations.join(", "))?;
    }
    writeln!(out, "\n{}\n", behavior.why.trim())?;
    if !behavior.alternatives.is_empty() {
        writeln!(out, "| Accepted instead | What | Effect on automation | Work-around |\n| --- | --- | --- | --- |")?;
        for alternative in &behavior.alternatives {
            let (accepts, effect) = (cell(&alternative.accepts), cell(&alternative.effect));
            let work_around = cell(&alternative.work_around);
            writeln!(out, "| `{}` | {accepts} | {effect} | {work_around} |", alternative.pattern)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn untested(out: &mut impl Write, guideline: &Guideline) -> fmt::Result {
    writeln!(out, "## What is not judged")?;
    for entry in &guideline.untested {
        writeln!(out, "\n- **{}** {}", sentence(&flat(&entry.what)), flat(&entry.why))?;
    }
    Ok(())
}

/// Text for a cell of a table: one line, with its bars escaped.
fn cell(text: &str) -> String {
    flat(text).replace('|', "\\|")
}

fn sentence(text: &str) -> String {
    if text.ends_with(['.', '?', '!', ':']) { text.to_owned() } else { format!("{text}.") }
}

/// Addresses as links; words as they are.
fn linked(source: &str) -> String {
    source
        .split(' ')
        .map(|word| {
            let address = word.trim_end_matches([',', ';', '.']);
            if word.starts_with("https://") {
                format!("<{address}>{}", &word[address.len()..])
            } else {
                word.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The anchor that Markdown readers make of a heading that is an id.
fn anchor(id: &str) -> String {
    id.replace('/', "")
}
