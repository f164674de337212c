//! What is made, changed and removed.

use levelfield_provider::{
    AddressOrigin, AddressRequest, FailureClass, GroupRequest, KeyRequest, Kind, LeftBehind, NodeAction, NodeRequest,
    NodeState, Protocol, Provider, ProviderError, ResourceRef, Rule, Scope,
};

use serde_json::json;

use super::*;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f test";

/// The request that was recorded.
fn node_request() -> NodeRequest {
    NodeRequest {
        name: "lf-fixture-node".to_owned(),
        image: id_of("images", "images", "tiny"),
        flavor: id_of("flavors", "flavors", "t1.nano"),
        network: Some(id_of("networks", "networks", "private")),
        key: Some("lf-fixture-key".to_owned()),
        groups: vec![text(&body("group")["security_group"]["id"])],
        user_data: Some("#!/bin/sh\n:\n".to_owned()),
        tags: tags(),
        ..NodeRequest::default()
    }
}

fn rule(protocol: Protocol, ports: (u16, u16), source: &str) -> Rule {
    Rule { protocol, from_port: ports.0, to_port: ports.1, source: source.parse().unwrap() }
}

/// What is asserted of a refusal: its class, the culprit, that nothing is left.
fn refusal(error: &ProviderError) -> (FailureClass, Option<&str>) {
    assert_eq!(error.left_behind, LeftBehind::Nothing, "{error}");
    (error.class, error.culprit.as_deref())
}

#[tokio::test]
async fn keys_are_imported_listed_and_removed() {
    let (cloud, provider) = connected().await;
    let request =
        |name: &str, key: &str| KeyRequest { name: name.to_owned(), public_key: key.to_owned(), tags: tags() };
    cloud.once("key-imported").once("key-duplicate").once("key-invalid").once("key-deleted").once("key-gone");
    let imported = provider.import_key(&request("lf-fixture-key", KEY)).await.unwrap();
    assert_eq!((imported.id.as_str(), imported.fingerprint.len()), ("lf-fixture-key", 47), "{imported:?}");
    let again = provider.import_key(&request("lf-fixture-key", KEY)).await.unwrap_err();
    assert_eq!(refusal(&again), (FailureClass::Conflict, Some("lf-fixture-key")));
    let invalid = provider.import_key(&request("lf-fixture-bad", "ssh-ed25519 AAAA")).await.unwrap_err();
    assert_eq!(refusal(&invalid).0, FailureClass::Invalid);
    assert!(invalid.message.starts_with("Keypair data is invalid"), "{invalid}");
    assert_eq!(provider.keys().await.unwrap(), [imported]);
    let key = ResourceRef::new(Kind::KeyPair, "lf-fixture-key");
    provider.delete(&key).await.unwrap();
    let gone = provider.delete(&key).await.unwrap_err();
    assert_eq!(refusal(&gone), (FailureClass::NotFound, Some("lf-fixture-key")));
    cloud.done();
}

#[tokio::test]
async fn groups_let_in_what_their_rules_say() {
    let (cloud, provider) = connected().await;
    cloud.once("group-created").once("rule-added").once("rule-duplicate").once("rule-icmp-added").once("rule-invalid");
    let request = GroupRequest { name: "lf-fixture-group".to_owned(), tags: tags() };
    let group = provider.create_group(&request).await.unwrap();
    assert_eq!((group.name.as_str(), &group.tags, group.rules.len()), ("lf-fixture-group", &tags(), 0), "{group:?}");
    let ssh = rule(Protocol::Tcp, (22, 22), "192.0.2.0/24");
    let ping = rule(Protocol::Icmp, (0, 65535), "::/0");
    provider.add_rule(&group.id, &ssh).await.unwrap();
    let again = provider.add_rule(&group.id, &ssh).await.unwrap_err();
    assert_eq!(refusal(&again).0, FailureClass::Conflict, "{again}");
    provider.add_rule(&group.id, &ping).await.unwrap();
    let invalid = provider.add_rule(&group.id, &rule(Protocol::Tcp, (80, 22), "192.0.2.0/24")).await.unwrap_err();
    assert_eq!(refusal(&invalid).0, FailureClass::Invalid, "{invalid}");
    let listed = provider.groups().await.unwrap();
    let read = listed.iter().find(|listed| listed.id == group.id).unwrap();
    assert_eq!((read.rules.len(), read.rules.contains(&ssh), read.rules.contains(&ping)), (2, true, true), "{read:?}");
    let default = listed.iter().find(|listed| listed.name == "default").unwrap();
    assert!(default.tags.is_empty());

    cloud.once("group").once("rule-removed").once("group").once("group-in-use").once("group-deleted");
    provider.remove_rule(&group.id, &ssh).await.unwrap();
    let other = provider.remove_rule(&group.id, &rule(Protocol::Udp, (22, 22), "192.0.2.0/24")).await.unwrap_err();
    assert_eq!(refusal(&other), (FailureClass::NotFound, Some(group.id.as_str())));
    let resource = ResourceRef::new(Kind::Group, &group.id);
    let used = provider.delete(&resource).await.unwrap_err();
    assert_eq!(refusal(&used), (FailureClass::Conflict, Some(group.id.as_str())));
    provider.delete(&resource).await.unwrap();
    cloud.done();
}

#[tokio::test]
async fn a_node_lives_and_dies() {
    let (cloud, provider) = connected().await;
    cloud.once("server-created");
    let request = node_request();
    let node = provider.create_node(&request).await.unwrap();
    assert_eq!((node.state, &node.tags), (NodeState::Pending, &request.tags));
    let id = node.id.as_str();
    for (fixture, state, reason, addresses) in [
        ("server-building", NodeState::Pending, true, 0),
        ("server-active", NodeState::Running, false, 2),
        ("rebooting", NodeState::Pending, true, 2),
        ("server-active-again", NodeState::Running, false, 2),
        ("stopping", NodeState::Stopping, true, 2),
    ] {
        cloud.once(fixture);
        let read = provider.node(id).await.unwrap();
        assert_eq!(
            (read.state, read.state_reason.is_some(), read.addresses.len()),
            (state, reason, addresses),
            "{fixture}"
        );
        assert_eq!((&read.id, &read.name, &read.tags), (&node.id, &node.name, &node.tags));
        assert_eq!(
            (read.flavor.as_deref(), read.image.as_deref()),
            (Some(request.flavor.as_str()), Some(request.image.as_str()))
        );
        assert_eq!(read.zone.as_deref(), (fixture != "server-building").then_some("nova"), "{fixture}");
    }

    cloud.once("console").once("rebooted").once("stopped").once("stopped-twice");
    let console = provider.console(id).await.unwrap().text;
    assert!(console.contains("-----BEGIN SSH HOST KEY KEYS-----\nssh-ed25519 "), "{console}");
    provider.act(id, NodeAction::Reboot).await.unwrap();
    provider.act(id, NodeAction::Stop).await.unwrap();
    let twice = provider.act(id, NodeAction::Stop).await.unwrap_err();
    assert_eq!(refusal(&twice), (FailureClass::Conflict, Some(id)));

    cloud.once("server-deleted").once("server-gone").once("server-deleted-twice");
    provider.delete(&ResourceRef::new(Kind::Node, id)).await.unwrap();
    assert_eq!(refusal(&provider.node(id).await.unwrap_err()), (FailureClass::NotFound, Some(id)));
    let gone = provider.delete(&ResourceRef::new(Kind::Node, id)).await.unwrap_err();
    assert_eq!(refusal(&gone), (FailureClass::NotFound, Some(id)));
    assert_eq!(refusal(&provider.node(NOBODY).await.unwrap_err()), (FailureClass::NotFound, Some(NOBODY)));
    cloud.done();
}

#[tokio::test]
async fn addresses_of_a_node_have_a_scope_and_an_origin() {
    let id = text(&body("server-created")["server"]["id"]);
    for (requested, origin) in [(true, AddressOrigin::Floating), (false, AddressOrigin::AddedByTarget)] {
        let (cloud, provider) = connected().await;
        cloud.once("server-addressed");
        if requested {
            cloud.once("address-allocated");
            provider.allocate_address(&AddressRequest { tags: tags() }).await.unwrap();
        }
        let floating = text(&body("address-allocated")["floatingip"]["floating_ip_address"]);
        let node = provider.node(&id).await.unwrap();
        let read: Vec<_> =
            node.addresses.iter().map(|a| (a.address.to_string(), a.scope, a.origin, a.ssh_port)).collect();
        let fixed = |ip: &dyn Fn(&str) -> bool| {
            read.iter().find(|read| read.2 == AddressOrigin::Default && ip(&read.0)).unwrap().1
        };
        assert_eq!(fixed(&|ip| ip.starts_with("10.77.0.")), Scope::Private, "{read:?}");
        assert_eq!(fixed(&|ip| ip.starts_with("2001:db8:77:")), Scope::Public, "{read:?}");
        assert!(read.contains(&(floating, Scope::Public, origin, 22)), "{read:?}");
        cloud.done();
    }
}

#[tokio::test]
async fn a_sites_own_port_forwarding_is_a_public_address() {
    let id = text(&body("server-created")["server"]["id"]);
    let cloud = Cloud::start().await;
    let forwarding = PortForwarding {
        address: "203.0.113.7".parse().unwrap(),
        network: "10.77.0.0/24".parse().unwrap(),
        first_port: 20_000,
    };
    let config = OpenStackConfig { port_forwarding: Some(forwarding), ..OpenStackConfig::default() };
    let provider = log_in_as(&cloud, "right", &config).await.unwrap();
    cloud.once("server-addressed");
    let node = provider.node(&id).await.unwrap();
    let fixed = node.addresses.iter().find_map(|a| forwarding.way_to(a.address)).unwrap();
    let forwarded: Vec<_> = node.addresses.iter().filter(|a| a.origin == AddressOrigin::PortForwarding).collect();
    assert_eq!(forwarded.len(), 1, "{node:?}");
    assert_eq!((forwarded[0].ssh(), forwarded[0].scope), (fixed, Scope::Public));
    cloud.done();
}

#[tokio::test]
async fn floating_addresses_are_moved_and_released() {
    let (cloud, provider) = connected().await;
    let server = text(&body("server-created")["server"]["id"]);
    cloud.once("address-allocated");
    let address = provider.allocate_address(&AddressRequest { tags: tags() }).await.unwrap();
    assert_eq!((address.node.as_deref(), &address.tags), (None, &tags()));
    assert_eq!(provider.addresses().await.unwrap(), std::slice::from_ref(&address));

    cloud.once("ports-of-node").once("address-attached").once("addresses-attached");
    provider.attach_address(&address.id, &server).await.unwrap();
    let attached = provider.addresses().await.unwrap();
    assert_eq!((attached.len(), attached[0].node.as_deref()), (1, Some(server.as_str())));

    let path = format!("/network/v2.0/ports?device_id={server}");
    cloud.once_with("GET", &path, Reply::altered("ports-of-node", |body| body["ports"] = [0; 0].into()));
    let nowhere = provider.attach_address(&address.id, &server).await.unwrap_err();
    assert_eq!(refusal(&nowhere), (FailureClass::NotFound, Some(server.as_str())));

    cloud.once("address-detached").once("address-deleted").once("address-gone");
    provider.detach_address(&address.id).await.unwrap();
    let resource = ResourceRef::new(Kind::Address, &address.id);
    provider.delete(&resource).await.unwrap();
    let gone = provider.delete(&resource).await.unwrap_err();
    assert_eq!(refusal(&gone), (FailureClass::NotFound, Some(address.id.as_str())));
    cloud.done();
}

/// A recorded listing with two more items like the ones made for it, each with changes.
fn more(fixture: &str, listing: &str, changes: [&[(&str, &Value)]; 2]) -> Reply {
    Reply::altered(fixture, |body| {
        let items = body[listing].as_array_mut().unwrap();
        let template = items.iter().find(|item| item["name"] != "default").unwrap().clone();
        for (number, changed) in changes.into_iter().enumerate() {
            let mut item = template.clone();
            item["id"] = format!("{listing}-{number}").into();
            for (pointer, value) in changed {
                *item.pointer_mut(pointer).unwrap() = (*value).clone();
            }
            items.push(item);
        }
    })
}

#[tokio::test]
async fn an_inventory_holds_what_is_ours() {
    let (cloud, provider) = connected().await;
    // Of every kind, one more that is somebody else's, and one more that only its name or its tag gives away.
    let project = text(&body("token")["token"]["project"]["id"]);
    let of_project = |path: &str| format!("/network/v2.0/{path}?project_id={project}");
    let none = json!("unrelated");
    let ours = json!("levelfield-run=x");
    let volumes = json!({ "volumes": [
        { "id": "v1", "name": "lf-v", "metadata": {} },
        { "id": "v2", "name": null, "metadata": {} },
        { "id": "v3", "name": null, "metadata": { "levelfield-run": "x" } },
    ] });
    for (path, reply) in [
        (
            "/compute/v2.1/servers/detail".to_owned(),
            more(
                "servers",
                "servers",
                [&[("/name", &none)], &[("/name", &none), ("/metadata", &json!({ "owner": "somebody" }))]],
            ),
        ),
        (
            "/compute/v2.1/os-keypairs".to_owned(),
            more("keys", "keypairs", [&[("/keypair/name", &none)], &[("/keypair/name", &json!("lf-x"))]]),
        ),
        (
            "/network/v2.0/ports".to_owned(),
            more("ports", "ports", [&[("/description", &ours)], &[("/name", &none), ("/description", &none)]]),
        ),
        (
            of_project("security-groups"),
            more(
                "groups",
                "security_groups",
                [&[("/name", &none), ("/description", &ours)], &[("/name", &none), ("/description", &none)]],
            ),
        ),
        (
            of_project("floatingips"),
            more("addresses", "floatingips", [&[("/description", &none)], &[("/description", &ours)]]),
        ),
        (format!("/volume/v3/{project}/volumes/detail"), Reply::new(200, &[], &volumes.to_string())),
    ] {
        cloud.once_with("GET", &path, reply);
    }
    let mut found: Vec<String> =
        provider.inventory().await.unwrap().into_iter().map(|found| found.resource.to_string()).collect();
    found.sort();
    let server = format!("node {}", text(&body("server-created")["server"]["id"]));
    let group = format!("group {}", text(&body("group")["security_group"]["id"]));
    let address = format!("address {}", text(&body("address-allocated")["floatingip"]["id"]));
    let mut expected = [
        server.as_str(),
        "node servers-0",
        "key-pair lf-fixture-key",
        "key-pair lf-x",
        "port ports-0",
        group.as_str(),
        "group security_groups-0",
        address.as_str(),
        "address floatingips-1",
        "volume v1",
        "volume v3",
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
    cloud.done();
}

#[tokio::test]
async fn what_a_node_needs_is_named_when_it_is_not_there() {
    let (cloud, provider) = connected().await;
    let plain = NodeRequest { key: None, groups: Vec::new(), user_data: None, ..node_request() };
    let nobody = || NOBODY.to_owned();
    cloud.once("server-unknown-key");
    for (request, said, culprit) in [
        (NodeRequest { image: nobody(), ..plain.clone() }, "Can not find requested image", None),
        // Which asks for a network to be allocated, in a microversion that knows of that.
        (NodeRequest { image: nobody(), network: None, ..plain.clone() }, "Can not find requested image", None),
        (NodeRequest { flavor: nobody(), ..plain.clone() }, "could not be found", Some(NOBODY)),
        (NodeRequest { zone: Some("moon".to_owned()), ..plain.clone() }, "availability zone is not available", None),
        (NodeRequest { key: Some("lf-fixture-none".to_owned()), ..plain.clone() }, "Invalid key_name provided", None),
    ] {
        let error = provider.create_node(&request).await.unwrap_err();
        assert_eq!(refusal(&error), (FailureClass::Invalid, culprit), "{error}");
        assert!(error.message.contains(said), "{error}");
    }
    cloud.done();
}

#[tokio::test]
async fn nodes_are_found_by_their_tags() {
    let (cloud, provider) = connected().await;
    let other = [("levelfield-run".to_owned(), "other".to_owned())].into();
    for (tags, count) in [(Tags::new(), 1), (tags(), 1), (other, 0)] {
        assert_eq!(provider.nodes(&tags).await.unwrap().len(), count, "{tags:?}");
    }
    cloud.done();
}
