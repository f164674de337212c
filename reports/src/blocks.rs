//! Reads files of lines in blocks, and works on the blocks side by side.
//!
//! A journal or a store of evidence can be hundreds of megabytes long, and most of the time that reading one takes goes into making
//! sense of its lines. That is done by as many threads as there are processors, while the one that asked takes what came of the
//! blocks before, in their order. Only a few blocks are in memory at any time.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    panic, thread,
};

use crate::abreast;

/// About how long a block is, in bytes. What is shorter than this is read without further threads.
const BLOCK: u64 = 1 << 20;

/// Hands every block of whole lines in `file` to `work`, and what that gives to `take`, in the order of the file.
///
/// A line ends with a line feed; only the last line of the last block may lack it. `work` may see a block before `take` was given
/// the one before it.
///
/// # Errors
/// What `take` returns, after which nothing more is read, or what `failed` makes of a failure to read.
pub fn each<T: Send, E>(
    file: File,
    failed: impl Fn(io::Error) -> E,
    work: impl Fn(&[u8]) -> T + Sync,
    take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    each_of(BufReader::new(file), BLOCK, failed, work, take)
}

fn each_of<T: Send, E>(
    mut source: impl BufRead,
    size: u64,
    failed: impl Fn(io::Error) -> E,
    work: impl Fn(&[u8]) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let workers = abreast::processors();
    let mut next = || next(&mut source, size).map_err(&failed);
    let Some(first) = next()? else { return Ok(()) };
    let Some(second) = next()? else {
        // A short file is not worth a thread.
        return take(work(&first));
    };
    thread::scope(|scope| {
        let work = &work;
        let start = |block: Vec<u8>| scope.spawn(move || work(&block));
        let mut begun = VecDeque::from([start(first), start(second)]);
        loop {
            // Some more than can be worked on, so that no processor is idle while what came of the eldest is taken.
            while begun.len() < workers + 2
                && let Some(block) = next()?
            {
                begun.push_back(start(block));
            }
            let Some(eldest) = begun.pop_front() else { return Ok(()) };
            take(eldest.join().unwrap_or_else(|why| panic::resume_unwind(why)))?;
        }
    })
}

/// The next lines, of about `size` bytes; nothing at the end.
fn next(source: &mut impl BufRead, size: u64) -> io::Result<Option<Vec<u8>>> {
    // The last line goes on for a little.
    let room = size + size / 64;
    let mut block = Vec::with_capacity(usize::try_from(room).unwrap_or(0));
    source.take(size).read_to_end(&mut block)?;
    if block.is_empty() {
        return Ok(None);
    }
    if block.last() != Some(&b'\n') {
        source.read_until(b'\n', &mut block)?;
    }
    Ok(Some(block))
}

/// The lines of a block, each with the line feed that ends it.
pub fn lines(mut block: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let rest = block;
        // Reading from memory can't fail.
        let length = block.skip_until(b'\n').unwrap_or(0);
        (length > 0).then(|| &rest[..length])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, size: u64) -> Vec<String> {
        let mut blocks = Vec::new();
        let work = |block: &[u8]| String::from_utf8(block.to_vec()).unwrap();
        let take = |block| {
            blocks.push(block);
            Ok::<_, io::Error>(())
        };
        each_of(text.as_bytes(), size, |e| e, work, take).unwrap();
        blocks
    }

    #[test]
    fn blocks_hold_whole_lines_and_come_in_order() {
        let text = (0..1000).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat();
        for torn in ["", "no end"] {
            let text = format!("{text}{torn}");
            for size in [1, 7, 8, 100, 1 << 20] {
                let blocks = read(&text, size);
                assert_eq!(blocks.concat(), text, "{size}");
                let (_, all_but_last) = blocks.split_last().unwrap();
                assert!(all_but_last.iter().all(|block| block.ends_with('\n')), "{size}");
            }
        }
        assert!(read("", 8).is_empty());
    }

    #[test]
    fn lines_keep_their_ends() {
        for (block, expected) in
            [("", &[][..]), ("a\n", &["a\n"]), ("\n\nb\n", &["\n", "\n", "b\n"]), ("a\nb", &["a\n", "b"])]
        {
            let lines: Vec<_> = lines(block.as_bytes()).map(|line| std::str::from_utf8(line).unwrap()).collect();
            assert_eq!(lines, expected, "{block:?}");
        }
    }

    #[test]
    fn nothing_is_taken_after_a_failure() {
        let mut taken = 0;
        let take = |_| {
            taken += 1;
            if taken == 3 { Err(io::Error::other("enough")) } else { Ok(()) }
        };
        let text = "line\n".repeat(100);
        assert!(each_of(text.as_bytes(), 5, |e| e, <[u8]>::len, take).is_err());
        assert_eq!(taken, 3);
    }
}
