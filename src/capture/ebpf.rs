//! Programs for the kernel in eBPF (RFC 9669): put together by labels; and classic ones, as they are in it.

use super::bpf;
use super::jumps::{Jumps, Label};

/// One instruction (RFC 9669 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    code: u8,
    /// Destination and source register.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// A register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Register(pub u8);

/// What a call or an exit answers, and packets are loaded into.
pub(super) const R0: Register = Register(0);
/// The first four are changed by calls and by loads from packets.
pub(super) const R1: Register = Register(1);
pub(super) const R2: Register = Register(2);
pub(super) const R3: Register = Register(3);
/// What loads from packets take the packet from: the context.
pub(super) const R6: Register = Register(6);
pub(super) const R7: Register = Register(7);
pub(super) const R8: Register = Register(8);
pub(super) const R9: Register = Register(9);
/// The end of the stack.
pub(super) const R10: Register = Register(10);

/// What is done to 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Multiply,
    Or,
    And,
    ShiftLeft,
    ShiftRight,
    Xor,
    Move,
}

/// What is asked of 64 bits, as numbers without a sign where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Equal,
    NotEqual,
    Greater,
    AnyBit,
    SignedLess,
}

/// The other side of an operation or a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Register(Register),
    Number(i32),
}

impl From<Register> for Operand {
    fn from(register: Register) -> Self {
        Self::Register(register)
    }
}

impl From<i32> for Operand {
    fn from(number: i32) -> Self {
        Self::Number(number)
    }
}

pub(super) use bpf::Width;

/// Puts a program together.
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

    /// `R0` is what is in the packet at `offset`, beyond `beyond` if that is given. Where the packet is too short the program ends with 0.
    pub fn load_packet(&mut self, width: Width, offset: i32, beyond: Option<Register>) {
        let (mode, source) = beyond.map_or((ABSOLUTE, R0), |register| (INDIRECT, register));
        self.push(mode | size(width), R0, source, 0, offset);
    }

    /// `to` is the 64 bits in memory, `offset` bytes beyond where `from` points to.
    pub fn load(&mut self, to: Register, from: Register, offset: i16) {
        self.push(LOAD | WORD_64, to, from, offset, 0);
    }

    /// `to` is the 32 bits of the context at `offset`.
    pub fn load_context(&mut self, to: Register, offset: i16) {
        self.push(LOAD | WORD_32, to, R6, offset, 0);
    }

    /// The 64 bits in memory, `offset` bytes beyond where `to` points to, are `from`.
    pub fn store(&mut self, to: Register, offset: i16, from: Register) {
        self.push(STORE | WORD_64, to, from, offset, 0);
    }

    /// The same with the lower 32 bits.
    pub fn store_32(&mut self, to: Register, offset: i16, from: Register) {
        self.push(STORE | WORD_32, to, from, offset, 0);
    }

    /// Adds `what` to 64 bits in memory, whoever else does so at the same time.
    pub fn add_to_memory(&mut self, to: Register, offset: i16, what: Register) {
        self.push(ATOMIC | WORD_64, to, what, offset, 0); // the operation is in the immediate: 0 adds
    }

    /// `to` is these 64 bits.
    pub fn set(&mut self, to: Register, bits: u64) {
        self.wide(to, R0, bits);
    }

    /// `to` is the map that is open under this number.
    pub fn set_map(&mut self, to: Register, number: i32) {
        self.wide(to, PSEUDO_MAP, u64::from(number.cast_unsigned()));
    }

    pub fn compute(&mut self, operation: Operation, to: Register, operand: impl Into<Operand>) {
        let code = match operation {
            Operation::Add => 0x07,
            Operation::Multiply => 0x27,
            Operation::Or => 0x47,
            Operation::And => 0x57,
            Operation::ShiftLeft => 0x67,
            Operation::ShiftRight => 0x77,
            Operation::Xor => 0xa7,
            Operation::Move => 0xb7,
        };
        match operand.into() {
            Operand::Number(number) => self.push(code, to, R0, 0, number),
            Operand::Register(register) => self.push(code | REGISTER, to, register, 0, 0),
        }
    }

    /// Goes on at `label` where the test of `what` holds.
    pub fn jump_if(&mut self, test: Test, what: Register, operand: impl Into<Operand>, label: Label) {
        let code = match test {
            Test::Equal => 0x15,
            Test::Greater => 0x25,
            Test::AnyBit => 0x45,
            Test::NotEqual => 0x55,
            Test::SignedLess => 0xc5,
        };
        self.jumps.add(self.code.len(), label);
        match operand.into() {
            Operand::Number(number) => self.push(code, what, R0, 0, number),
            Operand::Register(register) => self.push(code | REGISTER, what, register, 0, 0),
        }
    }

    /// Goes on at `label`.
    pub fn jump(&mut self, label: Label) {
        self.jumps.add(self.code.len(), label);
        self.push(JUMP, R0, R0, 0, 0);
    }

    /// Calls a function of the kernel, by its number.
    pub fn call(&mut self, function: i32) {
        self.push(CALL, R0, R0, 0, function);
    }

    /// Ends with what is in `R0`.
    pub fn exit(&mut self) {
        self.push(EXIT, R0, R0, 0, 0);
    }

    /// Goes on with a classic program, as the kernel itself would have it: A is `R0`, X is `R7`. False where it does what no filter of ours does.
    pub fn classic(&mut self, program: &[bpf::Instruction]) -> bool {
        self.compute(Operation::Move, R0, 0);
        self.compute(Operation::Move, R7, 0);
        let places: Vec<Label> = program.iter().map(|_| self.label()).collect();
        for (index, instruction) in program.iter().enumerate() {
            if let Some(place) = places.get(index) {
                self.place(*place);
            }
            let to = |skipped: usize| places.get(index.saturating_add(1).saturating_add(skipped)).copied();
            if self.classic_instruction(instruction, to).is_none() {
                return false;
            }
        }
        true
    }

    /// `to` is where so many instructions further on are.
    fn classic_instruction(&mut self, instruction: &bpf::Instruction, to: impl Fn(usize) -> Option<Label>) -> Option<()> {
        let &bpf::Instruction { code, jump_true, jump_false, k } = instruction;
        let (number, low) = (k.cast_signed(), u8::try_from(code).ok()?);
        match low {
            // Loads, and operations on A as 32 bits, have the same codes.
            0x20 | 0x28 | 0x30 => self.push(low, R0, R0, 0, number),
            0x40 | 0x48 | 0x50 => self.push(low, R0, R7, 0, number),
            0x04 | 0x24 | 0x54 | 0x64 | 0x74 | 0xa4 => self.push(low, R0, R0, 0, number),
            0x0c | 0x2c | 0x5c | 0x6c | 0x7c | 0xac => self.push(low, R0, R7, 0, 0),
            0x01 => self.push(MOVE_32, R7, R0, 0, number),
            0x07 => self.push(MOVE_32 | REGISTER, R7, R0, 0, 0),
            0x87 => self.push(MOVE_32 | REGISTER, R0, R7, 0, 0),
            JUMP => self.jump(to(usize::try_from(k).ok()?)?),
            0x15 | 0x25 | 0x35 | 0x45 => {
                self.jumps.add(self.code.len(), to(jump_true.into())?);
                self.push(low.wrapping_add(1), R0, R0, 0, number); // of 32 bits
                if jump_false > 0 {
                    self.jump(to(jump_false.into())?);
                }
            }
            0x06 => {
                self.push(MOVE_32, R0, R0, 0, number);
                self.exit();
            }
            _ => return None,
        }
        Some(())
    }

    /// The program; `None` where a jump goes too far, or to a label that is nowhere.
    pub fn finish(mut self) -> Option<Vec<Instruction>> {
        for (from, skipped) in self.jumps.distances()? {
            self.code.get_mut(from)?.offset = i16::try_from(skipped).ok()?;
        }
        Some(self.code)
    }

    /// A number of 64 bits takes two instructions.
    fn wide(&mut self, to: Register, kind: Register, bits: u64) {
        let [a, b, c, d, e, f, g, h] = bits.to_le_bytes();
        self.push(LOAD_WIDE, to, kind, 0, i32::from_le_bytes([a, b, c, d]));
        self.push(0, R0, R0, 0, i32::from_le_bytes([e, f, g, h]));
    }

    fn push(&mut self, code: u8, to: Register, from: Register, offset: i16, immediate: i32) {
        let (low, high) = if cfg!(target_endian = "little") { (to, from) } else { (from, to) };
        self.code.push(Instruction { code, registers: low.0 | high.0 << 4, offset, immediate });
    }
}

const fn size(width: Width) -> u8 {
    match width {
        Width::Word => WORD_32,
        Width::Half => 0x08,
        Width::Byte => 0x10,
    }
}

const WORD_32: u8 = 0x00;
const WORD_64: u8 = 0x18;
/// The other side is a register.
const REGISTER: u8 = 0x08;
const ABSOLUTE: u8 = 0x20;
const INDIRECT: u8 = 0x40;
const LOAD: u8 = 0x61;
const STORE: u8 = 0x63;
const ATOMIC: u8 = 0xc3;
const LOAD_WIDE: u8 = 0x18;
const JUMP: u8 = 0x05;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
const MOVE_32: u8 = 0xb4;
/// The number is that of a map (BPF_PSEUDO_MAP_FD).
const PSEUDO_MAP: Register = Register(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9669 §3 to §5: opcode, registers with the source in the upper half, offset, immediate.
    #[test]
    fn instructions_are_those_of_the_rfc() {
        let mut asm = Assembler::default();
        let end = asm.label();
        asm.set(R1, 0x0102_0304_0506_0708);
        asm.load(R2, R10, -8);
        asm.compute(Operation::Xor, R1, R2);
        asm.jump_if(Test::NotEqual, R1, R2, end);
        asm.compute(Operation::Add, R1, 5);
        asm.place(end);
        asm.exit();
        let code: Vec<_> = asm.finish().unwrap().iter().map(|i| (i.code, i.registers, i.offset, i.immediate)).collect();
        let expected = [
            (0x18, 0x01, 0, 0x0506_0708),
            (0x00, 0x00, 0, 0x0102_0304),
            (0x79, 0xa2, -8, 0),
            (0xaf, 0x21, 0, 0),
            (0x5d, 0x21, 1, 0),
            (0x07, 0x01, 0, 5),
            (0x95, 0x00, 0, 0),
        ];
        assert_eq!(code, expected);
    }

    #[test]
    fn a_jump_that_goes_nowhere_and_an_unknown_instruction_give_no_program() {
        let mut asm = Assembler::default();
        let nowhere = asm.label();
        asm.jump(nowhere);
        assert_eq!(asm.finish(), None);
        let beyond = bpf::Instruction { code: 0x05, k: 7, ..bpf::Instruction::default() };
        assert!(!Assembler::default().classic(&[beyond]));
        assert!(!Assembler::default().classic(&[bpf::Instruction { code: 0x80, ..beyond }]));
    }
}
