//! Step 7 on many images: which are tried, and what is made of it.

use levelfield_kit::remote::Knock;
use levelfield_provider::Architecture;
use time::OffsetDateTime;

use super::*;

fn image(name: &str, day: i64) -> Image {
    Image {
        id: format!("id-of-{name}"),
        name: name.to_owned(),
        architecture: Some(Architecture::Amd64),
        distribution: None,
        version: None,
        owner: None,
        official: Some(true),
        created: OffsetDateTime::from_unix_timestamp(day * 86_400).ok(),
        state: ImageState::Current,
        login_account: None,
        properties: BTreeMap::new(),
    }
}

fn debian() -> PortableName {
    "debian-12-amd64".parse().unwrap()
}

#[test]
fn the_newest_official_image_of_each_other_distribution_is_tried() {
    let mut stranger = image("ubuntu-24.04-amd64-20261101", 9);
    stranger.official = Some(false);
    let mut superseded = image("rocky-9-amd64-20261201", 9);
    superseded.state = ImageState::Superseded;
    let mut arm = image("fedora-43-arm64-20261101", 9);
    arm.architecture = Some(Architecture::Arm64);
    let images = [
        image("debian-12-amd64-20261102", 1),
        image("debian-13-amd64-20261102", 1),
        image("ubuntu-24.04-amd64-20261001", 2),
        image("ubuntu-24.04-amd64-20261028", 3),
        stranger,
        image("rocky-9-amd64-20261005", 1),
        superseded,
        arm,
        image("mystery-box", 9),
    ];
    let names: Vec<String> = other_distributions(&images, &debian()).into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["rocky-9-amd64-20261005", "ubuntu-24.04-amd64-20261028"]);
}

#[test]
fn no_more_are_tried_than_nodes_were_asked_for() {
    let images: Vec<Image> =
        ["alpine-3", "almalinux-9", "centos-9", "fedora-43", "rocky-9"].map(|name| image(name, 1)).to_vec();
    assert_eq!(other_distributions(&images, &debian()).len(), MOST);
    let words: Vec<String> = (0..5).map(|n| format!("image {n}")).collect();
    assert_eq!(configured(&images, &words).len(), MOST);
}

#[test]
fn the_configuration_names_images_by_id_or_name() {
    let images = [image("IMG-0152 noble", 1)];
    let known = Pick { id: "id-of-IMG-0152 noble".to_owned(), name: "IMG-0152 noble".to_owned() };
    assert_eq!(configured(&images, &["IMG-0152 noble".to_owned()]), std::slice::from_ref(&known));
    assert_eq!(configured(&images, &["id-of-IMG-0152 noble".to_owned()]), [known]);
}

fn on(name: &str, came: Came) -> OnImage {
    OnImage { id: name.to_owned(), name: name.to_owned(), came }
}

fn to_root(failure: Option<LoginFailure>) -> Came {
    Came::ToRoot(vec![RootLogin { key: "SHA256:one".to_owned(), failure }])
}

fn barred() -> Came {
    to_root(Some(LoginFailure::Refused { methods: vec![], why: "no".to_owned() }))
}

#[test]
fn one_image_that_bars_root_is_enough() {
    let opened = || on("ubuntu", to_root(None));
    let silent = || on("alpine", to_root(Some(LoginFailure::Unreachable(Knock::TimedOut))));
    let stopped = || on("arch", Came::ToAStop(Hindrance::prerequisite("allocation/node-requested", "failed")));
    let rocky = || on("rocky", barred());
    let own = |came| Some(on("debian", came));
    let on_some = "root-refused-on-some-images";
    for (images, own, state, reason) in [
        (vec![opened(), on("rocky", to_root(None))], None, "pass", None),
        (vec![opened(), rocky()], None, "fail", Some(on_some)),
        (vec![rocky(), stopped()], own(to_root(None)), "fail", Some(on_some)),
        (vec![rocky()], own(barred()), "inconclusive", Some("prerequisite: login/root-key-added")),
        (vec![rocky()], own(stopped().came), "inconclusive", Some("prerequisite: allocation/node-requested")),
        (vec![opened(), stopped()], None, "inconclusive", Some("prerequisite: allocation/node-requested")),
        (vec![opened(), silent()], None, "inconclusive", Some("runner-network")),
        (vec![], None, "inconclusive", Some("harness")),
    ] {
        let seen = EveryImage { images, own };
        let verdict = judge(&seen, &Nothing {}).verdict;
        assert_eq!((verdict.state(), verdict.reason().as_deref()), (state, reason), "{seen:?}");
    }
}
