#![expect(unsafe_code, reason = "traces processes")]
//! A run of the command, watched from outside call by call, so that a call of it to Linux can fail, or its child die there.
//!
//! What debuggers use does it: Linux stops a traced thread when it makes a system call, and again when the call is done.
//! In between the call can be taken away and an error be given in its place; and what the child sends its parent can be
//! read, so that it is known what the parent must have heard. The product has no part in it. (The tool strace can do
//! nearly the same, but counts the calls of each thread apart and the parent's like the child's.)
//!
//! # What this module promises
//! - Only processes that come from the traced command are stopped, changed and waited for, and all of them are gone when
//!   [`trace`] returns.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Whose call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The command that was started.
    Parent,
    /// The process in which the driver runs, any thread of it.
    Child,
}

/// What is done to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// Nothing.
    None,
    /// The child is killed where it makes this call of all it makes, counted from 0; the call is not carried out.
    KillAt(usize),
    /// The child is killed so long after it began.
    KillAfter(Duration),
    /// Calls with this number fail with this error: the one that comes after so many others, or all from there on.
    Fail {
        /// Whose.
        who: Who,
        /// What Linux knows the call by.
        call: i64,
        /// How many succeed before.
        after: usize,
        /// Whether the ones behind it fail, too.
        lasting: bool,
        /// The error's number.
        error: i32,
    },
}

/// What became of a run.
#[derive(Debug)]
pub struct Traced {
    /// The command's exit status, or the signal that ended it as a negative number.
    pub status: i32,
    /// How long it took.
    pub took: Duration,
    /// Whether it had to be ended because it took longer than it may.
    pub hung: bool,
    /// Processes and threads that were still there when the command had ended.
    pub left: usize,
    /// Whether the blow was struck.
    pub struck: bool,
    /// The numbers of all calls, in their order.
    pub calls: Vec<(Who, i64)>,
    /// The packets that the child had sent.
    pub sent: Vec<Value>,
    /// The packets of which it is not known whether they were sent.
    pub in_flight: Vec<Value>,
}

/// A thread that is traced.
struct Task {
    who: Who,
    process: i32,
    /// Between a call's two stops: the error that is given in its place, if one is.
    in_call: Option<Option<i32>>,
    /// The packet that it is sending.
    packet: Option<Value>,
}

struct Trace {
    root: i32,
    blow: Blow,
    tasks: BTreeMap<i32, Task>,
    of_child: usize,
    seen: usize,
    killer: Option<mpsc::Sender<i32>>,
    /// Dropped when the child has ended.
    alive: Option<mpsc::Sender<()>>,
    outcome: Traced,
}

/// Runs a command that becomes a parent of one child, and does this to it. A command that takes longer than `bound` is
/// ended.
pub fn trace(command: &mut Command, blow: Blow, bound: Duration) -> Traced {
    // SAFETY: between fork and exec only a system call is made, which says that this process is to be traced.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        })
    };
    let start = Instant::now();
    let root = command.spawn().expect("the command starts and may be traced").id() as i32;
    // The calls below wait for what this thread traces, and for no other's.
    let (status, stopped) = wait().expect("the command");
    assert!(stopped == root && libc::WIFSTOPPED(status), "the command stops at its start: {status:#x}");
    let options = libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_EXITKILL;
    request(libc::PTRACE_SETOPTIONS, root, options as usize).expect("tracing has these options");
    let outcome = Traced {
        status: 0,
        took: Duration::ZERO,
        hung: false,
        left: 0,
        struck: false,
        calls: Vec::new(),
        sent: Vec::new(),
        in_flight: Vec::new(),
    };
    let mut trace = Trace {
        root,
        blow,
        tasks: BTreeMap::new(),
        of_child: 0,
        seen: 0,
        killer: None,
        alive: None,
        outcome,
    };
    trace.tasks.insert(root, Task { who: Who::Parent, process: root, in_call: None, packet: None });
    thread::scope(|scope| {
        let (over, is_over) = mpsc::channel::<()>();
        let (alive, is_dead) = mpsc::channel::<()>();
        trace.alive = Some(alive);
        let watch = scope.spawn(move || {
            let hung = is_over.recv_timeout(bound) == Err(RecvTimeoutError::Timeout);
            if hung {
                kill(root);
            }
            hung
        });
        if let Blow::KillAfter(time) = blow {
            let (killer, child) = mpsc::channel::<i32>();
            trace.killer = Some(killer);
            scope.spawn(move || {
                // Once it has ended, its number may be another's.
                if let Ok(child) = child.recv()
                    && is_dead.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
                {
                    kill(child);
                }
            });
        }
        trace.go_on(root, 0);
        trace.watch();
        drop(over);
        trace.outcome.hung = watch.join().expect("the watch ends");
    });
    let mut outcome = trace.outcome;
    outcome.took = start.elapsed();
    outcome
}

impl Trace {
    /// Serves stops until nobody is left.
    fn watch(&mut self) {
        while let Some((status, id)) = wait() {
            if libc::WIFSTOPPED(status) {
                self.stopped(id, status);
                continue;
            }
            let task = self.tasks.remove(&id);
            if task.as_ref().is_some_and(|task| task.who == Who::Child) {
                self.alive = None;
            }
            if let Some(packet) = task.and_then(|task| task.packet) {
                self.outcome.in_flight.push(packet);
            }
            if id == self.root {
                self.outcome.left = self.tasks.len();
                self.outcome.status = match libc::WIFSIGNALED(status) {
                    true => -libc::WTERMSIG(status),
                    false => libc::WEXITSTATUS(status),
                };
            }
        }
    }

    fn stopped(&mut self, id: i32, status: i32) {
        let signal = libc::WSTOPSIG(status);
        let is_new = !self.tasks.contains_key(&id);
        if is_new {
            self.meet(id);
        }
        let passed_on = if signal == libc::SIGTRAP | 0x80 {
            self.at_call(id);
            0
        } else if status >> 16 != 0 || is_new {
            // A thread's beginning, or news of one.
            if status >> 16 == libc::PTRACE_EVENT_EXEC && self.tasks[&id].who == Who::Child {
                self.child_begins(id);
            }
            0
        } else {
            signal
        };
        self.go_on(id, passed_on);
    }

    fn meet(&mut self, id: i32) {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let process = status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok());
        let process = process.unwrap_or(id);
        let who = if process == self.root { Who::Parent } else { Who::Child };
        self.tasks.insert(id, Task { who, process, in_call: None, packet: None });
    }

    fn child_begins(&mut self, id: i32) {
        if let Some(killer) = self.killer.take() {
            self.outcome.struck = true;
            let _ = killer.send(id);
        }
    }

    fn at_call(&mut self, id: i32) {
        // One that was killed meanwhile has no registers.
        let Some(mut registers) = read_registers(id) else { return };
        let task = self.tasks.get_mut(&id).expect("it was met");
        if let Some(error) = task.in_call.take() {
            if let Some(error) = error {
                registers.rax = -i64::from(error) as u64;
                write_registers(id, &registers);
            }
            if let Some(packet) = task.packet.take()
                && registers.rax as i64 > 0
            {
                self.outcome.sent.push(packet);
            }
            return;
        }
        let (who, process) = (task.who, task.process);
        let call = registers.orig_rax as i64;
        task.in_call = Some(None);
        if who == Who::Child && call == libc::SYS_sendto {
            task.packet = read_packet(id, registers.rsi, registers.rdx);
        }
        self.outcome.calls.push((who, call));
        if who == Who::Child {
            if self.blow == Blow::KillAt(self.of_child) {
                self.outcome.struck = true;
                self.tasks.get_mut(&id).expect("it was met").packet = None;
                kill(process);
            }
            self.of_child += 1;
        }
        if let Blow::Fail { who: whose, call: which, after, lasting, error } = self.blow
            && (whose, which) == (who, call)
        {
            if self.seen == after || lasting && self.seen > after {
                self.outcome.struck = true;
                let task = self.tasks.get_mut(&id).expect("it was met");
                task.in_call = Some(Some(error));
                // No call has this number, so none is made.
                registers.orig_rax = u64::MAX;
                write_registers(id, &registers);
            }
            self.seen += 1;
        }
    }

    /// Lets a stopped thread go on, to its next call; with a signal, if one was on its way to it.
    fn go_on(&self, id: i32, signal: i32) {
        // Between its calls is where the child is to be killed: then none is looked at.
        let how = match self.blow {
            Blow::KillAfter(_) => libc::PTRACE_CONT,
            _ => libc::PTRACE_SYSCALL,
        };
        // It may have been killed meanwhile; that it has ended is told next.
        let _ = request(how, id, signal as usize);
    }
}

/// The next thread of those traced by the caller that stops or ends; `None` when there is none any more.
fn wait() -> Option<(i32, i32)> {
    let mut status = 0;
    loop {
        // SAFETY: the pointer is to a live number.
        let id = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
        if id > 0 {
            return Some((status, id));
        }
        match io::Error::last_os_error().raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::ECHILD) => return None,
            other => panic!("waiting for what is traced: {other:?}"),
        }
    }
}

fn request(what: libc::c_uint, id: i32, data: usize) -> io::Result<()> {
    // SAFETY: these requests take a number and touch no memory of this process.
    match unsafe { libc::ptrace(what, id, 0_usize, data) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn read_registers(id: i32) -> Option<libc::user_regs_struct> {
    // SAFETY: registers are numbers, for which zero is a value.
    let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live structure, which the call fills in.
    let result = unsafe {
        libc::ptrace(libc::PTRACE_GETREGS, id, ptr::null_mut::<libc::c_void>(), &raw mut registers)
    };
    (result == 0).then_some(registers)
}

fn write_registers(id: i32, registers: &libc::user_regs_struct) {
    // SAFETY: the pointer is to a live structure, which the call reads; the registers are those of a traced thread.
    unsafe {
        libc::ptrace(libc::PTRACE_SETREGS, id, ptr::null_mut::<libc::c_void>(), ptr::from_ref(registers))
    };
}

fn read_packet(id: i32, address: u64, length: u64) -> Option<Value> {
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    File::open(format!("/proc/{id}/mem")).ok()?.read_exact_at(&mut bytes, address).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Kills a process that is traced here and has not been waited for to its end.
fn kill(process: i32) {
    // SAFETY: sends a signal to a process that the traced command is or has started.
    unsafe { libc::kill(process, libc::SIGKILL) };
}
