//! What the options `dataset` and `datarep` say.

use super::super::diagnostic::Reason;
use super::json::JsonFormat;
use super::kind::DatasetKind;

/// What a `dataset` option says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rules) struct Spec<'v> {
    pub command: Command,
    pub name: &'v str,
    pub set: SetSpec<'v>,
}

/// What is asked of a set or done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) enum Command {
    /// The value is in it.
    IsSet,
    /// The value is not in it.
    IsNotSet,
    /// The value is not in it; then it is put in.
    Set,
    /// The value is in it; then it is taken out.
    Unset,
}

/// What a `datarep` option says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rules) struct RepSpec<'v> {
    pub name: &'v str,
    pub wanted: Wanted,
    pub set: SetSpec<'v>,
}

/// What the reputation of a value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) enum Wanted {
    /// `>`
    More(u16),
    /// `<`
    Less(u16),
    /// `==`
    Equal(u16),
}

/// What a rule says of a set as such.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::rules) struct SetSpec<'v> {
    pub kind: Option<DatasetKind>,
    /// The file that it is read from.
    pub load: Option<&'v str>,
    /// The file that it is written to.
    pub save: Option<&'v str>,
    /// The file that it is read from, where there is one, and written to.
    pub state: Option<&'v str>,
    /// Bytes that it may take.
    pub memcap: Option<usize>,
    /// The length of the networks that are put in and taken out.
    pub mask: Option<u8>,
    /// `hashsize` is given.
    pub hashsize: bool,
    /// The values lie in JSON.
    pub json: Option<JsonFormat>,
    /// By this key alerts show the object of the value.
    pub enrichment_key: Option<&'v str>,
}

impl<'v> Spec<'v> {
    /// `set|unset|isset|isnotset,name[,type …][,load file][,save file][,state file][,memcap size][,hashsize n][,mask n]`
    pub fn parse(value: &'v str) -> Result<Self, Reason> {
        let mut parts = value.split(',').map(str::trim);
        let command = match parts.next().unwrap_or_default() {
            "isset" => Command::IsSet,
            "isnotset" => Command::IsNotSet,
            "set" => Command::Set,
            "unset" => Command::Unset,
            _ => return Err(FORM),
        };
        let name = name(parts.next()).ok_or(FORM)?;
        let set = SetSpec::parse(parts, FORM)?;
        let changes = matches!(command, Command::Set | Command::Unset);
        if changes && set.json.is_some() {
            return Err(Reason::BadValue("isset or isnotset of a set in JSON"));
        }
        if set.mask.is_some() && (set.kind.is_some_and(|k| k != DatasetKind::Cidr) || !changes) {
            return Err(Reason::BadValue("a mask with set or unset of type cidr only"));
        }
        Ok(Self { command, name, set })
    }
}

impl<'v> RepSpec<'v> {
    /// `name,operator,value[,load file][,type …][,memcap size][,hashsize n]`
    pub fn parse(value: &'v str) -> Result<Self, Reason> {
        let mut parts = value.split(',').map(str::trim);
        let name = name(parts.next()).ok_or(REP_FORM)?;
        let (operator, number) = (parts.next().ok_or(REP_FORM)?, parts.next().ok_or(REP_FORM)?);
        let number = number.parse().map_err(|_| Reason::BadValue("a reputation from 0 to 65535"))?;
        let wanted = match operator {
            ">" => Wanted::More(number),
            "<" => Wanted::Less(number),
            "==" => Wanted::Equal(number),
            _ => return Err(REP_FORM),
        };
        let set = SetSpec::parse(parts, REP_FORM)?;
        if set.save.is_some() || set.state.is_some() || set.mask.is_some() || set.json.is_some() {
            return Err(REP_FORM);
        }
        Ok(Self { name, wanted, set })
    }
}

impl<'v> SetSpec<'v> {
    fn parse(parts: impl Iterator<Item = &'v str>, form: Reason) -> Result<Self, Reason> {
        let mut set = Self::default();
        let (mut format, mut value_key, mut array_key, mut remove_key) = (None, None, None, false);
        for part in parts {
            if part == "remove_key" {
                remove_key = true;
                continue;
            }
            let (key, value) = part.split_once(char::is_whitespace).ok_or(form.clone())?;
            let value = value.trim();
            let again = match key {
                "type" => set.kind.replace(DatasetKind::from_word(value).ok_or(form.clone())?).is_some(),
                "load" => set.load.replace(value).is_some(),
                "save" => set.save.replace(to_write(value)?).is_some(),
                "state" => set.state.replace(to_write(value)?).is_some(),
                "memcap" => set.memcap.replace(bytes(value).ok_or(Reason::BadValue("memcap as in 10mb"))?).is_some(),
                "mask" => set.mask.replace(mask(value)?).is_some(),
                "hashsize" => std::mem::replace(&mut set.hashsize, true),
                "format" => format.replace(value).is_some(),
                "enrichment_key" => set.enrichment_key.replace(value).is_some(),
                "value_key" => value_key.replace(value).is_some(),
                "array_key" => array_key.replace(value).is_some(),
                _ => return Err(form),
            };
            if again {
                return Err(Reason::GivenTwice);
            }
        }
        set.json = match (format, value_key) {
            (None | Some("csv"), None) if array_key.is_none() && set.enrichment_key.is_none() && !remove_key => None,
            (Some(word @ ("json" | "ndjson" | "jsonline")), Some(value_key)) => {
                let (lines, array_key) = (word != "json", array_key.map(str::to_owned));
                Some(JsonFormat { lines, value_key: value_key.to_owned(), array_key, remove_key })
            }
            _ => return Err(JSON_FORM),
        };
        if set.json.is_some() && (set.load.is_none() || set.save.is_some() || set.enrichment_key.is_none()) {
            return Err(JSON_FORM);
        }
        match set {
            Self { kind: None, load, save, state, .. } if load.or(save).or(state).is_some() => {
                Err(Reason::BadValue("a type beside the file"))
            }
            Self { state: Some(_), load, save, .. } if load.or(save).is_some() => {
                Err(Reason::BadValue("state, or load and save, not both"))
            }
            set => Ok(set),
        }
    }

    /// Whether it names a file.
    pub const fn has_file(&self) -> bool {
        self.load.is_some() || self.save.is_some() || self.state.is_some()
    }
}

impl Wanted {
    /// Whether `reputation` is as asked.
    pub const fn holds(self, reputation: u16) -> bool {
        match self {
            Self::More(n) => reputation > n,
            Self::Less(n) => reputation < n,
            Self::Equal(n) => reputation == n,
        }
    }
}

fn name(part: Option<&str>) -> Option<&str> {
    part.filter(|n| !n.is_empty() && !n.contains(char::is_whitespace))
}

/// A file that a rule may have written. Whoever writes rules must not be able to name any file of whoever runs them.
fn to_write(path: &str) -> Result<&str, Reason> {
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(Reason::Refused("a rule may only have files written in or below its directory"));
    }
    let is_name = !path.ends_with('/') && !path.contains(char::is_control);
    if is_name { Ok(path) } else { Err(Reason::BadValue("the name of a file")) }
}

/// `65536`, `64kb`, `10mb`, `1gb`; the units in either case.
fn bytes(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let units = [("kb", 10), ("mb", 20), ("gb", 30)];
    let unit = units.iter().find_map(|(unit, shift)| Some((lower.strip_suffix(unit)?, *shift)));
    let (digits, shift) = unit.unwrap_or((&lower, 0));
    digits.trim_end().parse::<usize>().ok()?.checked_mul(1 << shift)
}

/// `24`, `0x18`, or a netmask as in `0xffffff00`.
fn mask(text: &str) -> Result<u8, Reason> {
    const BAD: Reason = Reason::BadValue("a mask of 1 to 128 bits, or a netmask as in 0xffffff00");
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    match number.map_err(|_| BAD)? {
        bits @ 1..=128 => u8::try_from(bits).map_err(|_| BAD),
        netmask if netmask.leading_ones().checked_add(netmask.trailing_zeros()) == Some(u32::BITS) => {
            u8::try_from(netmask.leading_ones()).ok().filter(|bits| *bits > 0).ok_or(BAD)
        }
        _ => Err(BAD),
    }
}

const FORM: Reason =
    Reason::BadValue("set, unset, isset or isnotset, a name, and type string|md5|sha256|ipv4|ip|cidr, load FILE, state FILE");
const JSON_FORM: Reason =
    Reason::BadValue("load FILE, format json|ndjson, value_key KEY, enrichment_key KEY[, array_key KEY][, remove_key]");
const REP_FORM: Reason = Reason::BadValue("a name, one of > < ==, a number, and load FILE, type string|md5|sha256|ipv4|ip|cidr");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_a_length_or_a_netmask() {
        for (text, bits) in [
            ("24", Some(24)),
            ("0x18", Some(24)),
            ("0xffffff00", Some(24)),
            ("0xffffffff", Some(32)),
            ("128", Some(128)),
            ("0", None),
            ("0x00ff00ff", None),
            ("129", None),
            ("-1", None),
        ] {
            assert_eq!(mask(text).ok(), bits, "{text}");
        }
    }

    #[test]
    fn a_memcap_has_a_unit() {
        for (text, expected) in [
            ("1000", Some(1000)),
            ("64kb", Some(65_536)),
            ("10MB", Some(10 << 20)),
            ("1gb", Some(1 << 30)),
            ("10m", None),
            ("mb", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
