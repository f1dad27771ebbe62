//! Processes that are known by a variable of their environment, which their children inherit.

use std::fs;

use crate::common::{eventually, is_dead};

/// None with `mark`, `NAME=VALUE`, is left.
#[track_caller]
pub(crate) fn has_no_process(mark: &str, what: &str) {
    eventually(&format!("the end of all processes after {what}"), || {
        !fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            let name = entry.file_name();
            let pid = name.to_str().and_then(|name| name.parse::<i32>().ok());
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            let is_ours = environment.split(|&b| b == 0).any(|e| e == mark.as_bytes());
            is_ours && pid.is_some_and(|pid| !is_dead(pid))
        })
    });
}
