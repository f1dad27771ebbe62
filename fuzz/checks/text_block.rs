//! A whole text, read with kernels: what its records give one by one and without kernels,
//! however it is cut.

use ndshm::text::{
    BadRows, Fault, FaultKind, Plan, Progress, Span, Stop, last_start, record, start_from,
};

use super::bytes::Bytes;
use super::text_case::{Case, Read, read};

/// Bad rows that are kept.
const KEPT: usize = 3;
/// More rows than there can be.
const ALL: u64 = u64::MAX;

/// Some bytes choose the case, the bounds and the cuts; the text follows.
pub(crate) fn check(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let Some(case) = Case::new(&mut bytes) else { return };
    let (times, limits, skip) = (bytes.below(32), bytes.u8(), bytes.u8().is_multiple_of(3));
    let cuts: [u16; 3] = core::array::from_fn(|_| bytes.u32() as u16);
    let case = case.with_text(bytes.rest(), times);
    let Some(twin) = case.twin() else { return };
    let rows = case.text.len() + 1;
    let limits = match limits & 7 {
        0 => (usize::from(limits >> 3), ALL),
        1 => (rows, u64::from(limits >> 3)),
        _ => (rows, ALL),
    };
    let expected = Expected::of(&twin, limits, skip);
    let cuts = cuts.map(|cut| usize::from(cut) % (case.text.len() + 1));
    let _ = case.with_plan(|plan| {
        expected.is_what_the_whole_gives(plan, &case, limits);
        if limits == (rows, ALL) {
            expected.is_what_ranges_give(plan, &case, cuts);
            expected.is_what_a_stream_gives(plan, &case, cuts);
        }
    });
}

/// What the records of a text give, one after the other.
struct Expected {
    read: Read,
    skip: bool,
    bad: Vec<Fault>,
    /// Where each record starts, and rows, lines and bad rows before it.
    starts: Vec<(usize, u64, u64, usize)>,
}

impl Expected {
    fn of(twin: &Case, (room, max_rows): (usize, u64), skip: bool) -> Self {
        let progress = Progress { used: 0, rows: 0, lines: 0, stop: Stop::InputEnd };
        let read = Read { progress, rows: Vec::new() };
        let mut expected = Self { read, skip, bad: Vec::new(), starts: Vec::new() };
        let _ = twin.with_plan(|plan| {
            let room = if plan.row_size() == 0 { ALL } else { room as u64 };
            while expected.read.progress.used < twin.text.len() {
                if expected.read.progress.rows == max_rows.min(room) {
                    expected.read.progress.stop = Stop::OutputFull;
                    break;
                }
                if let Some(fault) = expected.next(plan, twin) {
                    expected.read.progress.stop = Stop::Fault(fault);
                    break;
                }
            }
        });
        expected
    }

    /// Reads one record alone; the fault that stops the reading.
    fn next(&mut self, plan: &Plan<'_>, twin: &Case) -> Option<Fault> {
        let (text, Progress { used: at, rows, lines, .. }) = (&twin.text, self.read.progress);
        let (end, next) = record(text, at, &plan.format(), true).expect("the text ends");
        assert!(at <= end && end <= next && at < next && next <= text.len());
        self.starts.push((at, rows, lines, self.bad.len()));
        let mut alone = read(plan, &text[at..end], None, (1, ALL), &mut BadRows::stop());
        if end == at {
            // Nothing at all has no record, and a blank line is none that counts.
            assert_eq!(alone.progress.rows, 0);
        } else if let Stop::Fault(fault) = alone.progress.stop {
            let (line, start) = (lines + fault.line, at + fault.start);
            let fault = Fault { line, row: rows, start, ..fault };
            let is_field = matches!(fault.kind, FaultKind::Convert { .. });
            if !self.skip || (is_field && twin.guessed && twin.found) {
                return Some(fault);
            }
            self.bad.push(fault);
        } else {
            assert_eq!((alone.progress.stop, alone.progress.used), (Stop::InputEnd, end - at));
            assert!(alone.progress.rows <= 1, "a record is a row at most");
        }
        twin.untwin(&mut alone.rows);
        self.read.rows.extend(alone.rows);
        let lines = lines + line_ends(&text[at..next]) + u64::from(next == end);
        self.read.progress.lines = lines;
        self.read.progress.rows += alone.progress.rows;
        self.read.progress.used = next;
        None
    }

    fn read_with_room(
        &self,
        plan: &Plan<'_>,
        text: &[u8],
        span: Option<Span>,
        limits: (usize, u64),
    ) -> (Read, u64, Vec<Fault>) {
        let mut first = [Fault::NONE; KEPT];
        let mut bad = if self.skip { BadRows::skip(&mut first) } else { BadRows::stop() };
        let read = read(plan, text, span, limits, &mut bad);
        let count = bad.count();
        let kept = bad.first().to_vec();
        (read, count, kept)
    }

    fn is_what_the_whole_gives(&self, plan: &Plan<'_>, case: &Case, limits: (usize, u64)) {
        let (read, count, kept) = self.read_with_room(plan, &case.text, None, limits);
        assert_eq!(read.progress, self.read.progress, "{case:?}");
        assert_eq!(read.rows, self.read.rows, "{case:?}");
        assert_eq!(count, self.bad.len() as u64, "{case:?}");
        assert_eq!(kept, self.bad[..KEPT.min(self.bad.len())], "{case:?}");
    }

    /// As workers read a file: each the records that start in its range, the first of which it
    /// finds by itself, unless there are quotes.
    fn is_what_ranges_give(&self, plan: &Plan<'_>, case: &Case, mut cuts: [usize; 3]) {
        cuts.sort_unstable();
        let len = case.text.len();
        let [a, b, c] = cuts;
        let mut sum = Sum::default();
        for (from, until) in [(0, a), (a, b), (b, c), (c, len)] {
            let found = start_from(&case.text, from, true).expect("the text ends");
            let known = self.starts.iter().map(|start| start.0).find(|&start| start >= from);
            if !case.has_quotes() && !matches!(self.read.progress.stop, Stop::Fault(_)) {
                assert_eq!(found, known.unwrap_or(len), "where a line starts");
            }
            let start = if case.has_quotes() { known.unwrap_or(len) } else { found };
            if start < until && sum.fault.is_none() {
                let span = Span { from: start, until, ends: true };
                let (read, ..) = self.read_with_room(plan, &case.text, Some(span), (len + 1, ALL));
                sum.add(plan, read, 0);
            }
        }
        self.is(&sum, case);
    }

    /// As a stream comes: what is there may end anywhere, and the reading goes on where the
    /// last record that was whole ended.
    fn is_what_a_stream_gives(&self, plan: &Plan<'_>, case: &Case, mut cuts: [usize; 3]) {
        cuts.sort_unstable();
        let len = case.text.len();
        let (mut sum, mut at) = (Sum::default(), 0);
        for (there, ends) in cuts.map(|cut| (cut, false)).into_iter().chain([(len, true)]) {
            if sum.fault.is_some() || there < at {
                continue;
            }
            let text = &case.text[at..there];
            let span = Span { from: 0, until: text.len(), ends };
            let (read, ..) = self.read_with_room(plan, text, Some(span), (len + 1, ALL));
            let Progress { used, stop, .. } = read.progress;
            match stop {
                Stop::Incomplete => assert!(!ends && used < text.len()),
                Stop::InputEnd => assert_eq!(used, text.len()),
                _ => {}
            }
            // Of whole lines without quotes, none is left.
            if !ends && !case.has_quotes() && !matches!(stop, Stop::Fault(_)) {
                assert_eq!(used, last_start(text, 0).unwrap_or(0), "{case:?}");
            }
            sum.add(plan, read, at);
            at += used;
        }
        self.is(&sum, case);
    }

    fn is(&self, sum: &Sum, case: &Case) {
        let Progress { rows, lines, stop, .. } = self.read.progress;
        let fault = if let Stop::Fault(fault) = stop { Some(fault) } else { None };
        assert_eq!((sum.rows, sum.lines, sum.fault), (rows, lines, fault), "{case:?}");
        assert_eq!(sum.bytes, self.read.rows, "{case:?}");
    }
}

/// What parts of a text give together.
#[derive(Default)]
struct Sum {
    bytes: Vec<u8>,
    rows: u64,
    lines: u64,
    fault: Option<Fault>,
}

impl Sum {
    /// Adds a part whose text lies at `at`.
    fn add(&mut self, plan: &Plan<'_>, read: Read, at: usize) {
        if let Stop::Fault(fault) = read.progress.stop {
            let (line, row) = (self.lines + fault.line, self.rows + fault.row);
            self.fault = Some(Fault { line, row, start: at + fault.start, ..fault });
        }
        assert_eq!(read.rows.len(), read.progress.rows as usize * plan.row_size());
        self.bytes.extend(read.rows);
        self.rows += read.progress.rows;
        self.lines += read.progress.lines;
    }
}

/// Line ends, counted byte by byte.
fn line_ends(text: &[u8]) -> u64 {
    let ends = |i: usize| match text[i] {
        b'\n' => true,
        b'\r' => text.get(i + 1) != Some(&b'\n'),
        _ => false,
    };
    (0..text.len()).filter(|&i| ends(i)).count() as u64
}
