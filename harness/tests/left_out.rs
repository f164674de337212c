//! A build without a provider says how to get one, and still reads the configuration as strictly as one that has it.
#![cfg(not(any(feature = "aws", feature = "openstack")))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod command;

use command::Home;

fn with_provider(provider: &str) -> Home {
    let home = Home::new();
    home.configure(&format!("  - name: cloud\n    provider: {{ openstack: {provider} }}\n"));
    home
}

#[test]
fn a_run_says_how_to_get_the_provider_and_makes_nothing() {
    let home = Home::new();
    home.configure("  - name: cloud\n    provider: { aws: { region: eu-central-1 } }\n");
    let said = home.say(&["run", "--out", "it"]);
    assert_eq!(said.code, 2, "{said}");
    insta::assert_snapshot!(said.err.trim(), @"error: target `cloud`: this levelfield was built without the provider `aws`; in its source folder, `cargo build --release -p levelfield --features aws` makes one that has it");

    let home = with_provider("{ cloud: mine }");
    let said = home.say(&["run", "--out", "it"]);
    assert_eq!(said.code, 2, "{said}");
    insta::assert_snapshot!(said.err.trim(), @"error: target `cloud`: this levelfield was built without the provider `openstack`; in its source folder, `cargo build --release -p levelfield --features openstack` makes one that has it");
    assert!(!home.path().join("it").exists(), "{said}");
}

#[test]
fn its_words_are_checked_all_the_same() {
    let said = with_provider("{ clod: mine }").say(&["run"]);
    assert_eq!(said.code, 2, "{said}");
    insta::assert_snapshot!(said.err.trim(), @"
    error: levelfield.yaml:4:30: unknown key `clod` in targets[0].provider.openstack
        4 |     provider: { openstack: { clod: mine } }
          |                              ^
    help: did you mean `cloud`? valid here: cloud, region, external-network, port-forwarding
    ");
}
