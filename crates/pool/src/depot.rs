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

    /// How many blocks of a bin there are.
    pub(crate) fn count(&self, bin: usize) -> usize {
        self.counts[bin] as usize
    }

    /// Takes out up to `most` blocks of a bin, those first that came last; how many.
    pub(crate) fn take(&mut self, bin: usize, most: usize, mut each: impl FnMut(Entry)) -> usize {
        let count = self.count(bin);
        let taken = count.min(most);
        let (from, to) = (self.place(bin, count - taken), self.place(bin, count));
        for words in self.words[from..to].rchunks_exact(2) {
            each(Entry::from_words([words[0], words[1]]));
        }
        self.counts[bin] = (count - taken) as u32;
        taken
    }

    /// Takes in as many blocks of a bin as there is room for.
    pub(crate) fn put(&mut self, bin: usize, entries: &mut impl Iterator<Item = Entry>) {
        let count = self.count(bin);
        let room = MAGAZINES * self.classes.magazine(bin % self.classes.count());
        let (from, to) = (self.place(bin, count), self.place(bin, room));
        let places = self.words[from..to].chunks_exact_mut(2);
        let mut put = 0;
        // Places first: no block is taken that has none.
        for (place, entry) in places.zip(entries) {
            place.copy_from_slice(&entry.words());
            put += 1;
        }
        self.counts[bin] = (count + put) as u32;
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
