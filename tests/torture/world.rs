//! Other users, other process namespaces, other languages.

use std::os::fd::AsRawFd;
use std::process::Command;

use ndshm::error::Error;
use ndshm::segment::{Access, Draft, Name, Removal, Segment, Spec, Via, prune, unlink};

use crate::arena;
use crate::cases::{Ctx, Holder, Stage, dtype, next_create, prune_now, set};
use crate::kid::{End, Kid, alarm};
use crate::shim;
use crate::shm::BOTH;
use crate::shm::skip::skipped;

#[test]
fn process_namespaces_see_who_is_alive() {
    arena::enter("namespaces", "4m");
}

#[test]
fn other_users_may_do_what_the_mode_says() {
    // SAFETY: takes no pointers.
    if unsafe { libc::geteuid() } != 0 {
        return skipped("segments of another user", "only root can be one");
    }
    arena::enter_shared("users");
}

#[test]
fn pythons_tracker_takes_a_name_and_nothing_else() {
    arena::enter("python", "4m");
}

/// What `body` answers as process 1 of a namespace of its own.
fn in_namespace(body: impl FnOnce() -> String) -> Option<String> {
    let answer = Kid::tell(|| {
        // SAFETY: takes no pointers.
        if unsafe { libc::unshare(libc::CLONE_NEWPID) } != 0 {
            return String::new();
        }
        Kid::tell(|| {
            assert_eq!(std::process::id(), 1);
            body()
        })
    });
    (!answer.is_empty()).then_some(answer)
}

pub(crate) fn namespaces() {
    alarm(30);
    for via in BOTH {
        let ctx = Ctx { name: arena::name("pidns"), via };
        // Alive outside: alive inside.
        let mut holder = Holder::start(ctx, true);
        let inside = || {
            let attached = Segment::attach(&ctx.name, Access::Read, None).map(|s| s.refcount());
            format!("{} {attached:?}", next_create(ctx))
        };
        let Some(told) = in_namespace(inside) else {
            return skipped("process namespaces", "there are none here");
        };
        assert_eq!(told, "Err(Exists) Ok(2)");
        assert_eq!(holder.state(), (true, true));
        holder.end();
        // Killed inside, where its id was 1, which is somebody's everywhere.
        for stage in [Stage::Orphan, Stage::Unready] {
            in_namespace(|| {
                set(stage, ctx);
                "made".to_string()
            });
            assert_eq!(arena::left("pidns").len(), 1);
            assert_eq!(next_create(ctx), "Ok(())");
        }
        alive_inside(ctx);
        assert!(arena::left("pidns").is_empty());
    }
}

/// Alive inside: alive outside.
fn alive_inside(ctx: Ctx) {
    let mut kid = Kid::start(|line| {
        // SAFETY: takes no pointers.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWPID) }, 0);
        let mut holder = Holder::start(ctx, true);
        line.ask("held");
        assert_eq!(holder.state(), (true, true));
        holder.end();
    });
    assert_eq!(kid.line.hear().as_deref(), Some("held"));
    assert_eq!(next_create(ctx), "Err(Exists)");
    Holder::start(ctx, false).end();
    kid.line.say("go");
    assert_eq!(kid.end(), End::Exit(0));
}

/// Who somebody else is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// In the group of the segment.
    Member,
    Stranger,
}

const NOBODY: u32 = 65534;

fn become_another(who: Who) {
    let group = if who == Who::Member { 0 } else { NOBODY };
    // SAFETY: no groups are read.
    assert_eq!(unsafe { libc::setgroups(0, core::ptr::null()) }, 0);
    // SAFETY: takes no pointers.
    assert_eq!(unsafe { libc::setgid(group) }, 0);
    // SAFETY: takes no pointers.
    assert_eq!(unsafe { libc::setuid(NOBODY) }, 0);
}

/// What `body` answers as another user.
fn as_another(who: Who, body: impl FnOnce() -> String) -> String {
    Kid::tell(|| {
        become_another(who);
        shim::hurry();
        body()
    })
}

pub(crate) fn users() {
    alarm(60);
    let name = arena::name("users");
    for via in BOTH {
        let ctx = Ctx { name, via };
        for (mode, member, stranger) in [
            (0o600, "--", "--"),
            (0o640, "r-", "--"),
            (0o660, "rw", "--"),
            (0o644, "r-", "r-"),
            (0o666, "rw", "rw"),
        ] {
            let mut holder = hold_with(ctx, mode);
            assert_eq!(as_another(Who::Member, || rights(ctx)), member, "{mode:o}");
            assert_eq!(as_another(Who::Stranger, || rights(ctx)), stranger, "{mode:o}");
            assert_eq!(as_another(Who::Stranger, || removals(ctx)), "kept", "{mode:o}");
            assert_eq!(holder.state(), (true, true));
            holder.end();
        }
        strangers_are_last(ctx);
        strangers_lock(ctx);
        assert!(arena::names(name.as_str()).is_empty());
    }
}

fn hold_with(ctx: Ctx, mode: u32) -> Holder {
    let mut kid = Kid::start(|line| {
        let spec = Spec { via: ctx.via, mode, ..Spec::new(dtype(), &[1000]) };
        let mut draft = Draft::create(&ctx.name, &spec).unwrap();
        crate::cases::fill(&mut draft);
        crate::cases::serve(draft.publish().unwrap(), line);
    });
    assert_eq!(kid.line.hear().as_deref(), Some("held"));
    Holder(kid)
}

/// What one can do with the segment, as `ls` would say it.
fn rights(ctx: Ctx) -> String {
    let can = |access, letter| match Segment::attach(&ctx.name, access, None) {
        Ok(_) => letter,
        Err(Error::Permission) => '-',
        Err(error) => panic!("{error:?}"),
    };
    [can(Access::Read, 'r'), can(Access::ReadWrite, 'w')].iter().collect()
}

/// Tries all that could remove somebody else's segment.
fn removals(ctx: Ctx) -> String {
    assert_eq!(unlink(&ctx.name), Err(Error::Permission));
    assert_eq!(next_create(ctx), "Err(Exists)");
    let mut removal = None;
    prune(|name, result| {
        removal = (*name == ctx.name).then_some(result).or(removal);
        Ok(())
    })
    .unwrap();
    assert!(matches!(removal, Some(Ok(Removal::Foreign) | Err(Error::Permission))), "{removal:?}");
    "kept".to_string()
}

/// Another user is the last to leave, and cannot remove the name.
fn strangers_are_last(ctx: Ctx) {
    let holder = hold_with(ctx, 0o666);
    let mut stranger = Kid::start(|line| {
        become_another(Who::Stranger);
        let _seen = Segment::attach(&ctx.name, Access::ReadWrite, None).unwrap();
        line.ask("attached");
    });
    assert_eq!(stranger.line.hear().as_deref(), Some("attached"));
    holder.end();
    assert_eq!(next_create(ctx), "Err(Exists)", "a stranger has it");
    stranger.line.say("go");
    assert_eq!(stranger.end(), End::Exit(0));
    assert_eq!(arena::names(ctx.name.as_str()).len(), 1, "an orphan");
    assert_eq!(as_another(Who::Stranger, || removals(ctx)), "kept", "of somebody else");
    assert_eq!(next_create(ctx), "Ok(())", "its owner removes it");
}

/// Whoever can read it can lock it: the others are told, and do not hang.
fn strangers_lock(ctx: Ctx) {
    Kid::run(|_| {
        let spec = Spec { via: ctx.via, mode: 0o644, ..Spec::new(dtype(), &[1000]) };
        core::mem::forget(Draft::create(&ctx.name, &spec).unwrap().publish().unwrap());
    });
    let mut stranger = Kid::start(|line| {
        become_another(Who::Stranger);
        let file = std::fs::File::open(ctx.name.path().to_str().unwrap()).unwrap();
        // SAFETY: takes no pointers.
        assert_eq!(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) }, 0);
        line.ask("locked");
    });
    assert_eq!(stranger.line.hear().as_deref(), Some("locked"));
    let told = Kid::tell(|| {
        shim::hurry();
        let attached = Segment::attach(&ctx.name, Access::Read, None).map(drop);
        format!("{attached:?} {}", next_create(ctx))
    });
    assert_eq!(told, "Err(Busy) Err(Busy)");
    stranger.line.say("go");
    assert_eq!(stranger.end(), End::Exit(0));
    assert_eq!(next_create(ctx), "Ok(())");
}

/// Attaches by the standard library, and leaves; with an argument it says that
/// its resource tracker is not to clean up after it.
const PYTHON: &str = r#"
import sys
from multiprocessing import resource_tracker, shared_memory
shm = shared_memory.SharedMemory(name="ndshm." + sys.argv[1])
assert bytes(shm.buf[:5]) == b"ndshm" or shm.size > 4096
if len(sys.argv) > 2:
    resource_tracker.unregister(shm._name, "shared_memory")
shm.close()
"#;

fn python(name: &Name, argument: &[&str]) -> bool {
    let mut command = Command::new("python3");
    command.args(["-c", PYTHON, name.as_str()]).args(argument).env_remove("LD_PRELOAD");
    let result = command.output().unwrap();
    // The tracker does its work after the process has gone.
    std::thread::sleep(core::time::Duration::from_millis(300));
    result.status.success()
}

pub(crate) fn snake() {
    alarm(60);
    if Command::new("python3")
        .args(["-c", "import multiprocessing.shared_memory"])
        .status()
        .is_err()
    {
        return skipped("python3", "it is not installed");
    }
    let ctx = Ctx { name: arena::name("python"), via: Via::Auto };
    let mut holder = Holder::start(ctx, true);
    assert!(python(&ctx.name, &["unregister"]));
    assert_eq!(holder.state(), (true, true), "a reader that unregisters changes nothing");
    // Without that the tracker unlinks what it never made (CPython issue 82300): the
    // name is gone, and nothing else.
    assert!(python(&ctx.name, &[]));
    let (sound, current) = holder.state();
    println!("after a tracked reader the name is {}", if current { "there" } else { "gone" });
    assert!(sound);
    if !current {
        let mut next = Holder::start(ctx, true);
        assert_eq!(holder.state(), (true, false));
        holder.end();
        assert_eq!(next.state(), (true, true));
        next.end();
    }
    prune_now();
}
