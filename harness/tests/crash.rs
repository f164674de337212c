//! A run is killed at any instant: what it made is found and removed, it goes on where it was cut off, and nobody takes it for complete.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod command;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use command::{Home, Said, Sim, assert_nothing_reads_green, eventually, id, open_entries, record, verdicts};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// How often a run is killed.
const KILLS: usize = 200;
/// The longest that a run goes on behind the line at which it is to be killed: lines are close together.
const LONGEST_PAUSE: Duration = Duration::from_millis(30);
/// Runs at one time.
const LANES: usize = 3;
/// The instants are drawn from this; the environment variable names another.
const SEED: u64 = 20_261_121;
const SEED_VARIABLE: &str = "LEVELFIELD_CRASH_SEED";
/// Little to do, and something of every kind: key pairs of a behaviour's own, a subject, and what is read at the very end.
const SELECTION: &str = "id(allocation/key-duplicate-refused) or id(allocation/node-requested) or id(addressing/rule-opens) or \
                         id(metadata/images-listed) or id(allocation/nothing-left)";

/// How often each came about.
#[derive(Default)]
struct Tally {
    before_it_began: usize,
    in_the_middle: usize,
    once_sealed: usize,
    resumed: usize,
    reaped: usize,
    found_left: usize,
    torn: usize,
}

/// When a run is killed: so long after its journal has so many lines.
#[derive(Clone, Copy)]
struct Instant {
    lines: usize,
    pause: Duration,
}

fn lines(folder: &Path) -> usize {
    let journal = std::fs::read(folder.join("events.jsonl")).unwrap_or_default();
    journal.split(|b| *b == b'\n').count() - 1
}

struct Bench {
    sim: Sim,
    home: Home,
    expected: BTreeMap<String, String>,
    tally: Mutex<Tally>,
}

impl Bench {
    fn arguments(out: &str) -> [&str; 5] {
        ["run", "--filter", SELECTION, "--out", out]
    }

    /// Kills one run at an instant, and has it resumed or reaped.
    fn kill_one(&self, number: usize, instant: Instant) {
        let name = format!("run-{number:03}");
        let folder = self.home.path().join(&name);
        let mut child = self.home.start(&Self::arguments(&name));
        eventually("the instant is there, or the run over", || {
            lines(&folder) >= instant.lines || child.try_wait().unwrap().is_some()
        });
        thread::sleep(instant.pause);
        let _ = child.kill();
        child.wait().unwrap();

        let journal = std::fs::read(folder.join("events.jsonl")).unwrap_or_default();
        if !journal.contains(&b'\n') {
            self.tally.lock().unwrap().before_it_began += 1;
            let resumed = self.home.say(&["resume", &name]);
            assert_eq!(resumed.code, 2, "{name}: {resumed}");
            return;
        }
        let report = self.home.say(&["report", &name]);
        let killed = record(&folder);
        let sealed = killed["status"] == "sealed";
        let left = self.sim.holds_of(id(&killed)).len();
        {
            let mut tally = self.tally.lock().unwrap();
            tally.torn += usize::from(journal.last() != Some(&b'\n'));
            tally.found_left += usize::from(left > 0);
            *(if sealed { &mut tally.once_sealed } else { &mut tally.in_the_middle }) += 1;
        }
        if sealed {
            assert_eq!(report.code, 0, "{name}: {report}");
        } else {
            assert_nothing_reads_green(&folder);
            Self::assert_code_is_honest(&name, &report);
            if number.is_multiple_of(5) {
                let compared = self.home.say(&["compare", &name, &name]);
                Self::assert_code_is_honest(&name, &compared);
            }
        }
        if number.is_multiple_of(2) {
            self.resume(&name, number);
        } else {
            self.reap(&name, sealed);
        }
        assert_eq!(self.sim.holds_of(id(&killed)), Vec::<String>::new(), "{name}");
        assert_eq!(open_entries(&folder), Vec::<String>::new(), "{name}");
    }

    fn assert_code_is_honest(name: &str, said: &Said) {
        assert!([3, 4].contains(&said.code), "{name}: {said}");
    }

    fn resume(&self, name: &str, number: usize) {
        let resumed = self.home.say(&["resume", name]);
        assert_eq!(resumed.code, 0, "{name}: {resumed}");
        let record = record(&self.home.path().join(name));
        assert_eq!(record["status"], "sealed", "{name}");
        assert_eq!(verdicts(&record), self.expected, "{name}");
        if number.is_multiple_of(5) {
            assert_eq!(self.home.say(&["judge", name]).code, 0, "{name}");
        }
        self.tally.lock().unwrap().resumed += 1;
    }

    fn reap(&self, name: &str, sealed: bool) {
        let reaped = self.home.say(&["reap", "--run", name]);
        assert_eq!(reaped.code, 0, "{name}: {reaped}");
        let folder = self.home.path().join(name);
        let proof = record(&folder)["targets"][0]["proof"]["proof"].clone();
        assert!(proof == "empty" || proof == "nothing-created", "{name}: {proof}");
        if !sealed {
            assert_nothing_reads_green(&folder);
            let report = self.home.say(&["report", name]);
            assert_eq!(report.code, 3, "{name}: {report}");
        }
        self.tally.lock().unwrap().reaped += 1;
    }
}

#[test]
fn a_run_that_is_killed_leaves_nothing_that_is_not_found() {
    let seed = std::env::var(SEED_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(SEED);
    let sim = Sim::start();
    let home = Home::on(&sim);
    let undisturbed = home.say(&Bench::arguments("undisturbed"));
    let whole = lines(&home.path().join("undisturbed"));
    assert_eq!(undisturbed.code, 0, "{undisturbed}");
    let expected = verdicts(&record(&home.path().join("undisturbed")));
    let bench = Bench { sim, home, expected, tally: Mutex::default() };

    let mut random = StdRng::seed_from_u64(seed);
    let mut instant =
        || Instant { lines: random.random_range(0..=whole), pause: LONGEST_PAUSE.mul_f64(random.random()) };
    let instants: Vec<Instant> = (0..KILLS).map(|_| instant()).collect();
    let next = AtomicUsize::new(0);
    let began = std::time::Instant::now();
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(instant) = instants.get(number) else { break };
                    bench.kill_one(number, *instant);
                }
            });
        }
    });
    let all: Vec<String> = bench.sim.inventory().into_iter().map(|r| r.resource.to_string()).collect();
    assert_eq!(all, Vec::<String>::new(), "of any run");
    let Tally { before_it_began, in_the_middle, once_sealed, resumed, reaped, found_left, torn } =
        bench.tally.into_inner().unwrap();
    println!(
        "seed {seed}: {KILLS} kills in {:.0} s: {before_it_began} before the run began, {in_the_middle} in the middle, {once_sealed} \
         once sealed; resources were left by {found_left}, a torn journal by {torn}; {resumed} resumed to the same verdicts, {reaped} \
         reaped; nothing is left",
        began.elapsed().as_secs_f64()
    );
    assert!(in_the_middle > KILLS / 2, "too few were killed in the middle to prove anything");
}
