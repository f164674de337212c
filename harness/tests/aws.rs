//! Whole runs through EC2's API, what a killed one leaves, and an endpoint that refuses, on the one that the environment names.
//!
//! - `LEVELFIELD_TEST_EC2_ENDPOINT`: its URL, plain HTTP; credentials and region come by the usual `AWS_*`;
//! - `LEVELFIELD_TEST_EC2_BASELINES`: a folder with the baseline that a run of the whole core must meet, `core.yaml`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod command;
mod endpoint;

use std::{collections::BTreeSet, env, fs};

use command::{Home, Said, events, open_entries, record, verdicts};
use endpoint::{Answer, Endpoint, refusal};

/// The endpoint; none, and one line that says so, where the environment names none.
#[expect(clippy::print_stderr, reason = "a skipped test has no other way to say so")]
fn named() -> Option<String> {
    let name = "LEVELFIELD_TEST_EC2_ENDPOINT";
    let named = env::var(name).ok();
    if named.is_none() {
        eprintln!("skipped: {name} is not set");
    }
    named
}

/// A folder whose configuration names the endpoint at `url`.
fn home(url: &str) -> Home {
    let home = Home::new();
    home.configure(&format!(
        "  - name: cloud\n    provider: {{ aws: {{ endpoint: \"{url}\" }} }}\n    \
         budget: {{ nodes: 4, addresses: 2, parallel: 4 }}\n"
    ));
    home
}

/// A run of the whole core, which meets the baseline if there is one.
fn whole_core(url: &str) {
    let home = home(url);
    let baseline = env::var("LEVELFIELD_TEST_EC2_BASELINES").ok().map(|folder| format!("{folder}/core.yaml"));
    let mut arguments = vec!["run", "--out", "it"];
    arguments.extend(baseline.iter().flat_map(|path| ["--baseline", path]));
    let said = home.say(&arguments);
    assert!(said.code == 0 || (said.code == 1 && baseline.is_none()), "{said}");
    let folder = home.path().join("it");
    let record = record(&folder);
    assert_eq!(record["status"], "sealed");
    assert_eq!(record["targets"][0]["proof"]["proof"], "empty");
    let found = verdicts(&record);
    for id in
        ["allocation/node-requested", "addressing/public-reachable", "login/key-accepted", "login/old-key-refused"]
    {
        assert!(found[id].contains("pass"), "{id}: {}", found[id]);
    }
    assert_eq!(open_entries(&folder), Vec::<String>::new());
}

/// Actions of the policy that a run makes only where something went wrong, or where the endpoint does more than this one: bars what no
/// rule permits, and asks for the permission to tag.
const SELDOM: [&str; 6] = [
    "ec2:CreateTags",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteVolume",
    "ec2:DeregisterImage",
    "ec2:DisassociateAddress",
    "ec2:RevokeSecurityGroupIngress",
];
/// What only behaviours beyond the core call.
const BEYOND_THE_CORE: [&str; 5] =
    ["ec2:AllocateAddress", "ec2:AssociateAddress", "ec2:ReleaseAddress", "ec2:StartInstances", "ec2:StopInstances"];

#[test]
fn a_throttled_endpoint_gets_the_same_verdicts_and_no_call_beyond_the_policy() {
    let Some(url) = named() else { return };
    let mut calls = 0_u32;
    let throttling = Endpoint::before(&url, move |_, _, _| {
        calls += 1;
        // Three calls in ten, never the same one twice in a row.
        (calls * 7 % 10 < 3).then(|| refusal(503, "RequestLimitExceeded", "Request limit exceeded."))
    });
    whole_core(&throttling.url());
    let policy: serde_json::Value = serde_json::from_str(&levelfield_aws::policy()).unwrap();
    let permitted: BTreeSet<&str> =
        policy["Statement"][0]["Action"].as_array().unwrap().iter().map(|action| action.as_str().unwrap()).collect();
    let used: BTreeSet<String> = throttling
        .actions()
        .into_iter()
        .map(|action| {
            if action == "GetParameters" || action == "getparameters" {
                "ssm:GetParameters".to_owned()
            } else {
                format!("ec2:{action}")
            }
        })
        .collect();
    let beyond: Vec<&String> = used.iter().filter(|action| !permitted.contains(action.as_str())).collect();
    assert_eq!(beyond, Vec::<&String>::new(), "calls that the policy does not permit");
    let unused: Vec<&str> = permitted
        .into_iter()
        .filter(|action| !used.contains(*action) && !SELDOM.contains(action) && !BEYOND_THE_CORE.contains(action))
        .collect();
    assert_eq!(unused, Vec::<&str>::new(), "permissions that nothing uses");
}

#[test]
fn a_run_is_sealed_and_leaves_nothing() {
    let Some(url) = named() else { return };
    whole_core(&url);
}

#[test]
fn what_a_killed_run_made_is_found_and_removed() {
    let Some(url) = named() else { return };
    let home = home(&url);
    let mut child = home.start(&["run", "--suite", "login", "--out", "it"]);
    let folder = home.path().join("it");
    command::eventually("a node was made", || {
        events(&folder).iter().any(|e| e["kind"]["event"] == "created" && e["kind"]["resource"]["kind"] == "node")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!open_entries(&folder).is_empty());
    let said = home.say(&["reap", "--run", "it"]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(open_entries(&folder), Vec::<String>::new());
}

/// What a run of one behaviour says of an endpoint on which `decide` answers first; nothing is left of it.
fn asked_for_a_node(
    url: &str,
    decide: impl FnMut(&str, usize, &str) -> Option<Answer> + Send + 'static,
) -> (String, Said) {
    let endpoint = Endpoint::before(url, decide);
    let home = home(&endpoint.url());
    let said = home.say(&["run", "--filter", "id(allocation/node-requested)", "--out", "it"]);
    let folder = home.path().join("it");
    let verdict = verdicts(&record(&folder))["allocation/node-requested"].clone();
    assert_eq!(open_entries(&folder), Vec::<String>::new(), "{said}");
    (verdict, said)
}

#[test]
fn a_refused_request_is_told_by_its_class_and_in_the_endpoints_words() {
    let Some(url) = named() else { return };
    let unauthorized =
        "You are not authorized to perform: ec2:RunInstances on resource: arn:aws:ec2:us-east-1:1:instance/*";
    for (status, code, message, reason, words) in [
        (403, "UnauthorizedOperation", unauthorized, "credentials", r#""Action": "ec2:RunInstances""#),
        (
            400,
            "InsufficientInstanceCapacity",
            "There is no capacity in the zone.",
            "capacity",
            "There is no capacity in the zone.",
        ),
        (
            400,
            "VcpuLimitExceeded",
            "You have requested more vCPU than your limit.",
            "quota",
            "more vCPU than your limit",
        ),
        (400, "RequestExpired", "Request has expired.", "credentials", "Request has expired."),
    ] {
        let (verdict, said) = asked_for_a_node(&url, move |action, _, _| {
            (action == "RunInstances").then(|| refusal(status, code, message))
        });
        assert!(verdict.contains("inconclusive") && verdict.contains(reason), "{code}: {verdict}");
        assert!(said.out.contains(words), "{code}: {said}");
    }
}

#[test]
fn an_instance_that_is_not_listed_at_once_is_waited_for() {
    let Some(url) = named() else { return };
    let mut looks = 0;
    let (verdict, said) = asked_for_a_node(&url, move |action, _, form| {
        let of_one = action == "DescribeInstances" && form.contains("Filter.1.Name=instance-id");
        looks += usize::from(of_one);
        (of_one && looks <= 3).then(|| (200, described("")))
    });
    assert!(verdict.contains("pass"), "{verdict}: {said}");
}

#[test]
fn an_instance_that_goes_straight_to_its_end_says_why() {
    let Some(url) = named() else { return };
    let (verdict, said) = asked_for_a_node(&url, |action, _, form| {
        let (_, id) = form.split_once("Filter.1.Value.1=").filter(|_| action == "DescribeInstances")?;
        let id = id.split('&').next().unwrap_or_default();
        id.starts_with("i-").then(|| {
            (200, described(&format!(
                "<item><reservationId>r-1</reservationId><instancesSet><item><instanceId>{id}</instanceId><instanceState><code>48</code>\
                 <name>terminated</name></instanceState><stateReason><code>Client.InternalError</code>\
                 <message>Client.InternalError: Client error on launch</message></stateReason></item></instancesSet></item>"
            )))
        })
    });
    assert!(verdict.contains("fail"), "{verdict}: {said}");
    assert!(said.out.contains("Client error on launch"), "{said}");
}

/// An answer of `DescribeInstances` with these reservations.
fn described(reservations: &str) -> String {
    format!(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
         <reservationSet>{reservations}</reservationSet></DescribeInstancesResponse>"
    )
}

#[test]
fn nodes_side_by_side_are_described_together() {
    let Some(url) = named() else { return };
    let counting = Endpoint::before(&url, |_, _, _| None);
    let home = home(&counting.url());
    let said = home.say(&["run", "--filter", "id(allocation/parallel-requests)", "--out", "it"]);
    let verdict = verdicts(&record(&home.path().join("it")))["allocation/parallel-requests"].clone();
    assert!(verdict.contains("pass"), "{verdict}: {said}");
    let (made, described) = (counting.count("RunInstances"), counting.count("DescribeInstances"));
    assert!(made >= 3, "{made} instances: {said}");
    // Alone, each would be looked at every few seconds until it runs, and again until it is gone.
    assert!(described <= made * 6, "{described} listings for {made} instances");
}

/// Credentials and regions are looked for where the SDK does, and what is missing is said. No endpoint is asked.
#[test]
fn what_is_missing_to_connect_is_said() {
    let known = Home::new();
    fs::write(
        known.path().join("config"),
        "[profile none]\nregion = us-east-1\n[profile gone]\nregion = us-east-1\ncredential_process = false\n",
    )
    .unwrap();
    for (provider, words) in [
        ("{ profile: none }", "no credentials were found"),
        ("{ profile: none, region: us-east-1 }", "no credentials were found"),
        ("{ profile: gone }", "cannot be had"),
        ("{ }", "no region is named"),
        ("{ regoin: us-east-1 }", "unknown key `regoin`"),
    ] {
        let home = Home::new();
        home.configure(&format!("  - name: cloud\n    provider: {{ aws: {provider} }}\n"));
        let mut command = home.command(&["target", "check", "cloud"]);
        for (name, _) in env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        command.env("AWS_CONFIG_FILE", known.path().join("config")).env("AWS_EC2_METADATA_DISABLED", "true");
        let said = Said::from(command.output().unwrap());
        assert!(said.code != 0 && said.err.contains(words), "{provider}: {said}");
    }
}
