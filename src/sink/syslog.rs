//! RFC 5424 messages, and their framing for streams (RFC 6587, octet counting).

use super::format::Format;
use super::head::{Head, Severity};

/// How messages are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogSettings {
    /// 0 to 23 (RFC 5424, section 6.2.1).
    pub facility: u8,
    /// The name of this host; `-` where it has none.
    pub hostname: String,
    /// What the message has behind its head.
    pub format: Format,
}

impl SyslogSettings {
    /// Facilities by their usual names.
    pub const FACILITIES: [(&'static str, u8); 12] = [
        ("user", 1),
        ("daemon", 3),
        ("auth", 4),
        ("authpriv", 10),
        ("local0", 16),
        ("local1", 17),
        ("local2", 18),
        ("local3", 19),
        ("local4", 20),
        ("local5", 21),
        ("local6", 22),
        ("local7", 23),
    ];

    /// Appends the message of an event. `counted`: with its length before it, as streams need it. The event is JSON without its newline. In any format
    /// control characters are escaped: it cannot end the message.
    pub(super) fn message(&self, out: &mut Vec<u8>, line: &[u8], counted: bool) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let head = Head::of(line);
        let (severity, time, kind) = match &head {
            Some(head) => (severity(head), rfc3339(&head.timestamp), token(&head.event_type, MSGID)),
            None => (INFORMATIONAL, "-".to_owned(), "-".to_owned()),
        };
        let priority = u16::from(self.facility).saturating_mul(8).saturating_add(severity);
        let host = token(&self.hostname, HOSTNAME);
        let event = self.format.event(line);
        let start = format!("<{priority}>1 {time} {host} portcullis {} {kind} - ", std::process::id());
        if counted {
            let length = start.len().saturating_add(event.len());
            out.extend(format!("{length} ").into_bytes());
        }
        out.extend(start.into_bytes());
        out.extend_from_slice(&event);
    }
}

/// RFC 5424, section 6.2.1.
fn severity(head: &Head<'_>) -> u16 {
    const CRITICAL: u16 = 2;
    const WARNING: u16 = 4;
    const NOTICE: u16 = 5;
    match head.alert.as_ref().and_then(|_| head.severity()) {
        Some(Severity::High) => CRITICAL,
        Some(Severity::Medium) => WARNING,
        Some(Severity::Low | Severity::Info) => NOTICE,
        None => INFORMATIONAL,
    }
}

/// EVE's time as RFC 3339 has it: with a colon in what it is off UTC.
pub(super) fn rfc3339(time: &str) -> String {
    match time.split_at_checked(time.len().saturating_sub(2)) {
        Some((start, minutes)) if time.is_ascii() && time.len() == "2026-11-24T11:28:11.793478+0000".len() => {
            format!("{start}:{minutes}")
        }
        _ => "-".to_owned(),
    }
}

/// Printable ASCII without spaces, or `-` (RFC 5424, section 6).
fn token(text: &str, longest: usize) -> String {
    let kept: String = text.chars().filter(char::is_ascii_graphic).take(longest).collect();
    if kept.is_empty() { "-".to_owned() } else { kept }
}

const INFORMATIONAL: u16 = 6;
const HOSTNAME: usize = 255;
const MSGID: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(hostname: &str, line: &str, counted: bool) -> String {
        let mut out = Vec::new();
        SyslogSettings { facility: 21, hostname: hostname.to_owned(), format: Format::Eve }.message(
            &mut out,
            line.as_bytes(),
            counted,
        );
        String::from_utf8(out).unwrap().replace(&format!(" {} ", std::process::id()), " PID ")
    }

    const TLS: &str = "{\"timestamp\":\"2026-11-24T11:28:11.793478+0000\",\"event_type\":\"tls\"}\n";

    #[test]
    fn an_event_is_a_message_of_rfc_5424() {
        let alert = TLS.replace("\"tls\"", "\"alert\",\"alert\":{\"gid\":1,\"signature_id\":7,\"signature\":\"x\",\"severity\":1}");
        for (line, start) in [
            (TLS, "<174>1 2026-11-24T11:28:11.793478+00:00 fw1 portcullis PID tls - {"),
            (&alert, "<170>1 2026-11-24T11:28:11.793478+00:00 fw1 portcullis PID alert - {"),
            (&alert.replace(":1}", ":2}"), "<172>1 "),
            (&alert.replace(":1}", ":3}"), "<173>1 "),
            ("no event\n", "<174>1 - fw1 portcullis PID - - no event"),
        ] {
            let message = message("fw1", line, false);
            assert!(message.starts_with(start), "{message}");
            assert!(message.ends_with(line.trim_end()), "{message}");
        }
    }

    #[test]
    fn on_a_stream_the_length_goes_before_it_in_octets() {
        let mut out = Vec::new();
        let settings = SyslogSettings { facility: 1, hostname: "fw1".to_owned(), format: Format::Eve };
        settings.message(&mut out, TLS.replace("tls", "t\u{e9}").as_bytes(), true);
        let space = out.iter().position(|&b| b == b' ').unwrap();
        let length: usize = std::str::from_utf8(&out[..space]).unwrap().parse().unwrap();
        assert_eq!(out.len(), space + 1 + length);
    }

    #[test]
    fn names_cannot_forge_fields() {
        for (hostname, shown) in [("a b\n<1>1", "ab<1>1"), ("", "-"), ("h\u{f6}st", "hst")] {
            assert!(message(hostname, TLS, false).contains(&format!("+00:00 {shown} portcullis")), "{hostname}");
        }
        let hostile = TLS.replace("\"tls\"", "\"t\\n<1>1 - evil\"");
        assert!(message("fw1", &hostile, false).contains(" PID t<1>1-evil - {"), "{}", message("fw1", &hostile, false));
    }
}
