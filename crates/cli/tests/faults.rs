//! Faults of the machine itself: the child dies at any moment, and what is asked of Linux is refused. The parent comes back
//! in time, everything found before is in its report, and the report says what happened.
//!
//! A driver makes nine mistakes, one after the other and each somewhere else. Its run is traced call by call; then it is run
//! again for each call, and that call is where the blow falls. What the child had sent by then is read on its way, so it
//! is known what may not be missing.
//!
//! `FAULTS_POINT=7` with a test's name runs only its point 7 and shows what the command wrote; `--nocapture` shows what
//! became of each point.

mod support;
mod tracer;

use ntpool::{Finding, LimitKind, Outcome, SCHEMA};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::Duration;
use support::{command, folder, own, text};
use tracer::{Blow, Traced, Who, trace};

/// After this long the parent counts as stuck. It is long, since a machine that runs tests may be slow; what is waited for
/// at worst is a child that does not answer, for 30 seconds while it sets itself up.
const BOUND: Duration = Duration::from_secs(120);

/// A driver to be disturbed, and where its runs leave their files.
struct Scene {
    folder: tempfile::TempDir,
    driver: PathBuf,
    options: &'static [&'static str],
    validator: jsonschema::Validator,
}

/// What a run left.
struct Case {
    traced: Traced,
    stdout: String,
    stderr: String,
    /// The report, if one was written.
    outcome: Option<Outcome>,
}

impl Case {
    fn outcome(&self) -> &Outcome {
        self.outcome.as_ref().unwrap_or_else(|| panic!("no report: {self}"))
    }

    /// Whether an output failed.
    fn cannot_write(&self) -> bool {
        self.stderr.starts_with("ntpool: cannot write ")
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit status {}, {}{}", self.traced.status, self.stdout, self.stderr)
    }
}

const PLAIN: &[&str] = &[];
const FREE: &[&str] = &["--free-running", "--processors", "3"];

impl Scene {
    fn new(options: &'static [&'static str]) -> Scene {
        let folder = folder();
        let driver = own("mistakes", folder.path());
        let schema = serde_json::from_str(SCHEMA).expect("the schema is JSON");
        let validator = jsonschema::draft202012::new(&schema).expect("the schema is a schema");
        Scene { folder, driver, options, validator }
    }

    /// Runs the driver, and holds what comes of it against everything that must be so whatever happens.
    fn run(&self, blow: Blow) -> Case {
        let path = |name: &str| self.folder.path().join(name);
        let work = path("work");
        let _ = fs::remove_file(path("report.json"));
        fs::create_dir_all(&work).expect("a folder");
        let mut command = command();
        command.args(["run", text(&self.driver), "--timeout", "2"]).args(self.options);
        command.arg("--report").arg(format!("json={}", text(&path("report.json"))));
        command.current_dir(&work).env("TMPDIR", &work);
        command.stdout(File::create(path("stdout")).expect("a file"));
        command.stderr(File::create(path("stderr")).expect("a file"));
        let traced = trace(&mut command, blow, BOUND);
        let read = |name: &str| String::from_utf8(fs::read(path(name)).unwrap_or_default()).expect("text");
        let (stdout, stderr, report) = (read("stdout"), read("stderr"), read("report.json"));
        let outcome = (!report.is_empty()).then(|| self.read_report(&report));
        let case = Case { traced, stdout, stderr, outcome };
        assert!(!case.traced.hung, "the parent comes back");
        assert_eq!(case.traced.left, 0, "nobody is left when the parent has ended");
        assert!((0..=3).contains(&case.traced.status), "the command ends by itself");
        let shows = |text: &str| case.stderr.contains(text) || case.stdout.contains(text);
        assert!(!shows("panicked") && !shows("ntpool itself failed"), "no panic is shown: {case}");
        assert_eq!(fs::read_dir(&work).expect("the folder").count(), 0, "no file is left");
        assert!(fs::read_dir(self.folder.path()).expect("the folder").count() <= 6, "no file is left");
        case
    }

    fn read_report(&self, report: &str) -> Outcome {
        let value: Value = serde_json::from_str(report).expect("the report is JSON");
        let errors: Vec<String> = self.validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "the report is as the schema has it: {errors:#?}");
        serde_json::from_value(value).expect("the report is an outcome")
    }

    /// Runs the driver once for each of these blows; what `judge` says of each is shown.
    fn strike_all(&self, blows: &[Blow], judge: impl Fn(&Case) -> String) {
        let only: Option<usize> = std::env::var("FAULTS_POINT").ok().and_then(|point| point.parse().ok());
        for (point, &blow) in blows.iter().enumerate() {
            if only.is_some_and(|only| only != point) {
                continue;
            }
            // Whatever assertion fails in it, the point is named.
            let named = Named { point, blow };
            let case = self.run(blow);
            if only.is_some() {
                println!("{}{}", case.stdout, case.stderr);
            }
            let verdict = judge(&case);
            println!("point {point}, {blow:?}, {:.1?}: {verdict}", case.traced.took);
            std::mem::forget(named);
        }
    }
}

/// Names a point when its test panics.
struct Named {
    point: usize,
    blow: Blow,
}

impl Drop for Named {
    fn drop(&mut self) {
        eprintln!("this was point {}, {:?}", self.point, self.blow);
    }
}

/// What a packet or a finding of a report says, but for what the parent adds.
fn gist(finding: &Value) -> Value {
    let mut gist = finding.clone();
    for stack in gist["stacks"].as_array_mut().into_iter().flatten() {
        for frame in stack["frames"].as_array_mut().into_iter().flatten() {
            *frame = frame["address"].clone();
        }
    }
    gist
}

/// By what a mistake of this driver's is known, wherever its block lies and whenever it is made.
fn crime(finding: &Value) -> (Value, Value) {
    (finding["rule"].clone(), finding["block"]["size"].clone())
}

fn gists<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<Value> {
    findings
        .into_iter()
        .map(|finding| gist(&serde_json::to_value(finding).expect("a finding is plain data")))
        .collect()
}

fn findings_in(packets: &[Value]) -> Vec<Value> {
    packets.iter().filter_map(|packet| packet.get("Finding")).map(gist).collect()
}

fn has(packets: &[Value], what: &str) -> bool {
    packets.iter().any(|packet| packet.as_str() == Some(what) || packet.get(what).is_some())
}

/// Asserts that the text shows these findings, in this order.
fn assert_shown(case: &Case, findings: &[Finding]) {
    let mut rest = case.stdout.as_str();
    for finding in findings {
        let heading = format!("{}: ", finding.rule);
        let place = rest.find(&heading).unwrap_or_else(|| panic!("{heading} is not in the text of {case}"));
        rest = &rest[place + heading.len()..];
    }
}

/// Asserts that a report has everything that was sent, in its order, and in its text, too; what it has beyond that.
fn assert_nothing_lost<'a>(case: &'a Case, outcome: &'a Outcome) -> &'a [Finding] {
    let sent = findings_in(&case.traced.sent);
    let got = gists(&outcome.findings);
    assert!(
        got.starts_with(&sent),
        "{} findings were sent, and not all of them are there: {case}",
        sent.len()
    );
    // Of two outputs one may have failed.
    if case.cannot_write() {
        assert_eq!(case.traced.status, 2, "{case}");
    } else {
        assert_shown(case, &outcome.findings);
        assert_eq!(case.traced.status, outcome.exit_status() as i32, "{case}");
    }
    // What was on its way when its sender died may have arrived.
    let in_flight = findings_in(&case.traced.in_flight);
    let arrived = got[sent.len()..].iter().take_while(|&got| in_flight.contains(got)).count();
    &outcome.findings[sent.len() + arrived..]
}

/// Judges a run whose child was killed, and by nobody but us.
fn judge_killed(case: &Case) -> String {
    let outcome = case.outcome();
    let more = assert_nothing_lost(case, outcome);
    let entered = has(&case.traced.sent, "Entering") || has(&case.traced.in_flight, "Entering");
    let finished = has(&case.traced.sent, "Finished") || has(&case.traced.in_flight, "Finished");
    assert_eq!(case.stderr, "", "{case}");
    match more {
        [died] if died.rule == "host.child-died" => {
            assert!(entered, "{case}");
            assert!(died.message.contains("the child died of signal 9 (SIGKILL)"), "{}", died.message);
            died.message.clone()
        }
        [] if has(&case.traced.sent, "Finished") || !case.traced.struck => "it was over".to_owned(),
        [] if !has(&case.traced.sent, "Entering") => match &outcome.limits[..] {
            [limit] if limit.kind == LimitKind::Host => {
                let what = "the child died of signal 9 (SIGKILL), before the driver was entered";
                assert!(limit.message.starts_with(what), "{}", limit.message);
                limit.message.clone()
            }
            _ => panic!("{case}"),
        },
        [] if finished => "it was over".to_owned(),
        _ => panic!("{case}"),
    }
}

/// A run without a blow, and that it shows what it is to show.
fn undisturbed(scene: &Scene) -> Case {
    let case = scene.run(Blow::None);
    let outcome = case.outcome();
    assert!(assert_nothing_lost(&case, outcome).is_empty(), "{case}");
    let mut rules = BTreeMap::new();
    for finding in &outcome.findings {
        *rules.entry(finding.rule.as_str()).or_insert(0) += 1;
    }
    assert_eq!(rules, BTreeMap::from([("pool.double-free", 8), ("pool.leak", 1)]), "{case}");
    assert!(outcome.limits.is_empty(), "{case}");
    case
}

fn calls_of(case: &Case, who: Who) -> Vec<i64> {
    case.traced.calls.iter().filter(|(whose, _)| *whose == who).map(|(_, call)| *call).collect()
}

/// One in so many of the child's calls.
fn deaths(case: &Case, of: usize) -> Vec<Blow> {
    (0..calls_of(case, Who::Child).len()).step_by(of).map(Blow::KillAt).collect()
}

#[test]
fn a_child_that_dies_at_any_call_loses_nothing_that_it_had_found() {
    let scene = Scene::new(PLAIN);
    let whole = undisturbed(&scene);
    let all = gists(&whole.outcome().findings);
    let blows = deaths(&whole, 1);
    assert!(blows.len() > 100, "{} points", blows.len());
    scene.strike_all(&blows, |case| {
        assert!(case.traced.struck, "a run makes the same calls each time");
        let findings = &case.outcome().findings;
        let found = gists(findings.iter().filter(|finding| finding.rule != "host.child-died"));
        assert!(all.starts_with(&found), "{found:#?}");
        judge_killed(case)
    });
}

#[test]
fn a_child_whose_processors_run_free_dies_at_any_call_and_loses_nothing_that_it_had_found() {
    let scene = Scene::new(FREE);
    let blows = deaths(&undisturbed(&scene), 3);
    assert!(blows.len() > 100, "{} points", blows.len());
    scene.strike_all(&blows, judge_killed);
}

/// A well-mixed number for each place in a row, the same ones every time.
fn mixed(place: u64) -> u64 {
    // SplitMix64 (Steele, Lea and Flood 2014).
    let mut z = place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Moments from the child's beginning to a while after its end, which is when a run that is not traced call by call is over.
fn moments(scene: &Scene) -> Vec<Blow> {
    const COUNT: u64 = 40;
    let whole = scene.run(Blow::KillAfter(BOUND));
    let longest = whole.traced.took.as_micros() as u64;
    (0..COUNT).map(|place| Blow::KillAfter(Duration::from_micros(mixed(place) % longest))).collect()
}

/// Judges a run whose child was killed at some moment: what it found is the beginning of `all`, or for processors that run
/// free something of it, and its death stands behind.
fn judge_moment(case: &Case, all: &[Value], is_free: bool) -> String {
    let outcome = case.outcome();
    assert_nothing_lost(case, outcome);
    assert_eq!(case.stderr, "", "{case}");
    let found = gists(outcome.findings.iter().filter(|finding| finding.rule != "host.child-died"));
    if is_free {
        for (place, finding) in found.iter().enumerate() {
            assert!(all.iter().any(|known| crime(known) == crime(finding)), "{finding:#?}");
            assert!(found[..place].iter().all(|other| crime(other) != crime(finding)), "{finding:#?}");
        }
    } else {
        assert!(all.starts_with(&found), "{found:#?}");
    }
    let died = "the child died of signal 9 (SIGKILL)";
    match (outcome.findings.last(), &outcome.limits[..]) {
        (Some(last), []) if last.rule == "host.child-died" => {
            assert!(last.message.starts_with(died), "{case}");
            format!("{} findings, then {}", found.len(), last.message)
        }
        (None, [limit]) => {
            assert!(limit.message.starts_with(died), "{case}");
            limit.message.clone()
        }
        _ => {
            assert!(found.len() == all.len() && outcome.limits.is_empty(), "{case}");
            "it was over".to_owned()
        }
    }
}

#[test]
fn a_child_that_dies_at_any_moment_loses_nothing_that_it_had_found() {
    for options in [PLAIN, FREE] {
        let scene = Scene::new(options);
        let all = gists(&undisturbed(&scene).outcome().findings);
        scene.strike_all(&moments(&scene), |case| judge_moment(case, &all, options == FREE));
    }
}

/// What Linux refuses a child, and with what. Calls that can't fail for one who makes them rightly are not among them.
const REFUSED_TO_CHILDREN: &[(i64, i32)] = &[
    (libc::SYS_mmap, libc::ENOMEM),
    (libc::SYS_mprotect, libc::ENOMEM),
    (libc::SYS_munmap, libc::ENOMEM),
    (libc::SYS_mremap, libc::ENOMEM),
    (libc::SYS_madvise, libc::EAGAIN),
    (libc::SYS_memfd_create, libc::EMFILE),
    (libc::SYS_ftruncate, libc::EFBIG),
    (libc::SYS_sigaltstack, libc::ENOMEM),
    (libc::SYS_rt_sigaction, libc::EINVAL),
    (libc::SYS_setitimer, libc::EINVAL),
    (libc::SYS_prctl, libc::EPERM),
    (libc::SYS_prlimit64, libc::EPERM),
    (libc::SYS_seccomp, libc::EACCES),
    (libc::SYS_arch_prctl, libc::EPERM),
    (libc::SYS_clone, libc::EAGAIN),
    (libc::SYS_clone3, libc::EAGAIN),
    (libc::SYS_poll, libc::EINTR),
    (libc::SYS_poll, libc::ENOMEM),
    (libc::SYS_recvfrom, libc::EINTR),
    (libc::SYS_sendto, libc::EINTR),
    (libc::SYS_sendto, libc::ENOBUFS),
];

/// What is refused between the fork and the child's own beginning, and while it takes over what it was handed.
const REFUSED_AT_THE_START: &[(i64, i32)] = &[
    (libc::SYS_execve, libc::ENOMEM),
    (libc::SYS_dup2, libc::EMFILE),
    (libc::SYS_chdir, libc::EACCES),
    (libc::SYS_personality, libc::EPERM),
    (libc::SYS_prctl, libc::EPERM),
    (libc::SYS_statx, libc::EIO),
    (libc::SYS_lseek, libc::EIO),
    (libc::SYS_read, libc::EIO),
    (libc::SYS_mmap, libc::ENOMEM),
    (libc::SYS_mprotect, libc::ENOMEM),
    (libc::SYS_openat, libc::EMFILE),
];

/// What Linux refuses the parent.
const REFUSED_TO_PARENTS: &[(i64, i32)] = &[
    (libc::SYS_openat, libc::EMFILE),
    (libc::SYS_statx, libc::EACCES),
    (libc::SYS_read, libc::EIO),
    (libc::SYS_read, libc::EINTR),
    (libc::SYS_lseek, libc::EIO),
    (libc::SYS_socketpair, libc::EMFILE),
    (libc::SYS_memfd_create, libc::ENFILE),
    (libc::SYS_clone, libc::EAGAIN),
    (libc::SYS_sendto, libc::EINTR),
    (libc::SYS_sendto, libc::ENOBUFS),
    (libc::SYS_poll, libc::EINTR),
    (libc::SYS_poll, libc::ENOMEM),
    (libc::SYS_recvfrom, libc::EINTR),
    (libc::SYS_recvfrom, libc::ENOMEM),
    (libc::SYS_wait4, libc::EINTR),
    (libc::SYS_clock_nanosleep, libc::EINTR),
    (libc::SYS_write, libc::EINTR),
    (libc::SYS_write, libc::ENOSPC),
    (libc::SYS_mmap, libc::ENOMEM),
    (libc::SYS_munmap, libc::ENOMEM),
];

/// Whether something is refused for long. Linux interrupts nobody for ever; and a parent that can't ever listen, can write
/// nowhere or has no memory for anything is past telling.
fn lasts(who: Who, call: i64, error: i32) -> bool {
    let needed = [libc::SYS_poll, libc::SYS_recvfrom, libc::SYS_write, libc::SYS_mmap];
    error != libc::EINTR && !(who == Who::Parent && needed.contains(&call))
}

/// Each of these calls refused in turn, from the `from`-th of all of `who`'s calls to the `to`-th: once, and one in `of`
/// of them with all that follow. Of a call that is made often, forty are tried.
fn refusals(case: &Case, who: Who, kinds: &[(i64, i32)], from: usize, to: usize) -> Vec<Blow> {
    const MOST: usize = 40;
    const LASTING: usize = 4;
    let calls = calls_of(case, who);
    let mut blows = Vec::new();
    for &(call, error) in kinds {
        let before = calls[..from].iter().filter(|&&made| made == call).count();
        let count = calls[from..to.min(calls.len())].iter().filter(|&&made| made == call).count();
        let each = count.div_ceil(MOST).max(1);
        for (place, after) in (before..before + count).step_by(each).enumerate() {
            blows.push(Blow::Fail { who, call, after, lasting: false, error });
            if place % LASTING == 0 && lasts(who, call, error) {
                blows.push(Blow::Fail { who, call, after, lasting: true, error });
            }
        }
    }
    blows
}

/// Judges a run in which something was refused: it did without, or says what it could not have.
fn judge_refused(case: &Case, whole: &Case) -> String {
    let all = &whole.outcome().findings;
    let Some(outcome) = &case.outcome else {
        // Nothing was run, or nothing could be written: a line says what and why.
        assert!((2..=3).contains(&case.traced.status), "{case}");
        let line = case.stderr.strip_prefix("ntpool: ").unwrap_or_else(|| panic!("{case}"));
        assert!(line.starts_with("could not ") || line.starts_with("cannot "), "{case}");
        if !case.traced.sent.is_empty() && case.cannot_write() {
            assert_shown(case, all);
        }
        return line.trim_end().to_owned();
    };
    assert_nothing_lost(case, outcome);
    let mut reasons: Vec<&str> = outcome.limits.iter().map(|limit| limit.message.as_str()).collect();
    reasons.extend(
        outcome
            .findings
            .iter()
            .filter(|finding| finding.rule == "host.child-died")
            .map(|finding| finding.message.as_str()),
    );
    reasons.extend(case.stderr.lines());
    let printed = outcome.debug_output.iter().map(|line| line.text.as_str());
    reasons.extend(printed.filter(|line| line.starts_with("refused ")));
    match reasons.is_empty() {
        true => {
            // It may have been something else's memory that was taken in its place.
            let crimes = |findings: &[Finding]| gists(findings).iter().map(crime).collect::<Vec<_>>();
            assert_eq!(
                crimes(&outcome.findings),
                crimes(all),
                "what was refused is not missed, or it is said: {case}"
            );
            "it did without".to_owned()
        }
        false => reasons.join("; "),
    }
}

#[test]
fn what_linux_refuses_a_child_is_done_without_or_said() {
    for options in [PLAIN, FREE] {
        let scene = Scene::new(options);
        let whole = undisturbed(&scene);
        let calls = calls_of(&whole, Who::Child);
        let order = calls.iter().position(|&call| call == libc::SYS_poll).expect("the child gets its order");
        let mut blows = refusals(&whole, Who::Child, REFUSED_TO_CHILDREN, order, usize::MAX);
        if options == PLAIN {
            blows.extend(refusals(&whole, Who::Child, REFUSED_AT_THE_START, 0, order));
        }
        scene.strike_all(&blows, |case| judge_refused(case, &whole));
    }
}

#[test]
fn what_linux_refuses_the_parent_is_done_without_or_said() {
    let scene = Scene::new(PLAIN);
    let whole = undisturbed(&scene);
    let calls = calls_of(&whole, Who::Parent);
    // Behind what the standard library does before main.
    let main = calls.iter().rposition(|&call| call == libc::SYS_gettid).expect("a thread looks at itself");
    let mut blows = refusals(&whole, Who::Parent, REFUSED_TO_PARENTS, main, usize::MAX);
    // The first of these is the standard library's own, by which it learns that the child was started.
    blows.retain(|blow| {
        !matches!(blow, Blow::Fail { call: libc::SYS_recvfrom, after: 0, error: libc::ENOMEM, .. })
    });
    scene.strike_all(&blows, |case| judge_refused(case, &whole));
}
