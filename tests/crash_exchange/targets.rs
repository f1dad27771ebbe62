//! Full disks, targets of every kind, two to one target, an interrupt.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{Case, Makes, OLD, ROWS, all, exports, imports, joins, spread};
use crate::common::{
    Ran, Running, Snapshot, eventually, is_stopped, ndshm, run, with_private_mounts,
};
use crate::shim::shim;

/// Every size from a few pages to more than is needed.
#[test]
fn shared_memory_that_is_full_is_an_error() {
    for case in imports(3000) {
        let pages = case.expected.len() / 4096 + 8;
        let step = (pages / 8).max(1);
        let script = format!(
            "cd \"$2\" || exit 9
             for size in $(seq 1 {step} {pages}) {pages}; do
               mount -t tmpfs -o size=$((size * 4))k none /dev/shm || exit 9
               \"$1\" {} -q 2>err; status=$?
               echo \"$size $status $(ls -A /dev/shm | wc -l) $(cat err)\"
               umount /dev/shm || exit 9
             done",
            case.args.join(" ")
        );
        let Some(ran) = with_private_mounts(&script, &[case.folder.root()]) else { return };
        assert!(ran.status.success(), "{ran:?}");
        let (mut full, mut made) = (0, 0);
        for line in ran.stdout.lines() {
            let words: Vec<_> = line.splitn(4, ' ').collect();
            if words[1..3] == ["0", "1"] {
                made += 1;
            } else {
                assert_eq!(words[1..3], ["1", "0"], "{:?}: {line}", case.args);
                assert!(words[3].contains("shared memory is full"), "{:?}: {line}", case.args);
                full += 1;
            }
        }
        assert!(full > 3 && made > 0, "{:?}: {}", case.args, ran.stdout);
    }
}

#[test]
fn a_disk_that_is_full_leaves_the_old_file() {
    for case in exports(3000).into_iter().chain(joins(3000)) {
        let Makes::File(name) = case.makes else { continue };
        let pages = case.expected.len() / 4096 + 8;
        let step = (pages / 8).max(1);
        let args = case.args.join(" ").replace(&format!("-o {name}"), &format!("-o disk/{name}"));
        let script = format!(
            "cd \"$2\" && mkdir disk || exit 9
             for size in $(seq 2 {step} {pages}) {pages}; do
               mount -t tmpfs -o size=$((size * 4))k none disk || exit 9
               printf precious >disk/{name}
               \"$1\" {args} -q --force 2>err; status=$?
               old=other; [ \"$(head -c 9 disk/{name} | tr -d '\\000')\" = precious ] && old=old
               echo \"$size $status $old $(ls -A disk | wc -l) $(cat err)\"
               umount disk || exit 9
             done; rm -r disk err"
        );
        let Some(ran) = with_private_mounts(&script, &[case.folder.root()]) else { return };
        assert!(ran.status.success(), "{ran:?}");
        let (mut full, mut made) = (0, 0);
        for line in ran.stdout.lines() {
            let words: Vec<_> = line.splitn(5, ' ').collect();
            assert_eq!(words[3], "1", "something is left: {:?} {line}", case.args);
            if words[1] == "0" {
                assert_eq!(words[2], "other", "{:?} {line}", case.args);
                made += 1;
            } else {
                assert_eq!(words[1..3], ["1", "old"], "{:?} {line}", case.args);
                let message = words[4].to_lowercase();
                assert!(message.contains("no space") || message.contains("full"), "{line}");
                full += 1;
            }
        }
        assert!(full > 0 && made > 0, "{:?}: {}", case.args, ran.stdout);
    }
}

/// Runs the command with another target.
fn onto(case: &Case, target: &str, options: &[&str]) -> Ran {
    let Makes::File(name) = case.makes else { panic!("it makes no file") };
    let args = case.args.iter().map(|arg| if arg == name { target } else { arg });
    let mut command = ndshm(args);
    run(command.args(options).arg("-q").current_dir(case.folder.root()))
}

#[test]
fn targets_that_are_no_files_stay_what_they_are() {
    for case in exports(3000).into_iter().chain(joins(3000)) {
        let Makes::File(name) = case.makes else { continue };
        let kind = Path::new(name).extension().unwrap().to_str().unwrap();
        let is_join = case.args[0] == "join";
        let format: &[&str] = if is_join { &["--force"] } else { &["--force", "--format", kind] };
        let at = |name: &str| case.folder.path(name);
        fs::create_dir(at("dir")).unwrap();
        run(Command::new("mkfifo").arg(at("fifo"))).ok();
        symlink("nowhere", at("dangling")).unwrap();
        symlink("fifo", at("to-fifo")).unwrap();
        let names = case.folder.names();
        onto(&case, "dir", format).refused(&["dir", "is a directory"]);
        onto(&case, "fifo", format).refused(&["fifo", "not a regular file"]);
        onto(&case, "to-fifo", format).refused(&["fifo", "not a regular file"]);
        onto(&case, "/dev/null", format).refused(&["/dev/null", "not a regular file"]);
        onto(&case, "/dev/full", format).refused(&["/dev/full", "not a regular file"]);
        onto(&case, "dangling", format).refused(&["dangling", "link"]);
        onto(&case, &format!("none/{name}"), format).refused(&["none", "directory"]);
        onto(&case, "", format).failed_anyhow();
        onto(&case, "..", format).failed_anyhow();
        assert_eq!(case.folder.names(), names, "{:?}", case.args);
    }
}

#[test]
fn a_target_on_another_disk_or_on_one_that_is_read_only() {
    for case in exports(3000).into_iter().chain(joins(3000)) {
        let Makes::File(name) = case.makes else { continue };
        let script = format!(
            "cd \"$2\" && mkdir disk && mount -t tmpfs none disk || exit 9
             printf old >disk/{name}
             ln -s disk/{name} {name}
             \"$1\" {args} -q --force; echo $? $(ls -A disk)
             [ -L {name} ] && [ \"$(head -c 3 {name})\" != old ] && echo new
             mount -o remount,ro disk || exit 9
             sum=$(cksum {name})
             \"$1\" {args} -q --force 2>&1; echo $? $(ls -A disk)
             [ \"$sum\" = \"$(cksum {name})\" ] && echo same
             umount disk; rm -r disk {name}",
            args = case.args.join(" ")
        );
        let Some(ran) = with_private_mounts(&script, &[case.folder.root()]) else { return };
        let lines: Vec<_> = ran.stdout.lines().collect();
        let what = format!("{:?}: {ran:?}", case.args);
        assert_eq!(lines[..2], [&format!("0 {name}")[..], "new"], "{what}");
        assert!(lines[2].starts_with("ndshm: ") && lines[2].contains("ead-only"), "{what}");
        assert_eq!(lines[3..], [&format!("1 {name}")[..], "same"], "{what}");
    }
}

/// The command, stopped before it gives the file its name.
fn about_to_end(case: &Case, shim: &Path, options: &[&str]) -> Running {
    let how = [("CRASH_CALL", "rename"), ("CRASH_STOP", "1")];
    let running = Running::start(&mut case.disturbed(shim, options, 1, &how));
    eventually("the call of rename", || is_stopped(running.pid()));
    running
}

#[test]
fn of_two_to_one_target_the_first_to_end_makes_it() {
    let Some(shim) = shim() else { return };
    for case in exports(3000).into_iter().chain(joins(3000)) {
        let Makes::File(name) = case.makes else { continue };
        for options in [&[][..], &["--force"]] {
            case.put(None);
            let slow = about_to_end(&case, shim, options);
            assert!(case.folder.has_temporary(name));
            run(&mut case.command(options)).ok();
            assert!(case.folder.has_temporary(name), "the file of a living run was swept");
            let first = Snapshot::of(&case.folder.path(name));
            slow.signal(libc::SIGCONT);
            let ran = slow.wait();
            if options.is_empty() {
                ran.refused(&[name, "file exists"]);
                assert_eq!(Snapshot::of(&case.folder.path(name)), first);
            } else {
                ran.ok();
                assert_ne!(Snapshot::of(&case.folder.path(name)), first);
            }
            assert!(case.made().unwrap() == case.expected, "{:?}", case.args);
            case.has_no_temporary("two at once");
        }
    }
}

#[test]
fn of_two_to_one_name_the_first_to_end_makes_the_segment() {
    let Some(shim) = shim() else { return };
    for case in imports(3000) {
        case.put(None);
        let how = [("CRASH_CALL", "linkat"), ("CRASH_STOP", "1")];
        let slow = Running::start(&mut case.disturbed(shim, &[], 1, &how));
        eventually("the call of linkat", || is_stopped(slow.pid()));
        run(&mut case.command(&[])).ok();
        slow.signal(libc::SIGCONT);
        slow.wait().refused(&["exists"]);
        assert!(case.made().unwrap() == case.expected, "{:?}", case.args);
        case.put(None);
        assert!(!case.segment.has_left_something(), "{:?}", case.args);
    }
}

#[test]
fn an_interrupt_is_a_clean_end() {
    let Some(shim) = shim() else { return };
    for case in all(ROWS) {
        let how = [("CRASH_CALL", "pwrite"), ("CRASH_STOP", "1")];
        let calls = case.calls(shim, case.replacing(), &[how[0]]);
        for (at, times) in spread(calls, 2).zip([1, 3]) {
            let before = case.put((at % 2 == 0).then_some(OLD));
            let running = Running::start(&mut case.disturbed(shim, case.replacing(), at, &how));
            eventually("a call of pwrite", || is_stopped(running.pid()));
            for _ in 0..times {
                running.signal(libc::SIGINT);
            }
            running.signal(libc::SIGCONT);
            let ran = running.wait();
            let what = format!("{:?}, pwrite {at} of {calls}: {ran:?}", case.args);
            let is_new = case.is_old_or_new(before.as_ref(), &what);
            if !is_new {
                ran.interrupted();
            }
            case.has_no_temporary(&what);
        }
        case.has_no_process("interrupts");
        case.next_run_cleans_up("interrupts");
    }
}
