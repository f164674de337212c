//! What a cloud is, and what there is to choose from.

use std::collections::BTreeMap;

use levelfield_provider::{
    Architecture, Capability, FailureClass, Flavor, ImageState, Presence, Provider, Query, Quota, Region,
};

use super::*;

#[tokio::test]
async fn a_cloud_is_looked_at_once() {
    let (cloud, provider) = connected().await;
    let declared = provider.declaration();
    let absent: Vec<Capability> = Capability::ALL.into_iter().filter(|capability| !declared.has(*capability)).collect();
    assert_eq!(absent, [Capability::Regions, Capability::ExistingNodes, Capability::ClientToken]);
    let seen = cloud.seen();
    let facts = provider.fingerprint().await.unwrap().facts;
    let auth_url = format!("{}/identity/v3", cloud.address);
    let expected = [
        ("auth-url", auth_url.as_str()),
        ("compute-microversion", "2.93"),
        ("region", "RegionOne"),
        ("roles", "member, reader"),
    ];
    assert_eq!(facts, BTreeMap::from(expected.map(|(name, value)| (name.to_owned(), value.to_owned()))));
    assert_eq!(provider.secrets().collect::<Vec<_>>(), ["right"]);
    assert_eq!(cloud.seen(), Vec::<String>::new());
    assert_eq!(seen.iter().filter(|call| call.contains("/auth/tokens")).count(), 1, "{seen:#?}");
    cloud.done();
}

#[tokio::test]
async fn what_is_not_offered_is_not_declared() {
    let lacking = |listing: &'static str, fixture: &'static str| {
        Reply::altered(fixture, move |body| body[listing] = [0; 0].into())
    };
    let without = |alias: &'static str| {
        Reply::altered("extensions", move |body| {
            body["extensions"].as_array_mut().unwrap().retain(|extension| extension["alias"] != alias);
        })
    };
    for (path, reply, capability) in [
        ("/compute/v2.1/os-availability-zone", lacking("availabilityZoneInfo", "zones"), Capability::Zones),
        ("/network/v2.0/subnets", lacking("subnets", "subnets"), Capability::Ipv6),
        (
            "/network/v2.0/networks?router:external=true",
            lacking("networks", "networks-external"),
            Capability::FloatingIp,
        ),
        ("/network/v2.0/extensions", without("router"), Capability::FloatingIp),
        ("/network/v2.0/extensions", without("security-group"), Capability::SecurityRules),
    ] {
        let cloud = Cloud::start().await;
        cloud.always("GET", path, reply);
        let provider = log_in(&cloud, "right").await.unwrap();
        assert!(!provider.declaration().has(capability), "{path}: {capability}");
        cloud.done();
    }
}

#[tokio::test]
async fn networks_have_ranges_and_a_way_out() {
    let (cloud, provider) = connected().await;
    let page = provider.networks(&Query::default()).await.unwrap();
    let read: Vec<_> = page.items.iter().map(|n| (n.name.as_str(), n.cidrs.len(), n.external, n.default)).collect();
    // `public` is for floating addresses only: nodes can't be put on it.
    assert_eq!(read, [("provider", 2, Some(true), false), ("private", 2, Some(true), false)]);
    let mut cidrs: Vec<String> = page.items[1].cidrs.iter().map(ToString::to_string).collect();
    cidrs.sort();
    assert_eq!(cidrs, ["10.77.0.0/24", "2001:db8:77::/64"]);
    assert_eq!(page.next, None);
    cloud.done();
}

#[tokio::test]
async fn a_project_without_a_network_is_shown_the_one_it_could_get() {
    let none = || Reply::altered("networks", |body| body["networks"] = [0; 0].into());
    let with_extension = || {
        Reply::altered("extensions", |body| {
            let extension = serde_json::json!({ "alias": "auto-allocated-topology" });
            body["extensions"].as_array_mut().unwrap().push(extension);
        })
    };
    let passed = || Reply::new(200, &[], r#"{"auto_allocated_topology": {"id": "dry-run=pass"}}"#);
    let lacking = || {
        let said = r#"{"NeutronError": {"type": "AutoAllocationFailure", "message": "No default router:external network.", "detail": ""}}"#;
        Reply::new(409, &[], said)
    };
    for (extension, answer, shown) in [(true, passed(), 1), (true, lacking(), 0), (false, passed(), 0)] {
        let cloud = Cloud::start().await;
        if extension {
            cloud.always("GET", "/network/v2.0/extensions", with_extension());
        }
        let provider = log_in(&cloud, "right").await.unwrap();
        cloud.always("GET", "/network/v2.0/networks", none());
        let path = format!("/network/v2.0/auto-allocated-topology/{}?fields=dry-run", provider.project);
        cloud.always("GET", &path, answer);
        let page = provider.networks(&Query::default()).await.unwrap();
        assert_eq!(page.items.len(), shown, "{page:?}");
        assert!(page.items.iter().all(|network| network.default && network.id == "auto"), "{page:?}");
        cloud.done();
    }
}

#[tokio::test]
async fn flavors_come_in_pages() {
    let (cloud, provider) = connected().await;
    let all = provider.flavors(&Query::default()).await.unwrap();
    let nano = Flavor {
        id: id_of("flavors", "flavors", "t1.nano"),
        name: "t1.nano".to_owned(),
        vcpus: Some(1),
        memory_mib: Some(128),
        disk_gib: Some(1),
        architecture: None,
    };
    assert_eq!((all.items.len(), all.next), (4, None));
    assert!(all.items.contains(&nano), "{:?}", all.items);
    let mut query = Query { limit: Some(1), ..Query::default() };
    for number in 0..2 {
        let page = provider.flavors(&query).await.unwrap();
        assert_eq!(page.items, all.items[number..=number]);
        query.marker = page.next;
        assert_eq!(query.marker.as_ref(), Some(&all.items[number].id));
    }
    let unknown = Query { marker: Some(NOBODY.to_owned()), ..Query::default() };
    let error = provider.flavors(&unknown).await.unwrap_err();
    assert_eq!((error.class, error.message.contains("marker")), (FailureClass::Invalid, true), "{error}");
    cloud.done();
}

#[tokio::test]
async fn images_have_properties_and_hidden_ones_come_last() {
    let (cloud, provider) = connected().await;
    let page = provider.images(&Query::default()).await.unwrap();
    let debian = page.items.iter().find(|image| image.name == "debian-12").unwrap();
    assert_eq!((debian.distribution.as_deref(), debian.version.as_deref()), (Some("debian"), Some("12")));
    assert_eq!((debian.state, debian.official), (ImageState::Current, Some(true)));
    assert_eq!(debian.properties["kernel_id"], id_of("images", "images", "debian-12-kernel"));
    assert_eq!((debian.properties["min_ram"].as_str(), debian.properties.contains_key("file")), ("512", false));
    assert!(debian.created.is_some() && debian.owner.is_some());
    let hidden = provider.images(&Query { marker: page.next, ..Query::default() }).await.unwrap();
    let read: Vec<_> = hidden.items.iter().map(|i| (i.name.as_str(), i.state, i.architecture, i.official)).collect();
    assert_eq!(read, [("lf-fixture-hidden", ImageState::Superseded, Some(Architecture::Amd64), Some(false))]);
    assert_eq!(hidden.next, None);
    assert!(page.items.iter().all(|image| !image.name.ends_with("-kernel") && !image.name.ends_with("-initrd")));
    // A page that is not the last one of those that are not hidden. What it holds is a ramdisk, but it leads on.
    let first = provider.images(&Query { limit: Some(1), ..Query::default() }).await.unwrap();
    let ramdisk = id_of("images", "images", "debian-12-initrd").clone();
    assert_eq!((first.items.len(), first.next), (0, Some(ramdisk)));
    cloud.done();
}

#[tokio::test]
async fn regions_have_zones_and_quotas_are_what_is_left() {
    let (cloud, provider) = connected().await;
    let region = Region { name: "RegionOne".to_owned(), zones: vec!["nova".to_owned()] };
    assert_eq!(provider.regions().await.unwrap(), [region]);
    let changed = |name: &'static str, most: i64, used: i64| {
        Reply::altered("network-quota", move |body| {
            body["quota"][name] = serde_json::json!({ "limit": most, "used": used, "reserved": 0 });
        })
    };
    let limits = |nodes: i64, cores: i64| {
        Reply::altered("limits", move |body| {
            let absolute = &mut body["limits"]["absolute"];
            absolute["totalInstancesUsed"] = nodes.into();
            absolute["totalCoresUsed"] = cores.into();
        })
    };
    let project = text(&body("token")["token"]["project"]["id"]);
    let path = format!("/network/v2.0/quotas/{project}/details.json");
    cloud.once_with("GET", "/compute/v2.1/limits", limits(2, 3)).once_with("GET", &path, changed("floatingip", 50, 4));
    let quota = provider.quota().await.unwrap();
    assert_eq!((quota.nodes_free, quota.vcpus_free, quota.keys_free), (Some(198), Some(397), Some(499)));
    assert_eq!((quota.addresses_free, quota.groups_free.is_some()), (Some(46), true));
    // Where Neutron does not tell a tenant, the rest is still told.
    cloud.once_with(
        "GET",
        &path,
        Reply::new(403, &[], r#"{"NeutronError": {"type": "NotAuthorized", "message": "no"}}"#),
    );
    let quota = provider.quota().await.unwrap();
    assert_eq!(Quota { nodes_free: None, vcpus_free: None, keys_free: None, ..quota }, Quota::default());
    cloud.done();
}

#[tokio::test]
async fn probes_see_what_is_there() {
    let (cloud, provider) = connected().await;
    for (capability, presence) in [
        (Capability::Catalog, Presence::Present),
        (Capability::Pagination, Presence::Present),
        (Capability::Zones, Presence::Present),
        (Capability::Regions, Presence::Absent),
        (Capability::ImageLifecycle, Presence::Present),
        (Capability::Keys, Presence::Present),
        (Capability::Nodes, Presence::Present),
        (Capability::Tags, Presence::Present),
        (Capability::Console, Presence::Present),
        (Capability::Reboot, Presence::Present),
        (Capability::StopStart, Presence::Present),
        (Capability::FloatingIp, Presence::Present),
        (Capability::SecurityRules, Presence::Present),
        (Capability::Quota, Presence::Present),
        (Capability::Ipv6, Presence::Present),
        (Capability::ClientToken, Presence::Absent),
        (Capability::ExistingNodes, Presence::Absent),
        (Capability::Login, Presence::Unknown),
    ] {
        let probe = provider.probe(capability).await.unwrap();
        assert_eq!(probe.presence, presence, "{capability}: {}", probe.note);
    }
    cloud.done();
}
