//! Tables for the judges of what is so in the node.

use std::collections::BTreeMap;

use levelfield_provider::{Architecture, ImageState};
use levelfield_reports::{InconclusiveReason, Verdict};

use super::*;

fn prerequisite(id: &str) -> Verdict {
    Verdict::Inconclusive { reason: InconclusiveReason::Prerequisite(id.to_owned()) }
}

fn flavor() -> Flavor {
    Flavor {
        id: "f".to_owned(),
        name: "t3.medium".to_owned(),
        vcpus: Some(2),
        memory_mib: Some(4096),
        disk_gib: Some(8),
        architecture: Some(Architecture::Amd64),
    }
}

#[test]
fn a_node_is_as_large_as_its_flavor_states() {
    const GIB: u64 = 1024 * 1024 * 1024;
    let disk = |bytes| vec![Disk { name: "vda".to_owned(), kind: "disk".to_owned(), bytes }];
    let rom = || vec![Disk { name: "sr0".to_owned(), kind: "rom".to_owned(), bytes: 9 * GIB }];
    let memory = 4 * 1024 * 1024;
    for (stated, cpus, memory_kib, disks, verdict) in [
        (flavor(), 2, memory, disk(8 * GIB), Verdict::Pass),
        (flavor(), 4, memory * 2, disk(80 * GIB), Verdict::Pass),
        // What firmware and kernel keep, and gigabytes of 10^9 bytes.
        (flavor(), 2, memory * 9 / 10, disk(8_000_000_000), Verdict::Pass),
        (flavor(), 1, memory, disk(8 * GIB), Verdict::fail("fewer-processors")),
        // flavor-memory-overstated
        (flavor(), 2, memory / 2, disk(8 * GIB), Verdict::fail("less-memory")),
        (flavor(), 2, memory, disk(4 * GIB), Verdict::fail("smaller-disk")),
        (flavor(), 2, memory, rom(), Verdict::fail("smaller-disk")),
        (Flavor { disk_gib: Some(0), ..flavor() }, 2, memory, vec![], Verdict::Pass),
        (Flavor { disk_gib: None, ..flavor() }, 2, memory, vec![], Verdict::Pass),
        (Flavor { memory_mib: None, ..flavor() }, 2, memory, vec![], prerequisite("metadata/flavors-listed")),
    ] {
        let seen = FlavorTruthful { stated, cpus, memory_kib, disks };
        let judged = judge_flavor_truthful(&seen, &Tolerances { memory_tolerance: 0.15, disk_tolerance: 0.1 });
        assert_eq!(judged.verdict, verdict, "{}", judged.summary);
    }
}

fn image(name: &str, stated: Option<(&str, &str)>, architecture: Option<Architecture>) -> Image {
    Image {
        id: "img".to_owned(),
        name: name.to_owned(),
        architecture,
        distribution: stated.map(|(distribution, _)| distribution.to_owned()),
        version: stated.map(|(_, version)| version.to_owned()),
        owner: None,
        official: None,
        created: None,
        state: ImageState::Current,
        login_account: None,
        properties: BTreeMap::new(),
    }
}

#[test]
fn an_image_holds_what_it_states() {
    let amd = Some(Architecture::Amd64);
    let deviating = || Judgement::pass("").deviating("major-version-stated").deviations;
    for (stated, (id, version, machine), verdict, deviations) in [
        (image("debian-12-amd64-1", Some(("debian", "12")), amd), ("debian", "12", "x86_64"), Verdict::Pass, vec![]),
        (image("debian-12-amd64", None, None), ("debian", "12", "x86_64"), Verdict::Pass, vec![]),
        (image("Rocky-9-x86_64", None, None), ("rocky", "9.6", "x86_64"), Verdict::Pass, deviating()),
        (image("rocky-9-amd64", Some(("rocky", "9.6")), amd), ("rocky", "9.6", "x86_64"), Verdict::Pass, vec![]),
        (image("IMG-0147 bookworm latest", None, amd), ("debian", "12", "x86_64"), Verdict::Pass, vec![]),
        // image-version-lies
        (
            image("debian-12-amd64", Some(("debian", "12")), amd),
            ("debian", "1", "x86_64"),
            Verdict::fail("version-differs"),
            vec![],
        ),
        (image("debian-1-amd64", None, amd), ("debian", "12", "x86_64"), Verdict::fail("version-differs"), vec![]),
        (image("debian-12-amd64", None, amd), ("debian", "", "x86_64"), Verdict::fail("version-differs"), vec![]),
        (
            image("debian-12-amd64", None, amd),
            ("ubuntu", "12", "x86_64"),
            Verdict::fail("distribution-differs"),
            vec![],
        ),
        (
            image("debian-12-amd64", None, amd),
            ("debian", "12", "aarch64"),
            Verdict::fail("architecture-differs"),
            vec![],
        ),
        (image("golden", None, None), ("debian", "12", "x86_64"), prerequisite("metadata/images-listed"), vec![]),
    ] {
        let os_release = OsRelease {
            id: id.to_owned(),
            version_id: (!version.is_empty()).then(|| version.to_owned()),
            ..OsRelease::default()
        };
        let judged =
            judge_image_truthful(&ImageTruthful { stated, os_release, machine: machine.to_owned() }, &Nothing {});
        assert_eq!((judged.verdict, judged.deviations), (verdict, deviations), "{}", judged.summary);
    }
}

#[test]
fn a_node_is_in_the_zone_asked_for() {
    let regions = || vec![Region { name: "east".to_owned(), zones: vec!["a".to_owned(), "b".to_owned()] }];
    for (regions, asked, placed, verdict) in [
        (regions(), Some("b"), Some("b"), Verdict::Pass),
        // zone-ignored
        (regions(), Some("b"), Some("a"), Verdict::fail("zone-ignored")),
        (regions(), Some("b"), None, Verdict::fail("zone-unstated")),
        (vec![], None, Some("a"), Verdict::fail("no-zone-listed")),
    ] {
        let seen = ZonesListed { regions, asked: asked.map(str::to_owned), placed: placed.map(str::to_owned) };
        assert_eq!(judge_zones_listed(&seen, &Nothing {}).verdict, verdict);
    }
}
