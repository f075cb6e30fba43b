//! Programs for the kernel's packet filter in its classic form (McCanne and Jacobson, 1993; Documentation/networking/filter.rst of
//! the kernel): put together by labels.

use super::jumps::{Jumps, Label};

/// One instruction, as the kernel has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instruction {
    /// What is done.
    pub code: u16,
    /// Instructions that are skipped where a test holds.
    pub jump_true: u8,
    /// Instructions that are skipped where it does not.
    pub jump_false: u8,
    /// The constant, the offset, or what is compared with.
    pub k: u32,
}

/// How many bytes are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Byte,
    Half,
    Word,
}

/// What is asked of A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Equal,
    Greater,
    AtLeast,
    AnyBit,
}

/// What is done to A, with a constant or with X.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Multiply,
    And,
    Xor,
    ShiftLeft,
    ShiftRight,
}

/// Puts a program together. A is the accumulator, X the index, and there are 16 cells of memory.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    code: Vec<Instruction>,
    jumps: Jumps,
}

impl Assembler {
    pub fn label(&mut self) -> Label {
        self.jumps.label()
    }

    /// The next instruction is where `label` is.
    pub fn place(&mut self, label: Label) {
        self.jumps.place(label, self.code.len());
    }

    /// A is what is at offset `k`, or at `k` beyond X.
    pub fn load(&mut self, width: Width, k: u32, beyond_x: bool) {
        let size = match width {
            Width::Word => 0x00,
            Width::Half => 0x08,
            Width::Byte => 0x10,
        };
        self.push(size | if beyond_x { 0x40 } else { 0x20 }, k);
    }

    /// A is what is in a cell.
    pub fn recall(&mut self, cell: u32) {
        self.push(0x60, cell);
    }

    /// X is what is in a cell.
    pub fn recall_x(&mut self, cell: u32) {
        self.push(0x61, cell);
    }

    /// A goes to a cell.
    pub fn store(&mut self, cell: u32) {
        self.push(0x02, cell);
    }

    /// X goes to a cell.
    pub fn store_x(&mut self, cell: u32) {
        self.push(0x03, cell);
    }

    /// X is `k`.
    pub fn set_x(&mut self, k: u32) {
        self.push(0x01, k);
    }

    /// X is A.
    pub fn a_to_x(&mut self) {
        self.push(0x07, 0);
    }

    /// A is X.
    pub fn x_to_a(&mut self) {
        self.push(0x87, 0);
    }

    /// Does `operation` to A, with `Some` constant or with X.
    pub fn compute(&mut self, operation: Operation, k: Option<u32>) {
        let code = match operation {
            Operation::Add => 0x04,
            Operation::Multiply => 0x24,
            Operation::And => 0x54,
            Operation::ShiftLeft => 0x64,
            Operation::ShiftRight => 0x74,
            Operation::Xor => 0xa4,
        };
        self.push(code | if k.is_none() { 0x08 } else { 0x00 }, k.unwrap_or(0));
    }

    /// Goes on at `label` where the test of A holds.
    pub fn jump_if(&mut self, test: Test, k: u32, label: Label) {
        self.jumps.add(self.code.len(), label);
        self.push(test.code(), k);
    }

    /// Goes on at `label`.
    pub fn jump(&mut self, label: Label) {
        self.jumps.add(self.code.len(), label);
        self.push(JUMP, 0);
    }

    /// Answers `accept` where A is one of `first` to `last`.
    pub fn answer_if_within(&mut self, first: u16, last: u16, answer: u32) {
        self.code.push(Instruction { code: Test::AtLeast.code(), jump_true: 0, jump_false: 2, k: first.into() });
        self.code.push(Instruction { code: Test::Greater.code(), jump_true: 1, jump_false: 0, k: last.into() });
        self.answer(answer);
    }

    /// Ends with a constant.
    pub fn answer(&mut self, k: u32) {
        self.push(0x06, k);
    }

    /// Ends with A.
    pub fn answer_a(&mut self) {
        self.push(0x16, 0);
    }

    /// The program; `None` where a test jumps further than 255 instructions, or to a label that is nowhere.
    pub fn finish(mut self) -> Option<Vec<Instruction>> {
        for (from, skipped) in self.jumps.distances()? {
            let instruction = self.code.get_mut(from)?;
            match instruction.code {
                JUMP => instruction.k = u32::try_from(skipped).ok()?,
                _ => instruction.jump_true = u8::try_from(skipped).ok()?,
            }
        }
        Some(self.code)
    }

    fn push(&mut self, code: u16, k: u32) {
        self.code.push(Instruction { code, jump_true: 0, jump_false: 0, k });
    }
}

impl Test {
    const fn code(self) -> u16 {
        match self {
            Self::Equal => 0x15,
            Self::Greater => 0x25,
            Self::AtLeast => 0x35,
            Self::AnyBit => 0x45,
        }
    }
}

const JUMP: u16 = 0x05;

/// Where the network header is for a load by the kernel (SKF_NET_OFF).
pub(super) const NETWORK: u32 = 0xfff0_0000;
/// Loads the ethertype, as the kernel has it apart from the frame (SKF_AD_OFF + SKF_AD_PROTOCOL).
pub(super) const PROTOCOL: u32 = 0xffff_f000;

/// Runs a program as the kernel does, on a packet whose network header is at `network`. For tests: the kernel itself is asked in tests
/// with interfaces.
#[cfg(test)]
pub(super) fn run(program: &[Instruction], packet: &[u8], protocol: u16, network: usize) -> u32 {
    let (mut a, mut x, mut cells) = (0_u32, 0_u32, [0_u32; 16]);
    let mut at = 0;
    loop {
        let Instruction { code, jump_true, jump_false, k } = program[at];
        at += 1;
        let load = |offset: u32| -> Option<u32> {
            if offset == PROTOCOL {
                return Some(protocol.into());
            }
            let start = if offset >= NETWORK { (offset - NETWORK) as usize + network } else { offset as usize };
            let len = [4, 2, 1][usize::from(code >> 3 & 3)];
            Some(packet.get(start..start + len)?.iter().fold(0, |n, b| n << 8 | u32::from(*b)))
        };
        let operand = if code & 0x08 == 0 { k } else { x };
        match code {
            0x20 | 0x28 | 0x30 => match load(k) {
                Some(n) => a = n,
                None => return 0,
            },
            0x40 | 0x48 | 0x50 => match load(k.wrapping_add(x)) {
                Some(n) => a = n,
                None => return 0,
            },
            0x60 => a = cells[k as usize],
            0x61 => x = cells[k as usize],
            0x02 => cells[k as usize] = a,
            0x03 => cells[k as usize] = x,
            0x01 => x = k,
            0x07 => x = a,
            0x87 => a = x,
            0x04 | 0x0c => a = a.wrapping_add(operand),
            0x24 | 0x2c => a = a.wrapping_mul(operand),
            0x54 | 0x5c => a &= operand,
            0x64 | 0x6c => a <<= operand,
            0x74 | 0x7c => a >>= operand,
            0xa4 | 0xac => a ^= operand,
            JUMP => at += k as usize,
            0x15 | 0x25 | 0x35 | 0x45 => {
                let holds = match code {
                    0x15 => a == k,
                    0x25 => a > k,
                    0x35 => a >= k,
                    _ => a & k != 0,
                };
                at += usize::from(if holds { jump_true } else { jump_false });
            }
            0x06 => return k,
            0x16 => return a,
            other => panic!("instruction {other:#x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_distances() {
        let mut asm = Assembler::default();
        let (found, end) = (asm.label(), asm.label());
        asm.load(Width::Half, 12, false);
        asm.jump_if(Test::Equal, 0x0800, found);
        asm.jump(end);
        asm.place(found);
        asm.answer(1);
        asm.place(end);
        asm.answer(0);
        let code: Vec<_> = asm.finish().unwrap().iter().map(|i| (i.code, i.jump_true, i.jump_false, i.k)).collect();
        // tcpdump -dd writes `ldh [12]` and `jeq #0x800` so.
        assert_eq!(code, [(0x28, 0, 0, 12), (0x15, 1, 0, 0x800), (0x05, 0, 0, 1), (0x06, 0, 0, 1), (0x06, 0, 0, 0)]);
    }

    #[test]
    fn a_jump_that_is_too_far_or_goes_nowhere_gives_no_program() {
        let mut asm = Assembler::default();
        let far = asm.label();
        asm.jump_if(Test::Equal, 0, far);
        (0..256).for_each(|_| asm.answer(0));
        asm.place(far);
        asm.answer(1);
        assert_eq!(asm.finish(), None);
        let mut asm = Assembler::default();
        let nowhere = asm.label();
        asm.jump(nowhere);
        assert_eq!(asm.finish(), None);
    }
}
