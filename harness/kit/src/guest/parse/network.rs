//! Interfaces, routes, names, HTTP answers, echo statistics.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{
    guest::{HttpAnswer, HttpOutcome, Interface, Ping, Route},
    remote::Output,
};

/// `ip -o link show` and `ip -o addr show` together.
pub(in crate::guest) fn interfaces(links: &str, addresses: &str) -> Option<Vec<Interface>> {
    let mut interfaces = Vec::new();
    for line in links.lines().filter(|line| !line.trim().is_empty()) {
        interfaces.push(link(line)?);
    }
    for line in addresses.lines() {
        let mut words = line.split_whitespace().skip(1);
        let Some(name) = words.next() else { continue };
        let Some("inet" | "inet6") = words.next() else { continue };
        let address = network(words.next()?)?;
        if let Some(interface) = interfaces.iter_mut().find(|interface| interface.name == device(name)) {
            interface.addresses.push(address);
        }
    }
    (!interfaces.is_empty()).then_some(interfaces)
}

/// `2: eth0@if5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc … \    link/ether 52:54:00:12:34:56 brd …`
fn link(line: &str) -> Option<Interface> {
    let mut parts = line.splitn(3, ": ");
    let (_, name, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let words: Vec<&str> = rest.split_whitespace().collect();
    let after = |word: &str| words.iter().position(|w| *w == word).and_then(|at| words.get(at + 1)).copied();
    let flags = words.first()?.trim_matches(['<', '>']);
    let mac = words.iter().position(|word| *word == "link/ether").and_then(|at| words.get(at + 1));
    Some(Interface {
        name: device(name).to_owned(),
        mtu: after("mtu")?.parse().ok()?,
        mac: mac.map(|mac| mac.to_ascii_lowercase()),
        up: flags.split(',').any(|flag| flag == "UP"),
        addresses: Vec::new(),
    })
}

/// An interface's name without what its link partner is called.
fn device(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

/// An address with or without its prefix length.
fn network(word: &str) -> Option<IpNet> {
    word.parse().ok().or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from))
}

/// `ip -o route show`. Routes of other kinds (`unreachable`, `blackhole`) are left out.
pub(in crate::guest) fn routes(text: &str) -> Option<Vec<Route>> {
    let mut routes = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(first) = words.first() else { continue };
        if matches!(*first, "unreachable" | "blackhole" | "prohibit" | "throw" | "broadcast" | "local" | "multicast") {
            continue;
        }
        let after = |word: &str| words.iter().position(|w| *w == word).and_then(|at| words.get(at + 1)).copied();
        routes.push(Route {
            destination: if *first == "default" { None } else { Some(network(first)?) },
            gateway: after("via").filter(|word| *word != "inet6").and_then(|word| word.parse().ok()),
            device: after("dev").unwrap_or_default().to_owned(),
        });
    }
    Some(routes)
}

/// `getent ahosts NAME`: the first column, each address once, in order.
pub(in crate::guest) fn ahosts(text: &str) -> Option<Vec<IpAddr>> {
    let mut addresses = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let word = line.split_whitespace().next()?;
        let address = word.split('%').next()?.parse().ok()?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    (!addresses.is_empty()).then_some(addresses)
}

/// The most bytes of a body that are kept.
const BODY_LIMIT: usize = 64 * 1024;

/// What `curl -sS -i` ended with and wrote.
pub(in crate::guest) fn curl_answer(output: &Output) -> HttpAnswer {
    let complaint = output.complaint();
    let outcome = match output.status {
        0 => HttpOutcome::Status,
        6 => HttpOutcome::NoSuchName,
        7 if complaint.contains("refused") || complaint.is_empty() => HttpOutcome::Refused,
        7 if complaint.contains("timed out") => HttpOutcome::TimedOut,
        // What curl says from 7.88 on, whatever the system's reason was: the connection could not be made, and at once.
        7 if complaint.contains("Couldn't connect to server") || complaint.contains("Could not connect to server") => {
            HttpOutcome::Refused
        }
        28 => HttpOutcome::TimedOut,
        51 | 60 => HttpOutcome::UntrustedCertificate,
        _ => HttpOutcome::Other,
    };
    answer(outcome, &output.stdout, output.truncated, &complaint)
}

/// What `wget -nv -S --content-on-error -O -` ended with and wrote: headers on the error stream, body on the other.
pub(in crate::guest) fn wget_answer(output: &Output) -> HttpAnswer {
    let complaint = output.complaint();
    let mut head: String = complaint.lines().filter_map(header_line).flat_map(|line| [line, "\r\n"]).collect();
    let has = |words: &[&str]| words.iter().any(|word| complaint.contains(word));
    let outcome = match output.status {
        0 | 8 => HttpOutcome::Status,
        5 => HttpOutcome::UntrustedCertificate,
        4 if has(&["unable to resolve", "Name or service not known", "bad address"]) => HttpOutcome::NoSuchName,
        4 if has(&["Connection refused"]) => HttpOutcome::Refused,
        4 if has(&["timed out", "Giving up"]) => HttpOutcome::TimedOut,
        _ => HttpOutcome::Other,
    };
    head.push_str("\r\n");
    answer(outcome, &[head.as_bytes(), &output.stdout].concat(), output.truncated, &complaint)
}

/// A header of the last answer that wget shows, indented by two blanks.
fn header_line(line: &str) -> Option<&str> {
    let line = line.trim_end();
    let inner = line.strip_prefix("  ").or_else(|| line.starts_with("HTTP/").then_some(line))?;
    (inner.starts_with("HTTP/") || inner.contains(": ")).then_some(inner)
}

fn answer(outcome: HttpOutcome, mut text: &[u8], truncated: bool, detail: &str) -> HttpAnswer {
    let mut answer = HttpAnswer {
        outcome,
        status: None,
        headers: Vec::new(),
        body: String::new(),
        body_truncated: truncated,
        detail: detail.chars().take(400).collect(),
    };
    // A proxy's answer and 1xx answers come before the one that counts.
    while let Some((head, body)) = head_and_body(text) {
        let mut lines = head.lines();
        answer.status = lines.next().and_then(|line| line.split_whitespace().nth(1)).and_then(|code| code.parse().ok());
        answer.headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        text = body;
        let interim =
            answer.status.is_some_and(|code| code < 200) || answer.status == Some(200) && body.starts_with(b"HTTP/");
        if !interim {
            break;
        }
    }
    if outcome == HttpOutcome::Status && answer.status.is_none() {
        answer.outcome = HttpOutcome::Other;
    }
    answer.body_truncated |= text.len() > BODY_LIMIT;
    answer.body = String::from_utf8_lossy(&text[..text.len().min(BODY_LIMIT)]).into_owned();
    answer
}

/// The header block that `text` begins with, and what follows its blank line.
fn head_and_body(text: &[u8]) -> Option<(String, &[u8])> {
    if !text.starts_with(b"HTTP/") {
        return None;
    }
    let at = |blank: &[u8]| text.windows(blank.len()).position(|w| w == blank).map(|at| (at, at + blank.len()));
    let (end, body) = [at(b"\r\n\r\n"), at(b"\n\n")].into_iter().flatten().min()?;
    Some((String::from_utf8_lossy(&text[..end]).into_owned(), &text[body..]))
}

/// The statistics of `ping`, of iputils or of busybox. `None` without the line that counts packets.
pub(in crate::guest) fn ping(stdout: &str, stderr: &str) -> Option<Ping> {
    let counts = stdout.lines().find(|line| line.contains("packets transmitted"))?;
    let count = |word: &str| {
        let part = counts.split(',').find(|part| part.contains(word))?;
        part.split_whitespace().next()?.parse::<u32>().ok()
    };
    let times = stdout.lines().find_map(|line| {
        let (names, values) = line.split_once(" = ")?;
        names.contains("min/avg/max").then_some(values)
    });
    let times: Vec<f64> = times
        .and_then(|values| values.split_whitespace().next())
        .map(|values| values.split('/').filter_map(|value| value.parse().ok()).collect())
        .unwrap_or_default();
    let all = || stdout.lines().chain(stderr.lines());
    let complaint = all().find(|line| {
        ["too long", "Frag needed", "unreachable", "Unreachable", "not known", "not permitted", "Packet too big"]
            .iter()
            .any(|word| line.contains(word))
    });
    Some(Ping {
        sent: count("transmitted")?,
        received: count("received")?,
        rtt_ms_min: times.first().copied(),
        rtt_ms_avg: times.get(1).copied(),
        rtt_ms_max: times.get(2).copied(),
        mtu: complaint.and_then(stated_mtu),
        complaint: complaint.map(|line| line.trim().chars().take(200).collect()),
    })
}

/// The number after `mtu=` or `mtu = `.
fn stated_mtu(line: &str) -> Option<u32> {
    let (_, rest) = line.split_once("mtu")?;
    let rest = rest.trim_start_matches([' ', '=', ':']);
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
