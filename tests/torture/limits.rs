//! Little of everything: descriptors, memory, patience, features.

use core::sync::atomic::{AtomicBool, Ordering::SeqCst};
use core::time::Duration;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use ndshm::error::Error;
use ndshm::segment::{Access, Draft, Segment, Spec, Via};

use crate::arena::{self, left, name};
use crate::cases::{CASES, Case, Ctx, draft, dtype, is_sound, next_create, prune_now, publish};
use crate::kid::{End, Kid, alarm};
use crate::kill::{self, ctx};
use crate::shim::{self, How, Lacks};
use crate::shm::BOTH;
use crate::shm::skip::skipped;

#[test]
fn ten_thousand_segments_need_no_descriptors() {
    arena::enter("many", "256m");
}

#[test]
fn cycles_leave_memory_and_descriptors_as_they_were() {
    arena::enter("cycles", "4m");
}

#[test]
fn a_tiny_tmpfs_is_an_error_and_not_a_signal() {
    arena::enter("tiny", "64k");
}

#[test]
fn a_storm_of_signals_is_not_noticed() {
    arena::enter("signals", "128m");
}

#[test]
fn the_mode_is_right_whatever_the_umask_does() {
    arena::enter("umask", "4m");
}

#[test]
fn nobody_but_a_creator_asks_for_a_new_object() {
    arena::enter("flags", "4m");
}

#[test]
fn systems_that_lack_something_are_as_safe() {
    arena::enter("lacking", "4m");
}

/// All at once in one process that may have 64 descriptors.
pub(crate) fn many() {
    alarm(100);
    Kid::run(|_| {
        alarm(90);
        let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
        // SAFETY: `limit` is initialised.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        let before = arena::leaks();
        let spec = Spec::new(dtype(), &[1]);
        let mut all = Vec::new();
        for i in 0..10_000 {
            let spec = Spec { via: BOTH[i % 2], ..spec };
            let draft = Draft::create(&name(&format!("many.{i}")), &spec).unwrap();
            all.push(draft.publish().unwrap());
        }
        assert_eq!(arena::leaks().0, before.0);
        assert!(all.iter().all(Segment::is_current));
        let one = Segment::attach(&name("many.9999"), Access::Read, None).unwrap();
        assert_eq!(one.refcount(), 2);
        drop((all, one));
        assert!(left("many").is_empty());
    });
}

/// Pages of this process that are in memory.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

pub(crate) fn cycles() {
    alarm(300);
    let once = |via| {
        let ctx = Ctx { name: name("cycle"), via };
        let made = publish(ctx).unwrap();
        let seen = Segment::attach(&ctx.name, Access::Read, None).unwrap();
        made.detach();
        seen.detach();
    };
    BOTH.into_iter().for_each(once);
    let before = (arena::leaks(), resident());
    for i in 0..arena::rounds(1000, 100_000) {
        once(BOTH[i as usize % 2]);
    }
    assert_eq!(arena::leaks(), before.0);
    assert!(resident() < before.1 + 64, "{} pages, then {}", before.1, resident());
}

/// 64 KiB: enough for some small segments, and then not.
pub(crate) fn tiny() {
    alarm(30);
    if !arena::is_private() {
        return skipped("a /dev/shm of its own", "none can be mounted here");
    }
    for via in BOTH {
        let spec = Spec { via, ..Spec::new(dtype(), &[100]) };
        let mut all = Vec::new();
        let error = loop {
            let made = Draft::create(&name(&format!("tiny.{}", all.len())), &spec);
            match made.and_then(|draft| Ok(draft.publish()?)) {
                Ok(segment) => all.push(segment),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::NoSpace { free: 0..8192, .. }), "{error:?}");
        assert!(all.len() > 3 && all.iter().all(Segment::is_current));
        assert_eq!(left("tiny").len(), all.len(), "the one that failed left no name");
        // Attaching needs no memory of it.
        let seen = Segment::attach(&name("tiny.0"), Access::Read, None).unwrap();
        assert_eq!(seen.shape(), [100]);
        let growing = Spec { shape: &[0], ..spec };
        let error = Draft::create_growable(&name("tiny.grow"), &growing).unwrap_err();
        assert!(matches!(error, Error::NoSpace { .. }), "{error:?}");
        drop((all, seen));
        assert!(left("tiny").is_empty());
        grow_until_full(&growing);
        assert!(left("tiny").is_empty());
    }
}

/// Rows until memory is full; then all that were written are published.
fn grow_until_full(spec: &Spec<'_>) {
    let mut growable = Draft::create_growable(&name("tiny.grow"), spec).unwrap();
    let rows = [7_u8; 4096];
    // SAFETY: the bytes are readable for their length.
    while unsafe { growable.append(rows.as_ptr(), rows.len()) }.is_ok() {}
    let rows = growable.data_len() / 4096 * 512;
    let made = growable.finish(rows).unwrap().publish().unwrap();
    assert!(rows >= 10 * 512 && made.data_len() as u64 == rows * 8);
    let mut data = vec![0; made.data_len()];
    made.copy_to(&mut data, 0).unwrap();
    assert!(data.iter().all(|byte| *byte == 7));
}

extern "C" fn on_alarm(_: i32) {}

/// A signal every fraction of a millisecond, and no call is restarted.
fn storm_of_signals(microseconds: libc::suseconds_t) {
    // SAFETY: all-zero is a valid `sigaction` with no flags.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = on_alarm as *const () as usize;
    // SAFETY: the handler does nothing.
    unsafe { libc::sigaction(libc::SIGPROF, &raw const action, core::ptr::null_mut()) };
    // SAFETY: as above.
    unsafe { libc::sigaction(libc::SIGALRM, &raw const action, core::ptr::null_mut()) };
    let each = libc::timeval { tv_sec: 0, tv_usec: microseconds };
    let timer = libc::itimerval { it_interval: each, it_value: each };
    // SAFETY: `timer` is initialised.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, core::ptr::null_mut()) };
}

pub(crate) fn signals() {
    alarm(100);
    Kid::run(|_| {
        storm_of_signals(300);
        for i in 0..arena::rounds(4, 100) {
            let ctx = Ctx { name: name("signals"), via: BOTH[i as usize % 2] };
            let spec = Spec { via: ctx.via, ..Spec::new(dtype(), &[4 << 20]) };
            let made = Draft::create(&ctx.name, &spec).unwrap().publish().unwrap();
            let file = std::fs::metadata(ctx.name.path().to_str().unwrap()).unwrap();
            assert!(file.blocks() * 512 >= file.len(), "every page is there");
            drop(made);
            for _ in 0..100 {
                let made = publish(ctx).unwrap();
                let seen = Segment::attach(&ctx.name, Access::Read, None).unwrap();
                assert!(is_sound(&seen) && seen.refcount() == 2);
                drop((made, seen));
            }
            let wait = Some(Duration::from_millis(20));
            let error = Segment::attach(&ctx.name, Access::Read, wait).unwrap_err();
            assert_eq!(error, Error::NotFound);
        }
        assert!(left("signals").is_empty());
    });
}

/// One thread changes the umask all the time, which is the whole process's.
pub(crate) fn umask() {
    alarm(60);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(SeqCst) {
                for mask in [0o077, 0, 0o777, 0o022] {
                    // SAFETY: takes no pointers.
                    unsafe { libc::umask(mask) };
                }
            }
        });
        let makers = [0o600, 0o644, 0o666].map(|mode| scope.spawn(move || make_many(mode)));
        for maker in makers {
            maker.join().unwrap();
        }
        stop.store(true, SeqCst);
    });
}

fn make_many(mode: u32) {
    for i in 0..arena::rounds(300, 10_000) as usize {
        let name = name(&format!("umask.{mode}"));
        let spec = Spec { via: BOTH[i % 2], mode, ..Spec::new(dtype(), &[1]) };
        let _made = Draft::create(&name, &spec).unwrap().publish().unwrap();
        let file = std::fs::metadata(name.path().to_str().unwrap()).unwrap();
        assert_eq!(file.permissions().mode() & 0o7777, mode);
    }
}

/// Where `fs.protected_regular` is set, `O_CREAT` on what is there is refused.
pub(crate) fn flags() {
    let creates = |case: &Case, via| {
        let calls = kill::count(case, ctx("flags", via));
        (1..=calls).filter(|n| shim::call(*n) == "shm_create").count()
    };
    for case in CASES {
        let creating = case.name.contains("create") || case.name.contains("grow");
        let creating = creating || case.name.contains("own");
        assert_eq!(creates(case, Via::Auto), 0, "{}", case.name);
        assert_eq!(creates(case, Via::ShmOpen) > 0, creating, "{}", case.name);
    }
}

/// Systems where mappings carry no locks, as far as anybody can tell, where no
/// file is without a name, and without `/proc`.
pub(crate) fn lacking() {
    for lacks in [Lacks::Nothing, Lacks::Reopen, Lacks::TmpFile, Lacks::Proc] {
        shim::lack(lacks);
        for via in BOTH {
            alarm(100);
            descriptors(ctx("lack", via), lacks);
            killed(ctx("lack", via), lacks);
        }
    }
    shim::lack(Lacks::Nothing);
}

/// Attached segments have descriptors where the mapping does not do, and only there.
fn descriptors(ctx: Ctx, lacks: Lacks) {
    Kid::run(|_| {
        let before = arena::leaks();
        let made = publish(ctx).unwrap();
        let seen = Segment::attach(&ctx.name, Access::Read, None).unwrap();
        let kept = if lacks == Lacks::Nothing { 0 } else { 2 };
        shim::lack(Lacks::Nothing);
        assert_eq!(arena::leaks().0, before.0 + kept, "{lacks:?}");
        shim::lack(lacks);
        // It was named from the start where that is the only way.
        assert_eq!(next_create(ctx), "Err(Exists)");
        drop(made);
        assert!(seen.is_current() && is_sound(&seen));
        Kid::run(|_| {
            // SAFETY: the parent's copy is another one.
            drop(unsafe { core::ptr::read(&raw const seen) });
        });
        assert!(seen.is_current(), "a child took the name away");
        drop(seen);
        assert!(arena::names(ctx.name.as_str()).is_empty());
        assert_eq!(arena::leaks(), before);
    });
    Kid::run(|_| {
        let draft = draft(ctx, ndshm::segment::Policy::LastDetach).unwrap();
        let named = ctx.via == Via::ShmOpen || matches!(lacks, Lacks::TmpFile | Lacks::Proc);
        assert_eq!(!arena::names(ctx.name.as_str()).is_empty(), named, "{lacks:?}");
        drop(draft);
    });
}

/// Killed at every so many calls, or at every one in the long form.
fn killed(ctx: Ctx, lacks: Lacks) {
    let step = arena::rounds(4, 1) as usize;
    // Without `/proc` an anonymous segment is not attached read-only.
    for case in CASES.iter().filter(|case| !case.name.contains("anonymous")) {
        let at = |n| format!("{} {:?} {lacks:?} killed at {n}", case.name, ctx.via);
        for n in (1..=kill::count(case, ctx)).step_by(step) {
            let ran = kill::run(case, ctx, How::Kill, n);
            assert_eq!(ran.end, End::Signal(libc::SIGKILL), "{}", at(n));
            kill::check(case, ctx, ran.holders, n % 2 == 0, &at(n));
        }
    }
    prune_now();
}
