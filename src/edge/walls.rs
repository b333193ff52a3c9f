//! The walls that a process puts up around itself before it touches anything hostile, or after it
//! has read the keys: no file, no network, no other process, little of the kernel, bounded memory
//! and time.
//!
//! Landlock and seccomp stand where the kernel has them; `Walls` says which do. The limits of
//! setrlimit(2) always stand. Nothing here can be taken back. Failure: a limit that cannot be set is
//! an error, and the process ends.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter_all_threads,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a process may use. None: as much as the machine has.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Address space, octets.
    pub memory: Option<u64>,
    /// Processor time over the whole life, seconds.
    pub cpu: Option<u64>,
}

/// Which walls stand beside the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walls {
    pub landlock: bool,
    pub seccomp: bool,
}

/// What a process still does behind its walls, beside talking over what is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// It connects to Unix sockets (gpg-agent's).
    pub unix_sockets: bool,
    /// It accepts connections on a socket that is open.
    pub accepts: bool,
}

/// Puts up all walls around every thread of this process.
pub fn put_up(limits: Limits, needs: Needs) -> Result<Walls, String> {
    limit(limits).map_err(|error| format!("the limits of the process cannot be set: {error}"))?;
    // Nobody reads our memory, and no core is written.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| format!("prctl: {error}"))?;
    let landlock = match shut_out_files() {
        Ok(stands) => stands,
        // A unit that forbids the calls themselves has walls of its own.
        Err(RulesetError::CreateRuleset(_) | RulesetError::RestrictSelf(_)) => false,
        Err(error) => return Err(format!("landlock: {error}")),
    };
    let seccomp = narrow_kernel(needs).map_err(|error| format!("seccomp: {error}"))?;
    Ok(Walls { landlock, seccomp })
}

/// No core of this process, nor of any that it starts, is ever written: its memory holds mail and keys.
pub fn leave_no_core() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "a crash may write a core file");
    }
}

fn limit(limits: Limits) -> rustix::io::Result<()> {
    let set = |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    set(Resource::Core, 0)?;
    set(Resource::Fsize, 0)?;
    set(Resource::Nofile, FILES)?;
    limits.memory.map_or(Ok(()), |most| set(Resource::As, most))?;
    limits.cpu.map_or(Ok(()), |most| set(Resource::Cpu, most))
}

/// Open files: standard ones, the wire, a socket a thread.
const FILES: u64 = 64;

fn shut_out_files() -> Result<bool, RulesetError> {
    let newest = ABI::V6;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(newest))?
        .handle_access(AccessNet::from_all(newest))?
        .scope(Scope::from_all(newest))?
        .create()?
        .restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// What Rust's runtime, the allocator, OpenSSL and a talk over an open socket need, and nothing else.
const ALLOWED: &[i64] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_shutdown,
    libc::SYS_close,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_ppoll,
    libc::SYS_futex,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mlock,
    libc::SYS_munlock,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_tgkill,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Memory that holds code is never made: mmap(2) and mprotect(2) without PROT_EXEC.
const MAPPING: [i64; 2] = [libc::SYS_mmap, libc::SYS_mprotect];

fn narrow_kernel(needs: Needs) -> Result<bool, seccompiler::Error> {
    // Elsewhere the filter cannot be written: the other walls stand.
    let Ok(arch) = std::env::consts::ARCH.try_into() else { return Ok(false) };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    let is = |argument, operator, value| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value);
    let executable = libc::PROT_EXEC.unsigned_abs().into();
    for call in MAPPING {
        let rule = SeccompRule::new(vec![is(2, SeccompCmpOp::MaskedEq(executable), 0)?])?;
        rules.insert(call, vec![rule]);
    }
    if needs.unix_sockets {
        let unix = SeccompRule::new(vec![is(0, SeccompCmpOp::Eq, libc::AF_UNIX.unsigned_abs().into())?])?;
        rules.insert(libc::SYS_socket, vec![unix]);
        rules.insert(libc::SYS_connect, Vec::new());
        rules.insert(libc::SYS_fcntl, Vec::new());
    }
    if needs.accepts {
        rules.insert(libc::SYS_accept4, Vec::new());
        rules.insert(libc::SYS_fcntl, Vec::new());
    }
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter: BpfProgram = SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)?.try_into()?;
    match apply_filter_all_threads(&filter) {
        Ok(()) => Ok(true),
        // The kernel has no seccomp, or a unit forbids the call.
        Err(seccompiler::Error::Seccomp(error) | seccompiler::Error::Prctl(error))
            if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS | libc::EPERM)) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
