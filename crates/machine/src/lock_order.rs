//! The order in which spin locks are taken while others are held.
//!
//! Two processors that take two locks in opposite orders wait for each other sooner or later. It need not have happened:
//! that both orders were seen, whenever and wherever, is enough to know that it can. The same holds for a circle of more.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use ntpool_types::{Bytes, VirtualAddress};

/// Which lock was held when another one was taken, with the place where that was seen first.
#[derive(Debug)]
pub struct LockOrder<Place> {
    /// By the held lock and the one that was taken.
    seen: BTreeMap<(VirtualAddress, VirtualAddress), Place>,
}

/// Two locks that were taken in both orders, be it with others in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inversion<Place> {
    /// The lock that is held now.
    pub held: VirtualAddress,
    /// The lock that is taken now.
    pub taken: VirtualAddress,
    /// The locks from `taken` to `held`, each of which was held when the next was taken, with the place where.
    pub before: Vec<(VirtualAddress, Place)>,
}

impl<Place> Default for LockOrder<Place> {
    fn default() -> LockOrder<Place> {
        LockOrder { seen: BTreeMap::new() }
    }
}

impl<Place: Copy> LockOrder<Place> {
    /// Takes note that `taken` is taken at `place` while `held` is held; the inversion that this makes, if the pair is new.
    pub fn note(
        &mut self,
        held: VirtualAddress,
        taken: VirtualAddress,
        place: Place,
    ) -> Option<Inversion<Place>> {
        if held == taken || self.seen.contains_key(&(held, taken)) {
            return None;
        }
        let before = self.path(taken, held);
        self.seen.insert((held, taken), place);
        before.map(|before| Inversion { held, taken, before })
    }

    /// A way from one lock to another along the order that was seen.
    fn path(&self, from: VirtualAddress, to: VirtualAddress) -> Option<Vec<(VirtualAddress, Place)>> {
        let mut visited = Vec::from([from]);
        let mut paths = Vec::from([(from, Vec::new())]);
        // Shortest first: with two locks the answer is the one pair.
        while !paths.is_empty() {
            let mut longer = Vec::new();
            for (lock, path) in paths {
                for (next, place) in self.after(lock) {
                    let mut path: Vec<(VirtualAddress, Place)> = path.clone();
                    path.push((next, place));
                    if next == to {
                        return Some(path);
                    }
                    if !visited.contains(&next) {
                        visited.push(next);
                        longer.push((next, path));
                    }
                }
            }
            paths = longer;
        }
        None
    }

    /// The locks that were taken while this one was held.
    fn after(&self, lock: VirtualAddress) -> impl Iterator<Item = (VirtualAddress, Place)> {
        let all = (lock, VirtualAddress::NULL)..=(lock, VirtualAddress(u64::MAX));
        self.seen.range(all).map(|(&(_, taken), &place)| (taken, place))
    }

    /// Forgets a lock: its memory is a new one.
    pub fn forget(&mut self, lock: VirtualAddress) {
        self.forget_range(lock, Bytes(1));
    }

    /// Memory was freed: forgets the locks in it.
    pub fn forget_range(&mut self, base: VirtualAddress, size: Bytes) {
        let range = base..VirtualAddress(base.0.saturating_add(size.0));
        self.seen.retain(|(held, taken), _| !range.contains(held) && !range.contains(taken));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: VirtualAddress = VirtualAddress(0x100);
    const B: VirtualAddress = VirtualAddress(0x200);
    const C: VirtualAddress = VirtualAddress(0x300);

    #[test]
    fn two_locks_that_were_taken_in_both_orders_are_noticed_once() {
        let mut order = LockOrder::default();
        assert_eq!(order.note(A, B, 1), None);
        assert_eq!(order.note(A, B, 2), None);
        let inversion = order.note(B, A, 3).unwrap();
        assert_eq!(inversion, Inversion { held: B, taken: A, before: Vec::from([(B, 1)]) });
        assert_eq!(order.note(B, A, 4), None);
    }

    #[test]
    fn a_circle_of_three_is_noticed_with_the_way_around() {
        let mut order = LockOrder::default();
        assert_eq!(order.note(A, B, 1), None);
        assert_eq!(order.note(A, C, 2), None, "one order is no circle");
        assert_eq!(order.note(B, C, 3), None);
        assert_eq!(order.note(C, A, 4).unwrap().before, [(C, 2)], "the shortest way");
        let mut order = LockOrder::default();
        order.note(A, B, 1);
        order.note(B, C, 2);
        assert_eq!(order.note(C, A, 3).unwrap().before, [(B, 1), (C, 2)]);
    }

    #[test]
    fn a_lock_whose_memory_is_another_one_now_has_no_order_yet() {
        let mut order = LockOrder::default();
        order.note(A, B, 1);
        order.forget(A);
        assert_eq!(order.note(B, A, 2), None);
        order.forget_range(VirtualAddress(0), Bytes(0x201));
        assert_eq!(order.note(A, B, 3), None);
    }
}
