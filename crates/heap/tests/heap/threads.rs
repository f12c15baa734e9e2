//! One heap, eight threads.
use crate::world::{World, fill, is_filled, layout};
use ntpool_heap::{Tag, tag};
use std::sync::mpsc;
use std::thread;

const THREADS: usize = 8;

#[test]
fn eight_threads_allocate_and_free_each_others_blocks() {
    const MAIL: u32 = tag(b"Mail");
    let world = World::plain();
    let handle = world.heap.tagged::<MAIL>();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::sync_channel(64)).unzip();
    thread::scope(|scope| {
        for (thread, receiver) in receivers.into_iter().enumerate() {
            let next = senders[(thread + 1) % THREADS].clone();
            let world = &world;
            scope.spawn(move || {
                for round in 0..2000_usize {
                    let size = 1 + (round * 37 + thread * 101) % 3000;
                    let block = world.allocate(layout(size, 1 << (round % 8)));
                    fill(block, size, thread as u8);
                    let letter = handle.try_box(round).expect("the heap has room");
                    // A full channel is a neighbour behind; its letter ends here.
                    let _ = next.try_send(letter);
                    assert!(receiver.try_iter().all(|letter| *letter < 2000));
                    assert!(is_filled(block, size, thread as u8));
                    world.free(block, None).expect("the block is live");
                }
            });
        }
    });
    drop(senders);
    let mail = world.tags().into_iter().find(|count| count.tag == Tag(MAIL)).expect("letters were sent");
    assert_eq!((mail.allocations, mail.frees), (16_000, 16_000));
    world.assert_empty();
}
