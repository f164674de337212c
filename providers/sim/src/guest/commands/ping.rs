//! `ping`: echo requests to other nodes, each a real connection from the one private address to the other.

use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use tokio::io::AsyncReadExt as _;

use super::{Exec, Output};
use crate::{
    Mutation,
    cloud::Facts,
    net::{Dial, dial},
};

/// What the headers of IP and ICMP take of a packet, in bytes.
const HEADERS: u32 = 28;
/// How much less the path carries than the interface states, under the mutation, in bytes.
const OVERSTATED: u32 = 200;
/// The longest wait for one answer: it bounds a run against a silent peer.
const PATIENCE: Duration = Duration::from_millis(400);

struct Options<'a> {
    count: u32,
    payload: u32,
    undivided: bool,
    host: &'a str,
}

/// `ping -n -c COUNT -W 2 [-M do -s PAYLOAD] ADDRESS`
pub(super) async fn run(exec: &Exec, arguments: &[&str]) -> Output {
    let Some(options) = read(arguments) else {
        return Output::fail(2, "ping: usage error: Destination address required");
    };
    let Some(address) = exec.resolve(options.host, false) else {
        return Output::fail(2, format!("ping: {}: Name or service not known", options.host));
    };
    let Some(facts) = exec.facts() else { return Output::fail(2, "ping: connect: Network is unreachable") };
    let packet = options.payload + HEADERS;
    let mut output = Output::ok(format!("PING {address} ({address}) {}({packet}) bytes of data.\n", options.payload));
    let mut times = vec![];
    let begun = Instant::now();
    for nth in 1..=options.count {
        if options.undivided && packet > facts.mtu {
            let complaint = format!("ping: local error: message too long, mtu={}\n", facts.mtu);
            output.stderr.extend_from_slice(complaint.as_bytes());
            continue;
        }
        if let Some(time) = echo(exec, &facts, address, packet).await {
            let milliseconds = time.as_secs_f64() * 1000.0;
            let bytes = options.payload + 8;
            let line = format!("{bytes} bytes from {address}: icmp_seq={nth} ttl=64 time={milliseconds:.3} ms\n");
            output.stdout.extend_from_slice(line.as_bytes());
            times.push(milliseconds);
        }
    }
    output.stdout.extend_from_slice(statistics(address, options.count, &times, begun.elapsed()).as_bytes());
    output.status = u32::from(times.is_empty());
    output
}

fn read<'a>(arguments: &[&'a str]) -> Option<Options<'a>> {
    let mut options = Options { count: 1, payload: 56, undivided: false, host: "" };
    let mut words = arguments.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "-c" => options.count = words.next()?.parse().ok().filter(|count| (1..=100).contains(count))?,
            "-s" => options.payload = words.next()?.parse().ok().filter(|size| *size <= 65_507)?,
            "-M" => options.undivided = words.next()? == "do",
            "-W" | "-w" | "-i" => drop(words.next()?),
            flag if flag.starts_with('-') => {}
            host => options.host = host,
        }
    }
    (!options.host.is_empty()).then_some(options)
}

/// One echo, and how long it took.
async fn echo(exec: &Exec, facts: &Facts, address: IpAddr, packet: u32) -> Option<Duration> {
    let IpAddr::V4(target) = address else { return None };
    let carried =
        if exec.cloud.has(Mutation::MtuOverstated) { facts.mtu - OVERSTATED.min(facts.mtu) } else { facts.mtu };
    if packet > carried || !facts.network.contains(&target) {
        return None;
    }
    let begun = Instant::now();
    let port = exec.cloud.ports.echo;
    let Dial::Open(mut stream) = dial(Some(facts.private.into()), SocketAddr::new(address, port), PATIENCE).await
    else {
        return None;
    };
    let mut answer = [0_u8];
    match tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await {
        Ok(Ok(_)) => Some(begun.elapsed()),
        _ => None,
    }
}

fn statistics(address: IpAddr, sent: u32, times: &[f64], took: Duration) -> String {
    let received = times.len();
    let lost = 100 - 100 * received / (sent as usize).max(1);
    let mut text = format!(
        "\n--- {address} ping statistics ---\n{sent} packets transmitted, {received} received, {lost}% packet loss, time {}ms\n",
        took.as_millis()
    );
    if received > 0 {
        let count = received as f64;
        let mean = times.iter().sum::<f64>() / count;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / count;
        let least = times.iter().copied().fold(f64::INFINITY, f64::min);
        let most = times.iter().copied().fold(0.0, f64::max);
        let _ = writeln!(text, "rtt min/avg/max/mdev = {least:.3}/{mean:.3}/{most:.3}/{:.3} ms", variance.sqrt());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_bounded() {
        let options = read(&["-n", "-c", "3", "-W", "2", "-M", "do", "-s", "1472", "10.0.0.1"]).unwrap();
        assert_eq!((options.count, options.payload, options.undivided, options.host), (3, 1472, true, "10.0.0.1"));
        assert!(read(&["-c", "1000000", "x"]).is_none());
        assert!(read(&["-c"]).is_none());
        assert!(read(&[]).is_none());
    }

    #[test]
    fn statistics_are_those_of_iputils() {
        let text = statistics("10.0.0.1".parse().unwrap(), 2, &[0.5, 1.5], Duration::from_millis(1001));
        assert!(text.contains("2 packets transmitted, 2 received, 0% packet loss, time 1001ms\n"));
        assert!(text.ends_with("rtt min/avg/max/mdev = 0.500/1.000/1.500/0.500 ms\n"));
        assert!(
            statistics("10.0.0.1".parse().unwrap(), 2, &[], Duration::ZERO).ends_with("100% packet loss, time 0ms\n")
        );
    }
}
