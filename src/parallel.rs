//! Work on many things at once.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// More threads than this do not pay: what is left then is the part that runs alone.
const MAX_THREADS: usize = 8;

/// What a function makes of each thing, in the order of the things; `batch` of them are work enough for
/// a thread to be asked.
pub fn map<T: Sync, R: Send>(things: &[T], batch: usize, make: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = processors().min(MAX_THREADS).min(things.len() / batch);
    if threads < 2 {
        return things.iter().map(make).collect();
    }
    let batches: Vec<&[T]> = things.chunks(batch).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut made = Vec::new();
        while let Some((number, batch)) = take(&batches, &next) {
            made.push((number, batch.iter().map(&make).collect::<Vec<R>>()));
        }
        made
    };
    let mut made = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut made = work();
        for other in others {
            match other.join() {
                Ok(of_other) => made.extend(of_other),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        made
    });
    made.sort_unstable_by_key(|(number, _)| *number);
    made.into_iter().flat_map(|(_, batch)| batch).collect()
}

/// What two functions make, one beside the other.
pub fn both<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    if processors() < 2 {
        return (one(), other());
    }
    thread::scope(|scope| {
        let beside = scope.spawn(one);
        let other = other();
        match beside.join() {
            Ok(one) => (one, other),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn processors() -> usize {
    #[cfg(test)]
    if tests::ALONE.get() {
        return 1;
    }
    // Threads hide from the fuzzer what an input reaches, and cost more than most inputs.
    if cfg!(fuzzing) {
        return 1;
    }
    thread::available_parallelism().map_or(1, NonZero::get)
}

fn take<'a, T>(batches: &[&'a [T]], next: &AtomicUsize) -> Option<(usize, &'a [T])> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    Some((number, *batches.get(number)?))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// Whether what this thread maps is left to it alone.
        pub(crate) static ALONE: Cell<bool> = const { Cell::new(false) };
    }

    #[test]
    fn results_keep_the_order_of_the_things() {
        for count in [0, 1, 63, 64, 129, 10_000] {
            let things: Vec<usize> = (0..count).collect();
            assert!(map(&things, 64, |thing| thing * 2).into_iter().eq((0..count).map(|thing| thing * 2)));
        }
    }
}
