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
    /// All before this one are taken, begun, or of no use to begin with.
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
        self.at = self.at.max(input + 1);
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
