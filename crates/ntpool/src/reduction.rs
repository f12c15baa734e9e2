//! Leaving out what does not matter: a list is reduced as long as what remains shows the same.
//!
//! # Source
//! Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002: delta debugging by complements.

/// What is left of a list.
#[derive(Debug)]
pub(crate) struct Reduced<T, O> {
    /// What was not left out.
    pub kept: Vec<T>,
    /// What that showed.
    pub outcome: O,
    /// Whether leaving out any one more was tried, and showed something else.
    pub is_minimal: bool,
}

/// Leaves out of a list, which showed `outcome`, as much as `attempts` calls of `try_with` can. That tells what a list
/// shows if it is the same.
///
/// # Errors
/// Those of `try_with`.
pub(crate) fn fewest<T: Copy, O, E>(
    all: Vec<T>,
    outcome: O,
    attempts: u64,
    mut try_with: impl FnMut(&[T]) -> Result<Option<O>, E>,
) -> Result<Reduced<T, O>, E> {
    let mut reduced = Reduced { kept: all, outcome, is_minimal: false };
    let mut left = attempts;
    let mut parts = 2;
    while !reduced.kept.is_empty() {
        let count = reduced.kept.len();
        let size = count.div_ceil(parts);
        let mut smaller = None;
        for start in (0..count).step_by(size) {
            if left == 0 {
                return Ok(reduced);
            }
            left -= 1;
            let end = (start + size).min(count);
            let rest = [&reduced.kept[..start], &reduced.kept[end..]].concat();
            if let Some(outcome) = try_with(&rest)? {
                smaller = Some((rest, outcome));
                break;
            }
        }
        match smaller {
            Some((kept, outcome)) => {
                (reduced.kept, reduced.outcome) = (kept, outcome);
                parts = parts.saturating_sub(1).max(2);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(count),
        }
    }
    reduced.is_minimal = true;
    Ok(reduced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    /// Reduces the numbers below 100 to those that matter, and says how often it tried.
    fn reduce(matter: &[u32], attempts: u64) -> (Reduced<u32, usize>, u64) {
        let mut tried = 0;
        let reduced = fewest((0..100).collect(), 100, attempts, |rest: &[u32]| {
            tried += 1;
            let shows = matter.iter().all(|number| rest.contains(number));
            Ok::<_, Infallible>(shows.then_some(rest.len()))
        });
        (reduced.unwrap_or_else(|never| match never {}), tried)
    }

    #[test]
    fn what_matters_is_all_that_is_left() {
        for matter in [&[][..], &[0], &[99], &[17, 18, 71], &[0, 30, 50, 70, 99]] {
            let (reduced, _) = reduce(matter, u64::MAX);
            assert_eq!((reduced.kept.as_slice(), reduced.outcome), (matter, matter.len()));
            assert!(reduced.is_minimal);
        }
    }

    #[test]
    fn what_is_cut_off_says_that_it_may_not_be_the_fewest() {
        let matter = [0, 30, 50, 70, 99];
        let (_, needed) = reduce(&matter, u64::MAX);
        for attempts in 0..needed {
            let (reduced, tried) = reduce(&matter, attempts);
            assert_eq!((reduced.is_minimal, tried), (false, attempts));
            assert!(matter.iter().all(|number| reduced.kept.contains(number)), "{reduced:?}");
            assert_eq!(reduced.outcome, reduced.kept.len(), "the outcome is that of what is left");
        }
        let (reduced, tried) = reduce(&matter, needed);
        assert_eq!((reduced.kept.as_slice(), reduced.is_minimal, tried), (&matter[..], true, needed));
    }
}
