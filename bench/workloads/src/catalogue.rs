//! The names of the workloads, and of the figures that each prints.

use crate::report::Unit;

/// A figure that a workload prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its name: the workload's, or that with one more part.
    pub name: String,
    /// Its unit.
    pub unit: Unit,
}

/// What comes before the name of a workload of the kernel heaps, where the names of all parts meet.
pub const NO_STD: &str = "no-std/";

/// The same for what is run under our library with its counters by tag, and without.
pub const COUNTED: &str = "counted/";

/// The same for what is run under libraries that check.
pub const CHECKED: &str = "checked/";

const PAIR_SIZES: [u32; 10] = [16, 64, 256, 1024, 2048, 4096, 16_384, 65_536, 131_072, 1_048_576];
const CONTENTS: [&str; 2] = ["malloc", "calloc"];
const DISTRIBUTIONS: [&str; 2] = ["small", "kern"];
const ORDERS: [&str; 3] = ["lifo", "fifo", "rand"];

/// The workloads of the C allocation functions, in the order of the tables.
#[must_use]
pub fn malloc() -> Vec<String> {
    let mut names = Vec::new();
    let mut add = |name: String| names.push(name);
    for contents in CONTENTS {
        for size in PAIR_SIZES {
            add(format!("pair/{contents}/{size}"));
        }
    }
    add("aligned/64/256".into());
    add("aligned/4096/8192".into());
    add("pair1T/malloc/64".into());
    for contents in CONTENTS {
        for size in [64, 1024, 4096] {
            add(format!("pair2T/{contents}/{size}"));
        }
    }
    for contents in CONTENTS {
        for sizes in DISTRIBUTIONS {
            for count in ["10k", "100k"] {
                add(format!("live/{contents}/{sizes}/{count}"));
            }
        }
    }
    for contents in CONTENTS {
        add(format!("live2T/{contents}/small/10k"));
        add(format!("live2T/{contents}/kern/100k"));
        add(format!("live8T/{contents}/kern/10k"));
        add(format!("shared2T/{contents}/small/10k"));
        add(format!("shared2T/{contents}/kern/100k"));
        for sizes in ["64", "small", "kern"] {
            add(format!("prodcons/{contents}/{sizes}"));
        }
        for sizes in DISTRIBUTIONS {
            add(format!("prodcons-sym/{contents}/{sizes}"));
        }
    }
    for sizes in ["64", "kern"] {
        for order in ORDERS {
            add(format!("burst/malloc/{sizes}/{order}"));
        }
    }
    add("burst/calloc/kern/rand".into());
    for size in [4096, 65_536, 4_194_304] {
        add(format!("grow/{size}"));
    }
    for contents in CONTENTS {
        add(format!("churn/{contents}/kern"));
    }
    for contents in CONTENTS {
        add(format!("lat/{contents}/kern/100k"));
    }
    add("start".into());
    add("mem/small".into());
    add("mem/kern".into());
    add("mem-threads/kern".into());
    names
}

/// Workloads of the same program that run only when they are asked for: what accounting around an allocator costs, and
/// what the machine can do.
#[must_use]
pub fn malloc_extra() -> Vec<String> {
    let mut names = Vec::new();
    for way in ["none", "header", "local", "shared"] {
        for threads in [1, 2] {
            names.push(format!("acct/{way}/64/1/{threads}"));
        }
    }
    names.push("os".into());
    names
}

/// The workloads that tell what counting by tag costs.
#[must_use]
pub fn counted() -> Vec<String> {
    ["pair/malloc/64", "live/malloc/kern/10k", "live/malloc/kern/100k"].map(String::from).into()
}

/// The workloads of the allocators that check.
#[must_use]
pub fn checked() -> Vec<String> {
    counted()
}

/// The workloads of all parts but the extra ones, by the names that they have where the parts meet.
#[must_use]
pub fn all() -> Vec<String> {
    let parts = [("", malloc()), (COUNTED, counted()), (CHECKED, checked()), (NO_STD, no_std())];
    let named = |(prefix, names): (&'static str, Vec<String>)| {
        names.into_iter().map(move |name| format!("{prefix}{name}"))
    };
    parts.into_iter().flat_map(named).collect()
}

/// Whether a workload, by its name where the parts meet, asks for what no peer has: then only ours runs it.
#[must_use]
pub fn is_ours_alone(workload: &str) -> bool {
    workload
        .strip_prefix(NO_STD)
        .is_some_and(|name| [PAGED, SNAPSHOT].iter().any(|own| name.starts_with(own)))
}

/// What the names of workloads of paged pool begin with.
pub const PAGED: &str = "paged-";

/// What the names of workloads that count every tag begin with.
pub const SNAPSHOT: &str = "snapshot/";

/// The workloads of the heaps for kernels, all on one thread.
#[must_use]
pub fn no_std() -> Vec<String> {
    let mut names = Vec::new();
    for contents in CONTENTS {
        for size in PAIR_SIZES.into_iter().filter(|&size| size <= 65_536) {
            names.push(format!("pair/{contents}/{size}"));
        }
    }
    for contents in CONTENTS {
        for sizes in DISTRIBUTIONS {
            for count in ["10k", "100k"] {
                names.push(format!("live/{contents}/{sizes}/{count}"));
            }
        }
    }
    for order in ORDERS {
        names.push(format!("burst/malloc/kern/{order}"));
    }
    names.push("burst/calloc/kern/rand".into());
    for count in ["10k", "100k"] {
        names.push(format!("live-tags/malloc/kern/{count}"));
    }
    names.push(format!("{PAGED}pair/malloc/64"));
    names.push(format!("{PAGED}live/malloc/kern/10k"));
    names.push(format!("{SNAPSHOT}kern/100k"));
    names
}

/// The figures that a workload prints; none when it prints as many as it finds.
#[must_use]
pub fn figures(workload: &str) -> Vec<Figure> {
    use Unit::{Mebibytes, Microseconds, Nanoseconds, Percent, Ratio};
    let figure = |part: &str, unit| Figure { name: format!("{workload}{part}"), unit };
    let prefix = [NO_STD, COUNTED, CHECKED].into_iter().find(|prefix| workload.starts_with(prefix));
    let head = workload[prefix.map_or(0, str::len)..].split('/').next().unwrap_or_default();
    match head {
        "burst" => ["", "/alloc", "/free", "/cold"].map(|part| figure(part, Nanoseconds)).into(),
        "lat" => {
            let sides = ["alloc", "free"].into_iter();
            let parts = ["p50", "p99", "p99.9", "p99.99", "max"];
            sides.flat_map(|side| parts.map(|part| figure(&format!("/{side}/{part}"), Nanoseconds))).collect()
        }
        "mem" => vec![
            figure("/filled", Ratio),
            figure("/steady", Ratio),
            figure("/live", Mebibytes),
            figure("/free90", Ratio),
            figure("/free90+wait", Ratio),
            figure("/free90-returned", Percent),
            figure("/reuse720", Ratio),
            figure("/all-freed", Mebibytes),
        ],
        "mem-threads" => vec![figure("/kept", Mebibytes), figure("/after-exit", Mebibytes)],
        "start" => vec![figure("/rss", Mebibytes)],
        "churn" | "snapshot" => vec![figure("", Microseconds)],
        "os" => Vec::new(),
        _ => vec![figure("", Nanoseconds)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_figure_has_the_name_of_another() {
        let workloads: Vec<String> = all().into_iter().chain(malloc_extra()).collect();
        let names: Vec<String> =
            workloads.iter().flat_map(|name| figures(name)).map(|figure| figure.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
