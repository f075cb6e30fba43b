//! `byte_test`, `byte_jump`, `byte_extract`, `byte_math`: numbers that lie in a buffer.

use std::str::Split;

use super::super::builder::Builder;
use super::super::byte_ops::{Arithmetic, ByteJump, ByteTest, Extraction, JumpFrom, Operation, Relation};
use super::super::diagnostic::Reason;
use super::super::field::{Encoding, Field, Number};
use super::super::inspect::Step;
use super::{Keyword, Kind, required, set_once};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "byte_test", aliases: &[], kind: Kind::Option(byte_test) },
    Keyword { name: "byte_jump", aliases: &[], kind: Kind::Option(byte_jump) },
    Keyword { name: "byte_extract", aliases: &[], kind: Kind::Option(byte_extract) },
    Keyword { name: "byte_math", aliases: &[], kind: Kind::Option(byte_math) },
];

/// `bytes, [!]operator, value[, offset][, option]...`
fn byte_test(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let mut parts = Parts::new(required(value)?);
    let len = builder.number(parts.next("the number of bytes")?)?;
    let (negated, operator) = relation(parts.next("an operator")?)?;
    let value = builder.number(parts.next("a value to compare with")?)?;
    let mut options = FieldOptions::new(len, Number::Given(0));
    // Suricata's documentation has examples without offset.
    if let Some(first) = parts.0.next() {
        match builder.number(first.trim()) {
            Ok(offset) => options.offset = offset,
            Err(_) if is_option(first.trim()) => options.take(first.trim())?,
            Err(reason) => return Err(reason),
        }
    }
    for option in parts.rest() {
        options.take(option)?;
    }
    let field = options.finish(1)?;
    builder.step(Step::ByteTest(Box::new(ByteTest { field, negated, operator, value })))
}

/// `bytes, offset[, option]...`
fn byte_jump(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let mut parts = Parts::new(required(value)?);
    let len = builder.number(parts.next("the number of bytes")?)?;
    let offset = builder.number(parts.next("an offset")?)?;
    let mut options = FieldOptions::new(len, offset);
    let (mut multiplier, mut align, mut from, mut post_offset) = (None, false, None, None);
    for option in parts.rest() {
        match split(option) {
            ("multiplier", Some(n)) => set_once(&mut multiplier, multiplier_of(n)?)?,
            ("align", None) => align = true,
            ("from_beginning", None) => set_once(&mut from, JumpFrom::Beginning)?,
            ("from_end", None) => set_once(&mut from, JumpFrom::End)?,
            ("post_offset", Some(n)) => set_once(&mut post_offset, n.parse::<i32>().map_err(|_| OPTION)?)?,
            _ => options.take(option)?,
        }
    }
    builder.step(Step::ByteJump(Box::new(ByteJump {
        field: options.finish(0)?,
        multiplier: multiplier.unwrap_or(1),
        align,
        from: from.unwrap_or(JumpFrom::Field),
        post_offset: post_offset.unwrap_or(0).into(),
    })))
}

/// `bytes, offset, name[, option]...`
fn byte_extract(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let mut parts = Parts::new(required(value)?);
    let len = builder.number(parts.next("the number of bytes")?)?;
    let offset = builder.number(parts.next("an offset")?)?;
    let name = parts.next("a name for the variable")?;
    let mut options = FieldOptions::new(len, offset);
    let (mut multiplier, mut align) = (None, None);
    for option in parts.rest() {
        match split(option) {
            ("multiplier", Some(n)) => set_once(&mut multiplier, multiplier_of(n)?)?,
            ("align", Some("2")) => set_once(&mut align, 2)?,
            ("align", Some("4")) => set_once(&mut align, 4)?,
            ("align", _) => return Err(Reason::BadValue("align 2 or align 4")),
            _ => options.take(option)?,
        }
    }
    let operation = Operation::Scale(multiplier.unwrap_or(1), align.unwrap_or(1));
    let field = options.finish(1)?;
    let slot = builder.variable(name)?;
    builder.step(Step::Extract(Box::new(Extraction { field, operation, slot })))
}

/// `bytes N, offset N, oper O, rvalue N, result name[, option]...`, in any order.
fn byte_math(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let (mut len, mut offset, mut operator, mut right, mut result) = (None, None, None, None, None);
    let mut options = FieldOptions::new(Number::Given(0), Number::Given(0));
    for option in Parts::new(required(value)?).rest() {
        match split(option) {
            ("bytes", Some(n)) => set_once(&mut len, builder.number(n)?)?,
            ("offset", Some(n)) => set_once(&mut offset, builder.number(n)?)?,
            ("oper", Some(sign)) => set_once(&mut operator, arithmetic(sign)?)?,
            ("rvalue", Some(n)) => set_once(&mut right, builder.number(n)?)?,
            ("result", Some(name)) => set_once(&mut result, name)?,
            ("endian", Some(order)) => options.take(order)?,
            _ => options.take(option)?,
        }
    }
    const FORM: Reason = Reason::BadValue("bytes, offset, oper, rvalue and result, each with its value");
    let (Some(len), Some(offset), Some(operator), Some(right), Some(name)) = (len, offset, operator, right, result) else {
        return Err(FORM);
    };
    if operator == Arithmetic::Divide && right == Number::Given(0) {
        return Err(Reason::NeverMatches("a division by zero"));
    }
    (options.len, options.offset) = (len, offset);
    let field = options.finish(1)?;
    let slot = builder.variable(name)?;
    builder.step(Step::Extract(Box::new(Extraction { field, operation: Operation::Math(operator, right), slot })))
}

/// What is between commas.
struct Parts<'a>(Split<'a, char>);

impl<'a> Parts<'a> {
    fn new(value: &'a str) -> Self {
        Self(value.split(','))
    }

    fn next(&mut self, what: &'static str) -> Result<&'a str, Reason> {
        self.0.next().map(str::trim).filter(|part| !part.is_empty()).ok_or(Reason::BadValue(what))
    }

    fn rest(self) -> impl Iterator<Item = &'a str> {
        self.0.map(str::trim)
    }
}

/// What the four say about the number itself, while it is read.
struct FieldOptions {
    len: Number,
    offset: Number,
    relative: bool,
    little: Option<bool>,
    string: bool,
    base: Option<u32>,
    bitmask: Option<u64>,
}

impl FieldOptions {
    const fn new(len: Number, offset: Number) -> Self {
        Self { len, offset, relative: false, little: None, string: false, base: None, bitmask: None }
    }

    /// Reads one option.
    fn take(&mut self, option: &str) -> Result<(), Reason> {
        match split(option) {
            ("relative", None) => self.relative = true,
            ("big", None) => set_once(&mut self.little, false)?,
            ("little", None) => set_once(&mut self.little, true)?,
            ("string", base) => {
                self.string = true;
                if let Some(base) = base {
                    self.take(base)?;
                }
            }
            ("hex", None) => set_once(&mut self.base, 16)?,
            ("dec", None) => set_once(&mut self.base, 10)?,
            ("oct", None) => set_once(&mut self.base, 8)?,
            ("bitmask", Some(mask)) => set_once(&mut self.bitmask, bitmask(mask)?)?,
            ("dce", None) => return Err(Reason::Refused("dce: DCERPC is not followed")),
            _ => return Err(OPTION),
        }
        Ok(())
    }

    /// The field, if it has at least `least` bytes, and at most what can be read.
    fn finish(self, least: usize) -> Result<Field, Reason> {
        if self.base.is_some() && !self.string {
            return Err(Reason::BadValue("string before hex, dec or oct"));
        }
        let (allowed, encoding) = match (self.string, self.little) {
            (true, _) => (0..=Field::MAX_DIGITS, Encoding::Text(self.base.unwrap_or(10))),
            (false, Some(true)) => (least..=Field::MAX_BYTES, Encoding::Little),
            (false, _) => (least..=Field::MAX_BYTES, Encoding::Big),
        };
        match self.len {
            Number::Given(len) if !usize::try_from(len).is_ok_and(|len| allowed.contains(&len)) => {
                Err(Reason::BadValue("1 to 8 bytes, or 0 to 23 of a string"))
            }
            _ => Ok(Field { len: self.len, offset: self.offset, relative: self.relative, encoding, bitmask: self.bitmask }),
        }
    }
}

/// An option's name and, after a space, its value.
fn split(option: &str) -> (&str, Option<&str>) {
    option.split_once(char::is_whitespace).map_or((option, None), |(name, value)| (name, Some(value.trim())))
}

fn is_option(text: &str) -> bool {
    matches!(split(text).0, "relative" | "big" | "little" | "string" | "hex" | "dec" | "oct" | "bitmask" | "dce")
}

/// `[!]operator`; a lone `!` is `!=`.
fn relation(text: &str) -> Result<(bool, Relation), Reason> {
    let (negated, sign) = text.strip_prefix('!').map_or((false, text), |sign| (true, sign.trim_start()));
    let relation = match sign {
        "<" => Relation::Less,
        "<=" => Relation::AtMost,
        "=" => Relation::Equal,
        "" if negated => Relation::Equal,
        ">=" => Relation::AtLeast,
        ">" => Relation::Greater,
        "&" => Relation::And,
        "^" => Relation::Xor,
        _ => return Err(Reason::BadValue("one of < <= = >= > & ^, or ! before it")),
    };
    Ok((negated, relation))
}

fn arithmetic(sign: &str) -> Result<Arithmetic, Reason> {
    Ok(match sign {
        "+" => Arithmetic::Add,
        "-" => Arithmetic::Subtract,
        "*" => Arithmetic::Multiply,
        "/" => Arithmetic::Divide,
        "<<" => Arithmetic::ShiftLeft,
        ">>" => Arithmetic::ShiftRight,
        _ => return Err(Reason::BadValue("one of + - * / << >>")),
    })
}

fn multiplier_of(text: &str) -> Result<u64, Reason> {
    text.parse::<u16>().ok().filter(|n| *n > 0).map(u64::from).ok_or(Reason::BadValue("a multiplier from 1 to 65535"))
}

/// Hexadecimal, with or without `0x`.
fn bitmask(text: &str) -> Result<u64, Reason> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let mask = u32::from_str_radix(digits, 16).ok().filter(|mask| *mask != 0);
    mask.map(u64::from).ok_or(Reason::BadValue("a bitmask of 1 to 8 hex digits, not zero"))
}

const OPTION: Reason = Reason::BadValue("options of this keyword, as docs/rules.md lists them");
