//! Two targets of one run that are one account: neither counts, takes or removes what the other made.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod command;

use command::{Home, Sim, record, verdicts};

#[test]
fn two_targets_on_one_account_do_not_meet() {
    let sim = Sim::start();
    let home = Home::on(&sim);
    let alone = home.say(&["run", "--suite", "login", "--out", "alone"]);
    assert_eq!(alone.code, 0, "{alone}");
    home.configure(&format!("{}{}", sim.target("one"), sim.target("other")));
    let both = home.say(&["run", "--suite", "login", "--out", "both"]);
    assert_eq!(both.code, 0, "{both}");
    let (alone, both) = (record(&home.path().join("alone")), record(&home.path().join("both")));
    for target in both["targets"].as_array().unwrap() {
        assert_eq!(target["proof"]["proof"], "empty", "{target}");
    }
    assert_eq!(verdicts(&both), verdicts(&alone));
    assert_eq!(sim.inventory().len(), 0);
}
