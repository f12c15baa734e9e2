#![expect(unsafe_code, reason = "installs a system call filter and process limits")]
//! Confinement: what the child can still ask of Linux once driver code runs.
//!
//! A filter in the kernel looks at every system call. One made by an instruction inside the driver's world is not
//! carried out; it becomes a trap, and so a finding. The host's own code keeps the few calls it needs: memory, its
//! channel to the parent, an orderly end. There is no network, no file and no other process to reach.

use crate::HostError;
use crate::channel::Channel;
use crate::layout::ARENA;
use libc::{BPF_ABS, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};
use std::os::fd::RawFd;

/// The system calls that host code may still make.
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sigaltstack,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_sched_yield,
    libc::SYS_restart_syscall,
    libc::SYS_arch_prctl,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Calls that are allowed with one first argument only: what is printed goes to the standard error, messages to the
/// channel, and signals to this process itself.
fn allowed_with(channel: RawFd, process: u32) -> [(libc::c_long, u32); 3] {
    let channel = u32::try_from(channel).expect("a descriptor is not negative");
    [(libc::SYS_write, libc::STDERR_FILENO as u32), (libc::SYS_sendto, channel), (libc::SYS_tgkill, process)]
}

/// Offsets in the structure that the filter reads.
mod field {
    pub const NUMBER: u32 = 0;
    pub const ARCHITECTURE: u32 = 4;
    pub const INSTRUCTION_HIGH: u32 = 12;
    pub const FIRST_ARGUMENT: u32 = 16;
}

const AUDIT_ARCH_X86_64: u32 = 0xC000_003E;

fn load(offset: u32) -> sock_filter {
    sock_filter { code: (BPF_LD | BPF_W | BPF_ABS) as u16, jt: 0, jf: 0, k: offset }
}

fn jump(test: u32, k: u32, jt: usize, jf: usize) -> sock_filter {
    let short =
        |distance: usize| u8::try_from(distance).expect("the filter is shorter than a jump can reach");
    sock_filter { code: (BPF_JMP | test | BPF_K) as u16, jt: short(jt), jf: short(jf), k }
}

fn give(verdict: u32) -> sock_filter {
    sock_filter { code: (BPF_RET | BPF_K) as u16, jt: 0, jf: 0, k: verdict }
}

/// The filter: first where the call comes from, then by which table, then which call.
fn filter(channel: RawFd, process: u32) -> Vec<sock_filter> {
    let refuse = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    let high = |address: u64| u32::try_from(address >> 32).expect("an address has 64 bits");
    let mut program = vec![
        load(field::INSTRUCTION_HIGH),
        jump(BPF_JGE, high(ARENA.base.0), 0, 2),
        jump(BPF_JGE, high(ARENA.end().0), 1, 0),
        give(libc::SECCOMP_RET_TRAP),
        load(field::ARCHITECTURE),
        jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0),
        give(libc::SECCOMP_RET_KILL_PROCESS),
        load(field::NUMBER),
    ];
    for (call, argument) in allowed_with(channel, process) {
        let number = u32::try_from(call).expect("system call numbers are small");
        program.extend([
            jump(BPF_JEQ, number, 0, 4),
            load(field::FIRST_ARGUMENT),
            jump(BPF_JEQ, argument, 0, 1),
            give(libc::SECCOMP_RET_ALLOW),
            give(refuse),
        ]);
    }
    for (place, &call) in ALLOWED.iter().enumerate() {
        let number = u32::try_from(call).expect("system call numbers are small");
        program.push(jump(BPF_JEQ, number, ALLOWED.len() - place, 0));
    }
    program.push(give(refuse));
    program.push(give(libc::SECCOMP_RET_ALLOW));
    program
}

/// Confines this process for good: no new privileges, no core file, and the filter.
///
/// The time stamp counter traps from here on, so host code must not read the time of day any more.
///
/// # Errors
/// When Linux refuses, as one without system call filters does.
pub fn confine(channel: &Channel) -> Result<(), HostError> {
    // The sanitizer's own code reads the time and makes system calls of its own.
    if cfg!(ntpool_thread_sanitizer) {
        return Ok(());
    }
    let program = filter(channel.descriptor(), std::process::id());
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len()).expect("the filter is short"),
        filter: program.as_ptr().cast_mut(),
    };
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    trap_time_stamps()?;
    // SAFETY: the pointers are to live structures, and none of these calls changes memory of ours.
    unsafe {
        if libc::setrlimit(libc::RLIMIT_CORE, &raw const none) != 0 {
            return Err(HostError::last("forbid core files"));
        }
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
            return Err(HostError::last("give up new privileges"));
        }
        // For every thread there is.
        let flags = libc::SECCOMP_FILTER_FLAG_TSYNC;
        let filter = &raw const filter;
        if libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, filter) != 0 {
            return Err(HostError::last("install the system call filter"));
        }
    }
    Ok(())
}

/// Makes the time stamp counter trap for the calling thread.
///
/// # Errors
/// When Linux refuses.
pub(crate) fn trap_time_stamps() -> Result<(), HostError> {
    if cfg!(ntpool_thread_sanitizer) {
        return Ok(());
    }
    // SAFETY: changes a setting of this thread and no memory.
    if unsafe { libc::prctl(libc::PR_SET_TSC, libc::PR_TSC_SIGSEGV, 0, 0, 0) } != 0 {
        return Err(HostError::last("trap the time stamp counter"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter as the kernel would, for a call from an instruction.
    fn verdict(instruction: u64, architecture: u32, call: i64) -> u32 {
        verdict_with(instruction, architecture, call, 0)
    }

    fn verdict_with(instruction: u64, architecture: u32, call: i64, argument: u32) -> u32 {
        let program = filter(200, 4711);
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let step = program[at];
            at += 1;
            let code = u32::from(step.code);
            if code == BPF_RET | BPF_K {
                return step.k;
            } else if code == BPF_LD | BPF_W | BPF_ABS {
                accumulator = match step.k {
                    field::NUMBER => call as u32,
                    field::ARCHITECTURE => architecture,
                    field::FIRST_ARGUMENT => argument,
                    field::INSTRUCTION_HIGH => (instruction >> 32) as u32,
                    other => panic!("the filter reads at {other}"),
                };
            } else {
                let taken = match code & 0xF0 {
                    BPF_JEQ => accumulator == step.k,
                    BPF_JGE => accumulator >= step.k,
                    other => panic!("the filter tests by {other}"),
                };
                at += usize::from(if taken { step.jt } else { step.jf });
            }
        }
    }

    #[test]
    fn driver_code_makes_no_system_call_and_the_host_only_those_it_needs() {
        let host = 0x5555_5555_0000;
        for call in [libc::SYS_exit_group, libc::SYS_write, libc::SYS_socket] {
            assert_eq!(verdict(ARENA.base.0, AUDIT_ARCH_X86_64, call), libc::SECCOMP_RET_TRAP);
            assert_eq!(verdict(ARENA.end().0 - 1, AUDIT_ARCH_X86_64, call), libc::SECCOMP_RET_TRAP);
        }
        for &call in ALLOWED {
            assert_eq!(verdict(host, AUDIT_ARCH_X86_64, call), libc::SECCOMP_RET_ALLOW, "{call}");
        }
        for call in [libc::SYS_socket, libc::SYS_openat, libc::SYS_execve, libc::SYS_fork, libc::SYS_ptrace] {
            let refused = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
            assert_eq!(verdict(host, AUDIT_ARCH_X86_64, call), refused, "{call}");
            assert_eq!(verdict(ARENA.end().0, AUDIT_ARCH_X86_64, call), refused, "{call}");
        }
        for (call, right, wrong) in
            [(libc::SYS_write, 2, 1), (libc::SYS_sendto, 200, 3), (libc::SYS_tgkill, 4711, 1)]
        {
            let refused = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
            assert_eq!(verdict_with(host, AUDIT_ARCH_X86_64, call, right), libc::SECCOMP_RET_ALLOW, "{call}");
            assert_eq!(verdict_with(host, AUDIT_ARCH_X86_64, call, wrong), refused, "{call}");
        }
        assert_eq!(verdict(host, 0x4000_0003, 1), libc::SECCOMP_RET_KILL_PROCESS);
    }
}
