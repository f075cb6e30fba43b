//! The back end with pnet's channel: for each interface a thread reads frame by frame and deals them out to the workers.

use std::io;
use std::os::fd::{AsFd, IntoRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use pnet_datalink::{Channel, Config, DataLinkReceiver, NetworkInterface};

use super::watch::Watch;
use super::{Keeper, Notice, Opened, Tap, TapError, TapSettings, add};
use crate::base::Timestamp;
use crate::capture::steering;
use crate::capture::sys::interface::Interface;
use crate::capture::sys::socket::{PacketSocket, Statistics};
use crate::packet::{Frame, LinkType};

/// What readers deal out to one worker.
#[derive(Debug)]
pub struct DatalinkTap {
    batches: Receiver<Batch>,
    /// One that came while it was waited for.
    ready: Option<Batch>,
    number: u64,
    counted: Arc<Counted>,
    datagrams: Arc<AtomicBool>,
    /// The first tap tells what all readers have counted: they are not a worker's.
    is_first: bool,
}

/// Frames of one interface, one behind the other.
#[derive(Debug)]
struct Batch {
    capture: u32,
    link: LinkType,
    bytes: Vec<u8>,
    /// When each was read, and its length.
    frames: Vec<(Timestamp, usize)>,
}

/// What the readers have counted.
#[derive(Debug, Default)]
struct Counted {
    packets: AtomicU64,
    /// By the kernel, and of those that were read for workers that had no room.
    drops: AtomicU64,
    stop: AtomicBool,
}

pub(super) fn open(interfaces: &[Interface], workers: usize, settings: &TapSettings) -> Result<Opened, TapError> {
    let counted = Arc::new(Counted::default());
    let (hands, received): (Vec<_>, Vec<_>) = (0..workers).map(|_| bounded(BATCHES_AHEAD)).unzip();
    let mut keeper = DatalinkKeeper {
        watches: interfaces.iter().map(Watch::new).collect(),
        starter: Starter { hands, settings: settings.clone(), counted: Arc::clone(&counted) },
        waiting: Vec::new(),
        readers: Vec::new(),
    };
    for (capture, interface) in (0..).zip(interfaces) {
        keeper.waiting.push(keeper.starter.open(capture, interface)?);
    }
    let taps = received.into_iter().enumerate().map(|(index, batches)| {
        let (counted, datagrams) = (Arc::clone(&counted), Arc::clone(&settings.datagrams));
        Box::new(DatalinkTap { batches, ready: None, number: 0, counted, datagrams, is_first: index == 0 }) as _
    });
    Ok((taps.collect(), Box::new(keeper)))
}

impl Tap for DatalinkTap {
    fn wait(&mut self, patience: Duration) -> io::Result<()> {
        match self.batches.recv_timeout(patience) {
            Ok(batch) => self.ready = Some(batch),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(patience),
        }
        Ok(())
    }

    fn take(&mut self, each: &mut dyn FnMut(&Frame<'_>)) -> usize {
        let Some(batch) = self.ready.take().or_else(|| self.batches.try_recv().ok()) else { return 0 };
        let mut rest = &batch.bytes[..];
        for &(timestamp, len) in &batch.frames {
            let Some((data, behind)) = rest.split_at_checked(len) else { break };
            rest = behind;
            self.number = self.number.saturating_add(1);
            let original_len = u32::try_from(len).unwrap_or(u32::MAX);
            each(&Frame { data, link: batch.link, timestamp, original_len, capture: batch.capture, number: self.number });
        }
        batch.frames.len()
    }

    fn want_datagrams(&mut self, wanted: bool) {
        self.datagrams.store(wanted, Ordering::Relaxed); // readers look at it
    }

    fn statistics(&mut self) -> Statistics {
        let counted = |counter: &AtomicU64| if self.is_first { counter.load(Ordering::Relaxed) } else { 0 };
        Statistics { packets: counted(&self.counted.packets), drops: counted(&self.counted.drops), freezes: 0 }
    }
}

struct DatalinkKeeper {
    watches: Vec<Watch>,
    starter: Starter,
    /// Those that are open and do not read yet: a thread that is started later has no more privileges than who starts it has then.
    waiting: Vec<(Reader, Box<dyn DataLinkReceiver>)>,
    /// In the order of the interfaces; each ends by itself once its interface is gone for good.
    readers: Vec<JoinHandle<()>>,
}

impl Keeper for DatalinkKeeper {
    fn look(&mut self) -> Vec<Notice> {
        let Self { watches, starter, waiting, readers } = self;
        let mut notices = Vec::new();
        for (capture, watch) in (0..).zip(watches.iter_mut()) {
            notices.extend(watch.look(|interface| {
                waiting.push(starter.open(capture, interface)?);
                Ok(())
            }));
        }
        for (reader, receiver) in waiting.drain(..) {
            let name = reader.interface.name.clone();
            match thread::Builder::new().name(format!("read {name}")).spawn(move || reader.read(receiver)) {
                Ok(thread) => readers.push(thread),
                Err(error) => notices.push(Notice::refused(name, &error)),
            }
        }
        readers.retain(|reader| !reader.is_finished());
        notices
    }
}

impl Drop for DatalinkKeeper {
    fn drop(&mut self) {
        self.starter.counted.stop.store(true, Ordering::Relaxed);
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

/// Starts readers.
struct Starter {
    hands: Vec<Sender<Batch>>,
    settings: TapSettings,
    counted: Arc<Counted>,
}

impl Starter {
    fn open(&self, capture: u32, interface: &Interface) -> Result<(Reader, Box<dyn DataLinkReceiver>), TapError> {
        let refused = |source| TapError::Open { interface: interface.name.clone(), source };
        let (receiver, socket) = channel(interface, &self.settings).map_err(refused)?;
        let empty = || Batch { capture, link: interface.link, bytes: Vec::new(), frames: Vec::new() };
        let reader = Reader {
            batches: self.hands.iter().map(|_| empty()).collect(),
            hands: self.hands.clone(),
            interface: interface.clone(),
            socket,
            counted: Arc::clone(&self.counted),
            lets_datagrams_in: self.settings.datagrams.load(Ordering::Relaxed),
            settings: self.settings.clone(),
            begun: Instant::now(),
        };
        Ok((reader, receiver))
    }
}

/// pnet's channel over a socket of ours, which has the kernel's filter and counts what is dropped.
fn channel(interface: &Interface, settings: &TapSettings) -> io::Result<(Box<dyn DataLinkReceiver>, PacketSocket)> {
    let socket = PacketSocket::new()?;
    settings.filter(&socket, interface.link)?;
    socket.receive_buffer(RECEIVE_BUFFER)?;
    if interface.is_loopback {
        socket.ignore_outgoing()?;
    }
    let config = Config {
        read_buffer_size: READ_BUFFER,
        read_timeout: Some(READ_PATIENCE),
        promiscuous: settings.promiscuous,
        socket_fd: Some(socket.as_fd().try_clone_to_owned()?.into_raw_fd()), // theirs to close
        ..Config::default()
    };
    let at = NetworkInterface {
        name: interface.name.clone(),
        description: String::new(),
        index: interface.index,
        mac: None,
        ips: Vec::new(),
        flags: 0,
    };
    match pnet_datalink::channel(&at, config)? {
        Channel::Ethernet(_, receiver) => Ok((receiver, socket)),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Reads the frames of one interface.
struct Reader {
    interface: Interface,
    socket: PacketSocket,
    hands: Vec<Sender<Batch>>,
    /// What is to be dealt out to each worker.
    batches: Vec<Batch>,
    /// When the first of the frames was read that wait.
    begun: Instant,
    counted: Arc<Counted>,
    settings: TapSettings,
    /// As its filter is.
    lets_datagrams_in: bool,
}

impl Reader {
    fn read(mut self, mut receiver: Box<dyn DataLinkReceiver>) {
        while !self.counted.stop.load(Ordering::Relaxed) {
            match receiver.next() {
                Ok(frame) => self.add(frame),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => self.deal(),
                Err(_) => {
                    self.deal();
                    // It is down, and may come up; one that was deleted does not come back under its number.
                    let is_there = Interface::named(&self.interface.name).is_ok_and(|now| now.index == self.interface.index);
                    if !is_there {
                        return;
                    }
                    thread::sleep(READ_PATIENCE);
                }
            }
        }
        self.deal();
    }

    fn add(&mut self, frame: &[u8]) {
        let worker = steering::worker_for(frame, self.interface.link, self.batches.len());
        if self.batches.iter().all(|batch| batch.frames.is_empty()) {
            self.begun = Instant::now();
        }
        if let Some(batch) = self.batches.get_mut(worker) {
            batch.bytes.extend_from_slice(frame);
            batch.frames.push((now(), frame.len()));
            if batch.bytes.len() >= BATCH || self.begun.elapsed() >= READ_PATIENCE {
                self.deal();
            }
        }
    }

    /// Deals out what was read. Where a worker has no room, it is lost, and counted.
    fn deal(&mut self) {
        let wanted = self.settings.datagrams.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.lets_datagrams_in, wanted) != wanted {
            let _ = self.settings.filter(&self.socket, self.interface.link); // as for a ring
        }
        for (batch, hand) in self.batches.iter_mut().zip(&self.hands) {
            if batch.frames.is_empty() {
                continue;
            }
            let empty = Batch { bytes: Vec::with_capacity(BATCH), frames: Vec::new(), ..*batch };
            let full = std::mem::replace(batch, empty);
            if let Err(TrySendError::Full(lost)) = hand.try_send(full) {
                let lost = u64::try_from(lost.frames.len()).unwrap_or(u64::MAX);
                self.counted.drops.fetch_add(lost, Ordering::Relaxed);
            }
        }
        let mut counted = Statistics::default();
        add(&mut counted, self.socket.statistics());
        self.counted.packets.fetch_add(counted.packets, Ordering::Relaxed);
        self.counted.drops.fetch_add(counted.drops, Ordering::Relaxed);
    }
}

/// The time on the wall: pnet does not hand on the kernel's.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(since.as_secs(), since.subsec_nanos().into())
}

/// The longest frame, and some more. With its default of 4,096 bytes pnet would cut longer ones without a word.
const READ_BUFFER: usize = 256 << 10;
/// What the kernel keeps of frames that were not read.
const RECEIVE_BUFFER: u32 = 32 << 20;
/// How long a frame waits for others.
const READ_PATIENCE: Duration = Duration::from_millis(10);
/// Bytes that are dealt out at a time.
const BATCH: usize = 128 << 10;
/// Batches that wait for a worker.
const BATCHES_AHEAD: usize = 256;
