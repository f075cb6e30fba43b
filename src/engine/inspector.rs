//! From a segment to events and a verdict: find the flow, put its bytes in order, read its TLS, try the rules, report.

mod datagram;
mod elsewhere;
mod ending;
mod memory;
mod path;
mod reuse;
mod told;

use std::sync::Arc;

pub use self::ending::Leaving;
pub(super) use self::path::Standing;

use super::compare;
use super::config::Config;
use super::connection::{Connection, Flow};
use super::counters::Counters;
use super::following::{Held, Read};
use super::judge::Judge;
use super::lane::{LANES, Lane, lane_of};
use super::report::{Order, PacketId, Report};
use super::validate;
use crate::base::Timestamp;
use crate::event::{self, Common, CommunityId, DropReason, FlowEndReason, Reset};
use crate::findings::Memory;
use crate::flow::{Direction, FlowId, FlowKey};
use crate::packet::{Segment, SegmentHeader, TcpFlags};
use crate::protocol::tls::Conversation;
use crate::protocol::x509::{Certificate, CertificateCache};
use crate::rules::{self, AppProto, Profile, RuleSet, SavedDataset};
use crate::trust::Trust;

/// What becomes of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    #[default]
    Pass,
    /// It does not.
    Drop,
}

/// Follows the flows of some lanes. It owns them outright: nothing is shared, nothing is locked.
#[derive(Debug)]
pub struct Inspector {
    config: Config,
    judge: Judge,
    lanes: Vec<Lane>,
    trust: Option<Trust>,
    names: Arc<[String]>,
    /// What servers showed in earlier sessions, where they are compared here.
    seen: Option<Memory>,
    /// This inspector has all flows there are.
    is_sole: bool,
    counters: Counters,
    /// Whom a rule that rejected the last segment wants to be told.
    reset: Option<Reset>,
    /// The clock's time at the last tick.
    now: Timestamp,
}

/// Lanes of an inspector with their flows, on the way to another one.
#[derive(Debug)]
pub struct Lanes(Vec<(usize, Lane)>);

/// Where a flow lay when it was looked up, if anywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Located {
    id: Option<FlowId>,
    /// All was told of it, and it is read no more.
    is_told: bool,
}

/// A flow that is being worked on: where it lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    lane: usize,
    id: FlowId,
}

impl Inspector {
    /// An inspector for any flows. `names` are the captures' names, by the number that segments carry.
    pub fn new(config: Config, rules: Arc<RuleSet>, names: Arc<[String]>) -> Self {
        Self {
            lanes: std::iter::repeat_with(|| Lane::new(&config.limits, config.hash_seed)).take(LANES).collect(),
            trust: config.trust.as_ref().map(|store| Trust::new(Arc::clone(store), config.limits.verdict_memory)),
            judge: Judge::new(rules, &config),
            config,
            names,
            seen: None,
            is_sole: false,
            counters: Counters::default(),
            reset: None,
            now: Timestamp::ZERO,
        }
    }

    /// This inspector has all flows of the run, so that it knows their order: it compares what servers show with earlier sessions, where
    /// that is to be told or a rule asks for it. Otherwise [`Memory`] is to be asked by who puts in order what is reported.
    pub fn compare_servers(&mut self) {
        self.is_sole = true;
        self.seen = self.seen.take().or_else(|| compare::memory(&self.config, self.judge.rules()));
    }

    /// Inspects a segment whose key has hash `hash`, and whose flow was looked up before.
    pub fn process(&mut self, hash: u64, located: Located, segment: &Segment<'_>, report: &mut impl Report) -> Verdict {
        let verdict = self.inspect(hash, located, segment, report);
        if self.judge.tags() {
            self.tell_tagged(hash, segment.header, report);
        }
        verdict
    }

    fn inspect(&mut self, hash: u64, located: Located, segment: &Segment<'_>, report: &mut impl Report) -> Verdict {
        let header = segment.header;
        if header.is_datagram() {
            return self.datagram(hash, located, segment, report);
        }
        if self.count_told(hash, located, header) {
            return Verdict::Pass;
        }
        self.count_flags(header.flags);
        let Some((place, is_foreign)) = self.find_or_add(hash, located, segment, report) else { return Verdict::Pass };
        let Some(flow) = self.lanes.get_mut(place.lane).and_then(|l| l.table.get_mut(place.id)) else { return Verdict::Pass };
        flow.note_time(header.timestamp, self.now);
        let stays_half_open = flow.connection.is_none() && segment.payload.is_empty() && flow.has_room(header) && {
            let opening = flow.opening;
            (opening.packets == 0 && opening.syn().is_none()) || opening.sender == header.sender
        };
        if stays_half_open {
            flow.count_opening(header);
            return self.judge_opening(&place, segment, report);
        }
        let (is_new, client) = (flow.connection.is_none(), flow.client());
        let connection = flow.connection(self.config.limits.handshake_bytes);
        connection.wake(client, self.config.limits.handshake_bytes);
        if is_foreign {
            connection.count_foreign(header);
        } else {
            connection.note(header);
        }
        if is_new && let Some(lane) = self.lanes.get_mut(place.lane) {
            lane.set_timer(place.id, &self.config);
        }
        let Some(flow) = self.lanes.get_mut(place.lane).and_then(|l| l.table.get_mut(place.id)) else { return Verdict::Pass };
        let Some(connection) = flow.connection.as_deref_mut() else { return Verdict::Pass };
        let closes = !is_foreign && note_end(connection, header.flags);
        let (is_dropped, is_followed) = (connection.dropped, connection.following.is_some());
        // A session that was told early may have no verdict yet.
        let is_unsettled = self.judge.has_yet_to_judge(&connection.rules);
        let opens_anew = header.payload_len == 0 && connection.rival.as_ref().is_some_and(|rival| rival.opens_with(header));
        if closes && let Some(lane) = self.lanes.get_mut(place.lane) {
            lane.set_timer(place.id, &self.config); // its time is over sooner now
        }
        // The server has to see the SYN of a new connection, or there will never be one; but not what a SYN carries, unread.
        if is_dropped && !opens_anew {
            self.counters.count_drop(DropReason::FlowDrop, event::Verdict::Drop);
            return Verdict::Drop;
        }
        match is_followed {
            true => self.follow(&place, segment, is_foreign, report),
            false if self.judge.wants_packets() || is_unsettled => self.judge(&place, segment, report),
            false => Verdict::Pass,
        }
    }

    /// Tells the packet of `header` as it is, where a rule tagged it.
    fn tell_tagged(&mut self, hash: u64, header: &SegmentHeader, report: &mut impl Report) {
        let table = self.lanes.get_mut(lane_of(hash)).map(|lane| &mut lane.table);
        let flow = table.and_then(|table| table.find(hash, &header.key).and_then(|id| table.get_mut(id)));
        let Some(flow) = flow else { return };
        if self.judge.is_tagged(header, flow) {
            let at = Order { packet: PacketId::of(header), by_packet: true, flow: PacketId::default() };
            let common = common(&self.names, &header.key, flow, Common::of_segment(header), header.capture);
            self.counters.tagged = self.counters.tagged.saturating_add(1);
            report.packet(at, &Common { app_proto: None, ..common });
        }
    }

    /// `rules` are in force from the next segment on. Flows keep what rules know of them: what became of them, which rules fired, flow
    /// bits and numbers; so do hosts. At its next segment each flow is tried on what is known of it still: a rule that fired on it, by gid,
    /// sid and rev, does not do so again.
    pub fn replace_rules(&mut self, rules: Arc<RuleSet>) {
        self.judge.replace_rules(rules);
        if self.is_sole {
            self.compare_servers();
        }
    }

    /// Gives the lanes of `share` away, with their flows, to an inspector with the same configuration, which [adopts them](Self::adopt).
    /// What was counted stays here.
    pub fn give_away(&mut self, share: impl Fn(usize) -> bool) -> Lanes {
        let (limits, seed) = (&self.config.limits, self.config.hash_seed);
        let given = self.lanes.iter_mut().enumerate().filter(|(index, _)| share(*index));
        Lanes(given.map(|(index, lane)| (index, std::mem::replace(lane, Lane::new(limits, seed)))).collect())
    }

    /// Goes on with the flows of `lanes`, of which it has none of its own.
    pub fn adopt(&mut self, Lanes(lanes): Lanes) {
        for (index, lane) in lanes {
            if let Some(own) = self.lanes.get_mut(index) {
                *own = lane;
            }
        }
    }

    /// Whether rules tag packets.
    pub const fn tags(&self) -> bool {
        self.judge.tags()
    }

    /// Whether UDP datagrams are of any use to it: a rule may match them, or what no rule accepts is dropped.
    pub fn wants_datagrams(&self) -> bool {
        self.judge.wants_datagrams()
    }

    /// The clock shows `now` since packet `packet`: ends the flows whose time is over.
    pub fn tick(&mut self, now: Timestamp, packet: PacketId, report: &mut impl Report) {
        let mut expired = self.expired(now, packet);
        while self.end_next(&mut expired, report) {}
    }

    /// The capture is over: ends all flows.
    pub fn finish(&mut self, report: &mut impl Report) {
        let mut rest = self.rest();
        while self.end_next(&mut rest, report) {}
    }

    /// What each rule cost so far, where [`Config::profile_clock`] asks for it.
    pub fn profile(&self) -> Option<&Profile> {
        self.judge.profile()
    }

    /// The data sets that rules change and that are to be kept, as they are now.
    pub fn saved_datasets(&self) -> Vec<SavedDataset> {
        self.judge.saved_datasets()
    }

    /// The intermediates of verified certificate chains that were found since the last time, to be
    /// [gathered](crate::trust::Gathered) from all inspectors of a run.
    pub fn take_found(&mut self) -> Vec<Arc<Certificate>> {
        self.trust.as_mut().map(Trust::take_found).unwrap_or_default()
    }

    /// Fills gaps of certificate chains with these from now on.
    pub fn learn(&mut self, intermediates: &[Arc<Certificate>]) {
        if let Some(trust) = &mut self.trust {
            trust.learn(intermediates);
        }
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters;
        self.judge.count(&mut counters);
        let add = |counter: &mut u64, n: usize| *counter = counter.saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
        for lane in &self.lanes {
            let Held { streams, session } = lane.held();
            add(&mut counters.flows_active, lane.table.len());
            add(&mut counters.reassembly_memuse, streams);
            add(&mut counters.session_memuse, session);
            add(&mut counters.session_memuse_max, lane.session_peak());
            counters.certificate_memcap = counters.certificate_memcap.saturating_add(lane.certificates.counters().given_up());
        }
        self.seen.iter().for_each(|memory| counters.count_seen(memory));
        counters
    }

    fn count_flags(&mut self, flags: TcpFlags) {
        let c = &mut self.counters;
        let counter = match flags {
            f if f.is_syn_ack() => &mut c.syn_ack,
            f if f.is_syn() => &mut c.syn,
            f if f.has(TcpFlags::RST) => &mut c.rst,
            _ => return,
        };
        *counter = counter.saturating_add(1);
    }

    fn add(&mut self, hash: u64, header: &SegmentHeader, report: &mut impl Report) -> Option<Place> {
        let lane = lane_of(hash);
        if let Some(id) = self.lanes.get_mut(lane)?.victim() {
            self.counters.flows_evicted = self.counters.flows_evicted.saturating_add(1);
            self.end(&Place { lane, id }, FlowEndReason::Forced, PacketId::of(header), true, report);
        }
        let flow = Flow::new(header, self.guess_client(header));
        self.counters.flows = self.counters.flows.saturating_add(1);
        if !header.flags.has(TcpFlags::SYN) && !header.is_datagram() {
            self.counters.midstream = self.counters.midstream.saturating_add(1);
        }
        let id = self.lanes.get_mut(lane)?.add(hash, header.key, flow)?;
        Some(Place { lane, id })
    }

    /// Who the client is, before a hello tells: who sends the SYN, else who does not have the server's port, else who speaks first.
    fn guess_client(&self, header: &SegmentHeader) -> Direction {
        let is_server = |direction| self.config.server_ports.contains(header.key.sender(direction).port);
        let (sender, receiver) = (header.sender, header.sender.reverse());
        if header.flags.is_syn() {
            sender
        } else if header.flags.is_syn_ack() || (is_server(sender) && !is_server(receiver)) {
            receiver
        } else {
            sender
        }
    }

    /// Reads the segment, and reports what that made known.
    fn follow(&mut self, place: &Place, segment: &Segment<'_>, is_foreign: bool, report: &mut impl Report) -> Verdict {
        let Some(lane) = self.lanes.get_mut(place.lane) else { return Verdict::Pass };
        let Some(flow) = lane.table.get_mut(place.id) else { return Verdict::Pass };
        let Some(connection) = flow.connection.as_deref_mut() else { return Verdict::Pass };
        let header = segment.header;
        let limits = &self.config.limits;
        // What is of another connection is none of this one's, wherever its numbers say it belongs.
        let mut read = if is_foreign { Read::default() } else { read(connection, segment, &self.config, &mut lane.certificates) };
        let Some(following) = connection.following.as_deref_mut() else { return Verdict::Pass };
        if self.judge.refuses() && connection.rules.verdict() == rules::Verdict::None {
            read.over_limit |= following.bound_undecided(header, limits.handshake_bytes);
        }
        let keeps = self.judge.wants_streams();
        if !keeps {
            following.release_over();
        }
        if following.has_ended(&connection.flags) {
            following.end(&mut read, &mut lane.certificates);
            following.conversation.close(true);
        }
        let finished = following.conversation.is_finished();
        if let Some(client) = following.conversation.client() {
            flow.opening.client = client;
        }
        let told = connection.judged.map(|(news, _)| news);
        if let Some(trust) = &mut self.trust
            && told != Some(following.conversation.news())
        {
            validate::update(trust, following, flow.opening.client, flow.last, finished);
        }
        if let Some(list) = &self.config.weak_keys {
            validate::look_up_keys(list, following, flow.opening.client);
        }
        let news = (following.conversation.news(), connection.is_two_sided());
        let is_news =
            connection.judged.replace(news) != Some(news) || self.judge.wants_packets() || self.judge.is_new_to(&connection.rules);
        if read.gaps > 0 {
            *connection.gap.get_mut(header.sender) = true;
        }
        lane.settle(place.id);
        self.count_read(&read);
        self.keep_streams_within(place);
        // A segment that ends the handshake of TCP is of an established flow only where it has payload.
        if !segment.payload.is_empty() {
            self.note_established(place);
        }
        if finished {
            self.compare(place, &Common::of_segment(header));
        }
        let verdict = if is_news { self.judge(place, segment, report) } else { Verdict::Pass };
        self.note_established(place);
        if keeps {
            self.release_over(place);
        }
        if finished {
            let at = Order { packet: PacketId::of(header), by_packet: true, flow: PacketId::default() };
            self.tell_session(place, at, Some(header), report);
        } else if verdict == Verdict::Drop {
            self.stop(place, segment, report);
        }
        self.keep_sessions_within(place.lane, header, report);
        verdict
    }

    /// Compares what the server of a session shows that is about to be told with earlier ones.
    fn compare(&mut self, place: &Place, base: &Common<'_>) {
        let Some(memory) = &mut self.seen else { return };
        let Some(lane) = self.lanes.get_mut(place.lane) else { return };
        let Some((&key, flow)) = lane.table.get(place.id) else { return };
        let client = flow.client();
        let flow = lane.table.get_mut(place.id);
        if let Some(following) = flow.and_then(|f| f.connection.as_deref_mut()).and_then(|c| c.following.as_deref_mut()) {
            compare::compare(memory, following, client, &key, base);
        }
    }

    fn note_established(&mut self, place: &Place) {
        if let Some(flow) = self.lanes.get_mut(place.lane).and_then(|l| l.table.get_mut(place.id)) {
            let client = flow.client();
            if let Some(connection) = flow.connection.as_deref_mut() {
                connection.note_established(client);
            }
        }
    }

    fn count_read(&mut self, read: &Read) {
        let c = &mut self.counters;
        c.overlap = c.overlap.saturating_add(u64::from(read.duplicate > 0));
        c.overlap_diff_data = c.overlap_diff_data.saturating_add(u64::from(read.conflicting > 0));
        c.not_taken = c.not_taken.saturating_add(u64::from(read.not_taken));
        c.out_of_window = c.out_of_window.saturating_add(u64::from(read.out_of_window > 0));
        c.gaps = c.gaps.saturating_add(read.gaps);
        c.handshake_limit = c.handshake_limit.saturating_add(u64::from(read.over_limit));
    }

    /// Tries the rules on a half-open flow, where there are some that want it.
    fn judge_opening(&mut self, place: &Place, segment: &Segment<'_>, report: &mut impl Report) -> Verdict {
        let Some(flow) = self.lanes.get_mut(place.lane).and_then(|l| l.table.get_mut(place.id)) else { return Verdict::Pass };
        let (key, client) = (&segment.header.key, flow.client());
        if !self.judge.wants_opening(key.sender(client), key.receiver(client)) {
            return Verdict::Pass;
        }
        self.judge_half_open(place, segment, report)
    }

    /// Tries the rules on a half-open flow. It stays one where none matches: what trying needs is made for it, and not kept.
    fn judge_half_open(&mut self, place: &Place, segment: &Segment<'_>, report: &mut impl Report) -> Verdict {
        let Some(flow) = self.lanes.get_mut(place.lane).and_then(|l| l.table.get_mut(place.id)) else { return Verdict::Pass };
        flow.connection(self.config.limits.handshake_bytes);
        let verdict = self.judge(place, segment, report);
        let Some(lane) = self.lanes.get_mut(place.lane) else { return verdict };
        if self.judge.has_matched() {
            lane.set_timer(place.id, &self.config);
        } else if let Some(flow) = lane.table.get_mut(place.id) {
            flow.connection = None;
        }
        verdict
    }

    /// Tries the rules on the segment, and on what is known of the flow now.
    fn judge(&mut self, place: &Place, segment: &Segment<'_>, report: &mut impl Report) -> Verdict {
        let Some(flow) = self.lanes.get_mut(place.lane).and_then(|l| l.table.get_mut(place.id)) else { return Verdict::Pass };
        let header = segment.header;
        let judged = self.judge.judge(flow, &header.key, Some(segment));
        if judged.is_empty() {
            return Verdict::Pass;
        }
        let at = Order { packet: PacketId::of(header), by_packet: true, flow: PacketId::default() };
        let common = common(&self.names, &header.key, flow, Common::of_segment(header), header.capture);
        let alerts = self.judge.tell(&judged, flow, header, at, &common, report);
        self.counters.alerts = self.counters.alerts.saturating_add(alerts);
        let Some((reason, verdict)) = judged.drop(header.sender, flow.client()) else { return Verdict::Pass };
        self.counters.count_drop(reason, verdict);
        if let event::Verdict::Reject(reset) = verdict {
            self.reset = Some(reset);
        }
        Verdict::Drop
    }
}

/// Adds to `base` what events say of the flow.
fn common<'a>(names: &'a [String], key: &FlowKey, flow: &Flow, base: Common<'a>, capture: u32) -> Common<'a> {
    let spoke =
        flow.connection.as_ref().map_or(flow.opening.spoke, |c| c.following.as_ref().map_or(c.spoke, |f| spoken(&f.conversation)));
    Common {
        flow_id: Some(event::flow_id(key, flow.start, flow.first.number())),
        community_id: Some(CommunityId::new(key.sender(flow.client()), key.receiver(flow.client()), key.protocol())),
        pcap_filename: usize::try_from(capture).ok().and_then(|i| names.get(i)).map(String::as_str),
        app_proto: spoke.name(),
        ..base
    }
}

/// What a flow speaks by what was read of it.
pub(super) fn spoken(conversation: &Conversation) -> AppProto {
    match conversation {
        c if c.is_tls() => AppProto::Tls,
        c if c.began_otherwise() => AppProto::otherwise(c.spoken_otherwise()),
        _ => AppProto::Unknown,
    }
}

/// Places the stream by the segment's SYN or, failing that, by what it acknowledges of the other side. Answers the sequence number
/// of its first payload byte.
fn anchor(connection: &mut Connection, header: &SegmentHeader, certificates: &mut CertificateCache) -> u32 {
    let syn = header.flags.has(TcpFlags::SYN);
    let unsettled = connection.following.as_ref().is_some_and(|f| f.streams.get(header.sender).is_unsettled());
    if syn && (unsettled || connection.isn.get(header.sender).is_none()) {
        connection.anchor(header.sender, header.seq, certificates);
    }
    if header.flags.has(TcpFlags::ACK)
        && !header.flags.has(TcpFlags::RST)
        && let Some(following) = &mut connection.following
    {
        let other = following.streams.get_mut(header.sender.reverse());
        // Only a SYN-ACK may say where the other side begins for judging what is acknowledged: a decoy would say so, too.
        if other.correct(header.ack, header.flags.is_syn_ack()) && header.flags.is_syn_ack() {
            following.acceptance.anchor(header.sender.reverse(), header.ack.wrapping_sub(1));
        }
    }
    header.seq.wrapping_add(u32::from(syn))
}

/// Reads a segment into the connection that it is of.
fn read(connection: &mut Connection, segment: &Segment<'_>, config: &Config, certificates: &mut CertificateCache) -> Read {
    let is_taken = is_taken(segment.header);
    if let Some(following) = connection.following.as_mut() {
        following.conversation.set_time(segment.header.timestamp);
    }
    if let Some(following) = connection.following.as_mut().filter(|_| is_taken) {
        following.settle_syn_data(segment.header, config.overlap, certificates);
    }
    let seq = anchor(connection, segment.header, certificates);
    match connection.following.as_deref_mut() {
        Some(following) if is_taken => following.read(segment, seq, config.overlap, config.limits.handshake_bytes, certificates),
        _ => Read { not_taken: !is_taken, ..Read::default() },
    }
}

/// Whether the segment's payload, if any, is part of the stream: none of a segment without ACK is taken but a SYN's, and that of a RST
/// is a text for people (RFC 9293 §3.10.7.4, §3.5.3).
const fn is_taken(header: &SegmentHeader) -> bool {
    let flags = header.flags;
    header.payload_len == 0 || (flags.has(TcpFlags::ACK) || flags.has(TcpFlags::SYN)) && !flags.has(TcpFlags::RST)
}

/// Whether the segment closes the connection.
fn note_end(connection: &mut Connection, flags: TcpFlags) -> bool {
    let fin = |direction| connection.flags.get(direction).has(TcpFlags::FIN);
    let is_closed = flags.has(TcpFlags::RST) || (fin(Direction::AToB) && fin(Direction::BToA));
    is_closed && !std::mem::replace(&mut connection.closed, true)
}
