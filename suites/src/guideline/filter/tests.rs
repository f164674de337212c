//! Reading, meaning and mistakes of selections.

use std::fmt::Write as _;

use levelfield_provider::Capability;
use proptest::prelude::*;

use super::{Expr, Filter, StepIs};
use crate::guideline::{Guideline, Status};

fn parse(text: &str) -> Expr {
    Filter::parse(text).unwrap_or_else(|error| panic!("{error}")).expr().clone()
}

fn suite(name: &str) -> Expr {
    Expr::Suite(name.to_owned())
}

#[test]
fn not_binds_tighter_than_and_and_and_tighter_than_or() {
    let expected = Expr::Or(vec![Expr::And(vec![Expr::Not(Box::new(suite("a"))), suite("b")]), suite("c")]);
    for text in [
        "not suite(a) and suite(b) or suite(c)",
        "!suite(a)&suite(b)|suite(c)",
        "(((not suite(a)) && suite(b))) || suite( c )",
    ] {
        assert_eq!(parse(text), expected, "{text}");
    }
    assert_eq!(parse("not (suite(a) or suite(b))").to_string(), "not (suite(a) or suite(b))");
}

#[test]
fn joining_is_writing_and_between() {
    let joined = Filter::parse("level(core) or mtu").unwrap().and(Filter::parse("suite(login)").unwrap());
    assert_eq!(joined, Filter::parse("(level(core) or mtu) and (suite(login))").unwrap());
    assert_eq!(joined.to_string(), "(level(core) or mtu) and suite(login)");
}

#[test]
fn a_long_chain_is_flat_and_deep_nesting_is_refused() {
    let chain = vec!["mtu"; 20_000].join(" or ");
    assert!(matches!(parse(&chain), Expr::Or(parts) if parts.len() == 20_000));
    for text in ["(".repeat(100_000), "!".repeat(100_000), "not ".repeat(100)] {
        assert!(Filter::parse(&text).unwrap_err().to_string().contains("nested deeper"));
    }
}

const BAD: &[&str] = &[
    "",
    "suit(login)",
    "suite(login",
    "suite()",
    "suite(login) level(core)",
    "suite(login) and",
    "level(core) and (status(requierd) or mtu)",
    "step(9)",
    "needs(ipv4)",
    "all(x)",
    "all",
    "level",
    "login)",
    "suite(login), step(3)",
    "größe",
];

const UNMATCHED: &[&str] =
    &["suite(logn)", "level(core) and level(floating)", "id(login/key-acepted)", "mttu", "login/mtu", "not pick-imagd"];

#[test]
fn mistakes() {
    let guideline = Guideline::embedded().unwrap();
    let mut shown = String::new();
    for text in BAD {
        writeln!(shown, "{}\n", Filter::parse(text).unwrap_err()).unwrap();
    }
    for text in UNMATCHED {
        writeln!(shown, "{}\n", Filter::parse(text).unwrap().check(&guideline).unwrap_err()).unwrap();
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn selections_mean_what_they_say() {
    let guideline = Guideline::embedded().unwrap();
    let ids = |text: &str| -> Vec<String> {
        let filter = Filter::parse(text).unwrap();
        filter.check(&guideline).unwrap();
        guideline.select(&filter).map(|behavior| behavior.id.clone()).collect()
    };
    assert_eq!(ids("mtu"), ["underlay/mtu"]);
    assert_eq!(ids("underlay/mtu"), ["underlay/mtu"]);
    assert_eq!(ids("id(nothing/*)"), Vec::<String>::new());
    assert!(ids("suite(login)").iter().all(|id| id.starts_with("login/")));
    assert_eq!(ids("step(any)").len() + ids("step(none)").len(), ids("all()").len());
    assert_eq!(ids("step(any) and step(none)"), Vec::<String>::new());
    assert_eq!(ids("not all()"), ids("none()"));
    assert!(ids("needs(ipv6)").contains(&"addressing/ipv6-assigned".to_owned()));
}

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_./*?-]{1,12}".prop_filter("an operator", |word| !matches!(word.as_str(), "and" | "or" | "not"))
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        Just(Expr::All),
        Just(Expr::None),
        word().prop_map(Expr::Suite),
        word().prop_map(Expr::Level),
        word().prop_map(Expr::Id),
        word()
            .prop_filter("a predicate", |word| !super::parser::PREDICATES.contains(&word.as_str()))
            .prop_map(Expr::Word),
        proptest::sample::select(Status::ALL.to_vec()).prop_map(Expr::Status),
        proptest::sample::select(Capability::ALL.to_vec()).prop_map(Expr::Needs),
        (1..=8_u8).prop_map(|step| Expr::Step(StepIs::Number(step))),
        Just(Expr::Step(StepIs::Any)),
        Just(Expr::Step(StepIs::None)),
    ];
    leaf.prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|expr| Expr::Not(Box::new(expr))),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            proptest::collection::vec(inner, 2..4).prop_map(Expr::Or),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(expr in expr()) {
        let read = Filter::parse(&expr.to_string());
        prop_assert_eq!(read.as_ref().map(Filter::expr), Ok(&expr));
    }

    #[test]
    fn no_text_panics(text in any::<String>(), near in "[()!&| a-z0-9*/]{0,40}") {
        for text in [text, near] {
            if let Err(error) = Filter::parse(&text) {
                let _ = error.to_string();
            }
        }
    }
}
