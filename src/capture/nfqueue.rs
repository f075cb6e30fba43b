//! Netfilter queues: packets that a packet filter hands over, and what is to become of them (nfnetlink_queue of the kernel).
//!
//! Several packets are received in one call, and what becomes of several is said in one message. With [`QueueSettings::fail_open`] packets
//! go on unseen for which the queue has no room; a queue that nobody listens to lets them go on where the filter says `--queue-bypass`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::sys::netlink::{Netlink, Received};
use super::sys::poll;
use crate::base::{Duration, Reader};

/// How queues are used.
#[derive(Clone, Copy, Debug)]
pub struct QueueSettings {
    /// Packets that wait in the kernel, at most.
    pub length: u32,
    /// What has no room there goes on unseen; else it is dropped.
    pub fail_open: bool,
}

/// A queue that is listened to.
#[derive(Debug)]
pub struct Queue {
    netlink: Netlink,
    number: u16,
    received: Received,
    /// Verdicts that were not sent yet.
    verdicts: Vec<u8>,
}

/// A packet of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuedPacket<'a> {
    /// Its number in the queue, to say what becomes of it by.
    pub id: u32,
    /// The packet from its IP header on; the checksums of what this machine sends may still be missing.
    pub data: &'a [u8],
    /// Its length, where `data` is cut.
    pub original_len: u32,
}

/// What became of the kernel's answer to a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// There are no netlink sockets for netfilter.
    #[error("cannot open a netlink socket: {0}")]
    Socket(#[source] io::Error),
    /// Who runs this may not use queues.
    #[error("to listen to queue {0} takes root, or CAP_NET_ADMIN")]
    NotAllowed(u16),
    /// Somebody else listens to the queue.
    #[error("another program listens to queue {0}: end that, or take another number")]
    Busy(u16),
    /// The kernel has no queues.
    #[error("this kernel has no netfilter queues (CONFIG_NETFILTER_NETLINK_QUEUE)")]
    Unsupported,
    /// Another reason.
    #[error("cannot listen to queue {0}: {1}")]
    Refused(u16, #[source] io::Error),
}

impl Queue {
    /// Listens to queue `number`.
    pub fn open(number: u16, settings: QueueSettings) -> Result<Self, QueueError> {
        let netlink = Netlink::netfilter().map_err(QueueError::Socket)?;
        netlink.set_room(ROOM).map_err(QueueError::Socket)?;
        let mut queue = Self { netlink, number, received: Received::new(BATCH, LARGEST), verdicts: Vec::new() };
        let config = libc::NFQNL_MSG_CONFIG;
        queue.request(message(config, number, true, &[(libc::NFQA_CFG_CMD, &[1, 0, 0, 0])]))?; // bind
        let [a, b, c, d] = COPIED.to_be_bytes();
        queue.request(message(config, number, true, &[(libc::NFQA_CFG_PARAMS, &[a, b, c, d, COPY_PACKET])]))?;
        queue.request(message(config, number, true, &[(libc::NFQA_CFG_QUEUE_MAXLEN, &settings.length.to_be_bytes())]))?;
        // Packets as the network card has put them together, so that they need not be cut only to be handed over.
        let mask = libc::NFQA_CFG_F_FAIL_OPEN | libc::NFQA_CFG_F_GSO;
        let flags = libc::NFQA_CFG_F_GSO | if settings.fail_open { libc::NFQA_CFG_F_FAIL_OPEN } else { 0 };
        let (mask, flags) = (mask.cast_unsigned().to_be_bytes(), flags.cast_unsigned().to_be_bytes());
        queue.request(message(config, number, true, &[(libc::NFQA_CFG_MASK, &mask), (libc::NFQA_CFG_FLAGS, &flags)]))?;
        Ok(queue)
    }

    /// Its number.
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// Takes in packets that have come; it does not wait. Answers how many messages there were, at most as many as fit in one go.
    pub fn receive(&mut self) -> io::Result<usize> {
        self.netlink.receive(&mut self.received)
    }

    /// The packets that were taken in last.
    pub fn packets(&self) -> impl Iterator<Item = QueuedPacket<'_>> {
        self.received
            .datagrams()
            .flat_map(messages)
            .filter_map(|(typ, body)| if typ == queue_type(libc::NFQNL_MSG_PACKET) { packet(body) } else { None })
    }

    /// Says what becomes of packet `id`: it goes on, with `mark` if that is not 0, or is dropped. It is sent with the others by
    /// [`flush`](Self::flush).
    pub fn decide(&mut self, id: u32, goes_on: bool, mark: u32) {
        let [a, b, c, d] = u32::from(goes_on).to_be_bytes(); // NF_ACCEPT is 1, NF_DROP 0
        let [e, f, g, h] = id.to_be_bytes();
        let (verdict, mark_bytes) = ([a, b, c, d, e, f, g, h], mark.to_be_bytes());
        let attributes: [(libc::c_int, &[u8]); 2] = [(libc::NFQA_VERDICT_HDR, &verdict), (libc::NFQA_MARK, &mark_bytes)];
        let used = if mark == 0 { 1 } else { 2 };
        append(&mut self.verdicts, libc::NFQNL_MSG_VERDICT, self.number, false, attributes.into_iter().take(used));
    }

    /// Sends what was decided.
    pub fn flush(&mut self) -> io::Result<()> {
        let mut sent = Ok(());
        let mut rest = &self.verdicts[..];
        while !rest.is_empty() {
            // Whole messages, as many as fit.
            let mut len = 0_usize;
            while let Some(next) = rest.get(len..).and_then(first_len).filter(|next| len.saturating_add(*next) <= MOST_SENT) {
                len = len.saturating_add(next);
            }
            let Some((now, later)) = rest.split_at_checked(len).filter(|_| len > 0) else { break };
            sent = sent.and(self.netlink.send(now));
            rest = later;
        }
        self.verdicts.clear();
        sent
    }

    /// Sends a request and waits for the kernel's answer to it.
    fn request(&mut self, message: Vec<u8>) -> Result<(), QueueError> {
        let refused = |error: io::Error| QueueError::Refused(self.number, error);
        self.netlink.send(&message).map_err(refused)?;
        for _ in 0..ANSWER_LOOKS {
            poll::readable([self.netlink.as_fd()], Duration::from_millis(100)).map_err(refused)?;
            self.netlink.receive(&mut self.received).map_err(refused)?;
            let code = self.received.datagrams().flat_map(messages).find_map(|(typ, body)| {
                let code = Reader::new(body).array::<4>().map(i32::from_ne_bytes);
                code.filter(|_| i32::from(typ) == libc::NLMSG_ERROR)
            });
            return match code {
                None => continue,
                Some(0) => Ok(()),
                Some(code) => Err(match code.saturating_neg() {
                    libc::EPERM => QueueError::NotAllowed(self.number),
                    libc::EBUSY => QueueError::Busy(self.number),
                    libc::EINVAL | libc::EOPNOTSUPP | libc::EPROTONOSUPPORT => QueueError::Unsupported,
                    number => QueueError::Refused(self.number, io::Error::from_raw_os_error(number)),
                }),
            };
        }
        Err(QueueError::Refused(self.number, io::ErrorKind::TimedOut.into()))
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.netlink.as_fd()
    }
}

/// A message about queue `number`; `asks`: the kernel is to answer.
fn message(typ: libc::c_int, number: u16, asks: bool, attributes: &[(libc::c_int, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(&mut bytes, typ, number, asks, attributes.iter().copied());
    bytes
}

/// Appends a message: netlink's header (its length is filled in last), netfilter's, and attributes.
fn append<'a>(
    out: &mut Vec<u8>,
    typ: libc::c_int,
    number: u16,
    asks: bool,
    attributes: impl Iterator<Item = (libc::c_int, &'a [u8])>,
) {
    let start = out.len();
    let flags = u16::try_from(libc::NLM_F_REQUEST | if asks { libc::NLM_F_ACK } else { 0 }).unwrap_or_default();
    out.extend([0; 4]);
    out.extend(queue_type(typ).to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend([0; 8]); // sequence number and port: nobody looks at them
    out.extend([0, 0]); // of any family, NFNETLINK_V0
    out.extend(number.to_be_bytes());
    for (kind, value) in attributes {
        let len = value.len().saturating_add(ATTRIBUTE);
        out.extend(u16::try_from(len).unwrap_or_default().to_ne_bytes());
        out.extend(u16::try_from(kind).unwrap_or_default().to_ne_bytes());
        out.extend(value);
        out.resize(out.len().saturating_add(padding(len)), 0);
    }
    let len = u32::try_from(out.len().saturating_sub(start)).unwrap_or_default();
    if let Some(place) = out.get_mut(start..start.saturating_add(4)) {
        place.copy_from_slice(&len.to_ne_bytes());
    }
}

/// The type of a message of netfilter queues.
fn queue_type(typ: libc::c_int) -> u16 {
    u16::try_from(libc::NFNL_SUBSYS_QUEUE << 8 | typ).unwrap_or_default()
}

/// The length of the first message with what it is filled up with.
fn first_len(bytes: &[u8]) -> Option<usize> {
    let len = usize::try_from(u32::from_ne_bytes(Reader::new(bytes).array()?)).ok()?;
    Some(len.saturating_add(padding(len)))
}

/// The messages of a datagram: type, and what is behind netlink's header.
fn messages(datagram: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let len = usize::try_from(u32::from_ne_bytes(Reader::new(rest).array()?)).ok()?;
        let typ = u16::from_ne_bytes(rest.get(4..6)?.try_into().ok()?);
        let body = rest.get(HEADER..len)?;
        rest = rest.get(len.saturating_add(padding(len))..).unwrap_or_default();
        Some((typ, body))
    })
}

/// A packet that the kernel hands over, by the attributes behind netfilter's header.
fn packet(body: &[u8]) -> Option<QueuedPacket<'_>> {
    let (mut id, mut data, mut whole) = (None, &[][..], None);
    let mut rest = body.get(4..)?;
    while let Some(len) = Reader::new(rest).array().map(|len| usize::from(u16::from_ne_bytes(len))) {
        let kind = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?) & KIND;
        let value = rest.get(ATTRIBUTE..len)?;
        match libc::c_int::from(kind) {
            libc::NFQA_PACKET_HDR => id = Reader::new(value).u32(),
            libc::NFQA_PAYLOAD => data = value,
            libc::NFQA_CAP_LEN => whole = Reader::new(value).u32(),
            _ => {}
        }
        rest = rest.get(len.saturating_add(padding(len))..).unwrap_or_default();
    }
    let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
    Some(QueuedPacket { id: id?, data, original_len: whole.unwrap_or(len) })
}

/// Bytes up to the next multiple of four.
const fn padding(len: usize) -> usize {
    len.wrapping_neg() & 3
}

/// Bytes of netlink's header, and of an attribute's.
const HEADER: usize = 16;
const ATTRIBUTE: usize = 4;
/// Two bits of an attribute's type are flags.
const KIND: u16 = 0x3fff;
/// NFQNL_COPY_PACKET.
const COPY_PACKET: u8 = 2;
/// As much of a packet as an attribute can hold.
const COPIED: u32 = 0xffff - 4;
/// Packets that are received in one call, and how large each may be: with some attributes beside it.
const BATCH: usize = 32;
const LARGEST: usize = (64 << 10) + 512;
/// Room in the kernel for what was handed over and not received: queues bound it themselves.
const ROOM: usize = 64 << 20;
/// Bytes of verdicts that are sent in one go.
const MOST_SENT: usize = 16 << 10;
/// How often it is looked for the kernel's answer, a tenth of a second each.
const ANSWER_LOOKS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_as_the_kernel_wants_them() {
        // By hand from linux/netlink.h, nfnetlink.h and nfnetlink_queue.h, on a little-endian machine.
        let mut bytes = Vec::new();
        let verdict = [0, 0, 0, 1, 0, 0, 0, 7];
        append(&mut bytes, libc::NFQNL_MSG_VERDICT, 443, false, [(libc::NFQA_VERDICT_HDR, &verdict[..])].into_iter());
        let expected = [
            &32_u32.to_ne_bytes()[..],
            &0x0301_u16.to_ne_bytes(),
            &1_u16.to_ne_bytes(),
            &[0; 8],         // nlmsghdr: NLM_F_REQUEST
            &[0, 0, 1, 187], // nfgenmsg: queue 443
            &12_u16.to_ne_bytes(),
            &2_u16.to_ne_bytes(),
            &verdict, // NF_ACCEPT, packet 7
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn a_packet_is_found_among_attributes_whole_or_cut() {
        let attribute = |kind: u16, value: &[u8]| {
            let len = value.len() + 4;
            [&(len as u16).to_ne_bytes()[..], &kind.to_ne_bytes(), value, &vec![0; padding(len)]].concat()
        };
        let header = attribute(1, &[0, 0, 0, 9, 8, 0, 2]); // packet id, hardware protocol, hook
        let body = [&[2, 0, 0, 1][..], &header, &attribute(3, &[0; 4]), &attribute(10, b"packet"), &attribute(13, &[0, 0, 0, 99])];
        assert_eq!(packet(&body.concat()), Some(QueuedPacket { id: 9, data: b"packet", original_len: 99 }));
        assert_eq!(packet(&body[..4].concat()), Some(QueuedPacket { id: 9, data: b"packet", original_len: 6 }));
        assert_eq!(packet(&[2, 0, 0, 1]), None, "no number");
        for end in 0..body.concat().len() {
            packet(&body.concat()[..end]); // it may be nothing, but no panic
        }
    }

    #[test]
    fn messages_of_one_datagram_are_told_apart() {
        let one = message(libc::NFQNL_MSG_CONFIG, 1, true, &[(libc::NFQA_CFG_CMD, &[1])]);
        let two = message(libc::NFQNL_MSG_VERDICT, 1, false, &[]);
        let both = [one.clone(), two].concat();
        let types: Vec<u16> = messages(&both).map(|(typ, _)| typ).collect();
        assert_eq!(types, [0x0302, 0x0301]);
        assert_eq!(first_len(&both), Some(one.len()));
        assert_eq!(one.len() % 4, 0);
    }
}
