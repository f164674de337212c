//! What was tested: each target's identity, capabilities, timings, calls, and what the run left on it.

use std::io::{self, Write};

use levelfield_provider::{Presence, ResourceRef};

use super::{
    frame::capped,
    markup::html,
    timing::{self, Scale},
    view::{View, behavior_anchor, target_anchor},
    words,
};
use crate::{
    event::{CapabilityRow, Proof},
    record::TargetRecord,
};

/// How many behaviours that prove a capability are named.
const PROOFS: usize = 6;

/// A part for each target.
pub(super) fn write(out: &mut dyn Write, view: &View<'_>) -> io::Result<()> {
    html!(out, "<section id=\"targets\" aria-labelledby=\"targets-title\">\n<h2 id=\"targets-title\">Targets</h2>\n")?;
    let scale = Scale::of(view);
    for (index, target) in view.record.targets.iter().enumerate() {
        let standing = view.standing_of(index);
        html!(
            out,
            "<article class=\"target\" id=\"{}\" aria-labelledby=\"{}/name\">\n<h3 id=\"{}/name\">{} <span class=\"standing {}\">{}</span></h3>\n",
            target_anchor(&target.name),
            target_anchor(&target.name),
            target_anchor(&target.name),
            target.name,
            standing.class(),
            standing.words()
        )?;
        identity(out, target)?;
        proof(out, view, target.proof.as_ref())?;
        if target.stamps.is_empty() {
            html!(out, "<h4>From request to login</h4>\n<p class=\"empty\">No stamp was taken.</p>\n")?;
        } else {
            html!(
                out,
                "<h4>From request to login</h4>\n<p class=\"note\">On the target’s clock{}.</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Times from request to login on {}\">",
                if view.record.targets.len() > 1 { "; the scale is the same for all targets" } else { "" },
                target.name
            )?;
            timing::write(out, target, &scale)?;
            html!(out, "</div>\n")?;
        }
        capabilities(out, view, target)?;
        calls(out, target)?;
        html!(out, "</article>\n")?;
    }
    html!(out, "</section>\n")
}

fn identity(out: &mut dyn Write, target: &TargetRecord) -> io::Result<()> {
    html!(out, "<dl class=\"facts\">\n<div><dt>Provider</dt><dd>{}</dd></div>\n", target.provider)?;
    html!(out, "<div><dt>Took</dt><dd>{}</dd></div>\n", words::duration(target.seconds))?;
    if (target.pace - 1.0).abs() > f64::EPSILON {
        html!(
            out,
            "<div><dt>Clock</dt><dd>simulated, {} s for each second here</dd></div>\n",
            words::number(target.pace)
        )?;
    }
    match &target.fingerprint {
        Some(fingerprint) => {
            for (name, value) in &fingerprint.facts {
                html!(out, "<div><dt>{}</dt><dd>{}</dd></div>\n", name, value)?;
            }
        }
        None => html!(out, "<div><dt>Fingerprint</dt><dd>none: the target never answered</dd></div>\n")?,
    }
    html!(out, "</dl>\n")
}

fn proof(out: &mut dyn Write, view: &View<'_>, proof: Option<&Proof>) -> io::Result<()> {
    match proof {
        Some(Proof::Empty { created }) => html!(
            out,
            "<p class=\"proof\"><b class=\"state pass\"><i>✓</i>nothing left</b> The inventory was read, and holds nothing of this run; {} had been created.</p>\n",
            words::count(*created as usize, "resource")
        ),
        Some(Proof::NothingCreated) => {
            html!(
                out,
                "<p class=\"proof\"><b class=\"state not-selected\"><i>–</i>nothing created</b> There was nothing to prove.</p>\n"
            )
        }
        Some(Proof::Left { resources }) => {
            html!(out, "<div class=\"proof\"><b class=\"state fail\"><i>✕</i>left behind</b>")?;
            left(out, view, resources)?;
            html!(out, "</div>\n")
        }
        Some(Proof::Unknown { resources, why }) => {
            html!(
                out,
                "<div class=\"proof\"><b class=\"state inconclusive\"><i>?</i>perhaps left behind</b> The inventory could not be read: {}",
                why
            )?;
            left(out, view, resources)?;
            html!(out, "</div>\n")
        }
        None => html!(
            out,
            "<p class=\"proof\"><b class=\"state missing\"><i>∅</i>no proof</b> The inventory was not read; the ledger says what may be there.</p>\n"
        ),
    }
}

fn left(out: &mut dyn Write, view: &View<'_>, resources: &[ResourceRef]) -> io::Result<()> {
    html!(out, "<ul>")?;
    for resource in resources.iter().take(view.limits.rows) {
        html!(out, "<li>{} <code>{}</code></li>", resource.kind.id(), resource.id)?;
    }
    html!(out, "</ul>")?;
    capped(out, resources.len(), view.limits.rows, "resources", "The ledger has them all.")
}

fn capabilities(out: &mut dyn Write, view: &View<'_>, target: &TargetRecord) -> io::Result<()> {
    html!(out, "<h4>Capabilities</h4>\n")?;
    if target.capabilities.is_empty() {
        return html!(out, "<p class=\"empty\">None were declared or probed.</p>\n");
    }
    html!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Capabilities of {}\"><table class=\"list capabilities\"><thead><tr><th scope=\"col\">Capability</th><th scope=\"col\">Declared</th><th scope=\"col\">Probed</th><th scope=\"col\">Proven by</th></tr></thead>\n<tbody>\n",
        target.name
    )?;
    for row in &target.capabilities {
        capability(out, view, row)?;
    }
    html!(out, "</tbody></table></div>\n")
}

fn capability(out: &mut dyn Write, view: &View<'_>, row: &CapabilityRow) -> io::Result<()> {
    let (class, word) = match row.probed.as_ref().map(|probe| probe.presence) {
        None => ("none", "not probed"),
        Some(Presence::Unknown) => ("none", "can’t tell"),
        Some(Presence::Present) if row.declared => ("", "present"),
        Some(Presence::Absent) if !row.declared => ("", "absent"),
        Some(Presence::Present) => ("differs", "present"),
        Some(Presence::Absent) => ("differs", "absent"),
    };
    html!(
        out,
        "<tr><th scope=\"row\">{}</th><td>{}</td><td><span class=\"{}\">{}</span>",
        row.capability,
        if row.declared { "yes" } else { "no" },
        class,
        word
    )?;
    if let Some(probe) = row.probed.as_ref().filter(|probe| !probe.note.is_empty()) {
        html!(out, "<small>{}</small>", probe.note)?;
    }
    html!(out, "</td><td>")?;
    if row.proven_by.is_empty() {
        html!(out, "<span class=\"none\">–</span>")?;
    }
    for (index, id) in row.proven_by.iter().enumerate().take(PROOFS) {
        let comma = if index > 0 { ", " } else { "" };
        if view.rows.iter().any(|row| row.id == id) {
            html!(out, "{}<a href=\"#{}\">{}</a>", comma, behavior_anchor(id), id)?;
        } else {
            html!(out, "{}{}", comma, id)?;
        }
    }
    if row.proven_by.len() > PROOFS {
        html!(out, " and {} more", row.proven_by.len() - PROOFS)?;
    }
    html!(out, "</td></tr>\n")
}

fn calls(out: &mut dyn Write, target: &TargetRecord) -> io::Result<()> {
    if target.calls.is_empty() {
        return Ok(());
    }
    let all: u64 = target.calls.values().map(|stats| stats.made).sum();
    let failed: u64 = target.calls.values().flat_map(|stats| stats.failed.values()).sum();
    html!(
        out,
        "<details class=\"calls\"><summary>Calls to the interface: {} made, {} failed</summary>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Calls to {}\"><table class=\"list\"><thead><tr><th scope=\"col\">Operation</th><th scope=\"col\" class=\"num\">Made</th><th scope=\"col\" class=\"num\">Retried</th><th scope=\"col\">Failed</th></tr></thead>\n<tbody>\n",
        words::grouped(all),
        words::grouped(failed),
        target.name
    )?;
    for (operation, stats) in &target.calls {
        html!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"num\">{}</td><td class=\"num\">{}</td><td>",
            operation,
            words::grouped(stats.made),
            words::grouped(stats.retried)
        )?;
        if stats.failed.is_empty() {
            html!(out, "<span class=\"none\">–</span>")?;
        }
        for (index, (class, count)) in stats.failed.iter().enumerate() {
            html!(out, "{}{} {}", if index > 0 { ", " } else { "" }, words::grouped(*count), class)?;
        }
        html!(out, "</td></tr>\n")?;
    }
    html!(out, "</tbody></table></div>\n</details>\n")
}
