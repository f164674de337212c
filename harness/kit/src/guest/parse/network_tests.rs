use proptest::prelude::*;

use super::*;

const LINKS: &str = "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
2: eth0@if5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 8942 qdisc fq_codel state UP mode DEFAULT group default qlen 1000\\    link/ether FA:16:3e:4f:11:c7 brd ff:ff:ff:ff:ff:ff\\    altname enp0s3
3: eth1: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN mode DEFAULT group default qlen 1000\\    link/ether fa:16:3e:4f:11:c8 brd ff:ff:ff:ff:ff:ff
";
const ADDRESSES: &str = "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
1: lo    inet6 ::1/128 scope host noprefixroute \\       valid_lft forever preferred_lft forever
2: eth0    inet 10.0.0.5/24 metric 100 brd 10.0.0.255 scope global dynamic eth0\\       valid_lft 86035sec preferred_lft 86035sec
2: eth0    inet6 fe80::f816:3eff:fe4f:11c7/64 scope link \\       valid_lft forever preferred_lft forever
";

fn output(status: i32, stdout: &str, stderr: &str) -> Output {
    Output {
        status,
        signal: None,
        stdout: stdout.as_bytes().to_vec(),
        stderr: stderr.as_bytes().to_vec(),
        truncated: false,
        took_ms: 1,
    }
}

#[test]
fn interfaces_of_debian_12() {
    let read = interfaces(LINKS, ADDRESSES).unwrap();
    assert_eq!(read.len(), 3);
    assert_eq!((read[1].name.as_str(), read[1].mtu, read[1].up), ("eth0", 8942, true));
    assert_eq!(read[1].mac.as_deref(), Some("fa:16:3e:4f:11:c7"));
    let addresses: Vec<String> = read[1].addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["10.0.0.5/24", "fe80::f816:3eff:fe4f:11c7/64"]);
    assert_eq!((read[0].mac.as_deref(), read[2].up), (None, false));
}

#[test]
fn interfaces_that_cannot_be() {
    for (links, addresses) in [("", ""), ("2: eth0", ""), (LINKS, "2: eth0 inet 10.0.0.500/24")] {
        assert_eq!(interfaces(links, addresses), None, "{links} {addresses}");
    }
    let point_to_point = interfaces(LINKS, "2: eth0    inet 10.9.0.1 peer 10.9.0.2/32 scope global eth0").unwrap();
    assert_eq!(point_to_point[1].addresses[0].to_string(), "10.9.0.1/32");
}

#[test]
fn routes_of_debian_12() {
    let text = "default via 10.0.0.1 dev eth0 proto dhcp src 10.0.0.5 metric 100 \n\
                10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.5 \n\
                169.254.169.254 via 10.0.0.1 dev eth0 proto dhcp metric 100 \nunreachable 10.1.0.0/16\n";
    let read = routes(text).unwrap();
    assert_eq!(read.len(), 3);
    assert_eq!((read[0].destination, read[0].gateway), (None, Some("10.0.0.1".parse().unwrap())));
    assert_eq!(read[2].destination.unwrap().to_string(), "169.254.169.254/32");
    assert_eq!(read[1].device, "eth0");
    assert_eq!(routes("nonsense dev eth0"), None);
}

#[test]
fn addresses_of_a_name() {
    let text = "2606:2800:220:1::1 STREAM example.com\n2606:2800:220:1::1 DGRAM  \n93.184.216.34   STREAM \n";
    assert_eq!(ahosts(text).unwrap().len(), 2);
    assert_eq!(ahosts("fe80::1%eth0 STREAM x").unwrap().len(), 1);
    assert_eq!(ahosts(""), None);
    assert_eq!(ahosts("what?"), None);
}

#[test]
fn curl_says_how_it_went() {
    let ok = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: text/plain\r\n\r\nbody\r\n\r\nmore";
    let answer = curl_answer(&output(0, ok, ""));
    assert_eq!((answer.outcome, answer.status), (HttpOutcome::Status, Some(200)));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.body, "body\r\n\r\nmore");
    let proxied =
        format!("HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n{}", ok.replace("200", "404"));
    assert_eq!(curl_answer(&output(0, &proxied, "")).status, Some(404));
    for (status, stderr, outcome) in [
        (6, "curl: (6) Could not resolve host: x.invalid", HttpOutcome::NoSuchName),
        (
            7,
            "curl: (7) Failed to connect to 127.0.0.1 port 1 after 0 ms: Couldn't connect to server",
            HttpOutcome::Refused,
        ),
        (7, "curl: (7) Failed to connect to 10.0.0.9 port 1: No route to host", HttpOutcome::Other),
        (28, "curl: (28) Connection timed out after 2001 milliseconds", HttpOutcome::TimedOut),
        (60, "curl: (60) SSL certificate problem: self-signed certificate", HttpOutcome::UntrustedCertificate),
        (52, "curl: (52) Empty reply from server", HttpOutcome::Other),
    ] {
        let answer = curl_answer(&output(status, "", stderr));
        assert_eq!((answer.outcome, answer.status), (outcome, None), "{stderr}");
    }
    assert_eq!(curl_answer(&output(0, "garbage", "")).outcome, HttpOutcome::Other);
}

#[test]
fn wget_says_how_it_went() {
    let stderr = "  HTTP/1.1 404 Not Found\n  Server: x\nhttp://a/:\n2026-11-20 10:00:00 ERROR 404: Not Found.";
    let answer = wget_answer(&output(8, "gone", stderr));
    assert_eq!((answer.outcome, answer.status, answer.body.as_str()), (HttpOutcome::Status, Some(404), "gone"));
    assert_eq!(answer.header("server"), Some("x"));
    for (status, stderr, outcome) in [
        (4, "wget: unable to resolve host address ‘x.invalid’", HttpOutcome::NoSuchName),
        (4, "failed: Connection refused.", HttpOutcome::Refused),
        (4, "failed: Connection timed out.", HttpOutcome::TimedOut),
        (5, "ERROR: The certificate of ‘x’ is not trusted.", HttpOutcome::UntrustedCertificate),
    ] {
        assert_eq!(wget_answer(&output(status, "", stderr)).outcome, outcome, "{stderr}");
    }
}

#[test]
fn ping_of_debian_12() {
    let text = "PING 10.0.0.6 (10.0.0.6) 56(84) bytes of data.\n64 bytes from 10.0.0.6: icmp_seq=1 ttl=64 time=0.421 ms\n\n\
                --- 10.0.0.6 ping statistics ---\n3 packets transmitted, 2 received, 33.3333% packet loss, time 2031ms\n\
                rtt min/avg/max/mdev = 0.301/0.361/0.421/0.060 ms\n";
    let read = ping(text, "").unwrap();
    assert_eq!((read.sent, read.received, read.rtt_ms_avg, read.mtu), (3, 2, Some(0.361), None));

    let too_long = "PING 10.0.0.6 (10.0.0.6) 1473(1501) bytes of data.\n\n--- 10.0.0.6 ping statistics ---\n\
                    3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2042ms\n";
    let read = ping(too_long, "ping: local error: message too long, mtu=1500\n").unwrap();
    assert_eq!((read.received, read.mtu, read.rtt_ms_avg), (0, Some(1500), None));
    let needed = too_long.replace("\n\n---", "\nFrom 10.0.0.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)\n\n---");
    assert_eq!(ping(&needed, "").unwrap().mtu, Some(1400));

    let busybox =
        "3 packets transmitted, 3 packets received, 0% packet loss\nround-trip min/avg/max = 0.1/0.2/0.3 ms\n";
    let read = ping(busybox, "").unwrap();
    assert_eq!((read.received, read.rtt_ms_max), (3, Some(0.3)));
    assert_eq!(ping("ping: x: Name or service not known", ""), None);
}

proptest! {
    #[test]
    fn nothing_panics(a in "(?s).{0,200}", b in "(?s).{0,200}", status in 0..100_i32) {
        let _ = (interfaces(&a, &b), interfaces(LINKS, &b), routes(&a), ahosts(&a), ping(&a, &b));
        let _ = ping(&format!("1 packets transmitted, {a} received\nmin/avg/max = {b}"), &a);
        let _ = stated_mtu(&format!("mtu{a}"));
        for text in [&a, &format!("HTTP/1.1 {a}\r\n\r\n{b}"), &format!("HTTP/1.1 100\n\n{a}")] {
            let _ = curl_answer(&output(status, text, &b));
            let _ = wget_answer(&output(status % 10, &a, &format!("  {text}")));
        }
    }
}
