//! A control group with little memory: too large a segment is an error, and
//! nobody is killed.

#![allow(unsafe_code, clippy::unwrap_used, reason = "a test may fail, and says why it is safe")]

mod shm;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use ndshm::error::Error;
use ndshm::segment::{Draft, Spec};
use shm::skip::skipped;
use shm::{Scratch, float64};

const LIMIT: u64 = 32 << 20;

/// A group of this test's own below the one that it runs in.
struct Group(PathBuf);

impl Group {
    /// Nothing where this user or this machine has no such groups.
    fn new() -> Option<Self> {
        let lines = fs::read_to_string("/proc/self/cgroup").ok()?;
        let name = format!("ndshm-test-{}", std::process::id());
        let (v1, v2) = ("memory.limit_in_bytes", "memory.max");
        lines.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (root, file) = match parts.next()? {
                "" => ("/sys/fs/cgroup", v2),
                "memory" => ("/sys/fs/cgroup/memory", v1),
                _ => return None,
            };
            let group =
                Self(format!("{root}{}/{name}", parts.next()?.trim_end_matches('/')).into());
            fs::create_dir(&group.0).ok()?;
            fs::write(group.0.join(file), LIMIT.to_string()).ok()?;
            Some(group)
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Not a test of its own: what runs in the group.
#[test]
fn helper() {
    let Ok(group) = std::env::var("NDSHM_TEST_GROUP") else { return };
    fs::write(PathBuf::from(group).join("cgroup.procs"), std::process::id().to_string()).unwrap();
    let scratch = Scratch::new("limit");
    let dtype = float64();
    let create = |elements| Draft::create(&scratch.0, &Spec::new(dtype.as_dtype(), &[elements]));
    let error = create(2 * LIMIT / 8).unwrap_err();
    let Error::NoSpace { need, free } = error else { panic!("{error:?}") };
    assert!(need > 2 * LIMIT && free <= LIMIT + swap(), "{error:?}");
    drop(create(LIMIT / 4 / 8).unwrap());
}

fn swap() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("SwapFree:")).unwrap();
    line.trim().split(' ').next().unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn more_than_the_control_group_has_is_an_error_and_not_a_kill() {
    let Some(group) = Group::new().filter(|_| swap() == 0) else {
        return skipped("a limit of memory", "no control group can be made, or there is swap");
    };
    let mut helper = Command::new(std::env::current_exe().unwrap());
    helper.args(["--exact", "helper", "--nocapture"]).env("NDSHM_TEST_GROUP", &group.0);
    let output = helper.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
