//! How many files this process may have open. Each session to a node takes a descriptor or two, and shells often begin with a
//! thousand where the system would allow many more.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than any run needs; some systems refuse a limit that is far higher, and call theirs unlimited.
const ENOUGH: u64 = 8192;

/// Raises the limit of this process as far as the system lets it without asking anybody, up to 8,192. Where it does not, all stays as
/// it was, and fewer nodes live at one time. Call it once, before anything is opened.
pub fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    if current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
}

/// The most files that this process may have open at one time.
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_limit_is_raised_and_a_high_one_left() {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let reachable = maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
        setrlimit(Resource::Nofile, Rlimit { current: Some(reachable.min(256)), maximum }).unwrap();
        raise_limit();
        assert_eq!(limit(), reachable);
        setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
        raise_limit();
        assert_eq!(limit(), current.map_or(u64::MAX, |current| current.max(reachable)));
    }
}
