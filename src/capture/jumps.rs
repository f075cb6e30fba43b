//! Places in a program for one of the kernel's filters, and what jumps there.

/// A place in a program that is jumped to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

/// The jumps of a program, all of them forward, while it is put together.
#[derive(Debug, Default)]
pub(super) struct Jumps {
    /// Instructions that jump, and where to.
    jumps: Vec<(usize, Label)>,
    /// Where each label is.
    places: Vec<Option<usize>>,
}

impl Jumps {
    pub fn label(&mut self) -> Label {
        self.places.push(None);
        Label(self.places.len().saturating_sub(1))
    }

    /// Instruction `at` is where `label` is.
    pub fn place(&mut self, label: Label, at: usize) {
        if let Some(place) = self.places.get_mut(label.0) {
            *place = Some(at);
        }
    }

    /// Instruction `from` jumps to `label`.
    pub fn add(&mut self, from: usize, label: Label) {
        self.jumps.push((from, label));
    }

    /// Each instruction that jumps, and how many it passes over; `None` where one jumps back, or to a label that is nowhere.
    pub fn distances(self) -> Option<Vec<(usize, usize)>> {
        let distance = |&(from, Label(label)): &(usize, Label)| {
            let to = (*self.places.get(label)?)?;
            Some((from, to.checked_sub(from)?.checked_sub(1)?))
        };
        self.jumps.iter().map(distance).collect()
    }
}
