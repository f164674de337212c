//! Commands about addresses, routes, names and listeners.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use super::{Exec, Output};
use crate::{Mutation, cloud::Facts, net::mapped, outside};

const FOREVER: &str = "       valid_lft forever preferred_lft forever";

impl Exec {
    /// The node's place in the network; `None` once it is gone.
    pub(super) fn facts(&self) -> Option<Facts> {
        self.cloud.facts(&self.guest.id)
    }

    /// The address of `name` as the node's resolver answers: itself, its peers, the outside.
    pub(super) fn resolve(&self, name: &str, six: bool) -> Option<IpAddr> {
        let name = name.trim_end_matches('.');
        if let Ok(address) = name.trim_matches(['[', ']']).parse() {
            return Some(address);
        }
        if name == "localhost" {
            return Some(Ipv4Addr::LOCALHOST.into());
        }
        if name == self.guest.inside().hostname {
            return self.facts().map(|facts| facts.stated.into());
        }
        if let Some(address) = self.cloud.named(&self.guest.id, name) {
            return Some(address.into());
        }
        let families = outside::families(name)?;
        let block = self.cloud.block;
        if six || families == outside::Families::Six {
            return self.cloud.ipv6.then(|| mapped(block.outside_six()).into());
        }
        Some(block.outside().into())
    }
}

/// `ip [-o] addr|link|route show`
pub(super) fn ip(exec: &Exec, arguments: &[&str]) -> Output {
    let Some(facts) = exec.facts() else { return Output::fail(1, "RTNETLINK answers: No such device") };
    let six = arguments.contains(&"-6");
    let object = arguments.iter().find(|word| !word.starts_with('-')).copied().unwrap_or_default();
    match object {
        "addr" | "address" | "a" => Output::ok(addresses(exec, &facts)),
        "link" | "l" => Output::ok(links(&facts)),
        "route" | "r" if six => Output::ok("default via fe80::1 dev eth0 proto ra metric 100\n"),
        "route" | "r" => Output::ok(routes(&facts)),
        other => Output::fail(1, format!("Object \"{other}\" is unknown, try \"ip help\".")),
    }
}

fn addresses(exec: &Exec, facts: &Facts) -> String {
    let net = facts.network;
    let mut inner = facts.stated;
    if exec.cloud.has(Mutation::PrivateAddressDiffersInside) {
        // The last addresses of the network are the farthest from those in use.
        inner = Ipv4Addr::from(u32::from(net.broadcast()) - 1 - u32::from(inner.octets()[3]) % 100);
    }
    let mut text =
        format!("1: lo    inet 127.0.0.1/8 scope host lo\\{FOREVER}\n1: lo    inet6 ::1/128 scope host \\{FOREVER}\n");
    let _ = writeln!(
        text,
        "2: eth0    inet {inner}/{} brd {} scope global dynamic eth0\\{FOREVER}",
        net.prefix_len(),
        net.broadcast()
    );
    if let Some(six) = facts.six {
        let _ = writeln!(text, "2: eth0    inet6 {six}/128 scope global dynamic \\{FOREVER}");
    }
    let _ = writeln!(text, "2: eth0    inet6 fe80::{:x}/64 scope link \\{FOREVER}", u32::from(facts.private) & 0xffff);
    text
}

fn links(facts: &Facts) -> String {
    let [_, _, high, low] = facts.private.octets();
    format!(
        "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\    \
         link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n\
         2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu {} qdisc fq_codel state UP mode DEFAULT group default qlen 1000\\    \
         link/ether 52:54:00:00:{high:02x}:{low:02x} brd ff:ff:ff:ff:ff:ff\n",
        facts.mtu
    )
}

fn routes(facts: &Facts) -> String {
    let gateway = Ipv4Addr::from(u32::from(facts.network.network()) + 1);
    format!(
        "default via {gateway} dev eth0 proto dhcp src {inner} metric 100\n\
         {} dev eth0 proto kernel scope link src {inner}\n",
        facts.network,
        inner = facts.stated
    )
}

/// `getent ahosts NAME`
pub(super) fn ahosts(exec: &Exec, name: &str) -> Output {
    let is_outside = outside::families(name.trim_end_matches('.')).is_some();
    if is_outside && exec.cloud.has(Mutation::DnsBroken) {
        return Output { status: 2, ..Output::default() };
    }
    let Some(address) = exec.resolve(name, false) else { return Output { status: 2, ..Output::default() } };
    let line = |kind: &str, shown: &str| format!("{address:<15} {kind:<6} {shown}").trim_end().to_owned() + "\n";
    Output::ok([line("STREAM", name), line("DGRAM", ""), line("RAW", "")].concat())
}

/// `timeout SECONDS python3 -m http.server PORT [--bind ADDRESS]`: listens until the time is over or the session ends.
pub(super) async fn http_server(exec: &Exec, seconds: &str, arguments: &[&str]) -> Output {
    let (Ok(seconds), Some(Ok(port))) = (seconds.parse::<f64>(), arguments.first().map(|word| word.parse::<u16>()))
    else {
        return Output::fail(2, "http.server: error: argument port: invalid int value");
    };
    let Some(_listening) = exec.cloud.listen(&exec.guest.id, port) else {
        return Output::fail(1, "OSError: [Errno 98] Address already in use");
    };
    // What runs in a node for the harness's sake is timed by the harness's clock.
    tokio::time::sleep(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)).await;
    Output { status: 124, ..Output::default() }
}
