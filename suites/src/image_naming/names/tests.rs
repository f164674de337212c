//! Tables for the judges of names.

use levelfield_provider::Architecture;
use levelfield_reports::Verdict;
use time::{OffsetDateTime, macros::datetime};

use super::*;

const DEBIAN: &str = "debian-12-amd64-20261102";

fn image(id: &str, name: &str) -> Image {
    Image {
        id: id.to_owned(),
        name: name.to_owned(),
        architecture: Some(Architecture::Amd64),
        distribution: None,
        version: None,
        owner: Some("publisher".to_owned()),
        official: Some(true),
        created: Some(datetime!(2026-11-02 06:00 UTC)),
        state: ImageState::Current,
        login_account: None,
        properties: BTreeMap::new(),
    }
}

fn strangers(id: &str, name: &str) -> Image {
    Image { owner: Some("stranger".to_owned()), official: Some(false), ..image(id, name) }
}

fn superseded(id: &str, name: &str) -> Image {
    Image { state: ImageState::Superseded, ..image(id, name) }
}

/// Named for people, with the three facts as properties.
fn by_properties(id: &str) -> Image {
    Image {
        distribution: Some("debian".to_owned()),
        version: Some("12".to_owned()),
        ..image(id, "IMG-0147 bookworm latest")
    }
}

fn excerpt(images: &[Image]) -> Excerpt<Image> {
    Excerpt::ranked(images, |_| 0)
}

fn names() -> Names {
    Names { names: vec!["debian-12-amd64".parse().unwrap()] }
}

fn patterns(judgement: &Judgement) -> Vec<&str> {
    judgement.deviations.iter().map(|d| d.pattern.as_str()).collect()
}

const BY_PROPERTIES: &[&str] = &["resolved-by-properties"];

#[test]
fn a_portable_name_means_one_current_image() {
    for (images, verdict, deviations) in [
        (vec![image("1", DEBIAN)], Verdict::Pass, &[][..]),
        (vec![image("1", DEBIAN), superseded("2", "debian-12-amd64-20260914")], Verdict::Pass, &[]),
        (vec![image("1", DEBIAN), strangers("2", "debian-12-amd64-20261103")], Verdict::Pass, &[]),
        // publisher-unmarked: still one.
        (vec![Image { official: None, ..image("1", DEBIAN) }], Verdict::Pass, &[]),
        (vec![by_properties("1")], Verdict::Pass, BY_PROPERTIES),
        (vec![image("1", DEBIAN), by_properties("2")], Verdict::Pass, &[]),
        (vec![by_properties("1"), by_properties("2")], Verdict::fail("ambiguous"), &[]),
        // portable-name-ambiguous
        (vec![image("1", DEBIAN), image("2", "debian-12-generic-amd64-20261102")], Verdict::fail("ambiguous"), &[]),
        // opaque-image-names
        (vec![image("1", "IMG-0147 bookworm latest")], Verdict::fail("unresolved"), &[]),
        (vec![], Verdict::fail("unresolved"), &[]),
    ] {
        let judged = judge_portable_name(&PortableNames { images: excerpt(&images) }, &names());
        assert_eq!((judged.verdict.clone(), patterns(&judged)), (verdict, deviations.to_vec()), "{images:?}");
    }
}

#[test]
fn a_portable_name_resolves_in_every_region() {
    let here = || vec![image("1", DEBIAN)];
    let opaque = || vec![image("2", "IMG-0147 bookworm latest")];
    let stated = || vec![by_properties("3")];
    for (regions, verdict, deviations) in [
        (vec![here(), here()], Verdict::Pass, &[][..]),
        (vec![here()], Verdict::Pass, &[]),
        (vec![stated(), stated()], Verdict::Pass, BY_PROPERTIES),
        // portable-name-ambiguous: it resolves, in every region, to too many; that is another behaviour's matter.
        (vec![[here(), vec![image("4", "debian-12-generic-amd64-20261102")]].concat(), here()], Verdict::Pass, &[]),
        // second-region-names-differ
        (vec![here(), opaque()], Verdict::fail("unresolved-in-region"), &[]),
        // opaque-image-names
        (vec![opaque(), opaque()], Verdict::fail("unresolved-in-region"), &[]),
        (vec![here(), stated()], Verdict::fail("regions-differ"), &[]),
        (vec![[stated(), stated()].concat()], Verdict::fail("unresolved-in-region"), &[]),
        (vec![], Verdict::fail("no-region-listed"), &[]),
    ] {
        let regions = regions
            .iter()
            .enumerate()
            .map(|(n, images)| RegionImages { region: format!("region-{n}"), images: excerpt(images) })
            .collect();
        let judged = judge_consistent_across_regions(&ConsistentAcrossRegions { regions }, &names());
        assert_eq!((judged.verdict.clone(), patterns(&judged)), (verdict, deviations.to_vec()), "{}", judged.summary);
    }
}

#[test]
fn current_images_of_one_owner_have_names_of_their_own() {
    for (images, verdict) in [
        (vec![image("1", DEBIAN), image("2", "ubuntu-24.04-amd64-20261028")], Verdict::Pass),
        (vec![image("1", "ubuntu"), strangers("2", "ubuntu")], Verdict::Pass),
        (vec![image("1", "ubuntu"), superseded("2", "ubuntu")], Verdict::Pass),
        // Without an owner nothing is known of whose they are.
        (vec![Image { owner: None, ..image("1", "x") }, Image { owner: None, ..image("2", "x") }], Verdict::Pass),
        (vec![], Verdict::Pass),
        // current-name-twice
        (vec![image("1", "ubuntu"), image("2", DEBIAN), image("3", "ubuntu")], Verdict::fail("name-shared")),
    ] {
        let judged = judge_unique_current(&UniqueCurrent { images: excerpt(&images) }, &Nothing {});
        assert_eq!(judged.verdict, verdict, "{images:?}");
    }
}

#[test]
fn the_image_created_last_is_the_newest() {
    let created = |at: OffsetDateTime, image: Image| Image { created: Some(at), ..image };
    let (early, late) = (datetime!(2026-08-20 06:00 UTC), datetime!(2026-10-28 06:00 UTC));
    let (old, new) = ("ubuntu-24.04-amd64-20260820", "ubuntu-24.04-amd64-20261028");
    for (images, verdict) in [
        (vec![created(late, image("1", new)), created(early, superseded("2", old))], Verdict::Pass),
        (vec![created(late, image("1", new))], Verdict::Pass),
        // Two of one instant, as copies are.
        (vec![created(late, image("1", new)), created(late, image("2", old))], Verdict::Pass),
        // A stranger's build is no build of the publisher's.
        (vec![created(early, image("1", new)), created(late, strangers("2", old))], Verdict::Pass),
        // newest-is-older-by-date
        (vec![created(early, image("1", new)), created(late, superseded("2", old))], Verdict::fail("newest-is-older")),
    ] {
        let judged = judge_newest_wins(&NewestWins { images: excerpt(&images) }, &Nothing {});
        assert_eq!(judged.verdict, verdict, "{images:?}");
    }
}
