//! Corners of a segment's life: a creator that runs out of memory while somebody waits, a
//! child with its parent's process id, no descriptor left, descriptors of other things.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

mod shm;

use core::time::Duration;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::thread::sleep;

use ndshm::error::Error;
use ndshm::segment::{Access, Draft, Name, Policy, Segment, Spec, Via};
use shm::helper::{ARGS, Helper, pause, say};
use shm::skip::skipped;
use shm::{Scratch, float64, publish, values};

/// Not a test of its own: what the helpers are.
#[test]
fn helper() {
    let Ok(role) = std::env::var("NDSHM_TEST_ROLE") else { return };
    let words: Vec<_> = role.split(' ').collect();
    let name = Name::new(words.get(1).unwrap_or(&"test.nobody")).unwrap();
    match words[0] {
        "wait" => {
            let wait = Some(Duration::from_secs(100));
            say(&format!("{:?}", Segment::attach(&name, Access::Read, wait).map(drop)));
        }
        "starve" => run_out_of_memory(&name),
        "first" => fork_a_first_process(&name),
        "poor" => attach_without_descriptors(&name),
        "stranger" => attach_as_another_user(),
        "shut_out" => give_up_behind_a_umask(&name),
        "foiled" => freeze_what_another_sealed(),
        _ => panic!("no such role: {role}"),
    }
}

/// Waits until the process has the segment mapped.
fn wait_for_mapping(pid: u32, name: &Name) {
    let file = format!("/ndshm.{name}");
    while !fs::read_to_string(format!("/proc/{pid}/maps")).unwrap().contains(&file) {
        sleep(Duration::from_millis(1));
    }
}

fn run_out_of_memory(name: &Name) {
    pause("begin");
    let dtype = float64();
    let spec = Spec { via: Via::ShmOpen, ..Spec::new(dtype.as_dtype(), &[0]) };
    let mut growable = Draft::create_growable(name, &spec).unwrap();
    let mut waiter = Helper::start(&format!("wait {name}"));
    wait_for_mapping(waiter.child.id(), name);
    // A hole in front, and then nothing left to fill it with.
    // SAFETY: the array is readable for its length.
    unsafe { growable.write_at(500_000, [0; 8].as_ptr(), 8) }.unwrap();
    let mut rest = File::create("/dev/shm/rest").unwrap();
    while rest.write(&[0; 4096]).is_ok() {}
    let error = growable.finish(62_501).unwrap_err();
    assert!(matches!(error, Error::NoSpace { .. }), "{error:?}");
    let answer = waiter.answer().expect("who waits is not killed");
    assert!(answer == "Err(CreatorDied)" || answer == "Err(NotFound)", "{answer}");
    say("done");
}

#[test]
fn who_waits_survives_a_creator_that_runs_out_of_memory() {
    Helper::run_in_private_shm("starve", "1m");
}

/// In a process whose id is 1: a child of the id 1 drops its copy of the owner's handle.
fn fork_a_first_process(name: &Name) {
    say("begin");
    assert_eq!(std::process::id(), 1);
    let owner = publish(name, &[3], |spec| spec.policy = Policy::Owner);
    let other = Segment::attach(name, Access::Read, None).unwrap();
    // SAFETY: takes no pointers.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWPID) }, 0);
    // SAFETY: the child drops a handle, which takes no lock of others, and exits.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let same = std::process::id() == 1;
        // SAFETY: the parent's copy is another one.
        drop(unsafe { core::ptr::read(&raw const owner) });
        // SAFETY: ends the process.
        unsafe { libc::_exit(i32::from(!same)) };
    }
    let mut status = 0;
    // SAFETY: `status` is writable.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child has the id 1, too");
    assert!(owner.is_current(), "its parent is still there");
    assert_eq!(owner.refcount(), 2);
    drop(owner);
    assert!(!other.is_current());
    say("done");
}

#[test]
fn a_child_with_its_parents_process_id_is_not_the_owner() {
    let scratch = Scratch::new("first");
    let mut command = Command::new("unshare");
    command.args(["-rpf"]).arg(std::env::current_exe().unwrap()).args(ARGS);
    let helper = Helper::try_spawn(&mut command, &format!("first {}", scratch.0));
    let Some(mut helper) = helper.and_then(|mut h| h.hears("begin").then_some(h)) else {
        return skipped("process namespaces", "there are none here");
    };
    helper.expect("done");
    helper.end();
}

/// The descriptor alone does not do: the mode counts, too.
fn attach_as_another_user() {
    let dtype = float64();
    let [private, public] = [0o600, 0o644].map(|mode| {
        let spec = Spec { mode, ..Spec::new(dtype.as_dtype(), &[3]) };
        Draft::create_anonymous(&spec).unwrap().publish().unwrap()
    });
    let attach = |segment: &Segment, access| {
        Segment::attach_fd(segment.raw_fd().unwrap(), access).map(|seen| values(&seen))
    };
    // SAFETY: takes no pointers.
    if unsafe { libc::setresuid(65_534, 65_534, 65_534) } != 0 {
        return say("not root");
    }
    assert_eq!(attach(&private, Access::Read), Err(Error::Permission));
    assert_eq!(attach(&public, Access::ReadWrite), Err(Error::Permission));
    assert_eq!(attach(&public, Access::Read), Ok(vec![0.0; 3]));
    say("done");
}

#[test]
fn another_user_needs_the_mode_beside_the_descriptor() {
    let mut helper = Helper::start("stranger");
    let answer = helper.answer().unwrap();
    assert!(answer == "done" || answer == "not root", "{answer}");
    helper.end();
}

/// A umask that keeps this user from opening what he makes.
fn give_up_behind_a_umask(name: &Name) {
    // SAFETY: takes no pointers. Root may open everything; who is not root stays who he is.
    unsafe { libc::setresuid(65_534, 65_534, 65_534) };
    // SAFETY: takes no pointers.
    unsafe { libc::umask(0o777) };
    let dtype = float64();
    let spec = Spec { via: Via::ShmOpen, ..Spec::new(dtype.as_dtype(), &[3]) };
    drop(Draft::create(name, &spec).unwrap());
    say("done");
}

#[test]
fn no_umask_keeps_a_draft_from_being_removed() {
    let scratch = Scratch::new("umask");
    let mut helper = Helper::start(&format!("shut_out {}", scratch.0));
    helper.expect("done");
    helper.end();
    assert!(!scratch.exists());
}

fn frozen_draft() -> Draft {
    let dtype = float64();
    let spec = Spec { mode: 0o400, ..Spec::new(dtype.as_dtype(), &[3]) };
    Draft::create_anonymous(&spec).unwrap()
}

#[test]
fn a_draft_that_a_child_can_write_is_not_frozen_and_goes_on() {
    let mut draft = frozen_draft();
    // SAFETY: the child does nothing but wait to be killed.
    let child = unsafe { libc::fork() };
    if child == 0 {
        loop {
            // SAFETY: takes no pointers.
            unsafe { libc::pause() };
        }
    }
    let at = draft.data_ptr();
    let unpublished = draft.publish().unwrap_err();
    assert_eq!(unpublished.error, Error::Busy);
    draft = unpublished.draft;
    assert_eq!((draft.data_ptr(), draft.data_mut().len()), (at, 24));
    draft.data_mut().copy_from_slice(&[7; 24]);
    // SAFETY: it is this test's own child, and was not waited for.
    unsafe { libc::kill(child, libc::SIGKILL) };
    // SAFETY: nobody asks for the status.
    unsafe { libc::waitpid(child, core::ptr::null_mut(), 0) };
    let made = draft.publish().unwrap();
    let mut data = [0; 24];
    made.copy_to(&mut data, 0).unwrap();
    assert!(made.is_frozen() && data == [7; 24]);
}

/// Somebody who has the memory forbids more seals.
fn freeze_what_another_sealed() {
    let mut draft = frozen_draft();
    draft.data_mut().copy_from_slice(&[7; 24]);
    let is_memory = |fd: &i32| {
        fs::read_link(format!("/proc/self/fd/{fd}"))
            .is_ok_and(|path| path.to_str().unwrap().starts_with("/memfd:ndshm"))
    };
    let raw = (0..100).find(is_memory).unwrap();
    // SAFETY: takes no pointers.
    assert_eq!(unsafe { libc::fcntl(raw, libc::F_ADD_SEALS, libc::F_SEAL_SEAL) }, 0);
    let unpublished = draft.publish().unwrap_err();
    assert!(matches!(unpublished.error, Error::Os { call: "fcntl", errno: libc::EPERM }));
    let mut draft = unpublished.draft;
    assert!(draft.data_mut().is_empty() && draft.as_mut_slice::<f64>().is_err());
    // SAFETY: the first byte of the data is mapped as long as the draft lives.
    assert_eq!(unsafe { draft.data_ptr().read_volatile() }, 7);
    assert_eq!(draft.publish().unwrap_err().error, Error::ReadOnly);
    say("done");
}

#[test]
fn a_draft_that_another_sealed_is_an_error_and_stays_mapped() {
    let mut helper = Helper::start("foiled");
    helper.expect("done");
    helper.end();
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn limit_descriptors(count: u64) {
    let limit = libc::rlimit { rlim_cur: count, rlim_max: 1000 };
    // SAFETY: `limit` is initialised.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

/// The first attach cannot find out what the kernel does, for want of a descriptor.
fn attach_without_descriptors(name: &Name) {
    let dtype = float64();
    let draft = Draft::create(name, &Spec::new(dtype.as_dtype(), &[3])).unwrap();
    let next = File::open("/dev/null").unwrap().as_raw_fd();
    limit_descriptors(u64::from(next.unsigned_abs()));
    let made = draft.publish().unwrap();
    limit_descriptors(1000);
    let before = descriptors();
    let seen: Vec<_> =
        (0..10).map(|_| Segment::attach(name, Access::Read, None).unwrap()).collect();
    assert_eq!(descriptors(), before, "an attached segment needs no descriptor");
    drop((made, seen));
    say("done");
}

#[test]
fn one_attach_without_descriptors_does_not_make_the_others_need_them() {
    let scratch = Scratch::new("poor");
    let mut helper = Helper::start(&format!("poor {}", scratch.0));
    helper.expect("done");
    helper.end();
    assert!(!scratch.exists());
}

fn refused(fd: &impl AsRawFd) -> Error {
    Segment::attach_fd(fd.as_raw_fd(), Access::Read).unwrap_err()
}

#[test]
fn descriptors_of_other_things_are_refused() {
    let (reader, writer) = std::io::pipe().unwrap();
    assert_eq!((refused(&reader), refused(&writer)), (Error::Unsealed, Error::Unsealed));
    let socket = std::os::unix::net::UnixStream::pair().unwrap().0;
    assert_eq!(refused(&socket), Error::Unsealed);
    for path in ["/", "/dev/zero", "/dev/null", "/dev/shm", "/proc/self/exe"] {
        assert_eq!(refused(&File::open(path).unwrap()), Error::Unsealed, "{path}");
    }
    let made = memory(libc::MFD_ALLOW_SEALING);
    let path = format!("/proc/self/fd/{}", made.as_raw_fd());
    let only_a_path = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path).unwrap();
    assert!(matches!(refused(&only_a_path), Error::Os { call: "fcntl", errno: libc::EBADF }));
}

fn memory(flags: u32) -> File {
    // SAFETY: the name is a C string.
    let raw = unsafe { libc::memfd_create(c"test".as_ptr(), flags) };
    assert!(raw >= 0);
    // SAFETY: just opened, and owned by nobody else.
    unsafe { OwnedFd::from_raw_fd(raw) }.into()
}

fn seal(file: &File) {
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW;
    // SAFETY: takes no pointers.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) }, 0);
}

/// Sealed memory with these bytes, `len` long.
fn sealed(bytes: &[u8], len: u64) -> File {
    let mut file = memory(libc::MFD_ALLOW_SEALING);
    file.write_all(bytes).unwrap();
    file.set_len(len).unwrap();
    seal(&file);
    file
}

fn header_with(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let dtype = float64();
    let made = Draft::create_anonymous(&Spec::new(dtype.as_dtype(), &[3])).unwrap();
    let made = made.publish().unwrap();
    let path = format!("/proc/self/fd/{}", made.raw_fd().unwrap());
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    let len = u64::from_ne_bytes(bytes[32..40].try_into().unwrap()) as usize;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes[..64]);
    crc.update(&bytes[88..len]);
    bytes[76..80].copy_from_slice(&crc.finalize().to_ne_bytes());
    bytes
}

#[test]
fn a_seal_does_not_make_a_header_true() {
    let right = header_with(|_| {});
    let len = right.len() as u64;
    let seen = Segment::attach_fd(sealed(&right, len + 5).as_raw_fd(), Access::Read).unwrap();
    assert_eq!((seen.shape(), seen.data_len()), (&[3][..], 24), "longer than it needs to be");
    let short = sealed(&right[..right.len() - 1], len - 1);
    assert_eq!(refused(&short), Error::Truncated { need: len, have: len - 1 });
    assert!(matches!(refused(&sealed(&[], 0)), Error::NotNdshm));
    assert!(matches!(refused(&sealed(&[0; 100], 1 << 40)), Error::NotNdshm));
    let named = header_with(|bytes| bytes[28..32].copy_from_slice(&1_u32.to_ne_bytes()));
    assert_eq!(refused(&sealed(&named, len)), Error::Unsealed, "a policy for names");
    let unready = header_with(|bytes| bytes[64..68].fill(0));
    assert_eq!(refused(&sealed(&unready, len)), Error::Unsealed, "not published");
    let damaged = [&right[..100], &[right[100] ^ 1], &right[101..]].concat();
    assert!(matches!(refused(&sealed(&damaged, len)), Error::Corrupt(_)));
}

#[test]
fn huge_pages_may_run_out_and_are_refused() {
    let flags = libc::MFD_ALLOW_SEALING | libc::MFD_HUGETLB;
    // SAFETY: the name is a C string.
    let raw = unsafe { libc::memfd_create(c"test".as_ptr(), flags) };
    if raw < 0 {
        return skipped("huge pages", "this kernel has none");
    }
    // SAFETY: just opened, and owned by nobody else.
    let file: File = unsafe { OwnedFd::from_raw_fd(raw) }.into();
    seal(&file);
    assert_eq!(refused(&file), Error::Unsealed);
}

#[test]
fn a_hole_in_sealed_memory_reads_as_zeros() {
    let dtype = float64();
    let mut draft = Draft::create_anonymous(&Spec::new(dtype.as_dtype(), &[4096])).unwrap();
    draft.data_mut().fill(7);
    let made = draft.publish().unwrap();
    let seen = Segment::attach_fd(made.raw_fd().unwrap(), Access::Read).unwrap();
    let punch = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    // SAFETY: takes no pointers.
    let done = unsafe { libc::fallocate(made.raw_fd().unwrap(), punch, 4096, 1 << 20) };
    assert_eq!(done, 0, "a sealed length does not forbid it");
    assert!(values(&seen).iter().all(|value| value.to_bits() == 0));
}
