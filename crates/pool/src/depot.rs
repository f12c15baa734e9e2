//! The depot: a few magazines' worth of free blocks of each bin that any shard may take.
//!
//! What one thread frees and another allocates changes hands here, many blocks in one turn of the lock, without their
//! pages being looked at (Bonwick and Adams, 2001). It holds two magazines of each bin at most; everything else is in
//! the pages' bitmaps, where a page can become empty.

use crate::class::Classes;
use crate::metadata::{Array, Carver, Tally};
use crate::shard::Entry;

/// Magazines of each bin.
const MAGAZINES: usize = 2;

/// The free blocks that belong to no shard.
pub(crate) struct Depot {
    /// By bin: two words for each block.
    words: Array<u64>,
    /// How many blocks of each bin there are.
    counts: Array<u32>,
    classes: &'static Classes,
}

impl Depot {
    /// Adds what a depot for so many arenas needs.
    pub(crate) fn tally(tally: Tally, classes: &Classes, arenas: usize) -> Tally {
        tally
            .and::<u64>((2 * MAGAZINES * arenas * classes.magazine_room()) as u64)
            .and::<u32>((arenas * classes.count()) as u64)
    }

    /// An empty depot.
    pub(crate) fn new(carver: &mut Carver, classes: &'static Classes, arenas: usize) -> Depot {
        let words = carver.carve((2 * MAGAZINES * arenas * classes.magazine_room()) as u64);
        let counts = carver.carve((arenas * classes.count()) as u64);
        Depot { words, counts, classes }
    }

    /// Takes the block of a bin that came last.
    pub(crate) fn pop(&mut self, bin: usize) -> Option<Entry> {
        let count = self.counts[bin].checked_sub(1)?;
        self.counts[bin] = count;
        let place = self.place(bin, count as usize);
        Some(Entry::from_words([self.words[place], self.words[place + 1]]))
    }

    /// Takes a block in; whether there was room.
    pub(crate) fn push(&mut self, bin: usize, entry: Entry) -> bool {
        let count = self.counts[bin] as usize;
        if count >= MAGAZINES * self.classes.magazine(bin % self.classes.count()) {
            return false;
        }
        let place = self.place(bin, count);
        [self.words[place], self.words[place + 1]] = entry.words();
        self.counts[bin] += 1;
        true
    }

    /// The blocks of a bin.
    pub(crate) fn entries(&self, bin: usize) -> impl Iterator<Item = Entry> + '_ {
        (0..self.counts[bin] as usize).map(move |number| {
            let place = self.place(bin, number);
            Entry::from_words([self.words[place], self.words[place + 1]])
        })
    }

    fn place(&self, bin: usize, number: usize) -> usize {
        let (arena, class) = (bin / self.classes.count(), bin % self.classes.count());
        let magazines = arena * self.classes.magazine_room() + self.classes.magazine_at(class);
        2 * (MAGAZINES * magazines + number)
    }
}
