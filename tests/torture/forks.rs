//! A parent and a child that have one segment: who may leave, and how.

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use core::time::Duration;

use ndshm::segment::{Name, Policy, Segment};

use crate::arena;
use crate::cases::{Ctx, draft, is_sound, next_create, prune_now};
use crate::kid::{Kid, alarm, outlive, shared_words};
use crate::shm::BOTH;

#[test]
fn parent_and_child_leave_in_every_way_and_order() {
    arena::enter("forks", "4m");
}

/// What a process is told to do with its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Detach = 1,
    Exit,
    Kill,
    Exec,
    /// Closes every descriptor, and goes on.
    Close,
    /// Forks twice, and lets the grandchild go on without descriptors or terminal.
    Daemonise,
    /// Only says how the segment is.
    Look,
}

const WAYS: [Way; 6] = [Way::Detach, Way::Exit, Way::Kill, Way::Exec, Way::Close, Way::Daemonise];

/// A process with a segment that takes orders through shared words, which no
/// fork, exec or close takes away: the order, its answer, and who answers.
struct Puppet<'a>(&'a [AtomicU64]);

const GONE: u64 = 1;
const SOUND: u64 = 2;
const CURRENT: u64 = 4;

impl Puppet<'_> {
    /// What the process runs.
    fn obey(&self, segment: Segment) {
        let mut segment = Some(segment);
        loop {
            self.0[2].store(u64::from(std::process::id()), SeqCst);
            let order = self.order();
            let answer = |answer| self.0[1].store(answer, SeqCst);
            match order {
                1 => {
                    drop(segment.take());
                    answer(GONE);
                    leave();
                }
                2 => leave(),
                3 => raise_kill(),
                4 => exec_sleep(),
                5 => close_all(),
                6 => daemonise(),
                _ => {}
            }
            let segment = segment.as_ref().unwrap();
            let sound = u64::from(is_sound(segment)) * SOUND;
            answer(sound + u64::from(segment.is_current()) * CURRENT);
        }
    }

    fn order(&self) -> u64 {
        loop {
            match self.0[0].swap(0, SeqCst) {
                0 => std::thread::sleep(Duration::from_micros(50)),
                order => return order,
            }
        }
    }

    /// Tells it to do something; its answer, or that it is gone.
    fn tell(&self, way: Way) -> u64 {
        self.0[1].store(0, SeqCst);
        self.0[0].store(way as u64, SeqCst);
        for _ in 0..200_000 {
            let answer = self.0[1].load(SeqCst);
            if answer != 0 {
                return answer;
            }
            if self.is_dead() && way != Way::Daemonise {
                return GONE;
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        panic!("{way:?}: no answer");
    }

    fn wait_for_it(&self) {
        while self.0[2].load(SeqCst) == 0 {
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// Whether it has ended, or become another program.
    fn is_dead(&self) -> bool {
        let proc = format!("/proc/{}", self.0[2].load(SeqCst));
        let Ok(stat) = std::fs::read_to_string(format!("{proc}/stat")) else { return true };
        let state = stat.rsplit(") ").next().unwrap_or("Z").chars().next();
        state == Some('Z') || stat.contains("(sleep)")
    }
}

fn leave() {
    // SAFETY: ends the process without running anything.
    unsafe { libc::_exit(0) };
}

fn raise_kill() {
    // SAFETY: takes no pointers.
    unsafe { libc::raise(libc::SIGKILL) };
}

fn exec_sleep() {
    use std::os::unix::process::CommandExt;
    let error = std::process::Command::new("sleep").arg("5").exec();
    panic!("{error}");
}

/// Closes what is open, and opens others, which get the same numbers.
fn close_all() {
    // SAFETY: nothing here uses a descriptor again.
    assert_eq!(unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) }, 0);
    for _ in 0..50 {
        // SAFETY: the path is a C string.
        assert!(unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) } > 2);
    }
}

fn daemonise() {
    for _ in 0..2 {
        // SAFETY: the process has one thread.
        if unsafe { libc::fork() } != 0 {
            leave();
        }
        // SAFETY: takes no pointers.
        unsafe { libc::setsid() };
        alarm(30);
    }
    close_all();
}

/// The helper: all ways, the parent first and the child first.
pub(crate) fn matrix() {
    let name = arena::name("forks");
    let orders = BOTH.iter().flat_map(|via| [false, true].map(|child_first| (*via, child_first)));
    for ((via, child_first), way) in orders.flat_map(|order| WAYS.map(|way| (order, way))) {
        alarm(60);
        leave_one_after_the_other(Ctx { name, via }, child_first, way);
    }
    owners_children(name);
}

fn leave_one_after_the_other(ctx: Ctx, child_first: bool, way: Way) {
    let at = format!("{:?} {way:?}, the child first: {child_first}", ctx.via);
    let (parent, child) = (Puppet(shared_words(3)), Puppet(shared_words(3)));
    let family = Kid::start(|_| {
        let segment = draft(ctx, Policy::LastDetach).unwrap().publish().unwrap();
        let kid = Kid::start(|_| {
            outlive();
            // SAFETY: the parent's copy is another one.
            child.obey(unsafe { core::ptr::read(&raw const segment) });
        });
        parent.obey(segment);
        drop(kid);
    });
    parent.wait_for_it();
    child.wait_for_it();
    let (first, second) = if child_first { (&child, &parent) } else { (&parent, &child) };
    let answer = first.tell(way);
    assert_eq!(second.tell(Way::Look), SOUND | CURRENT, "{at}");
    assert_eq!(next_create(ctx), "Err(Exists)", "{at}");
    let stays = matches!(way, Way::Close | Way::Daemonise);
    assert_eq!(answer, if stays { SOUND | CURRENT } else { GONE }, "{at}");
    assert_eq!(second.tell(Way::Detach), GONE, "{at}");
    if stays {
        assert_eq!(next_create(ctx), "Err(Exists)", "{at}: it has no descriptors, but the segment");
        assert_eq!(first.tell(Way::Look), SOUND | CURRENT, "{at}");
        assert_eq!(first.tell(Way::Detach), GONE, "{at}");
    }
    assert!(arena::names(ctx.name.as_str()).is_empty(), "{at}: the last detach");
    drop(family);
}

/// A child of the owner never removes the name, whatever it does.
fn owners_children(name: Name) {
    for (via, detach) in BOTH.iter().flat_map(|via| [(*via, false), (*via, true)]) {
        let ctx = Ctx { name, via };
        Kid::run(|_| {
            let segment = draft(ctx, Policy::Owner).unwrap().publish().unwrap();
            Kid::run(|_| {
                if detach {
                    // SAFETY: the parent's copy is another one.
                    drop(unsafe { core::ptr::read(&raw const segment) });
                }
            });
            assert!(segment.is_current() && is_sound(&segment));
            core::mem::forget(segment);
        });
        prune_now();
        assert!(arena::names(name.as_str()).is_empty(), "an owner that died is no owner");
    }
}
