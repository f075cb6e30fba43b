//! TCP conversations, packet by packet: as clean as two hosts would have them, or as crooked as a test wants.

use std::net::SocketAddr;
use std::time::Duration;

use etherparse::PacketBuilder;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

impl Side {
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;
pub const URG: u8 = 32;

/// One packet of a conversation.
#[derive(Clone, Debug)]
pub struct Packet {
    pub side: Side,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    /// The urgent pointer, where `flags` has URG.
    pub urgent: u16,
    pub payload: Vec<u8>,
    /// Since the start of the capture.
    pub time: Duration,
    /// Bytes of the frame that the capture kept, where it cut it.
    pub kept: Option<usize>,
    /// TCP options, as on the wire.
    pub options: Vec<u8>,
    /// It is a datagram of UDP: numbers and flags are of no account.
    pub is_datagram: bool,
}

impl Packet {
    /// The Ethernet frame, whole.
    pub fn frame(&self) -> Vec<u8> {
        let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let ip = match (self.from, self.to) {
            (SocketAddr::V4(a), SocketAddr::V4(b)) => ethernet.ipv4(a.ip().octets(), b.ip().octets(), 64),
            (SocketAddr::V6(a), SocketAddr::V6(b)) => ethernet.ipv6(a.ip().octets(), b.ip().octets(), 64),
            _ => panic!("both ends of a conversation are of one family"),
        };
        if self.is_datagram {
            let udp = ip.udp(self.from.port(), self.to.port());
            let mut frame = Vec::with_capacity(udp.size(self.payload.len()));
            udp.write(&mut frame, &self.payload).unwrap();
            return frame;
        }
        let mut tcp = ip.tcp(self.from.port(), self.to.port(), self.seq, 65_000);
        if self.flags & FIN != 0 {
            tcp = tcp.fin();
        }
        if self.flags & SYN != 0 {
            tcp = tcp.syn();
        }
        if self.flags & RST != 0 {
            tcp = tcp.rst();
        }
        if self.flags & ACK != 0 {
            tcp = tcp.ack(self.ack);
        }
        if self.flags & URG != 0 {
            tcp = tcp.urg(self.urgent);
        }
        tcp = tcp.options_raw(&self.options).unwrap();
        let mut frame = Vec::with_capacity(tcp.size(self.payload.len()));
        tcp.write(&mut frame, &self.payload).unwrap();
        frame
    }

    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether it carries payload of `side`.
    pub fn is_data_of(&self, side: Side) -> bool {
        self.side == side && !self.payload.is_empty()
    }
}

/// A conversation in the making. Each packet comes a millisecond after the one before.
#[derive(Clone, Debug)]
pub struct Conversation {
    client: End,
    server: End,
    now: Duration,
    pub packets: Vec<Packet>,
}

#[derive(Clone, Debug)]
struct End {
    address: SocketAddr,
    isn: u32,
    /// The sequence number of its next byte.
    next: u32,
}

impl Conversation {
    /// Between 10.0.0.1 port 40000 and 192.0.2.1 port 443, after the three packets of TCP's handshake.
    pub fn new() -> Self {
        Self::between("10.0.0.1:40000", "192.0.2.1:443")
    }

    pub fn between(client: &str, server: &str) -> Self {
        Self::with_isns(client, server, 1_000_000, 3_000_000_000)
    }

    /// Of UDP, between the ends of [`Conversation::new`].
    pub fn of_datagrams() -> Self {
        Self::unopened("10.0.0.1:40000", "192.0.2.1:443", 0, 0)
    }

    /// As [`Conversation::new`], with initial sequence numbers of one's own.
    pub fn with_isns(client: &str, server: &str, client_isn: u32, server_isn: u32) -> Self {
        let mut c = Self::unopened(client, server, client_isn, server_isn);
        c.packet(Side::Client, SYN, c.client.isn, b"");
        c.packet(Side::Server, SYN | ACK, c.server.isn, b"");
        c.packet(Side::Client, ACK, c.client.next, b"");
        c
    }

    /// One of which the beginning was not seen.
    pub fn unopened(client: &str, server: &str, client_isn: u32, server_isn: u32) -> Self {
        let end = |address: &str, isn: u32| End { address: address.parse().unwrap(), isn, next: isn.wrapping_add(1) };
        Self { client: end(client, client_isn), server: end(server, server_isn), now: Duration::ZERO, packets: Vec::new() }
    }

    /// The next packet comes `pause` later.
    pub fn wait(mut self, pause: Duration) -> Self {
        self.now += pause;
        self
    }

    /// `side` sends `payload` in one segment.
    pub fn send(mut self, side: Side, payload: &[u8]) -> Self {
        self.packet(side, ACK, self.end(side).next, payload);
        self.advance(side, payload.len());
        self
    }

    pub fn client(self, payload: &[u8]) -> Self {
        self.send(Side::Client, payload)
    }

    pub fn server(self, payload: &[u8]) -> Self {
        self.send(Side::Server, payload)
    }

    /// `side` sends `payload` in a datagram of UDP.
    pub fn datagram(self, side: Side, payload: &[u8]) -> Self {
        self.send(side, payload).but(|packet| packet.is_datagram = true)
    }

    /// `side` sends `payload` in segments of at most `size` bytes.
    pub fn send_in_segments(self, side: Side, payload: &[u8], size: usize) -> Self {
        payload.chunks(size).fold(self, |c, chunk| c.send(side, chunk))
    }

    /// All flights, each in segments of at most `size` bytes, each acknowledged.
    pub fn flights(self, flights: &[(Side, Vec<u8>)], size: usize) -> Self {
        flights.iter().fold(self, |c, (side, bytes)| c.send_in_segments(*side, bytes, size).acknowledge(side.other()))
    }

    /// `side` acknowledges all it has got.
    pub fn acknowledge(self, side: Side) -> Self {
        self.send(side, b"")
    }

    /// A segment at byte `offset` of `side`'s stream, counted from its first byte; nothing else moves.
    pub fn at(mut self, side: Side, offset: i64, payload: &[u8]) -> Self {
        let seq = self.position(side, offset);
        self.packet(side, ACK, seq, payload);
        self
    }

    /// A packet with `flags` at byte `offset` of `side`'s stream; nothing else moves.
    pub fn flags_at(mut self, side: Side, flags: u8, offset: i64, payload: &[u8]) -> Self {
        let seq = self.position(side, offset);
        self.packet(side, flags, seq, payload);
        self
    }

    /// Changes the packet made last.
    pub fn but(mut self, change: impl FnOnce(&mut Packet)) -> Self {
        change(self.packets.last_mut().unwrap());
        self
    }

    /// `side` sent `bytes` bytes that the capture has not.
    pub fn lost(mut self, side: Side, bytes: usize) -> Self {
        self.advance(side, bytes);
        self
    }

    /// Both sides close.
    pub fn close(mut self) -> Self {
        for side in [Side::Client, Side::Server] {
            self.packet(side, FIN | ACK, self.end(side).next, b"");
            self.advance(side, 1);
        }
        self.packet(Side::Client, ACK, self.client.next, b"");
        self
    }

    /// The packets of `side` alone.
    pub fn only(mut self, side: Side) -> Self {
        self.packets.retain(|p| p.side == side);
        self
    }

    /// Numbers the packets' times anew, a millisecond apart, in their present order.
    pub fn retime(packets: &mut [Packet]) {
        for (time, packet) in (0..).zip(packets) {
            packet.time = Duration::from_millis(time);
        }
    }

    fn position(&self, side: Side, offset: i64) -> u32 {
        let first = self.end(side).isn.wrapping_add(1);
        first.wrapping_add(offset as u32)
    }

    fn packet(&mut self, side: Side, flags: u8, seq: u32, payload: &[u8]) {
        let (from, to) = (self.end(side), self.end(side.other()));
        let packet = Packet {
            side,
            from: from.address,
            to: to.address,
            seq,
            ack: if flags & ACK == 0 { 0 } else { to.next },
            flags,
            payload: payload.to_vec(),
            time: self.now,
            kept: None,
            urgent: 1,
            options: Vec::new(),
            is_datagram: false,
        };
        self.packets.push(packet);
        self.now += Duration::from_millis(1);
    }

    fn advance(&mut self, side: Side, bytes: usize) {
        let end = match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        end.next = end.next.wrapping_add(u32::try_from(bytes).unwrap());
    }

    fn end(&self, side: Side) -> &End {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}
