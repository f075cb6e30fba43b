//! The `packet` event: a packet as it was captured, since a rule tagged its flow or one of its hosts.

use serde::Serialize;

use super::ascii::Base64;
use super::common::{Common, Line};
use super::json;
use crate::packet::Frame;

/// Appends the event to `out`, without the packet itself: [`add_frame`] puts that in.
pub fn packet(out: &mut Vec<u8>, common: &Common<'_>) {
    Line::new(common, "packet").write(out);
}

/// Puts the bytes of `frame` into `line`, which [`packet`] made.
pub fn add_frame(line: &mut Vec<u8>, frame: &Frame<'_>) {
    if !line.ends_with(b"}\n") {
        return;
    }
    line.truncate(line.len().saturating_sub(2));
    line.push(b',');
    let object = Object { packet: Base64(frame.data), packet_info: Info { linktype: frame.link.number() } };
    let start = line.len();
    json::write_line(line, &object);
    line.remove(start); // the brace that opens it: the line has one
}

/// EVE's `packet`, in base64, and `packet_info`.
#[derive(Serialize)]
struct Object<'a> {
    packet: Base64<'a>,
    packet_info: Info,
}

#[derive(Serialize)]
struct Info {
    /// The number that capture files use.
    linktype: u16,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::base::Timestamp;
    use crate::packet::LinkType;

    #[test]
    fn it_has_the_frame_as_it_was_captured() {
        let (timestamp, link) = (Timestamp::ZERO, LinkType::LinuxSll);
        let frame = Frame { data: b"\xfb\xff\xbf\0", link, timestamp, original_len: 60, capture: 0, number: 7 };
        let mut line = Vec::new();
        packet(&mut line, &Common { timestamp, pcap_cnt: Some(7), flow_id: Some(1), ..Common::default() });
        add_frame(&mut line, &frame);
        assert!(line.ends_with(b"}\n"));
        let expected = json!({
            "timestamp": "1970-01-01T00:00:00.000000+0000", "flow_id": 1, "pcap_cnt": 7, "event_type": "packet",
            "packet": "+/+/AA==", "packet_info": {"linktype": 113},
        });
        assert_eq!(serde_json::from_slice::<Value>(&line).unwrap(), expected);
    }
}
