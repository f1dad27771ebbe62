//! The streams among the inputs, each until its turn comes. While one compressed file is
//! read, others behind it are being unpacked already.

use std::collections::VecDeque;
use std::vec::Vec;

use super::decode::Encoding;
use super::inflate::Unpacking;
use super::input::Stream;
use super::options::Budget;

/// Streams in the places of their inputs.
#[derive(Debug)]
pub(super) struct Streams {
    list: Vec<Option<Stream>>,
    how: Unpacking,
    /// So many are begun before their turn.
    most_ahead: usize,
    /// Which are.
    ahead: VecDeque<usize>,
    /// All before this one are taken, begun, or of no use to begin with ahead.
    at: usize,
}

impl Streams {
    /// Shares memory and processors among as many as are unpacked at the same time.
    pub(super) fn new(list: Vec<Option<Stream>>, encoding: Encoding, budget: &Budget) -> Self {
        let files = list.iter().flatten().filter(|stream| stream.can_go_ahead()).count();
        let beside = files.clamp(1, budget.workers);
        let how = Unpacking {
            encoding,
            threads: budget.workers.div_ceil(beside),
            memory: budget.unpacked / beside,
            dictionary: budget.dictionary,
        };
        Self { list, how, most_ahead: beside - 1, ahead: VecDeque::new(), at: 0 }
    }

    /// The stream whose turn it is, begun; `None` if this input is none.
    pub(super) fn take(&mut self, input: usize) -> Option<Stream> {
        let mut stream = self.list.get_mut(input)?.take()?;
        stream.begin(&self.how);
        self.ahead.retain(|&begun| begun > input);
        self.go_ahead();
        Some(stream)
    }

    fn go_ahead(&mut self) {
        while self.ahead.len() < self.most_ahead {
            let Some(place) = self.list.get_mut(self.at) else { return };
            if let Some(stream) = place.as_mut().filter(|stream| stream.can_go_ahead()) {
                stream.begin(&self.how);
                self.ahead.push_back(self.at);
            }
            self.at += 1;
        }
    }
}

#[cfg(all(test, feature = "compress"))]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::load::inflate::Compression;
    use crate::load::input::Packed;
    use crate::load::options::Options;
    use crate::load::task::FileId;

    fn stream(place: &Path, size: u64) -> Stream {
        let file = FileId { dev: 0, ino: 0, size };
        let compression = Some(Compression::Gzip);
        Stream::packed(Packed { place: place.into(), file, compression })
    }

    #[test]
    fn as_many_are_begun_ahead_as_may_be() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("a");
        fs::write(&place, "not what it was").unwrap();
        // Small ones, files that are no streams, and large ones.
        let kinds = [1, 0, 2, 2, 1, 2, 2, 0, 2, 2, 2_u64];
        let list = kinds.map(|kind| (kind > 0).then(|| stream(&place, kind * 10_000)));
        for workers in [1, 2, 3, 20] {
            let options = Options { workers: Some(workers), ..Options::default() };
            let budget = Budget::new(&options, Some(8)).unwrap();
            let list = list.iter().map(|stream| stream.as_ref().map(again(&place))).collect();
            let mut streams = Streams::new(list, Encoding::Utf8, &budget);
            for input in 0..kinds.len() {
                let taken = streams.take(input);
                assert_eq!(taken.is_some(), kinds[input] > 0);
                assert!(taken.is_none_or(|stream| !stream.can_go_ahead()), "it is begun");
                let behind = kinds[input + 1..].iter().filter(|&&kind| kind == 2).count();
                let waiting = streams.list.iter().flatten().filter(|s| s.can_go_ahead()).count();
                let begun = behind.min(workers.min(7) - 1);
                if kinds[input] > 0 {
                    assert_eq!(waiting, behind - begun, "{workers} workers, input {input}");
                }
            }
        }
    }

    fn again(place: &Path) -> impl Fn(&Stream) -> Stream {
        move |old| stream(place, if old.can_go_ahead() { 20_000 } else { 10_000 })
    }
}
