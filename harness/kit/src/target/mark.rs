//! What marks the things that a run makes on one target: their names and their tags.
//!
//! Two targets of a run may be one account: two networks of one cloud, two regions. What one of them made is not the other's to count,
//! and by no means to remove.

use levelfield_provider::{Tags, tag};
use sha2::{Digest as _, Sha256};

/// The mark of one target's part of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    run: String,
    part: String,
}

impl Mark {
    /// The mark of the part that `run` has on `target`.
    pub fn new(run: &str, target: &str) -> Self {
        // Two bytes stand for the target's name: names of things are short, and a run has few targets.
        let digest = Sha256::digest(target.as_bytes());
        Self { run: run.to_owned(), part: format!("{:02x}{:02x}", digest[0], digest[1]) }
    }

    /// The run.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// A name: `lf-<run>-<part>-<purpose>-<serial>`, in letters, digits and `-` as long as the purpose is.
    pub fn name(&self, purpose: &str, serial: u64) -> String {
        format!("{}{}-{purpose}-{serial}", self.run_prefix(), self.part)
    }

    /// What names an entry of the run's ledger, to whoever finds it on a thing.
    pub fn entry(&self, number: u64) -> String {
        format!("{}-{}-{number}", self.run, self.part)
    }

    /// The tags of a thing that belongs to an entry of the ledger, and that anyone may reap after `expires`.
    pub fn tags(&self, entry: u64, expires: i64) -> Tags {
        Tags::from([
            (tag::RUN.to_owned(), self.run.clone()),
            (tag::ENTRY.to_owned(), self.entry(entry)),
            (tag::EXPIRES.to_owned(), expires.to_string()),
        ])
    }

    /// Whether a thing of that name, with those tags, bears this mark: by its tags, or by its name where it bears none.
    pub fn is_on(&self, name: &str, tags: &Tags) -> bool {
        let of_this_part = name.starts_with(&format!("{}{}-", self.run_prefix(), self.part));
        let of_another_part = name.starts_with(&self.run_prefix()) && !of_this_part;
        match (tags.get(tag::RUN), tags.get(tag::ENTRY)) {
            (Some(run), Some(entry)) => *run == self.run && entry.starts_with(&self.entry_prefix()),
            // A target may hand on a part of the tags to what comes with a thing.
            (Some(run), None) => *run == self.run && !of_another_part,
            (None, _) => tags.is_empty() && of_this_part,
        }
    }

    fn entry_prefix(&self) -> String {
        format!("{}-{}-", self.run, self.part)
    }

    fn run_prefix(&self) -> String {
        // The part of the run's id that differs between runs comes last in it.
        format!("lf-{}-", &self.run[self.run.len().saturating_sub(8)..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_targets_of_a_run_leave_each_others_things_alone() {
        let run = "20261121-184852-s26y4mwy";
        let (a, b) = (Mark::new(run, "tenant"), Mark::new(run, "provider"));
        let name = a.name("subject", 3);
        assert!(name.starts_with("lf-s26y4mwy-") && name.ends_with("-subject-3"), "{name}");
        let only_run = Tags::from([(tag::RUN.to_owned(), run.to_owned())]);
        let foreign = Tags::from([("owner".to_owned(), "somebody".to_owned())]);
        for (what, name, tags, ours, theirs) in [
            ("tagged", name.as_str(), a.tags(7, 0), true, false),
            ("by name, as a key pair", name.as_str(), Tags::new(), true, false),
            ("a volume that came with the node", "", only_run.clone(), true, true),
            ("one with the node's name", name.as_str(), only_run, true, false),
            ("another run's", name.as_str(), Mark::new("20261121-184852-aaaaaaaa", "tenant").tags(7, 0), false, false),
            ("somebody's", name.as_str(), foreign, false, false),
            ("nobody's", "web-1", Tags::new(), false, false),
        ] {
            assert_eq!((a.is_on(name, &tags), b.is_on(name, &tags)), (ours, theirs), "{what}");
        }
    }
}
