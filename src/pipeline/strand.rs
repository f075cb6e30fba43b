//! The lines of a block from one of those who make them.

use std::collections::VecDeque;
use std::ops::Range;

use crossbeam_channel::{Receiver, Sender};

use super::RunError;
use super::batch::{Mark, Output, WorkDone};
use crate::engine::{Counters, Order};

/// Where a worker's outputs come from, and where they go back to.
pub(super) type Ends = (Receiver<Output>, Sender<Output>);

/// What one worker, or the dealer, makes of a block: lines in order. A worker's come in pieces, of which one is here at a time.
pub(super) struct Strand<'a> {
    /// Where further pieces come from; `None` where this is all.
    ends: Option<&'a Ends>,
    piece: Output,
    /// The lines of the piece that were not taken, in order.
    marks: VecDeque<Mark>,
    /// Frames that are dropped, and counters, of all pieces so far.
    pub dropped: Vec<u32>,
    pub counted: Vec<Counters>,
}

impl<'a> Strand<'a> {
    /// The lines of `whole`, and no more.
    pub fn of(whole: Output) -> Self {
        let mut strand =
            Self { ends: None, piece: Output::default(), marks: VecDeque::new(), dropped: Vec::new(), counted: Vec::new() };
        strand.set(whole);
        strand
    }

    /// The lines of a worker, whose first piece is waited for.
    pub fn begin(ends: &'a Ends) -> Result<Self, RunError> {
        let first = receive(ends)?;
        Ok(Self { ends: Some(ends), ..Self::of(first) })
    }

    /// Makes the next line the first one of the piece at hand; waits for another piece where that has none left.
    pub fn advance(&mut self) -> Result<(), RunError> {
        while let (true, true, Some(ends)) = (self.marks.is_empty(), self.piece.goes_on, self.ends) {
            let next = receive(ends)?;
            self.give_back();
            self.set(next);
        }
        Ok(())
    }

    /// Where the next line belongs.
    pub fn next_order(&self) -> Option<Order> {
        self.marks.front().map(|m| m.order)
    }

    /// Takes the next line of the piece at hand.
    pub fn take(&mut self) -> Option<Mark> {
        self.marks.pop_front()
    }

    /// Bytes of the piece at hand, or of that which the last line taken was in.
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.piece.bytes.get(range).unwrap_or_default()
    }

    /// All lines were taken: gives the last piece back. Answers what the worker counted, with its last block.
    pub fn finish(mut self) -> Option<WorkDone> {
        let end = self.piece.end.take().map(|end| *end);
        self.give_back();
        end
    }

    /// All lines were taken: its memory, empty.
    #[cfg(target_os = "linux")]
    pub fn into_spare(mut self) -> Output {
        self.piece.marks = std::mem::take(&mut self.marks).into();
        self.piece.clear();
        self.piece
    }

    fn set(&mut self, mut piece: Output) {
        piece.marks.sort_by_key(|m| m.order); // they are nearly so
        self.marks = std::mem::take(&mut piece.marks).into();
        self.dropped.append(&mut piece.dropped);
        self.counted.append(&mut piece.counted);
        self.piece = piece;
    }

    fn give_back(&mut self) {
        let Some((_, spares)) = self.ends else { return };
        let mut piece = std::mem::take(&mut self.piece);
        piece.marks = std::mem::take(&mut self.marks).into();
        piece.clear();
        let _ = spares.try_send(piece);
    }
}

fn receive((pieces, _): &Ends) -> Result<Output, RunError> {
    pieces.recv().map_err(|_| RunError::Worker)
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::bounded;

    use super::*;
    use crate::engine::PacketId;
    use crate::pipeline::batch::Told;

    fn order(packet: u64) -> Order {
        Order { packet: PacketId::new(0, packet), ..Order::default() }
    }

    fn piece(packets: &[u64], goes_on: bool) -> Output {
        let marks = (0..).zip(packets).map(|(i, &n)| Mark { order: order(n), start: i, end: i + 1, told: Told::Yes }).collect();
        Output {
            bytes: packets.iter().map(|&n| b'0' + n as u8).collect(),
            marks,
            dropped: vec![packets.len() as u32],
            goes_on,
            ..Output::default()
        }
    }

    #[test]
    fn pieces_follow_each_other_and_go_back_empty() {
        let (send, pieces) = bounded(9);
        let (give_back, spares) = bounded(9);
        for (packets, goes_on) in [(&[2, 1, 3][..], true), (&[], true), (&[4], false), (&[5], false)] {
            send.send(piece(packets, goes_on)).unwrap();
        }
        let ends = (pieces, give_back);
        let mut strand = Strand::begin(&ends).unwrap();
        let mut read = Vec::new();
        loop {
            strand.advance().unwrap();
            let Some(mark) = strand.take() else { break };
            read.extend_from_slice(strand.bytes(mark.start..mark.end));
        }
        assert_eq!(read, b"1234", "and not the next block's");
        assert_eq!(strand.dropped, [3, 0, 1]);
        strand.finish();
        assert_eq!(spares.iter().take(3).map(|o| o.bytes.len() + o.marks.len()).sum::<usize>(), 0);
    }

    #[test]
    fn a_worker_that_is_gone_is_an_error_where_more_is_due() {
        let (send, pieces) = bounded(1);
        send.send(piece(&[1], true)).unwrap();
        drop(send);
        let ends = (pieces, bounded(1).0);
        let mut strand = Strand::begin(&ends).unwrap();
        assert!(strand.advance().is_ok());
        strand.take();
        assert!(strand.advance().is_err());
    }
}
