//! Other people's programs: each does its work on our blocks, and its results are what they always are.

use crate::world::{Program, source};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn scratch() -> TempDir {
    tempfile::tempdir().expect("there is room for files")
}

#[track_caller]
fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("there is room for folders");
    fs::write(&path, text).expect("there is room for files");
    path
}

#[test]
fn git_commits_collects_and_checks() {
    let folder = scratch();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "pack.threads=4"];
        Program::new("git").within(folder.path()).args(identity).args(arguments)
    };
    git(&["init", "--quiet", "--initial-branch=main"]).prints();
    for commit in 0..10 {
        for file in 0..50 {
            let text: String = (0..200).map(|line| format!("{}\n", line * file + commit)).collect();
            write(folder.path(), &format!("folder{}/{file}.txt", file % 7), &text);
        }
        git(&["add", "."]).prints();
        git(&["commit", "--quiet", "-m", &format!("commit {commit}")]).prints();
    }
    git(&["gc", "--quiet", "--aggressive"]).prints();
    git(&["fsck", "--full", "--strict"]).prints();
    let log = git(&["log", "--format=%s", "--stat"]).prints();
    assert_eq!(log.matches("50 files changed").count(), 10, "{log}");
    assert!(log.starts_with("commit 9\n"), "{log}");
    let blame = git(&["blame", "-s", "folder1/8.txt"]).prints();
    assert_eq!(blame.lines().count(), 200);
    let grep = git(&["grep", "--threads=4", "-c", "-w", "199"]).prints();
    // 190 = 199 - 9 is a product with a line's number in these files: 1, 2, 5, 10, 19, 38.
    assert_eq!(grep.lines().count(), 6, "{grep}");
}

const PYTHON: &str = r#"
import ctypes, json, multiprocessing, os, re, sqlite3, subprocess, threading, zlib
assert "libntpool_malloc" in open("/proc/self/maps").read()

data = {str(i): [i, str(i) * (i % 50), {"x": i / 3}] for i in range(20000)}
assert json.loads(json.dumps(data)) == data

base = sqlite3.connect(":memory:")
base.execute("create table t (a integer primary key, b text)")
base.executemany("insert into t values (?, ?)", ((i, "x" * (i % 300)) for i in range(20000)))
base.execute("create index i on t (b)")
assert base.execute("select count(*), sum(length(b)) from t").fetchone() == (20000, sum(i % 300 for i in range(20000)))

sums = []
def work(n):
    sums.append(sum(len(zlib.decompress(zlib.compress(os.urandom(k)))) for k in range(n)))
threads = [threading.Thread(target=work, args=(200,)) for _ in range(50)]
for t in threads: t.start()

def child(n):
    t = threading.Thread(target=work, args=(50,))
    t.start(); t.join()
    return len([bytes(i) for i in range(n)])
# Forks while the threads above run.
with multiprocessing.get_context("fork").Pool(4) as pool:
    assert pool.map(child, range(100)) == list(range(100))
for t in threads: t.join()
assert sums == [sum(range(200))] * 50

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
for p in [libc.malloc(i) for i in range(1000)]:
    assert p % 16 == 0
    libc.free(p)
assert subprocess.run(["sh", "-c", "echo a | sed s/a/b/"], capture_output=True).stdout == b"b\n"
assert re.sub("(a+)b", r"\1", "aab" * 10000) == "aa" * 10000
print("done")
"#;

#[test]
fn python_parses_queries_threads_and_forks() {
    let folder = scratch();
    let script = write(folder.path(), "work.py", PYTHON);
    for own_allocator in ["malloc", "pymalloc"] {
        let program = Program::new("python3").within(folder.path()).args([&script]);
        assert_eq!(program.env("PYTHONMALLOC", own_allocator).prints(), "done\n", "{own_allocator}");
    }
}

#[test]
fn sqlite_builds_a_base_and_finds_it_sound() {
    let folder = scratch();
    let script = "
        pragma threads = 4;
        create table t (a integer primary key, b text, c blob);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000)
          insert into t select i, hex(i * 7919), zeroblob(i % 500) from n;
        create index i on t (b);
        delete from t where a % 3 = 0;
        vacuum;
        pragma integrity_check;
        select count(*), sum(length(c)) from t;
        select count(distinct b) from t where b > '5';";
    let program = Program::new("sqlite3").within(folder.path()).args(["-bail", "base.db", script]);
    let bytes: u64 = (1..=50000).filter(|i| i % 3 != 0).map(|i| i % 500).sum();
    let printed = program.prints();
    let lines: Vec<_> = printed.lines().filter(|line| *line != "4").collect();
    assert_eq!(lines[..2], ["ok", &format!("33334|{bytes}")]);
    assert_eq!(lines.len(), 3);
}

#[test]
fn gcc_compiles_c_and_cpp_and_what_it_made_runs() {
    let folder = scratch();
    let compile = |compiler: &str, options: &[&str], name: &str, result: &str| {
        let program = Program::new(compiler).within(folder.path()).args(options);
        program.args([source(name)]).args(["-o", result]).prints();
        Program::new(folder.path().join(result)).within(folder.path())
    };
    let c = compile("gcc", &["-O2", "-fno-builtin", "-pthread", "-w"], "interface.c", "interface");
    assert_eq!(c.args(["contents"]).prints(), "ok\n");
    let cpp = compile("g++", &["-O2", "-std=c++17", "-pthread", "-flto"], "threads.cpp", "threads");
    // Each of the seventeen threads catches every tenth of its five hundred.
    assert_eq!(cpp.prints(), "850\nno memory\n");
}

#[test]
fn cargo_builds_and_runs_a_crate() {
    let cargo = Path::new(env!("CARGO"));
    let tools = cargo.parent().expect("cargo lies in a folder");
    if fs::metadata(cargo).is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied) {
        // The suite also runs as a user who may not enter the folder of the toolchain it was built with.
        let denied = Program::new(cargo).args(["--version"]).run();
        assert_eq!(denied.output.status.code(), Some(126), "{}", denied.errors());
        return;
    }
    let folder = scratch();
    let manifest = "[package]\nname = \"tiny\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
    write(folder.path(), "Cargo.toml", manifest);
    write(
        folder.path(),
        "src/main.rs",
        "fn main() {
            let threads: Vec<_> = (0..8).map(|n| std::thread::spawn(move || vec![n; 1000])).collect();
            let sum: usize = threads.into_iter().flat_map(|thread| thread.join().unwrap()).sum();
            println!(\"{sum}\");
        }",
    );
    let path = format!("{}:/usr/bin:/bin", tools.display());
    let program = Program::new(cargo).args(["run", "--quiet", "--offline", "--release"]);
    let program = program.within(folder.path()).env("CARGO_HOME", folder.path().join("home"));
    assert_eq!(program.env("PATH", path).env("RUSTC", tools.join("rustc")).prints(), "28000\n");
}

const SHELL: &str = r#"
set -eu
count=0
for i in $(seq 150); do
    x=$(echo "$i" | tr 0-9 a-j | rev | cat)
    [ -n "$x" ]
    count=$((count + $(printf '%s\n' a b c | wc -l)))
done
for i in 1 2 3 4 5 6 7 8; do
    (for j in 1 2 3 4 5; do (echo "$i$j" >>"$1/out"; (true & wait)); done) &
done
wait
seq 20000 | sort -r | sort -n | awk '{ sum += $1 } END { print sum }'
find / -maxdepth 2 2>/dev/null | xargs -n 50 echo | wc -l | grep -q '[1-9]'
echo "$count $(sort -u "$1/out" | wc -l)"
"#;

#[test]
fn shells_fork_all_the_time() {
    for shell in ["dash", "bash"] {
        let folder = scratch();
        let script = write(folder.path(), "script.sh", SHELL);
        let program = Program::new(shell).within(folder.path()).args([script.as_path(), folder.path()]);
        assert_eq!(program.prints(), "200010000\n450 40\n", "{shell}");
    }
}
