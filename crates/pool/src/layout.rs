//! What is where in the metadata reservation.
//!
//! ```text
//! | tags | shards | sums of snapshots | cuts | descriptors | heads | slots | slack | arenas' lists | depot |
//! ```

use crate::central::Central;
use crate::class::Classes;
use crate::descriptor::Descriptor;
use crate::geometry::Granule;
use crate::metadata::{Array, Carver, Tally};
use crate::pages::{Pages, SPAN_STEP, Span};
use crate::shard::{Plan, Shards};
use crate::slots::{self, Areas, UNIT};
use crate::snapshot::Snapshot;
use crate::sync::{AtomicU16, AtomicU64};
use crate::tag_table::{TAG_LIMIT, TagTable};
use crate::{Config, NodeNumber, Platform};
use ntpool_types::{PAGE_SIZE, PoolKind, VirtualAddress};

/// Everything that a pool keeps in its metadata.
pub(crate) struct Parts {
    pub(crate) tags: TagTable,
    pub(crate) shards: Shards,
    pub(crate) snapshot: Snapshot,
    pub(crate) pages: Pages,
    /// What each block's place has more than the block, by slot; empty where exact sizes are not kept.
    pub(crate) slack: Array<AtomicU16>,
    pub(crate) central: Central,
}

/// The arenas of a layout: each kind's region, in equal parts by node; kinds without a page have none.
fn spans(config: &Config) -> impl Iterator<Item = Span> + '_ {
    let nodes = config.nodes.count() as u64;
    let parts = PoolKind::ALL.into_iter().flat_map(move |kind| {
        let region = config.regions[kind.index()];
        let share = region.capacity.0 / nodes;
        (0..nodes).filter(move |_| share > 0).map(move |node| Span {
            base: VirtualAddress(region.base.0 + node * share * PAGE_SIZE.0),
            bytes: share * PAGE_SIZE.0,
            first: 0,
            kind,
            node: NodeNumber(node as u8),
        })
    });
    parts.scan(0, |next, span| {
        let first = *next;
        *next = (first + span.pages() as usize).next_multiple_of(SPAN_STEP);
        Some(Span { first, ..span })
    })
}

/// How many tags have counters, the overflow tag's included.
fn tags(config: &Config) -> usize {
    config.tags.clamp(1, TAG_LIMIT)
}

fn plan<P: Platform>(config: &Config) -> Plan {
    let arenas = spans(config).count();
    Plan::new(Classes::of(P::GRANULE), arenas, P::CHECKS.quarantine, tags(config) + 1)
}

/// How many descriptors there are: one a page, and a few between spans.
fn page_count(config: &Config) -> u64 {
    spans(config).last().map_or(0, |span| span.first as u64 + u64::from(span.pages()))
}

/// The units for slots, but for those that are no page's.
fn units(config: &Config, granule: Granule) -> u64 {
    let most = slots::units(PAGE_SIZE.as_usize() / granule.bytes()) as u64;
    let wanted = page_count(config).saturating_mul(u64::from(config.slot_units).min(most));
    // What the number of a unit has room for.
    wanted.min(u64::from(u32::MAX) - 2 * slots::GUARD as u64)
}

/// How many slots there are.
fn slot_count(units: u64) -> u64 {
    units.saturating_add(2 * slots::GUARD as u64).saturating_mul(UNIT as u64)
}

/// Adds up what a pool of this layout needs.
pub(crate) fn tally<P: Platform>(config: &Config) -> Tally {
    let plan = plan::<P>(config);
    let (pages, slots) = (page_count(config), slot_count(units(config, P::GRANULE)));
    let tally = TagTable::tally(Tally::new(), tags(config));
    let tally = Shards::tally(tally, &plan, config.shards);
    let tally = Snapshot::tally(tally, tags(config) + 1);
    let tally = tally.and::<AtomicU64>(pages).and::<Descriptor>(pages).and::<AtomicU64>(pages.div_ceil(64));
    let tally = tally.and::<AtomicU16>(slots).and::<AtomicU16>(slack_count::<P>(slots));
    let classes = Classes::of(P::GRANULE);
    Central::tally(tally, classes, spans(config).count())
}

fn slack_count<P: Platform>(slots: u64) -> u64 {
    if P::CHECKS.sizes { slots } else { 0 }
}

/// Lays everything out.
pub(crate) fn build<P: Platform>(carver: &mut Carver, config: &Config) -> Parts {
    let classes = Classes::of(P::GRANULE);
    let (count, units) = (page_count(config), units(config, P::GRANULE));
    let tags = TagTable::new(carver, tags(config));
    let shards = Shards::new(carver, plan::<P>(config), config.shards);
    let snapshot = Snapshot::new(carver, tags.capacity());
    let (cuts, descriptors) = (carver.carve(count), carver.carve(count));
    let heads = carver.carve(count.div_ceil(64));
    let slots = carver.carve(slot_count(units));
    let slack = carver.carve(slack_count::<P>(slot_count(units)));
    let pages = Pages::new(spans(config), classes, cuts, descriptors, heads, slots);
    let central = Central::new(carver, config, classes, &pages, Areas::new(units));
    Parts { tags, shards, snapshot, pages, slack, central }
}
