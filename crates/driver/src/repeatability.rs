//! Saying of a run, before it begins, that it may not repeat itself.

use crate::session::Session;
use ntpool_finding::Message;
use ntpool_host::unrepeatable::{self, Unrepeatable};
use ntpool_image::{Image, Section};
use std::collections::BTreeSet;

/// The most functions that are told one by one.
const MOST_TOLD: usize = 8;

impl Session {
    /// Notes what may make the next run of the same driver under the same seed and options another one.
    pub(crate) fn note_what_may_not_repeat(&self) {
        let note = |text: String| self.reporter.send(&Message::Note(text));
        if self.is_free() {
            note(
                "the processors ran at the same time, as threads of Linux; the run may not repeat itself"
                    .to_owned(),
            );
            return;
        }
        let image = &self.image.image;
        let found: Vec<(u32, Unrepeatable)> = image
            .sections()
            .iter()
            .filter(|section| section.protection.execute)
            .flat_map(|section| asked_in(image, section))
            .collect();
        for &(place, asked) in found.iter().take(MOST_TOLD) {
            note(format!("{}+{place:#x} executes {}", self.image.name, told(asked)));
        }
        if let Some(more @ 1..) = found.len().checked_sub(MOST_TOLD) {
            let s = if more == 1 { "" } else { "s" };
            note(format!("so do {more} more place{s} in the driver"));
        }
    }
}

/// What a note says of such an instruction.
fn told(asked: Unrepeatable) -> &'static str {
    match asked {
        Unrepeatable::Random => "rdrand, whose answer is different each time; the run may not repeat itself",
        Unrepeatable::Seed => "rdseed, whose answer is different each time; the run may not repeat itself",
        Unrepeatable::ProcessorNumber => {
            "rdpid, whose answer is the host's processor; the run may not repeat itself"
        }
        Unrepeatable::ProcessorIdentity => {
            "cpuid, whose answer for some leaves (1, 0xb, 0x1f, 0x8000001e) has the number of the host's processor; the \
             run may not repeat itself"
        }
    }
}

/// The first such instruction of each kind in each function of a section.
///
/// What lies between two functions of the table may be a function without unwind information, and is read as one.
fn asked_in(image: &Image, section: &Section) -> Vec<(u32, Unrepeatable)> {
    let data = image.data_of(section);
    let offset = |rva: u32| rva.checked_sub(section.rva).map(|offset| offset as usize);
    let bounds: BTreeSet<usize> = image
        .unwind_table()
        .functions()
        .flat_map(|function| [function.begin, function.end])
        .filter_map(offset)
        .filter(|&offset| offset < data.len())
        .chain([0, data.len()])
        .collect();
    let mut asked = Vec::new();
    for (&start, &end) in bounds.iter().zip(bounds.iter().skip(1)) {
        let mut kinds = BTreeSet::new();
        for (place, kind) in unrepeatable::find(&data[start..end]) {
            if kinds.insert(kind) {
                asked.push((section.rva + (start + place) as u32, kind));
            }
        }
    }
    asked
}
