//! What the programs that measure share: sizes, clocks, heaps, and the workloads that any heap can run.
//!
//! [`catalogue`] names every workload and every figure that it prints. A workload runs in a process of its own and
//! prints a line of JSON for each figure.

pub mod burst;
pub mod catalogue;
pub mod clock;
pub mod heap;
pub mod live;
pub mod memory;
pub mod pair;
pub mod report;
pub mod rng;
pub mod sizes;
