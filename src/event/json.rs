//! One event, one line: a serializer of JSON that does what events need, and no more.
//!
//! It differs from serde_json in what makes a line cheap: names of fields and variants are identifiers of ours and copied as
//! they are, text is looked at sixteen bytes at a time, and fields of several structs go into one object without a map between.
//! And in what makes it safe to show: what [`is_deceptive`] names is escaped in every string.

use std::fmt::{self, Display, Write};

use serde::ser::{Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple};
use serde::{Serialize, Serializer};

use super::text::is_deceptive;

/// Appends `event` and a newline to `out`.
pub(crate) fn write_line(out: &mut Vec<u8>, event: &impl Serialize) {
    let start = out.len();
    match event.serialize(Json::value(out)) {
        Ok(()) => out.push(b'\n'),
        // No event has what cannot be written, so this is no path that runs; half a line is none.
        Err(fmt::Error) => out.truncate(start),
    }
}

/// Printable ASCII in which JSON escapes nothing, to be copied without a look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain<'a>(pub &'a [u8]);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Whether all of `bytes` is printable ASCII without quote and backslash.
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    let by_chunks = is_plain_by::<16>(bytes).or_else(|| is_plain_by::<8>(bytes));
    by_chunks.unwrap_or_else(|| bytes.iter().all(|&byte| !is_special(byte)))
}

/// The same by `N` bytes at once, for which the compiler takes vector instructions; `None` where there are fewer. The last chunk
/// overlaps those before it, which costs less than looking at what is left one by one.
fn is_plain_by<const N: usize>(bytes: &[u8]) -> Option<bool> {
    let is_plain_chunk = |chunk: &[u8; N]| !chunk.iter().fold(false, |any, &byte| any | is_special(byte));
    let (chunks, _) = bytes.as_chunks();
    Some(is_plain_chunk(bytes.last_chunk()?) && chunks.iter().all(is_plain_chunk))
}

const fn is_special(byte: u8) -> bool {
    (byte < b' ') | (byte > b'~') | (byte == b'"') | (byte == b'\\')
}

/// A place for one value.
struct Json<'a> {
    out: &'a mut Vec<u8>,
    /// The value is an object whose fields go into the one that is open.
    spread: bool,
}

impl<'a> Json<'a> {
    const fn value(out: &'a mut Vec<u8>) -> Self {
        Self { out, spread: false }
    }

    #[inline]
    fn plain(self, text: &[u8]) {
        self.out.push(b'"');
        self.out.extend_from_slice(text);
        self.out.push(b'"');
    }

    fn number(self, number: impl itoa::Integer) {
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn open(self, start: u8, end: u8) -> Open<'a> {
        if self.spread {
            return Open { out: self.out, end: None };
        }
        self.out.push(start);
        Open { out: self.out, end: Some(end) }
    }
}

/// A list or an object that is being written.
struct Open<'a> {
    out: &'a mut Vec<u8>,
    /// What closes it.
    end: Option<u8>,
}

impl Open<'_> {
    /// Every member is written with a comma behind it: where it stands is then no question that each has to ask.
    #[inline]
    fn member<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        value.serialize(Json::value(self.out))?;
        self.out.push(b',');
        Ok(())
    }

    /// The closing bracket takes the place of the last comma, where there is one. No value ends with a comma.
    fn close(self) {
        if let Some(end) = self.end {
            match self.out.last_mut() {
                Some(last @ b',') => *last = end,
                _ => self.out.push(end),
            }
        }
    }
}

type Done = Result<(), fmt::Error>;

impl<'a> Serializer for Json<'a> {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = Open<'a>;
    type SerializeTuple = Open<'a>;
    type SerializeTupleStruct = Impossible<(), fmt::Error>;
    type SerializeTupleVariant = Impossible<(), fmt::Error>;
    type SerializeMap = Open<'a>;
    type SerializeStruct = Open<'a>;
    type SerializeStructVariant = Impossible<(), fmt::Error>;

    fn serialize_bool(self, v: bool) -> Done {
        self.out.extend_from_slice(if v { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_i8(self, v: i8) -> Done {
        self.serialize_i64(v.into())
    }

    fn serialize_i16(self, v: i16) -> Done {
        self.serialize_i64(v.into())
    }

    fn serialize_i32(self, v: i32) -> Done {
        self.serialize_i64(v.into())
    }

    fn serialize_i64(self, v: i64) -> Done {
        self.number(v);
        Ok(())
    }

    fn serialize_u8(self, v: u8) -> Done {
        self.number(v);
        Ok(())
    }

    fn serialize_u16(self, v: u16) -> Done {
        self.number(v);
        Ok(())
    }

    fn serialize_u32(self, v: u32) -> Done {
        self.number(v);
        Ok(())
    }

    fn serialize_u64(self, v: u64) -> Done {
        self.number(v);
        Ok(())
    }

    fn serialize_char(self, v: char) -> Done {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, v: &str) -> Done {
        self.out.push(b'"');
        push_escaped(self.out, v);
        self.out.push(b'"');
        Ok(())
    }

    /// Events have no lists of bytes: these are [`Plain`] text.
    fn serialize_bytes(self, v: &[u8]) -> Done {
        self.plain(v);
        Ok(())
    }

    fn collect_str<T: ?Sized + Display>(self, value: &T) -> Done {
        self.out.push(b'"');
        write!(Escaped(self.out), "{value}")?;
        self.out.push(b'"');
        Ok(())
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.plain(variant.as_bytes());
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'a>, fmt::Error> {
        Ok(self.open(b'[', b']'))
    }

    fn serialize_tuple(self, _: usize) -> Result<Open<'a>, fmt::Error> {
        Ok(self.open(b'[', b']'))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Open<'a>, fmt::Error> {
        Ok(self.open(b'{', b'}'))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Open<'a>, fmt::Error> {
        Ok(self.open(b'{', b'}'))
    }

    // What a data set in JSON may know of a value, and no event else has.

    fn serialize_f64(self, v: f64) -> Done {
        if v.is_finite() { write!(Escaped(self.out), "{v:?}") } else { Err(fmt::Error) }
    }

    fn serialize_unit(self) -> Done {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    // What no event has: an option that is none (its key is left out), and enums with contents but for those that name their tag.

    fn serialize_f32(self, _: f32) -> Done {
        Err(fmt::Error)
    }

    fn serialize_none(self) -> Done {
        Err(fmt::Error)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        Err(fmt::Error)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(self, _: &'static str, _: u32, _: &'static str, _: &T) -> Done {
        Err(fmt::Error)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, fmt::Error> {
        Err(fmt::Error)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, fmt::Error> {
        Err(fmt::Error)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, fmt::Error> {
        Err(fmt::Error)
    }
}

impl SerializeStruct for Open<'_> {
    type Ok = ();
    type Error = fmt::Error;

    /// A field whose name is empty stands for the fields of its value: what serde's `flatten` does by way of a map.
    #[inline(always)] // makes the name a constant: a few stores instead of a call
    fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Done {
        if key.is_empty() {
            return value.serialize(Json { out: self.out, spread: true });
        }
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.member(value)
    }

    fn end(self) -> Done {
        self.close();
        Ok(())
    }
}

/// Keys are strings, always.
impl SerializeMap for Open<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Done {
        key.serialize(Json::value(self.out))
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        self.out.push(b':');
        self.member(value)
    }

    fn end(self) -> Done {
        self.close();
        Ok(())
    }
}

impl SerializeSeq for Open<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        self.member(value)
    }

    fn end(self) -> Done {
        self.close();
        Ok(())
    }
}

impl SerializeTuple for Open<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        self.member(value)
    }

    fn end(self) -> Done {
        self.close();
        Ok(())
    }
}

/// Text that is written piece by piece, inside of a string.
struct Escaped<'a>(&'a mut Vec<u8>);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_escaped(self.0, text);
        Ok(())
    }
}

/// Appends `text` as it stands inside of a string (RFC 8259 §7).
fn push_escaped(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        return out.extend_from_slice(text.as_bytes());
    }
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\x08' => out.extend_from_slice(b"\\b"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\x0c' => out.extend_from_slice(b"\\f"),
            '\r' => out.extend_from_slice(b"\\r"),
            c if is_deceptive(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(b"\\u");
                    out.extend([12, 8, 4, 0].map(|shift| hex_digit(unit.wrapping_shr(shift))));
                }
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// The last hex digit of `n`.
fn hex_digit(n: u16) -> u8 {
    b"0123456789abcdef".get(usize::from(n & 0xf)).copied().unwrap_or(b'0')
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn json(value: impl Serialize) -> String {
        let mut out = Vec::new();
        value.serialize(Json::value(&mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[derive(Serialize)]
    struct Outer {
        #[serde(rename = "")]
        first: Inner,
        list: Vec<Inner>,
        none: [u8; 0],
        #[serde(rename = "")]
        last: Inner,
    }

    #[derive(Clone, Copy, Default, Serialize)]
    struct Inner {
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        number: Option<i64>,
    }

    #[test]
    fn fields_of_a_field_without_a_name_stand_in_the_object_itself() {
        let (text, number) = (Inner { text: Some(","), number: None }, Inner { text: None, number: Some(-7) });
        let outer = Outer { first: text, list: vec![text, number, Inner::default()], none: [], last: number };
        assert_eq!(json(&outer), r#"{"text":",","list":[{"text":","},{"number":-7},{}],"none":[],"number":-7}"#);
        let nothing = Inner::default();
        let outer = Outer { first: nothing, list: vec![], none: [], last: nothing };
        assert_eq!(json(&outer), r#"{"list":[],"none":[]}"#);
    }

    #[test]
    fn an_event_that_cannot_be_written_leaves_no_half_a_line() {
        let mut out = b"before\n".to_vec();
        write_line(&mut out, &("text", f64::NAN));
        assert_eq!(out, b"before\n");
    }

    /// RFC 8259 §7.
    #[test]
    fn strings_escape_what_json_escapes() {
        let text = "\"\\/\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{e9}\u{10ffff}";
        let escaped = "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u{e9}\u{10ffff}\"";
        assert_eq!(json(text), escaped);
        assert_eq!(json(text.chars().next()), r#""\"""#);
    }

    #[test]
    fn plain_is_what_json_leaves_as_it_is() {
        for length in [1, 7, 8, 9, 15, 16, 17, 33] {
            for at in 0..length {
                for byte in 0..=255 {
                    let mut bytes = vec![b'a'; length];
                    bytes[at] = byte;
                    let expected = (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
                    assert_eq!(is_plain(&bytes), expected, "{bytes:?}");
                }
            }
        }
        assert!(is_plain(b""));
        assert!(is_plain(&(b' '..b'"').chain(b'#'..b'\\').chain(b']'..=b'~').collect::<Vec<_>>()));
    }
}
