//! The answer in a word, and the numbers behind it.

use crate::{
    overall::{Conformance, Outcome, Overall},
    record::TargetRecord,
    verdict::Verdict,
};

/// How many results have which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) pass: usize,
    pub(super) fail: usize,
    pub(super) missing: usize,
    pub(super) inconclusive: usize,
    pub(super) unsupported: usize,
    pub(super) waived: usize,
    pub(super) not_selected: usize,
}

impl Tally {
    /// Counts the results of a target.
    pub(super) fn of(target: &TargetRecord) -> Self {
        let mut tally = Self::default();
        for result in &target.results {
            *match result.verdict {
                Verdict::Pass => &mut tally.pass,
                Verdict::Fail { .. } => &mut tally.fail,
                Verdict::Missing => &mut tally.missing,
                Verdict::Inconclusive { .. } => &mut tally.inconclusive,
                Verdict::Unsupported { .. } => &mut tally.unsupported,
                Verdict::Waived { .. } => &mut tally.waived,
                Verdict::NotSelected { .. } => &mut tally.not_selected,
            } += 1;
        }
        tally
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            pass: self.pass + other.pass,
            fail: self.fail + other.fail,
            missing: self.missing + other.missing,
            inconclusive: self.inconclusive + other.inconclusive,
            unsupported: self.unsupported + other.unsupported,
            waived: self.waived + other.waived,
            not_selected: self.not_selected + other.not_selected,
        }
    }

    /// Everything counted.
    pub(super) fn all(self) -> usize {
        self.by_state().iter().map(|(_, count)| count).sum()
    }

    /// The counts in the order in which they are shown.
    pub(super) fn by_state(self) -> [(&'static str, usize); 7] {
        [
            ("pass", self.pass),
            ("fail", self.fail),
            ("missing", self.missing),
            ("inconclusive", self.inconclusive),
            ("waived", self.waived),
            ("unsupported", self.unsupported),
            ("not-selected", self.not_selected),
        ]
    }
}

/// What a run or a target may be called: verdicts, whether the run is sealed, and whether all of its profile was selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) conformance: Conformance,
    pub(super) sealed: bool,
    pub(super) whole: bool,
}

impl Standing {
    /// The words, as every report has them.
    pub(super) fn words(self) -> &'static str {
        let Self { conformance, sealed, whole } = self;
        // The outcome takes no part in the headline.
        let outcome = Outcome::Incomplete;
        Overall { outcome, conformance, sealed, whole, left_behind: Vec::new(), changes: None }.headline()
    }

    /// The class that gives it its colour. Only a sealed run of a whole profile is green.
    pub(super) fn class(self) -> &'static str {
        match self.conformance {
            Conformance::Failed => "fail",
            Conformance::Missing | Conformance::Inconclusive => "inconclusive",
            _ if !self.sealed => "inconclusive",
            _ if !self.whole => "part",
            Conformance::Conformant | Conformance::Waived => "pass",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sealed_run_of_a_whole_profile_is_green() {
        use Conformance::{Conformant, Failed, Inconclusive, Missing, Waived};
        for conformance in [Conformant, Waived, Inconclusive, Missing, Failed] {
            for (sealed, whole) in [(true, true), (true, false), (false, true), (false, false)] {
                let standing = Standing { conformance, sealed, whole };
                let green = sealed && whole && matches!(conformance, Conformant | Waived);
                assert_eq!(standing.class() == "pass", green, "{standing:?}");
                assert_eq!(standing.words().starts_with("conformant"), green, "{standing:?}");
            }
        }
    }
}
