//! Who dies, and what is left: real processes, real kills.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

mod shm;

use core::time::Duration;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use ndshm::error::Error;
use ndshm::segment::{
    Access, Draft, Info, Name, Policy, Removal, Segment, Spec, Via, glance, prune, unlink,
};
use shm::helper::{ARGS, Helper, STARTING, create, pause, say, via};
use shm::skip::skipped;
use shm::{Scratch, float64, publish, values};

/// Not a test of its own: what the helpers are.
#[test]
fn helper() {
    let Ok(role) = std::env::var("NDSHM_TEST_ROLE") else { return };
    let words: Vec<_> = role.split(' ').collect();
    let name = Name::new(words.get(1).unwrap_or(&"test.nobody")).unwrap();
    match words[0] {
        "create" => create_slowly(&name, via(words[2])),
        "grow" => grow_slowly(&name, via(words[2])),
        "hold" => {
            let _segment = Segment::attach(&name, Access::Read, None).unwrap();
            pause("attached");
        }
        "exec" => {
            let _segment = publish(&name, &[3], |_| {});
            pause("ready");
            let error = Command::new("sleep").arg("1000").stdout(Stdio::null()).exec();
            panic!("{error}");
        }
        "wait" => {
            say("waiting");
            let wait = Some(Duration::from_secs(100));
            say(&format!("{:?}", Segment::attach(&name, Access::Read, wait).map(drop)));
        }
        "poke" => {
            let segment = Segment::attach(&name, Access::Read, None).unwrap();
            say("attached");
            // SAFETY: not a write that anybody relies on: the page cannot be written, and
            // the signal that says so is what the test waits for.
            unsafe { segment.data_ptr().cast_mut().write_volatile(1) };
            say("written");
        }
        "other" => another_user(&name),
        "fork" => fork_matrix(&name),
        "full" => fill_a_small_shm(),
        "prune" => prune_all_kinds(),
        "rival" => rival(&name),
        _ => panic!("no such role: {role}"),
    }
}

fn create_slowly(name: &Name, via: Via) {
    let dtype = float64();
    let spec = Spec { via, ..Spec::new(dtype.as_dtype(), &[3]) };
    let draft = Draft::create(name, &spec).unwrap();
    pause("draft");
    let _segment = draft.publish().unwrap();
    pause("published");
}

fn grow_slowly(name: &Name, via: Via) {
    let dtype = float64();
    let spec = Spec { via, ..Spec::new(dtype.as_dtype(), &[0]) };
    let mut growable = Draft::create_growable(name, &spec).unwrap();
    pause("draft");
    let rows = vec![1.0_f64; 10_000];
    // SAFETY: the vector is readable for its length.
    unsafe { growable.append(rows.as_ptr().cast(), 80_000) }.unwrap();
    pause("rows");
}

#[test]
fn a_creator_killed_before_publication_leaves_nothing_or_an_orphan() {
    for role in ["create", "grow"] {
        for (via, visible) in [("hidden", false), ("named", true)] {
            let scratch = Scratch::new("early");
            let mut creator = Helper::start(&format!("{role} {} {via}", scratch.0));
            creator.expect("draft");
            assert_eq!(scratch.exists(), visible);
            if visible {
                assert_eq!(create(&scratch.0), Err(Error::Exists));
            }
            if role == "grow" {
                creator.go();
                creator.expect("rows");
            }
            creator.kill();
            assert!(visible || !scratch.exists());
            create(&scratch.0).unwrap();
            assert!(!scratch.exists());
        }
    }
}

#[test]
fn a_killed_holder_leaves_an_orphan_for_the_next_create() {
    for via in ["hidden", "named"] {
        let scratch = Scratch::new("orphan");
        let mut creator = Helper::start(&format!("create {} {via}", scratch.0));
        creator.expect("draft");
        creator.go();
        creator.expect("published");
        assert_eq!(create(&scratch.0), Err(Error::Exists));
        assert!(glance(&scratch.0).unwrap().alive.attached);
        creator.kill();
        if let Ok(info) = Info::peek(&scratch.0) {
            assert!(!info.glance().alive.attached);
            assert_eq!(info.refcount(), 1, "nobody counted the dead out");
        }
        assert!(create(&scratch.0).is_ok());
        assert!(!scratch.exists());
    }
}

#[test]
fn a_killed_visitor_changes_nothing() {
    let scratch = Scratch::new("visitor");
    let mut creator = Helper::start(&format!("create {} hidden", scratch.0));
    creator.expect("draft");
    creator.go();
    creator.expect("published");
    let mut visitor = Helper::start(&format!("hold {}", scratch.0));
    visitor.expect("attached");
    visitor.kill();
    assert!(scratch.exists());
    creator.go();
    creator.end();
    assert!(!scratch.exists());
}

#[test]
fn a_segment_outlives_its_creator_while_somebody_has_it() {
    let scratch = Scratch::new("outlive");
    let mut creator = Helper::start(&format!("create {} hidden", scratch.0));
    creator.expect("draft");
    creator.go();
    creator.expect("published");
    let mut visitor = Helper::start(&format!("hold {}", scratch.0));
    visitor.expect("attached");
    creator.kill();
    assert_eq!(create(&scratch.0), Err(Error::Exists));
    visitor.signal(libc::SIGSTOP);
    assert_eq!(create(&scratch.0), Err(Error::Exists), "stopped is not dead");
    visitor.signal(libc::SIGCONT);
    visitor.go();
    visitor.end();
    assert!(!scratch.exists());
}

#[test]
fn what_is_attached_for_reading_cannot_be_written() {
    let scratch = Scratch::new("poke");
    let mut creator = Helper::start(&format!("create {} hidden", scratch.0));
    creator.expect("draft");
    creator.go();
    creator.expect("published");
    let mut reader = Helper::start(&format!("poke {}", scratch.0));
    reader.expect("attached");
    assert_eq!(reader.answer(), None);
    let status = reader.child.wait().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGSEGV));
}

/// What user `nobody` may do with a segment of 0600, and then of 0644.
fn another_user(name: &Name) {
    let attach = |access| Segment::attach(name, access, None);
    pause("begin");
    assert_eq!(attach(Access::Read).unwrap_err(), Error::Permission);
    assert_eq!(Info::peek(name).unwrap_err(), Error::Permission);
    pause("secret");
    assert_eq!(attach(Access::ReadWrite).unwrap_err(), Error::Permission);
    let seen = attach(Access::Read).unwrap();
    assert_eq!((values(&seen), seen.refcount()), (vec![0.0, 1.0], 1));
    assert_eq!(create(name), Err(Error::Exists));
    assert_eq!(unlink(name), Err(Error::Permission));
    pause("attached");
    drop(seen);
    assert!(!glance(name).unwrap().alive.attached);
    assert_eq!(create(name), Err(Error::Exists), "another user's dead are left alone");
    say("done");
}

#[test]
fn other_users_see_what_the_mode_allows_and_remove_nothing() {
    let scratch = Scratch::new("user");
    // SAFETY: takes no pointers.
    if unsafe { libc::geteuid() } != 0 {
        return skipped("segments of another user", "only root can be one");
    }
    let Some(mut other) = start_as_nobody(&format!("other {}", scratch.0)) else {
        return skipped("segments of another user", "they cannot run this file");
    };
    other.expect("begin");
    let publish_quietly = |mode| {
        let _quiet = STARTING.read().unwrap();
        publish(&scratch.0, &[2], |spec| spec.mode = mode)
    };
    let secret = publish_quietly(0o600);
    other.go();
    other.expect("secret");
    drop(secret);
    let made = publish_quietly(0o644);
    other.go();
    other.expect("attached");
    drop(made);
    assert_eq!(create(&scratch.0), Err(Error::Exists), "the other user has it");
    other.go();
    other.expect("done");
    create(&scratch.0).unwrap();
    assert!(!scratch.exists());
    let mut creator = start_as_nobody(&format!("create {} hidden", scratch.0)).unwrap();
    creator.expect("draft");
    creator.go();
    creator.expect("published");
    creator.kill();
    assert_eq!(create(&scratch.0), Err(Error::Exists), "not even by root");
    unlink(&scratch.0).unwrap();
}

fn start_as_nobody(role: &str) -> Option<Helper> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    Helper::try_spawn(command.args(ARGS).uid(65534).gid(65534).current_dir("/"), role)
}

#[test]
fn exec_gives_the_segment_up() {
    let scratch = Scratch::new("exec");
    let mut holder = Helper::start(&format!("exec {}", scratch.0));
    holder.expect("ready");
    assert_eq!(create(&scratch.0), Err(Error::Exists));
    holder.go();
    assert_eq!(holder.answer(), None, "its output is closed just before the exec");
    eventually(|| create(&scratch.0).is_ok());
}

#[test]
fn whoever_waits_for_a_creator_learns_of_its_death() {
    let scratch = Scratch::new("died");
    let mut creator = Helper::start(&format!("create {} named", scratch.0));
    creator.expect("draft");
    let mut waiter = Helper::start(&format!("wait {}", scratch.0));
    waiter.expect("waiting");
    std::thread::sleep(Duration::from_millis(50));
    creator.kill();
    // Where it had not got to waiting it found nothing, or the orphan; it waits on then.
    waiter.expect("Err(CreatorDied)");
    assert!(!scratch.exists(), "it removed what it found dead");
}

fn eventually(mut holds: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("still not");
}

/// Forks; the child runs `child` and leaves without anything else.
fn forked(child: impl FnOnce()) -> i32 {
    // SAFETY: the helper has no other thread that matters, and the child makes
    // system calls only.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        child();
        // SAFETY: ends the process without running anything.
        unsafe { libc::_exit(0) };
    }
    pid
}

fn wait(pid: i32) {
    // SAFETY: no status is asked for.
    unsafe { libc::waitpid(pid, core::ptr::null_mut(), 0) };
}

/// Blocks until killed, at the latest with its parent.
fn sleep_on() {
    // SAFETY: takes no pointers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    loop {
        // SAFETY: takes no pointers.
        unsafe { libc::pause() };
    }
}

fn fork_matrix(name: &Name) {
    for access in [Access::ReadWrite, Access::Read] {
        // The child drops it, or just ends: the parent keeps name and count.
        let made = publish(name, &[3], |_| {});
        let segment = Segment::attach(name, access, None).unwrap();
        drop(made);
        let pid = forked(|| drop(unsafe_copy(&segment)));
        wait(pid);
        wait(forked(|| {}));
        assert!(segment.is_current());
        assert_eq!(segment.refcount(), 1);
        // The parent detaches while a child has it: the name stays until that ends.
        let pid = forked(sleep_on);
        drop(segment);
        assert_eq!(create(name), Err(Error::Exists));
        assert!(glance(name).unwrap().alive.attached);
        // SAFETY: the child has not been waited for.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        wait(pid);
        create(name).unwrap();
        assert_eq!(glance(name), Err(Error::NotFound));
    }
    drafts_and_forks(name);
    say("done");
}

/// What a child does that drops its copy of the parent's handle.
fn unsafe_copy<T>(value: &T) -> T {
    // SAFETY: called in a forked child only, whose copy of the original is never
    // used or dropped.
    unsafe { core::ptr::read(value) }
}

fn drafts_and_forks(name: &Name) {
    let dtype = float64();
    for via in shm::BOTH {
        let spec = Spec { via, ..Spec::new(dtype.as_dtype(), &[1]) };
        let draft = Draft::create(name, &spec).unwrap();
        let at = draft.data_ptr() as usize;
        wait(forked(|| {
            // SAFETY: the page is mapped and shared, and nobody else uses it now.
            unsafe { (at as *mut f64).write(4.5) };
            drop(unsafe_copy(&draft));
        }));
        let made = draft.publish().unwrap();
        assert_eq!(values(&made), [4.5]);
        assert!(made.is_current());
    }
}

#[test]
fn forked_children_never_take_the_name_from_their_parent() {
    let scratch = Scratch::new("fork");
    let mut helper = Helper::start(&format!("fork {}", scratch.0));
    helper.expect("done");
    helper.end();
    assert!(!scratch.exists());
}

fn fill_a_small_shm() {
    pause("begin");
    let dtype = float64();
    let name = Name::new("full").unwrap();
    for via in shm::BOTH {
        let spec = Spec { via, ..Spec::new(dtype.as_dtype(), &[1 << 20]) };
        let error = Draft::create(&name, &spec).unwrap_err();
        let Error::NoSpace { need, free } = error else { panic!("{error:?}") };
        assert_eq!((need, free), (4096 + (8 << 20), 1 << 20));
        // Rows are written until memory is full.
        let spec = Spec { shape: &[0], ..spec };
        let mut growable = Draft::create_growable(&name, &spec).unwrap();
        let rows = [1.0_f64; 1000];
        // SAFETY: the array is readable for its length.
        let append = |growable: &mut ndshm::segment::Growable| unsafe {
            growable.append(rows.as_ptr().cast(), 8000)
        };
        let error = (0..1000).find_map(|_| append(&mut growable).err()).unwrap();
        assert!(matches!(error, Error::NoSpace { need: 8000, free: 0 }), "{error:?}");
        // What was written can be used.
        let rows = growable.data_len() / 8000 * 1000;
        let made = growable.finish(rows).unwrap().publish().unwrap();
        assert!(rows > 100_000 && values(&made).iter().all(|x| x.to_bits() == 1.0_f64.to_bits()));
        drop(made);
        // All of it fits, to the last page.
        let left = (1 << 20) - 4096;
        let spec = Spec { shape: &[left / 8], ..spec };
        Draft::create(&name, &spec).unwrap().data_mut().fill(7);
        let spec = Spec { shape: &[left / 8 + 1], ..spec };
        assert!(matches!(Draft::create(&name, &spec), Err(Error::NoSpace { .. })));
        assert_eq!(std::fs::read_dir("/dev/shm").unwrap().count(), 0);
    }
    say("done");
}

#[test]
fn full_shared_memory_is_an_error_and_not_a_signal() {
    Helper::run_in_private_shm("full", "1m");
}

fn prune_all_kinds() {
    pause("begin");
    let name = |text| Name::new(text).unwrap();
    let _live = publish(&name("live"), &[1], |_| {});
    publish(&name("kept"), &[1], |spec| spec.policy = Policy::Persist).detach();
    for role in ["create early named", "create late hidden"] {
        let mut creator = Helper::start(role);
        creator.expect("draft");
        if role.contains("late") {
            creator.go();
            creator.expect("published");
        }
        creator.kill();
    }
    std::fs::write("/dev/shm/ndshm.foreign", "notes").unwrap();
    std::fs::write("/dev/shm/ndshmother", []).unwrap();
    let mut seen = Vec::new();
    prune(|name, result| {
        seen.push((name.as_str().to_string(), result.unwrap()));
        Ok(())
    })
    .unwrap();
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("early", Removal::Removed),
        ("foreign", Removal::Kept),
        ("kept", Removal::Kept),
        ("late", Removal::Removed),
        ("live", Removal::Live),
    ];
    assert_eq!(seen, expected.map(|(name, removal)| (name.to_string(), removal)));
    assert_eq!(std::fs::read_dir("/dev/shm").unwrap().count(), 4);
    say("done");
}

#[test]
fn only_the_dead_are_pruned() {
    Helper::run_in_private_shm("prune", "1m");
}

/// Creates, attaches and detaches one name again and again, against others
/// that do the same and die at it. Whoever has a segment has it to the end.
fn rival(name: &Name) {
    let dtype = float64();
    let mut made = 0;
    for round in 0.. {
        if round >= 400 && made > 0 {
            break;
        }
        let spec = Spec { via: shm::BOTH[round % 2], ..Spec::new(dtype.as_dtype(), &[1]) };
        match Draft::create(name, &spec).and_then(|draft| Ok(draft.publish()?)) {
            Ok(segment) => {
                made += 1;
                std::thread::yield_now();
                assert!(segment.is_current(), "a live segment lost its name");
            }
            Err(Error::Exists) => {}
            Err(error) => panic!("create: {error:?}"),
        }
        match Segment::attach(name, Access::Read, None) {
            Ok(segment) => assert_eq!(values(&segment).len(), 1),
            Err(Error::NotFound | Error::NotReady | Error::CreatorDied) => {}
            Err(error) => panic!("attach: {error:?}"),
        }
        if round == 20 {
            say("running");
        }
    }
    say("done");
}

#[test]
fn rivals_for_one_name_never_take_it_from_the_living() {
    let scratch = Scratch::new("rival");
    let role = format!("rival {}", scratch.0);
    let mut steady: Vec<_> = (0..2).map(|_| Helper::start(&role)).collect();
    for _ in 0..5 {
        let mut victim = Helper::start(&role);
        victim.expect("running");
        victim.kill();
    }
    for helper in &mut steady {
        helper.expect("running");
        helper.expect("done");
    }
    create(&scratch.0).unwrap();
    assert!(!scratch.exists());
}
