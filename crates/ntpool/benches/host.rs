//! What the driver host costs: a whole run, a call to the machine, a pool pair, an instruction that is emulated.
//!
//! `cargo bench -p ntpool` prints two tables, and its progress to standard error. A plain program rather than a
//! benchmark library: what is timed is another process, and a step in it is the difference of two runs, which such
//! libraries have no word for. The driver itself can't hold the watch, since its clock is virtual and the time stamp
//! counter traps. Runs that are compared alternate, and medians are printed with the best and the worst beside them, so
//! that a machine that does other things too is seen and does little harm.
//!
//! Without `--bench`, as under `cargo test --benches`, every part runs once and briefly.
#![forbid(unsafe_code)]

use ntpool::{Driver, ExitStatus, Machine};
use ntpool_driver::Order;
use ntpool_drivers::{Source, Toolchain};
use ntpool_finding::Message;
use ntpool_host::channel::Received;
use ntpool_host::child::Child;
use ntpool_image::{Image, Symbols};
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
    let image = build_load()?;
    measure_start(effort)?;
    measure_steps(effort, &image)
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
        schedule: ntpool::Schedule::default(),
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

/// Something that a driver does many times.
struct Step {
    name: &'static str,
    /// How the driver calls it: a word and a size.
    order: &'static str,
    count: u64,
}

/// Counts are such that a run takes some tenths of a second, many times what a run of nothing varies by.
const STEPS: [Step; 11] = [
    Step { name: "import call: read the IRQL", order: "call-0", count: 10_000_000 },
    Step { name: "pool pair, 64 bytes", order: "pair-64", count: 1_000_000 },
    Step { name: "pool pair, 64 bytes, eight frames deeper", order: "deep-64", count: 300_000 },
    Step { name: "pool pair, 64 bytes, filled with rubbish", order: "uninitialized-64", count: 1_000_000 },
    Step { name: "pool pair, 64 bytes, charged, with rubbish", order: "charged-64", count: 1_000_000 },
    Step { name: "pool pair, 64 bytes of paged pool", order: "paged-64", count: 1_000_000 },
    Step { name: "pool pair, 4096 bytes", order: "pair-4096", count: 1_000_000 },
    Step { name: "pool pair, 64 KiB", order: "pair-65536", count: 100_000 },
    Step { name: "emulated: read of cr8", order: "level-0", count: 200_000 },
    Step { name: "emulated: read of shared user data", order: "shared-0", count: 100_000 },
    Step { name: "emulated: read of the time stamp counter", order: "stamp-0", count: 200_000 },
];

fn build_load() -> Result<Vec<u8>, Box<dyn Error>> {
    let source = Source {
        name: "load".into(),
        dir: ntpool_drivers::folder().join("bench"),
        files: vec!["load.c".into(), "../support/cookie.c".into()],
    };
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench");
    Ok(std::fs::read(ntpool_drivers::build(&source, Toolchain::Clang, &out)?)?)
}

/// How long a run takes in which the driver does this so often.
fn time_load(image: &[u8], order: &str, count: u64) -> Result<Duration, Box<dyn Error>> {
    let driver = Driver::from_bytes(&format!("{order}-{count}.sys"), image.to_vec(), None)?;
    let start = Instant::now();
    let outcome = Machine::new().timeout(TIMEOUT).run(&driver)?;
    let elapsed = start.elapsed();
    assert_eq!(outcome.exit_status(), ExitStatus::Clean, "{outcome:#?}");
    Ok(elapsed)
}

fn measure_steps(effort: Effort, image: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut series: [Vec<f64>; STEPS.len()] = Default::default();
    for round in 1..=effort.rounds {
        for (place, step) in STEPS.iter().enumerate() {
            eprint!("\rsteps: round {round} of {}, {} of {}  ", effort.rounds, place + 1, STEPS.len());
            let count = (step.count / effort.divisor).max(1);
            let nothing = time_load(image, step.order, 0)?;
            let many = time_load(image, step.order, count)?;
            series[place].push((many.as_secs_f64() - nothing.as_secs_f64()) / count as f64 * 1e9);
        }
    }
    eprintln!();
    println!("one step of a driver: (run of many - run of none) / count, {} rounds, ns", effort.rounds);
    println!("  {:<44}{:>9}{:>9}{:>9}", "", "median", "best", "worst");
    for (step, times) in STEPS.iter().zip(&mut series) {
        times.sort_by(f64::total_cmp);
        let (median, best, worst) = (times[times.len() / 2], times[0], times[times.len() - 1]);
        println!("  {:<44}{median:>9.1}{best:>9.1}{worst:>9.1}", step.name);
    }
    Ok(())
}
