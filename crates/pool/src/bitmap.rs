//! Bits over words: the sets that page maps and slabs are made of.

const WORD: usize = u64::BITS as usize;

/// Whether bit `place` is set.
pub(crate) fn get(bits: &[u64], place: usize) -> bool {
    bits[place / WORD] >> (place % WORD) & 1 == 1
}

/// Sets bit `place` to `value`.
pub(crate) fn set(bits: &mut [u64], place: usize, value: bool) {
    let mask = 1 << (place % WORD);
    if value {
        bits[place / WORD] |= mask;
    } else {
        bits[place / WORD] &= !mask;
    }
}

/// Sets every bit in `from..to` to `value`, a word at a time.
pub(crate) fn set_range(bits: &mut [u64], from: usize, to: usize, value: bool) {
    let mut place = from;
    while place < to {
        let next = ((place / WORD + 1) * WORD).min(to);
        let mask = (u64::MAX >> (WORD - (next - place))) << (place % WORD);
        if value {
            bits[place / WORD] |= mask;
        } else {
            bits[place / WORD] &= !mask;
        }
        place = next;
    }
}

/// The first place in `from..to` whose bit is `value`.
pub(crate) fn first(bits: &[u64], from: usize, to: usize, value: bool) -> Option<usize> {
    let mut place = from;
    while place < to {
        let word = if value { bits[place / WORD] } else { !bits[place / WORD] };
        let rest = word >> (place % WORD);
        if rest != 0 {
            let found = place + rest.trailing_zeros() as usize;
            return (found < to).then_some(found);
        }
        place = (place / WORD + 1) * WORD;
    }
    None
}

/// The first run of `count` set bits within `from..to`.
pub(crate) fn first_run(bits: &[u64], from: usize, to: usize, count: usize) -> Option<usize> {
    let mut start = first(bits, from, to, true)?;
    loop {
        let end = start.checked_add(count).filter(|&end| end <= to)?;
        match first(bits, start, end, false) {
            None => return Some(start),
            Some(gap) => start = first(bits, gap, to, true)?,
        }
    }
}

/// The number of set bits in `from..to`.
pub(crate) fn count(bits: &[u64], from: usize, to: usize) -> usize {
    let mut place = from;
    let mut sum = 0;
    while place < to {
        let next = ((place / WORD + 1) * WORD).min(to);
        let mask = (u64::MAX >> (WORD - (next - place))) << (place % WORD);
        sum += (bits[place / WORD] & mask).count_ones() as usize;
        place = next;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_set_and_cleared_across_words() {
        for (from, to) in [(0, 192), (0, 0), (63, 65), (64, 128), (5, 7), (1, 191)] {
            let mut bits = [0; 3];
            set_range(&mut bits, from, to, true);
            assert!((0..192).all(|place| get(&bits, place) == (from..to).contains(&place)), "{from}..{to}");
            let mut bits = [u64::MAX; 3];
            set_range(&mut bits, from, to, false);
            assert_eq!(count(&bits, 0, 192), 192 - (to - from), "{from}..{to}");
        }
    }

    #[test]
    fn a_run_is_found_where_it_first_fits() {
        let mut bits = [0; 4];
        set_range(&mut bits, 3, 5, true);
        set_range(&mut bits, 60, 200, true);
        assert_eq!(first_run(&bits, 0, 256, 1), Some(3));
        assert_eq!(first_run(&bits, 0, 256, 3), Some(60));
        assert_eq!(first_run(&bits, 0, 256, 140), Some(60));
        assert_eq!(first_run(&bits, 0, 256, 141), None);
        assert_eq!(first_run(&bits, 0, 198, 140), None);
        assert_eq!(first_run(&bits, 61, 256, 139), Some(61));
        assert_eq!(first_run(&bits, 0, 256, usize::MAX), None);
        assert_eq!(first(&bits, 200, 256, true), None);
        assert_eq!(first(&bits, 60, 256, false), Some(200));
    }
}
