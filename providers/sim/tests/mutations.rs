//! Mutations that only a running cloud shows: each against what holds without it.

mod support;

use std::time::Duration;

use levelfield_provider::{
    AddressRequest, FailureClass, Kind, LeftBehind, NodeAction, NodeState, Protocol, Provider, Query, ResourceRef,
    Scope,
};
use levelfield_sim::{Faults, Mutation, Persona, SimProvider};
use support::{Rig, Shell, rule, ssh_address, tags, until};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_catalogue_shows_its_mutations() {
    let listed = async |mutations: &[Mutation]| {
        let persona = Persona::embedded("aws-like").unwrap().with_mutations(mutations.iter().copied());
        SimProvider::embedded(persona).await.unwrap()
    };
    let all = Query::default();
    let pages = async |sim: &SimProvider| {
        let (mut names, mut marker) = (vec![], None);
        loop {
            let page = sim.flavors(&Query { limit: Some(3), marker, ..Query::default() }).await.unwrap();
            names.extend(page.items.into_iter().map(|flavor| flavor.name));
            marker = page.next;
            if marker.is_none() {
                return names;
            }
        }
    };
    let plain = listed(&[]).await;
    let whole: Vec<_> = plain.flavors(&all).await.unwrap().items.into_iter().map(|flavor| flavor.name).collect();
    assert_eq!(pages(&plain).await, whole);
    assert_eq!(pages(&listed(&[Mutation::ListingDropsAtPageEdge]).await).await.len(), whole.len() - 2);
    assert_eq!(pages(&listed(&[Mutation::ListingRepeatsAtPageEdge]).await).await.len(), whole.len() + 2);

    let shifting = listed(&[Mutation::ListingIdsShift]).await;
    let (first, second) = (shifting.flavors(&all).await.unwrap().items, shifting.flavors(&all).await.unwrap().items);
    assert_eq!(first.iter().zip(&second).filter(|(one, other)| one.id != other.id).count(), 2);

    let twice = listed(&[Mutation::CurrentNameTwice]).await.images(&all).await.unwrap().items;
    let names: Vec<_> = twice.iter().map(|image| (&image.name, &image.owner)).collect();
    assert_eq!(names.iter().filter(|name| names.iter().filter(|other| other == name).count() == 2).count(), 2);
    let opaque = listed(&[Mutation::OpaqueImageNames]).await.images(&all).await.unwrap().items;
    assert!(
        opaque.iter().filter(|i| i.official == Some(true)).all(|i| i.name.starts_with("IMG-") && i.version.is_none())
    );
    let west = Query { region: Some("sim-west-2".into()), ..Query::default() };
    let abroad = listed(&[Mutation::SecondRegionNamesDiffer]).await;
    assert!(abroad.images(&west).await.unwrap().items[0].name.starts_with("IMG-"));
    assert!(abroad.images(&all).await.unwrap().items[0].name.starts_with("debian-12-amd64-"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn allocation_shows_its_mutations() {
    let rig = Rig::new("aws-like", &[]).await;
    let mut wrong = rig.request("wrong");
    wrong.flavor = "fl-none".into();
    let refused = rig.sim.create_node(&wrong).await.unwrap_err();
    assert_eq!((refused.class, refused.culprit.as_deref()), (FailureClass::Invalid, Some("fl-none")));
    assert_eq!(refused.left_behind, LeftBehind::Nothing);
    let mut once = rig.request("once");
    once.client_token = Some("token".into());
    let (first, again) = tokio::join!(rig.sim.create_node(&once), rig.sim.create_node(&once));
    assert_eq!(first.unwrap().id, again.unwrap().id);

    let lossy = Rig::new("aws-like", &[Mutation::ParallelRequestLost, Mutation::InvalidFlavorUnnamed]).await;
    let refused = lossy.sim.create_node(&wrong).await.unwrap_err();
    assert_eq!((refused.class, refused.culprit), (FailureClass::Invalid, None));
    let mut failed = 0;
    for serial in 7..10 {
        let id = lossy.sim.create_node(&lossy.request(&format!("lf-run-parallel-{serial}"))).await.unwrap().id;
        let ended = until("the node runs or failed", async || {
            lossy.sim.node(&id).await.ok().filter(|node| node.state != NodeState::Pending)
        });
        failed += usize::from(ended.await.state == NodeState::Failed);
    }
    assert_eq!(failed, 1);

    let leaky = [Mutation::VolumeLeftBehind, Mutation::AddressHeldAfterTerminate, Mutation::SecondTerminateFails];
    let rig = Rig::new("aws-like", &leaky).await;
    let node = rig.node(&rig.request("leaky")).await;
    let resource = ResourceRef::new(Kind::Node, &node.id);
    rig.sim.delete(&resource).await.unwrap();
    rig.reaches(&node.id, NodeState::Terminated).await;
    assert_eq!(rig.sim.delete(&resource).await.unwrap_err().class, FailureClass::Unavailable);
    assert!(rig.sim.inventory().await.unwrap().iter().any(|left| left.resource.kind == Kind::Volume));
    assert_eq!(rig.sim.addresses().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_network_shows_its_mutations() {
    let mutations = [
        Mutation::RuleAddIgnored,
        Mutation::NoEgress,
        Mutation::PeersIsolated,
        Mutation::PrivateAddressGivenTwice,
        Mutation::Ipv6Unlisted,
        Mutation::MetadataTrustsForwardedFor,
    ];
    let rig = Rig::new("aws-like", &mutations).await;
    let a = rig.node(&rig.request("a-one")).await;
    let b = rig.node(&rig.request("b-two")).await;
    let private = a.addresses_in(Scope::Private).next().unwrap().address;
    assert_eq!(b.addresses_in(Scope::Private).next().unwrap().address, private);
    assert!(a.addresses.iter().all(|address| address.address.is_ipv4()));
    let shell = rig.login(&b, "admin").await;
    assert!(shell.run("ip -o addr show").await.1.contains("inet6 ::ffff:127."));
    assert_eq!(shell.run("curl -sS -m 5 http://echo.levelfield.test/echo").await.0, 28);
    assert_eq!(shell.run(&format!("ping -n -c 1 -W 2 {private}")).await.0, 1);
    let token =
        "curl -sS -m 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token";
    let (_, token) = shell.run(token).await;
    let line = format!(
        "curl -sS -m 5 -H 'X-aws-ec2-metadata-token: {token}' -H 'X-Forwarded-For: {private}' \
         http://169.254.169.254/latest/meta-data/instance-id"
    );
    assert_eq!(shell.run(&line).await.1, a.id);

    let _listening = shell.start("timeout 60 python3 -m http.server 8432 --bind 0.0.0.0").await;
    let ignored = rule(Protocol::Tcp, 8432, 8432, "0.0.0.0/0");
    rig.sim.add_rule(&rig.group.id, &ignored).await.unwrap();
    assert!(rig.sim.groups().await.unwrap()[0].rules.contains(&ignored));
    let address = (ssh_address(&b).ip(), 8432);
    until("the port is silent", async || {
        tokio::time::timeout(Duration::from_millis(400), TcpStream::connect(address)).await.err()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_and_keys_change_when_they_are_to() {
    let changes = [
        Mutation::PublicAddressChangesOnReboot,
        Mutation::RebootRegeneratesHostKeys,
        Mutation::StopStartChangesPrivateAddress,
    ];
    let rig = Rig::new("aws-like", &changes).await;
    let node = rig.node(&rig.request("web-1")).await;
    let shell = rig.login(&node, "admin").await;
    rig.sim.act(&node.id, NodeAction::Reboot).await.unwrap();
    let rebooted = rig.sim.node(&node.id).await.unwrap();
    assert_ne!(ssh_address(&rebooted), ssh_address(&node));
    assert_ne!(rig.login(&rebooted, "admin").await.host_key, shell.host_key);
    rig.sim.act(&node.id, NodeAction::Stop).await.unwrap();
    rig.reaches(&node.id, NodeState::Stopped).await;
    rig.sim.act(&node.id, NodeAction::Start).await.unwrap();
    let restarted = rig.reaches(&node.id, NodeState::Running).await;
    assert_ne!(restarted.addresses_in(Scope::Private).next(), node.addresses_in(Scope::Private).next());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_floating_address_stays_and_the_dead_answer() {
    let rig = Rig::new("openstack-common", &[Mutation::FloatingIpStays, Mutation::TerminatedStillAnswers]).await;
    let (a, b) = (rig.node(&rig.request("a-one")).await, rig.node(&rig.request("b-two")).await);
    let address = rig.sim.allocate_address(&AddressRequest { tags: tags() }).await.unwrap();
    rig.sim.attach_address(&address.id, &a.id).await.unwrap();
    rig.sim.attach_address(&address.id, &b.id).await.unwrap();
    let moved = rig.sim.node(&b.id).await.unwrap();
    let shell = rig.login(&moved, "cloud-user").await;
    assert_eq!(shell.run("hostname").await.1, "a-one\n");
    rig.sim.delete(&ResourceRef::new(Kind::Node, &a.id)).await.unwrap();
    rig.reaches(&a.id, NodeState::Terminated).await;
    assert!(Shell::login(ssh_address(&moved), "cloud-user", &rig.private).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_come_by_the_other_patterns_too() {
    let rig = Rig::new("openstack-good", &[]).await;
    let node = rig.node(&rig.request("web-1")).await;
    assert_eq!(
        node.addresses_in(Scope::Public).next().unwrap().origin,
        levelfield_provider::AddressOrigin::AddedByTarget
    );
    let shell = rig.login(&node, "debian").await;
    let document = shell.run("curl -sS -m 5 http://169.254.169.254/openstack/latest/meta_data.json").await.1;
    assert!(document.contains(&node.id), "{document}");

    let rig = Rig::new("aws-like", &[Mutation::NoPublicAddressAtAll]).await;
    let refused = rig.sim.allocate_address(&AddressRequest { tags: tags() }).await.unwrap_err();
    assert_eq!(refused.class, FailureClass::Unsupported);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_say_what_they_may_have_left() {
    let sim = async |faults| {
        let persona = Persona::embedded("aws-like").unwrap().with_faults(faults);
        SimProvider::embedded(persona).await.unwrap()
    };
    let request = levelfield_provider::GroupRequest { name: "lf-group".into(), tags: tags() };
    for (faults, class, left) in [
        (Faults { api_500_after: 1.0, ..Faults::default() }, FailureClass::Unavailable, LeftBehind::Unknown),
        (Faults { reset: 1.0, ..Faults::default() }, FailureClass::Transport, LeftBehind::Unknown),
        (Faults { throttle: 1.0, ..Faults::default() }, FailureClass::Throttled, LeftBehind::Nothing),
    ] {
        let error = sim(faults).await.create_group(&request).await.unwrap_err();
        assert_eq!((error.class, error.left_behind), (class, left), "{}", error.message);
        assert_eq!(error.retry_after.is_some(), class == FailureClass::Throttled);
    }
}

/// A thousand nodes in one process, logged in to one after the other. `cargo test -p levelfield-sim -- --ignored`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute without optimisation"]
async fn a_thousand_nodes_fit() {
    let rig = Rig::new("aws-like", &[]).await;
    let ids: Vec<_> = {
        let mut ids = vec![];
        for serial in 0..1000 {
            ids.push(rig.sim.create_node(&rig.request(&format!("lf-{serial}"))).await.unwrap().id);
        }
        ids
    };
    for id in &ids {
        let node = rig.reaches(id, NodeState::Running).await;
        rig.login(&node, "admin").await;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 400 * 1024, "peak memory is {kib} KiB");
}
