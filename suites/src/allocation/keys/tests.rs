//! Tables for the judges of keys.

use levelfield_reports::Verdict;

use super::*;

fn shown(id: &str, fingerprint: &str) -> Shown {
    Shown { id: id.to_owned(), fingerprint: fingerprint.to_owned() }
}

fn refused<T>(class: FailureClass) -> Answer<T> {
    Answer::Refused { class, message: "no".to_owned(), culprit: None }
}

fn imported(algorithm: Algorithm, answer: Answer<Shown>, notation: Option<FingerprintNotation>) -> Imported {
    let own = Fingerprints { sha256: "SHA256:abc".to_owned(), md5: "00:11".to_owned(), md5_der: None };
    Imported { algorithm, public_key: "ssh-ed25519 AAAA".to_owned(), own, answer, notation }
}

#[test]
fn own_keys_are_taken_under_their_own_fingerprints() {
    use FingerprintNotation::{Md5, Md5Der, Sha256};
    let key = |algorithm, notation| imported(algorithm, Answer::Accepted(shown("k", "f")), notation);
    let (ed, rsa) = (Algorithm::Ed25519, Algorithm::Rsa);
    for (keys, verdict, deviates) in [
        (vec![key(ed, Some(Sha256)), key(rsa, Some(Md5Der))], Verdict::Pass, false),
        (vec![key(ed, Some(Sha256)), key(rsa, Some(Sha256))], Verdict::Pass, false),
        (vec![key(ed, Some(Md5)), key(rsa, Some(Md5))], Verdict::Pass, true),
        // key-fingerprint-wrong
        (vec![key(ed, None), key(rsa, None)], Verdict::fail("fingerprint-wrong"), false),
        (vec![key(ed, Some(Sha256)), key(rsa, None)], Verdict::fail("fingerprint-wrong"), false),
        // rsa-key-refused
        (
            vec![key(ed, Some(Sha256)), imported(rsa, refused(FailureClass::Invalid), None)],
            Verdict::fail("key-refused"),
            false,
        ),
    ] {
        let judged = judge_key_import(&KeyImport { keys }, &Algorithms { algorithms: vec![ed, rsa] });
        let patterns: Vec<&str> = judged.deviations.iter().map(|d| d.pattern.as_str()).collect();
        let expected: &[&str] = if deviates { &["other-fingerprint-notation"] } else { &[] };
        assert_eq!((judged.verdict, patterns.as_slice()), (verdict, expected), "{}", judged.summary);
    }
}

#[test]
fn a_second_key_of_one_name_is_a_conflict() {
    let first = || shown("k1", "f1");
    for (second, listed_after, verdict) in [
        (refused(FailureClass::Conflict), vec![first()], Verdict::Pass),
        // duplicate-key-accepted
        (Answer::Accepted(shown("k2", "f2")), vec![first(), shown("k2", "f2")], Verdict::fail("duplicate-accepted")),
        (Answer::Accepted(shown("k1", "f2")), vec![shown("k1", "f2")], Verdict::fail("duplicate-accepted")),
        (refused(FailureClass::Invalid), vec![first()], Verdict::fail("not-a-conflict")),
        (refused(FailureClass::Conflict), vec![shown("k1", "f2")], Verdict::fail("first-changed")),
        (refused(FailureClass::Conflict), vec![], Verdict::fail("first-lost")),
        (refused(FailureClass::Conflict), vec![first(), shown("k2", "f2")], Verdict::fail("duplicate-stored")),
    ] {
        let seen = KeyDuplicate { name: "lf-key".to_owned(), first: first(), second, listed_after };
        let judged = judge_key_duplicate_refused(&seen, &Nothing {});
        assert_eq!(judged.verdict, verdict, "{}", judged.summary);
    }
}

#[test]
fn what_is_no_key_is_refused_and_not_stored() {
    let attempt = |answer, stored| Attempt { material: "words".to_owned(), answer, stored };
    let good = || attempt(refused(FailureClass::Invalid), vec![]);
    for (attempts, verdict) in [
        (vec![good(), good()], Verdict::Pass),
        // invalid-key-stored
        (
            vec![attempt(Answer::Accepted(shown("k", "")), vec![shown("k", "")]), good()],
            Verdict::fail("invalid-accepted"),
        ),
        (vec![good(), attempt(Answer::Accepted(shown("k", "")), vec![])], Verdict::fail("invalid-accepted")),
        (vec![good(), attempt(refused(FailureClass::Invalid), vec![shown("k", "")])], Verdict::fail("invalid-stored")),
        (vec![attempt(refused(FailureClass::Unexpected), vec![])], Verdict::fail("not-as-invalid")),
    ] {
        let judged = judge_key_invalid_refused(&KeyInvalid { attempts }, &Nothing {});
        assert_eq!(judged.verdict, verdict, "{}", judged.summary);
    }
}
