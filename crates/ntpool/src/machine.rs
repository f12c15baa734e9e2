//! The machine that a driver is run on, as its user describes it.

use crate::driver::Driver;
use crate::supervision::{self, Event, Watcher};
use ntpool_driver::{Order, TagPolicy, TailModel};
use ntpool_finding::Outcome;
use ntpool_host::HostError;
use ntpool_types::{Bytes, WindowsVersion};
use std::time::Duration;

/// The memory of a machine that nobody describes.
pub const DEFAULT_MEMORY: Bytes = Bytes::mib(256);

/// The seed of a run that names none: the same one every time, so that a run repeats itself.
pub const DEFAULT_SEED: u64 = 1;

/// How long a driver may run before it counts as an endless loop.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// A machine, and how to run a driver on it.
#[derive(Clone, Debug)]
pub struct Machine {
    seed: u64,
    processors: u32,
    memory: Bytes,
    timeout: Duration,
    windows: WindowsVersion,
    tags: TagPolicy,
    tails: TailModel,
}

impl Default for Machine {
    fn default() -> Machine {
        Machine::new()
    }
}

impl Machine {
    /// The ordinary machine: one processor, 256 MiB, 10 seconds.
    #[must_use]
    pub fn new() -> Machine {
        Machine {
            seed: DEFAULT_SEED,
            processors: 1,
            memory: DEFAULT_MEMORY,
            timeout: DEFAULT_TIMEOUT,
            windows: WindowsVersion::WINDOWS_10,
            tags: TagPolicy::Always,
            tails: TailModel::Reuse,
        }
    }

    /// The same with this seed, from which everything arbitrary is derived.
    #[must_use]
    pub fn seed(self, seed: u64) -> Machine {
        Machine { seed, ..self }
    }

    /// The same with so many processors: 1 to 64.
    #[must_use]
    pub fn processors(self, processors: u32) -> Machine {
        Machine { processors, ..self }
    }

    /// The same with so much memory: 16 MiB to 32 GiB.
    #[must_use]
    pub fn memory(self, memory: Bytes) -> Machine {
        Machine { memory, ..self }
    }

    /// The same with this time limit for the driver.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Machine {
        Machine { timeout, ..self }
    }

    /// The same as this version of Windows, one of [`WindowsVersion::ALL`]; Windows 10 if none is named.
    #[must_use]
    pub fn windows(self, windows: WindowsVersion) -> Machine {
        Machine { windows, ..self }
    }

    /// The same with this policy of frees with another tag than the block's; each is found if none is named.
    #[must_use]
    pub fn tag_policy(self, tags: TagPolicy) -> Machine {
        Machine { tags, ..self }
    }

    /// The same with this model of the tails of large blocks; they are reused if none is named.
    #[must_use]
    pub fn tail_model(self, tails: TailModel) -> Machine {
        Machine { tails, ..self }
    }

    /// Runs a driver: DriverEntry, unload, and a look at what it left behind.
    ///
    /// # Errors
    /// When the child process can't be started. What goes wrong later is in the outcome.
    pub fn run(&self, driver: &Driver) -> Result<Outcome, HostError> {
        self.run_watched(driver, &mut |_: Event<'_>| {})
    }

    /// The same, telling `watcher` of everything as it happens.
    ///
    /// # Errors
    /// As [`run`](Machine::run).
    pub fn run_watched(&self, driver: &Driver, watcher: &mut dyn Watcher) -> Result<Outcome, HostError> {
        let order = Order {
            name: driver.name.clone(),
            seed: self.seed,
            processors: self.processors,
            memory: self.memory.0,
            windows_build: self.windows.build,
            lenient_tags: self.tags == TagPolicy::OnlyProtected,
            waste_tails: self.tails == TailModel::Waste,
            repeat: self.repeat(driver),
        };
        supervision::supervise(driver, &order, self.timeout, watcher)
    }

    /// The command that repeats a run of this driver on this machine.
    fn repeat(&self, driver: &Driver) -> String {
        let mut command = String::from("ntpool run");
        if let Some(path) = &driver.path {
            command += " ";
            command += &quoted(path);
        }
        command += &format!(" --seed {}", self.seed);
        if self.memory != DEFAULT_MEMORY {
            command += &format!(" --memory {}", self.memory.0);
        }
        if self.timeout != DEFAULT_TIMEOUT {
            command += &format!(" --timeout {}", self.timeout.as_millis().div_ceil(1000));
        }
        if self.windows != WindowsVersion::WINDOWS_10 {
            command += &format!(" --windows {}", self.windows);
        }
        if self.tags != TagPolicy::Always {
            command += " --tag-mismatch protected";
        }
        command
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_only_where_a_shell_would_take_it_apart() {
        assert_eq!(quoted("out/my-driver.sys"), "out/my-driver.sys");
        assert_eq!(quoted("my driver's.sys"), "'my driver'\\''s.sys'");
    }

    #[test]
    fn the_command_that_repeats_a_run_names_what_is_not_ordinary() {
        let machine = Machine::new().seed(42).memory(Bytes::mib(64));
        assert_eq!(machine.repeat(&Driver::sample()), "ntpool run --seed 42 --memory 67108864");
        let machine = Machine::new().windows(WindowsVersion::WINDOWS_8).tag_policy(TagPolicy::OnlyProtected);
        assert_eq!(
            machine.repeat(&Driver::sample()),
            "ntpool run --seed 1 --windows 8 --tag-mismatch protected"
        );
        let machine = Machine::new().timeout(Duration::from_millis(1500));
        assert_eq!(machine.repeat(&Driver::sample()), "ntpool run --seed 1 --timeout 2");
    }
}
