//! What is answered to who stands in the path.

/// The caller's name for a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Pass,
    /// It goes on, and so may all that follows on its flow, unseen: nothing that is to come can change what becomes of it.
    PassDone,
    /// It does not go on.
    Drop,
}

/// What is to be done after a frame was handed in: frames that are not named wait. Both lists are in order.
#[derive(Debug, Default)]
pub struct Answers {
    /// What becomes of frames: of the one handed in, or of ones that waited.
    pub fates: Vec<(Ticket, Fate)>,
    /// Frames to send: resets and the like.
    pub injections: Vec<Injection>,
}

/// A frame to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    /// From which side the frame came that it is an answer to: [`Frame::capture`](crate::packet::Frame::capture).
    pub ingress: u32,
    /// Back to where that came from, or on to where it was going.
    pub way: Way,
    /// The frame, with a link-layer header of the same kind.
    pub frame: Vec<u8>,
}

/// Where an injected frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To where the frame came from that it answers.
    Back,
    /// To where that was going.
    On,
}

impl Answers {
    /// Forgets all, and keeps the room.
    pub fn clear(&mut self) {
        self.fates.clear();
        self.injections.clear();
    }
}
