//! What is seen of long work: a bar on a terminal, or objects of JSON for programs.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use clap::{Args as ClapArgs, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ndshm::load::{Canceller, Progress};
use serde::Serialize;

use crate::output::{has_unicode, thousands};

/// How long a step waits before the signals are looked at.
const TICK: Duration = Duration::from_millis(100);
/// Work that is done sooner shows no bar.
const LONG: Duration = Duration::from_millis(500);
/// Between two objects of JSON.
const EVERY: Duration = Duration::from_millis(500);
/// How often a terminal is drawn in a second.
const HERTZ: u8 = 10;

/// How far it is, on standard error.
#[derive(Debug, ClapArgs)]
pub(crate) struct ProgressArgs {
    /// What standard error shows of long work
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Shown::Auto)]
    progress: Shown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shown {
    /// A bar if it is a terminal
    Auto,
    /// A JSON object on a line of its own, twice a second and at the end
    Json,
    /// Nothing
    None,
}

impl ProgressArgs {
    /// What is shown; of what is to be `quiet`, nothing but what programs read.
    pub(crate) fn meter(&self, quiet: bool) -> Meter {
        let shown = match self.progress {
            Shown::Auto if quiet || !io::stderr().is_terminal() => Shown::None,
            shown => shown,
        };
        let now = Instant::now();
        Meter { shown, start: now, last: None, pass: 0, bar: None }
    }
}

/// Shows how far something is, and takes it away at its end.
#[derive(Debug)]
pub(crate) struct Meter {
    shown: Shown,
    start: Instant,
    /// When JSON was written.
    last: Option<Instant>,
    pass: u32,
    bar: Option<ProgressBar>,
}

/// What programs read; the keys are those of [`Progress`].
#[derive(Serialize)]
struct Line {
    bytes_done: u64,
    /// None if it is not known.
    bytes_total: Option<u64>,
    rows: u64,
    inputs_done: usize,
    inputs_total: usize,
    pass: u32,
    seconds: f64,
    done: bool,
}

impl Meter {
    /// Steps until everything is done, or `cancel` is set; returns how far it is then.
    pub(crate) fn drive<E>(
        &mut self,
        cancel: &AtomicBool,
        canceller: &Canceller,
        mut step: impl FnMut(Duration) -> Result<Progress, E>,
    ) -> Result<Progress, E> {
        loop {
            if cancel.load(Ordering::Relaxed) {
                canceller.cancel();
            }
            let progress = step(TICK)?;
            self.show(&progress);
            if progress.done {
                return Ok(progress);
            }
        }
    }

    /// Takes away what was shown.
    pub(crate) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// How long it took so far.
    pub(crate) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    fn show(&mut self, progress: &Progress) {
        match self.shown {
            Shown::None => {}
            Shown::Json => self.write(progress),
            Shown::Auto => self.draw(progress),
        }
    }

    fn write(&mut self, progress: &Progress) {
        let is_soon = self.last.is_some_and(|last| last.elapsed() < EVERY);
        if is_soon && !progress.done {
            return;
        }
        self.last = Some(Instant::now());
        let Progress { bytes_done, rows, inputs_done, inputs_total, pass, done, .. } = *progress;
        let bytes_total = Some(progress.bytes_total).filter(|&n| n > 0);
        let seconds = self.seconds();
        let line =
            Line { bytes_done, bytes_total, rows, inputs_done, inputs_total, pass, seconds, done };
        // Standard error may be closed, which is nothing to end for.
        if let Ok(text) = serde_json::to_string(&line) {
            let _ = io::stderr().write_all((text + "\n").as_bytes());
        }
    }

    fn draw(&mut self, progress: &Progress) {
        if self.start.elapsed() < LONG {
            return;
        }
        if self.pass != progress.pass {
            // Another pass counts from 0, and has a speed of its own.
            self.end();
            self.pass = progress.pass;
        }
        let bar = self.bar.get_or_insert_with(|| bar(progress.bytes_total));
        bar.set_position(progress.bytes_done);
        bar.set_message(beside(progress));
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.end();
    }
}

fn bar(total: u64) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(HERTZ);
    let (template, length) = match total {
        0 => ("{spinner} {binary_bytes} {msg}, {binary_bytes_per_sec}", None),
        total => (
            "[{bar:24}] {percent:>3} % of {binary_total_bytes} {msg}, {binary_bytes_per_sec}, ETA {eta}",
            Some(total),
        ),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| {
        // The templates are right, as their test says.
        ProgressStyle::default_bar()
    });
    let blocks = if has_unicode() { "█▉▊▋▌▍▎▏ " } else { "=> " };
    ProgressBar::with_draw_target(length, target).with_style(style.progress_chars(blocks))
}

/// Rows and files.
fn beside(progress: &Progress) -> String {
    let Progress { inputs_done, inputs_total, pass, .. } = *progress;
    let parts = [
        Some(format!("{} rows", thousands(progress.rows))),
        (inputs_total > 1).then(|| format!("{inputs_done} of {inputs_total} files")),
        (pass > 1).then(|| format!("pass {pass}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
