//! Works on the items of a list side by side.

use std::{num::NonZero, thread};

/// How many threads can work at the same time.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Has `work` done on each of `items`. The list is divided evenly: its items should be about equally laborious.
pub fn each<T: Send>(items: Vec<T>, work: impl Fn(T) + Sync) {
    each_by(processors(), items, work);
}

fn each_by<T: Send>(workers: usize, mut items: Vec<T>, work: impl Fn(T) + Sync) {
    let share = items.len().div_ceil(workers);
    thread::scope(|scope| {
        let work = &work;
        while items.len() > share {
            let others = items.split_off(items.len() - share);
            scope.spawn(move || others.into_iter().for_each(work));
        }
        items.into_iter().for_each(work);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        for count in [0, 1, 2, 3, 7, 100] {
            for workers in [1, 2, 3, 64] {
                let mut items = vec![0; count];
                each_by(workers, items.iter_mut().collect(), |item| *item += 1);
                assert_eq!(items, vec![1; count], "{count} by {workers}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "panicked")]
    fn a_panic_elsewhere_comes_through() {
        each_by(2, vec![1, 2, 3, 4], |n| assert_ne!(n, 4));
    }
}
