//! What errors say.

use ntpool_pool::{Inconsistency, Invariant, NoMemory};
use ntpool_types::VirtualAddress;
use std::collections::BTreeSet;

const INVARIANTS: [Invariant; 10] = [
    Invariant::PageHeap,
    Invariant::PageUse,
    Invariant::Cut,
    Invariant::BlockSets,
    Invariant::Record,
    Invariant::Large,
    Invariant::IdleTail,
    Invariant::List,
    Invariant::TagTable,
    Invariant::Counters,
];

#[test]
fn an_inconsistency_says_where_it_is_and_of_each_invariant_something_else() {
    let address = VirtualAddress(0x1234_5000);
    let texts = INVARIANTS.map(|invariant| Inconsistency { invariant, address }.to_string());
    for text in &texts {
        assert!(text.contains(&address.to_string()), "{text}");
        assert!(text.starts_with(char::is_lowercase), "{text}");
    }
    assert_eq!(BTreeSet::from(texts).len(), INVARIANTS.len());
}

#[test]
fn want_of_memory_is_said_in_words() {
    assert!(NoMemory.to_string().contains("pool"), "{NoMemory}");
}
