//! What the driver host costs: a whole run, a call to the machine, a pool pair, an instruction that is emulated, and what
//! threads do: hand over, wait, set timers, raise exceptions, take locks.
//!
//! `cargo bench -p ntpool` prints three tables, and its progress to standard error. A plain program rather than a
//! benchmark library: what is timed is another process, and a step in it is the difference of two runs, which such
//! libraries have no word for. The driver itself can't hold the watch, since its clock is virtual and the time stamp
//! counter traps. Runs that are compared alternate, and medians are printed with the best and the worst beside them, so
//! that a machine that does other things too is seen and does little harm.
//!
//! A word after `--` measures the steps only whose name has it: `cargo bench -p ntpool --bench host -- __except`.
//!
//! Without `--bench`, as under `cargo test --benches`, every part runs once and briefly.
#![forbid(unsafe_code)]

use ntpool::{Driver, ExitStatus, Machine, Schedule};
use ntpool_driver::Order;
use ntpool_drivers::{Source, Toolchain};
use ntpool_finding::Message;
use ntpool_host::channel::Received;
use ntpool_host::child::Child;
use ntpool_host::fiber::KernelFiber;
use ntpool_host::{arena, layout};
use ntpool_image::{Image, Symbols};
use ntpool_memory::Protection;
use ntpool_types::Bytes;
use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// More than any run here takes.
const TIMEOUT: Duration = Duration::from_secs(120);

const SAMPLE: &[u8] = include_bytes!("../sample/sample.sys");

/// How much to measure.
#[derive(Clone, Copy)]
struct Effort {
    runs: usize,
    rounds: usize,
    /// What counts of steps are divided by.
    divisor: u64,
}

impl Effort {
    const FULL: Effort = Effort { runs: 60, rounds: 11, divisor: 1 };
    const BRIEF: Effort = Effort { runs: 1, rounds: 1, divisor: 1000 };
}

fn main() -> Result<(), Box<dyn Error>> {
    let full = std::env::args().any(|argument| argument == "--bench");
    let effort = if full { Effort::FULL } else { Effort::BRIEF };
    let word = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let asked_for = |step: &&Step| word.as_ref().is_none_or(|word| step.name.contains(word));
    let steps: Vec<&Step> = STEPS.iter().filter(asked_for).collect();
    let image = build_load()?;
    if word.is_none() {
        measure_start(effort)?;
        measure_fibers(effort)?;
    }
    let mut series = vec![Vec::new(); steps.len()];
    for round in 1..=effort.rounds {
        for (place, step) in steps.iter().enumerate() {
            eprint!("\rsteps: round {round} of {}, {} of {}  ", effort.rounds, place + 1, steps.len());
            series[place].push(step.time(&image, effort)?);
        }
    }
    eprintln!();
    println!("one step of a driver: (run of many - run of none) / count, {} rounds, ns", effort.rounds);
    for (step, times) in steps.iter().zip(series) {
        print_times(step.name, times);
    }
    Ok(())
}

/// What was measured of one thing.
#[derive(Default)]
struct Series(Vec<Duration>);

impl Series {
    fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The median, the best and the worst.
    fn spread(&self) -> [Duration; 3] {
        let mut sorted = self.0.clone();
        sorted.sort();
        [sorted[sorted.len() / 2], sorted[0], sorted[sorted.len() - 1]]
    }
}

/// A run of the sample in its parts.
#[derive(Default)]
struct Parts {
    whole: Series,
    parse: Series,
    start: Series,
    set_up: Series,
    driver: Series,
    end: Series,
    symbols: Series,
}

fn measure_start(effort: Effort) -> Result<(), Box<dyn Error>> {
    let mut parts = Parts::default();
    for run in 1..=effort.runs {
        eprint!("\rsample: run {run} of {}", effort.runs);
        let start = Instant::now();
        let outcome = Machine::new().run(&Driver::sample())?;
        parts.whole.add(start.elapsed());
        assert_eq!(outcome.findings.len(), 3, "the sample has three faults: {outcome:#?}");
        run_in_parts(&mut parts)?;
    }
    eprintln!();
    println!("start to report of the embedded sample, {} runs, ms", effort.runs);
    println!("  {:<44}{:>9}{:>9}{:>9}", "", "median", "best", "worst");
    for (name, series) in [
        ("whole run", &parts.whole),
        ("parent: parse the image", &parts.parse),
        ("parent: start the child", &parts.start),
        ("child: start-up and machine", &parts.set_up),
        ("child: driver, from entry to the last message", &parts.driver),
        ("child: end, until it has been waited for", &parts.end),
        ("parent: debug information and one address", &parts.symbols),
    ] {
        let [median, best, worst] = series.spread().map(|time| time.as_secs_f64() * 1e3);
        println!("  {name:<44}{median:>9.2}{best:>9.2}{worst:>9.2}");
    }
    Ok(())
}

/// What the library's parent does, with a watch held to it.
fn run_in_parts(parts: &mut Parts) -> Result<(), Box<dyn Error>> {
    let mut last = Instant::now();
    let mut lap = || {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut last, now))
    };
    black_box(Image::parse(SAMPLE.to_vec())?);
    parts.parse.add(lap());
    let mut child = Child::start(SAMPLE)?;
    parts.start.add(lap());
    let memory = ntpool::DEFAULT_MEMORY.0;
    let order = Order {
        name: "sample.sys".into(),
        seed: 1,
        processors: ntpool::DEFAULT_PROCESSORS,
        schedule: Schedule::default(),
        free_running: false,
        memory,
        windows_build: ntpool::WindowsVersion::WINDOWS_10.build,
        lenient_tags: false,
        waste_tails: false,
        repeat: String::new(),
    };
    child.channel().send(&serde_json::to_vec(&order)?)?;
    loop {
        match child.channel().receive(TIMEOUT)? {
            Received::Packet(packet) => match serde_json::from_slice(&packet)? {
                Message::Entering => parts.set_up.add(lap()),
                Message::Finished => parts.driver.add(lap()),
                _ => {}
            },
            Received::Closed => break,
            Received::Nothing => return Err("the sample's child said nothing for a long time".into()),
        }
    }
    child.wait(Duration::from_secs(10))?;
    parts.end.add(lap());
    let entry = Image::parse(SAMPLE.to_vec())?.entry_point();
    lap();
    let symbols = Symbols::load(SAMPLE, None);
    assert!(!symbols.resolve(entry).is_empty(), "the sample has debug information");
    parts.symbols.add(lap());
    Ok(())
}

/// The least that a switch can cost: from one fiber of the host to another and back, with nobody to decide anything.
fn measure_fibers(effort: Effort) -> Result<(), Box<dyn Error>> {
    const COUNT: u64 = 10_000_000;
    let count = (COUNT / effort.divisor).max(2);
    // Stacks for driver code, which does not run here.
    arena::reserve()?;
    let stack = |index| {
        let stack = layout::kernel_stack(index, Bytes(0x1000));
        arena::map_anonymous(stack.base, stack.size, Protection::ReadWrite).map(|()| stack)
    };
    let own: &'static KernelFiber = Box::leak(Box::new(KernelFiber::new(stack(0)?)?));
    own.begin();
    let turn_back = Box::new(move || {
        loop {
            own.switch_to();
        }
    });
    let other: &'static KernelFiber = Box::leak(Box::new(KernelFiber::with_routine(stack(1)?, turn_back)?));
    let mut times = Vec::new();
    for _ in 0..effort.rounds {
        let start = Instant::now();
        for _ in 0..count / 2 {
            other.switch_to();
        }
        times.push(start.elapsed().as_secs_f64() / count as f64 * 1e9);
    }
    println!("fibers, {} rounds, ns", effort.rounds);
    print_times("switch from one fiber to another", times);
    Ok(())
}

fn print_times(name: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let (median, best, worst) = (times[times.len() / 2], times[0], times[times.len() - 1]);
    println!("  {name:<52}{median:>10.1}{best:>10.1}{worst:>10.1}");
}

/// Something that a driver does many times.
struct Step {
    name: &'static str,
    /// How the driver calls it: a word and a size.
    order: &'static str,
    count: u64,
    turns: Turns,
}

/// Which of several threads that can go on does.
#[derive(Clone, Copy)]
enum Turns {
    /// One of them by chance, as in any run that asks for nothing else.
    Chance,
    /// The one that runs.
    Stay,
    /// The next one, at every call.
    Each,
}

impl Turns {
    fn schedule(self) -> Schedule {
        match self {
            Turns::Chance => Schedule::Random,
            Turns::Stay => Schedule::At(Vec::new()),
            Turns::Each => Schedule::RoundRobin { quantum: Some(1) },
        }
    }
}

const fn step(name: &'static str, order: &'static str, count: u64) -> Step {
    Step { name, order, count, turns: Turns::Chance }
}

/// Counts are such that a run takes some tenths of a second, many times what a run of nothing varies by.
const STEPS: [Step; 26] = [
    step("import call: read the IRQL", "call-0", 10_000_000),
    Step {
        turns: Turns::Stay,
        ..step("the same, two threads, the one that runs stays", "turns-0", 2_000_000)
    },
    Step { turns: Turns::Each, ..step("the same, two threads, a switch at each", "turns-0", 2_000_000) },
    step("the same, two threads, by chance", "turns-0", 2_000_000),
    step("pool pair, 64 bytes", "pair-64", 300_000),
    step("pool pair, 64 bytes, eight frames deeper", "deep-64", 100_000),
    step("pool pair, 64 bytes, filled with rubbish", "uninitialized-64", 300_000),
    step("pool pair, 64 bytes, charged, with rubbish", "charged-64", 300_000),
    step("pool pair, 64 bytes of paged pool", "paged-64", 300_000),
    step("pool pair, 4096 bytes", "pair-4096", 300_000),
    step("pool pair, 64 KiB", "pair-65536", 50_000),
    step("emulated: read of cr8", "level-0", 100_000),
    step("emulated: read of shared user data", "shared-0", 50_000),
    step("emulated: read of the time stamp counter", "stamp-0", 100_000),
    step("raise to __except", "raise-0", 50_000),
    step("page fault to __except", "fault-0", 20_000),
    step("event: signal to wake, another thread", "event-0", 500_000),
    step("thread: created, ended, waited for", "thread-0", 20_000),
    step("timer: set, 10,000 of them", "set-10000", 500_000),
    step("timer: set and expired, 10,000 of them", "expire-10000", 500_000),
    step("wait of ten minutes", "wait-0", 500_000),
    step("deferred procedure call: queued and run", "dpc-0", 500_000),
    step("work item: queued, run and waited for", "item-0", 200_000),
    step("spin lock pair", "spin-0", 500_000),
    step("mutex pair", "mutex-0", 500_000),
    step("resource pair, shared", "resource-0", 200_000),
];

impl Step {
    /// The time of one, in nanoseconds.
    fn time(&self, image: &[u8], effort: Effort) -> Result<f64, Box<dyn Error>> {
        let count = (self.count / effort.divisor).max(2);
        let nothing = self.time_run(image, 0)?;
        let many = self.time_run(image, count)?;
        Ok((many.as_secs_f64() - nothing.as_secs_f64()) / count as f64 * 1e9)
    }

    /// How long a run takes in which the driver does it so often.
    fn time_run(&self, image: &[u8], count: u64) -> Result<Duration, Box<dyn Error>> {
        let driver = Driver::from_bytes(&format!("{}-{count}.sys", self.order), image.to_vec(), None)?;
        let start = Instant::now();
        let outcome = Machine::new().schedule(self.turns.schedule()).timeout(TIMEOUT).run(&driver)?;
        let elapsed = start.elapsed();
        assert_eq!(outcome.exit_status(), ExitStatus::Clean, "{}: {outcome:#?}", self.name);
        Ok(elapsed)
    }
}

fn build_load() -> Result<Vec<u8>, Box<dyn Error>> {
    let source = Source {
        name: "load".into(),
        dir: ntpool_drivers::folder().join("bench"),
        files: vec!["load.c".into(), "machine.c".into(), "../support/cookie.c".into()],
    };
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench");
    Ok(std::fs::read(ntpool_drivers::build(&source, Toolchain::Clang, &out)?)?)
}
