//! What the first boot leaves: user data run once, a hostname, a console that can be read.

use std::net::IpAddr;

use levelfield_kit::{
    Behavior, Ctx, Hindrance, Nothing, Observation,
    journey::BOOTS_PATH,
    wait::{Look, Waited},
};
use levelfield_provider::FailureClass;
use levelfield_reports::{Judgement, event::Stage};
use serde::{Deserialize, Serialize};

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![
        Behavior::new("allocation/user-data-once", observe_user_data_once, judge_user_data_once)
            .at(&[Stage::Delivered, Stage::Rebooted]),
        Behavior::new("allocation/hostname-set", observe_hostname_set, judge_hostname_set)
            .at(&[Stage::Delivered])
            .with_peer(),
        Behavior::new("allocation/console-output", observe_console_output, judge_console_output)
            .at(&[Stage::Delivered]),
    ]
}

// allocation/user-data-once

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UserDataOnce {
    /// Until the marker was there that each run of the user data adds a line to: its lines.
    marker: Waited<Vec<String>>,
}

/// For how long the first boot may go on after the first login.
const FIRST_BOOT_S: f64 = 60.0;

async fn observe_user_data_once(ctx: Ctx, _: Nothing) -> Observation<UserDataOnce> {
    if ctx.stage() == Stage::Rebooted {
        let back = ctx.fact(|f| f.rebooted.clone())?.back;
        if !back.met() {
            return Err(Hindrance::prerequisite("allocation/reboot-keeps-identity", back.sentence()));
        }
    }
    let guest = ctx.inside()?;
    let marker = ctx.waiter.wait("user data run", FIRST_BOOT_S, || async {
        match guest.read_file(BOOTS_PATH, false).await {
            Ok(Some(content)) => {
                Look::Met(Ok(String::from_utf8_lossy(&content).lines().map(str::to_owned).collect::<Vec<_>>()))
            }
            Ok(None) => Look::NotYet(format!("no {BOOTS_PATH}")),
            Err(error) => Look::Met(Err(Hindrance::from(error))),
        }
    });
    let Waited { wait, limit_s, took_s, value, last } = marker.await;
    Ok(UserDataOnce { marker: Waited { wait, limit_s, took_s, value: value.transpose()?, last } })
}

fn judge_user_data_once(seen: &UserDataOnce, _: &Nothing) -> Judgement {
    match seen.marker.value.as_deref().map(<[String]>::len) {
        Some(1) => Judgement::pass("user data was run once"),
        None | Some(0) => {
            let summary = format!("user data was not run within {:.0} s of the first login", seen.marker.limit_s);
            Judgement::fail("not-run", summary)
        }
        Some(times) => Judgement::fail("run-again", format!("user data was run {times} times")).measured(
            "runs",
            times as f64,
            "count",
        ),
    }
}

// allocation/hostname-set

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct HostnameSet {
    hostname: String,
    /// What the node itself resolves it to.
    resolved: Vec<IpAddr>,
    /// The other node's hostname.
    peers: String,
}

async fn observe_hostname_set(ctx: Ctx, _: Nothing) -> Observation<HostnameSet> {
    let guest = ctx.inside()?;
    let hostname = guest.hostname().await?;
    let resolved = guest.resolve(&hostname).await?;
    let peers = ctx.inside_peer()?.hostname().await?;
    Ok(HostnameSet { hostname, resolved, peers })
}

fn judge_hostname_set(seen: &HostnameSet, _: &Nothing) -> Judgement {
    let hostname = &seen.hostname;
    let first_label = hostname.split('.').next().unwrap_or_default();
    if matches!(first_label, "" | "localhost" | "(none)") {
        return Judgement::fail("hostname-not-set", format!("the node's hostname is {hostname:?}"));
    }
    if *hostname == seen.peers {
        return Judgement::fail("hostname-shared", format!("two nodes are called {hostname}"));
    }
    match seen.resolved.first() {
        Some(address) => Judgement::pass(format!("the node is called {hostname}, and resolves that to {address}")),
        None => Judgement::fail("hostname-unresolved", format!("the node does not resolve its own name, {hostname}")),
    }
}

// allocation/console-output

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ConsoleOutput {
    text: Waited<ConsoleText>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ConsoleText {
    bytes: usize,
    beginning: String,
}

/// For how long the console's text may lag behind the boot.
const CONSOLE_LAG_S: f64 = 120.0;
const BEGINNING: usize = 400;

async fn observe_console_output(ctx: Ctx, _: Nothing) -> Observation<ConsoleOutput> {
    let requested = ctx.fact(|f| f.requested.clone())?;
    if !requested.running.met() {
        return Err(Hindrance::prerequisite("allocation/node-requested", requested.running.sentence()));
    }
    let id = requested.first.id;
    let text = ctx.waiter.wait("console text", CONSOLE_LAG_S, || async {
        match ctx.target.console(&id).await {
            Ok(console) if console.text.trim().is_empty() => Look::NotYet("empty".to_owned()),
            Ok(console) => Look::Met(Ok(ConsoleText {
                bytes: console.text.len(),
                beginning: console.text.trim_start().chars().take(BEGINNING).collect(),
            })),
            // Nothing to read yet, as some put it.
            Err(error) if matches!(error.class, FailureClass::Conflict | FailureClass::NotFound) => {
                Look::NotYet(error.to_string())
            }
            Err(error) => Look::Met(Err(Hindrance::from(error))),
        }
    });
    let Waited { wait, limit_s, took_s, value, last } = text.await;
    Ok(ConsoleOutput { text: Waited { wait, limit_s, took_s, value: value.transpose()?, last } })
}

fn judge_console_output(seen: &ConsoleOutput, _: &Nothing) -> Judgement {
    match &seen.text.value {
        Some(text) if text.bytes > 0 => {
            let line = text.beginning.lines().next().unwrap_or_default();
            Judgement::pass(format!("the console gives {} bytes, beginning with {line:?}", text.bytes))
        }
        _ => Judgement::fail("console-empty", seen.text.sentence()),
    }
}

#[cfg(test)]
mod tests {
    use levelfield_reports::Verdict;

    use super::*;

    fn waited<T>(value: Option<T>) -> Waited<T> {
        Waited { wait: "w".to_owned(), limit_s: 60.0, took_s: 1.0, value, last: None }
    }

    #[test]
    fn user_data_is_run_once() {
        for (lines, verdict) in [
            (Some(1), Verdict::Pass),
            // user-data-ignored
            (None, Verdict::fail("not-run")),
            (Some(0), Verdict::fail("not-run")),
            // user-data-every-boot
            (Some(2), Verdict::fail("run-again")),
        ] {
            let marker = waited(lines.map(|n| vec!["ran".to_owned(); n]));
            assert_eq!(judge_user_data_once(&UserDataOnce { marker }, &Nothing {}).verdict, verdict);
        }
    }

    #[test]
    fn a_hostname_is_set_unique_and_resolved() {
        let address = || vec!["10.0.0.4".parse().unwrap()];
        for (hostname, resolved, peers, verdict) in [
            ("ip-10-0-0-4", address(), "ip-10-0-0-5", Verdict::Pass),
            ("lf-1.example.internal", address(), "lf-2.example.internal", Verdict::Pass),
            // hostname-not-set
            ("localhost", address(), "localhost", Verdict::fail("hostname-not-set")),
            ("localhost.localdomain", address(), "x", Verdict::fail("hostname-not-set")),
            ("", vec![], "x", Verdict::fail("hostname-not-set")),
            ("debian", address(), "debian", Verdict::fail("hostname-shared")),
            ("lf-1", vec![], "lf-2", Verdict::fail("hostname-unresolved")),
        ] {
            let seen = HostnameSet { hostname: hostname.to_owned(), resolved, peers: peers.to_owned() };
            assert_eq!(judge_hostname_set(&seen, &Nothing {}).verdict, verdict, "{hostname}");
        }
    }

    #[test]
    fn a_console_has_text() {
        let text = |beginning: &str| ConsoleText { bytes: beginning.len(), beginning: beginning.to_owned() };
        for (value, verdict) in [
            (Some(text("[    0.000000] Linux version 6.1")), Verdict::Pass),
            // console-empty
            (None, Verdict::fail("console-empty")),
            (Some(text("")), Verdict::fail("console-empty")),
        ] {
            let judged = judge_console_output(&ConsoleOutput { text: waited(value) }, &Nothing {});
            assert_eq!(judged.verdict, verdict, "{}", judged.summary);
        }
    }
}
