//! The server: one thread that accepts, and one for each connection, of which there are only so many.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

use super::access::is_host;
use super::board::{Board, BoardState};
use super::channel::Channel;
use super::clerk::{self, Desk};
use super::head::{self, Request};
use super::response::Response;
use super::{About, Error, MonitorSettings};

/// A monitor that has its address, and serves nobody yet.
#[derive(Debug)]
pub struct Monitor {
    listener: TcpListener,
    settings: MonitorSettings,
}

/// What connections share.
struct Shared {
    settings: MonitorSettings,
    desk: Arc<Desk>,
    page: Response,
    connections: Connections,
}

/// Those that are open.
#[derive(Default)]
struct Connections {
    count: AtomicUsize,
    next: AtomicUsize,
    /// Number, socket, and since when it waits for a request.
    open: Mutex<Vec<(usize, TcpStream, Instant)>>,
}

impl Monitor {
    /// Takes the address. One that can be reached from elsewhere takes a token.
    pub fn bind(settings: MonitorSettings) -> Result<Self, Error> {
        let address = settings.address;
        if !address.ip().is_loopback() && settings.token.is_none() {
            return Err(Error::Open(address));
        }
        let listener = TcpListener::bind(address).map_err(|source| Error::Bind { address, source })?;
        Ok(Self { listener, settings })
    }

    /// Where it listens: with the port that it got, where it was to be any.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap_or(self.settings.address)
    }

    /// Whether the token goes over the network for all to read.
    pub fn is_in_the_clear(&self) -> bool {
        self.settings.encryption.is_none() && !self.address().ip().is_loopback()
    }

    /// Starts its threads, which end with the process, and answers where the run is to leave its news.
    pub fn start(self, about: About) -> Result<Board, Error> {
        let (news, left) = bounded(clerk::QUEUE);
        let state = Arc::<BoardState>::default();
        let desk = Arc::new(Desk::new(Arc::clone(&state)));
        let shared = Arc::new(Shared {
            settings: self.settings,
            desk: Arc::clone(&desk),
            page: Response::page(),
            connections: Connections::default(),
        });
        let start = |name: &str, work: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.to_owned()).spawn(work).map(drop).map_err(Error::Thread)
        };
        start("clerk", Box::new(move || clerk::work(&left, &desk, about)))?;
        let listener = self.listener;
        start("listen", Box::new(move || accept(&listener, &shared)))?;
        Ok(Board::new(news, state))
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept() else {
            thread::sleep(PAUSE); // out of files, for one: that may pass
            continue;
        };
        let connections = &shared.connections;
        if connections.count.load(Ordering::Relaxed) >= MOST_CONNECTIONS {
            connections.end_idlest();
        }
        let since = Instant::now();
        while connections.count.load(Ordering::Relaxed) >= MOST_CONNECTIONS && since.elapsed() < PAUSE {
            thread::sleep(SHORT_PAUSE);
        }
        let Some(number) = connections.open(&stream) else { continue };
        let shared = Arc::clone(shared);
        let served = Served { shared, number };
        // Where no thread can be had, the closure goes, and with it the connection and its place.
        let _ = thread::Builder::new().name("connection".to_owned()).stack_size(STACK).spawn(move || served.serve(stream));
    }
}

/// A connection's place, which is free again once this goes.
struct Served {
    shared: Arc<Shared>,
    number: usize,
}

impl Served {
    fn serve(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let Ok(mut channel) = Channel::new(stream, self.shared.settings.encryption.as_ref()) else { return };
        let desk = &self.shared.desk;
        let mut buffer = Vec::new();
        for number in 1..=MOST_REQUESTS {
            channel.allow(if number == 1 { FIRST_REQUEST } else { NEXT_REQUEST });
            let (response, is_head, stays) = match head::read(&mut channel, &mut buffer) {
                Ok(request) => {
                    self.shared.connections.set_waiting(self.number);
                    let stays = request.stays && number < MOST_REQUESTS;
                    (self.shared.answer(&request), request.is_head, stays)
                }
                Err(refusal) => match Response::refusal(refusal) {
                    Some(response) => (response, false, false),
                    None => break,
                },
            };
            let counter = if response.status < 400 { &desk.answered } else { &desk.refused };
            counter.fetch_add(1, Ordering::Relaxed);
            channel.allow(ANSWER);
            if response.write(&mut channel, is_head, stays).is_err() || !stays {
                break;
            }
        }
        channel.close();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shared.connections.close(self.number);
    }
}

impl Shared {
    fn answer(&self, request: &Request) -> Response {
        let MonitorSettings { names, token, encryption, .. } = &self.settings;
        if !is_host(&request.host, names) {
            return Response::text(421, "this host has another name: name it with --listen-name\n");
        }
        match request.path.as_str() {
            "/healthz" => return said(self.desk.is_well()),
            "/readyz" => return said(self.desk.is_ready()),
            _ => {}
        }
        if let Some(token) = token {
            let offered = request.query.split('&').find_map(|pair| pair.strip_prefix("token="));
            if let Some(offered) = offered.filter(|_| request.path == "/") {
                let is_right = unescaped(offered).is_some_and(|offered| token.is(&offered));
                return if is_right { Response::welcome(token.cookie(), encryption.is_some()) } else { Response::unauthorized() };
            }
            let has_token = request.bearer.as_ref().is_some_and(|offered| token.is(offered));
            if !has_token && !request.cookie.as_ref().is_some_and(|offered| token.is_cookie(offered)) {
                return Response::unauthorized();
            }
        }
        match request.path.as_str() {
            "/" => self.page.clone(),
            "/metrics" => Response::metrics(Arc::clone(&self.desk.rendered().metrics)),
            "/live.json" => Response::json(Arc::clone(&self.desk.rendered().live)),
            _ => Response::text(404, "there is / and /metrics, /live.json, /healthz, /readyz\n"),
        }
    }
}

impl Connections {
    /// Gives a connection its place; there may be none.
    fn open(&self, stream: &TcpStream) -> Option<usize> {
        if self.count.load(Ordering::Relaxed) >= MOST_CONNECTIONS {
            return None;
        }
        let copy = stream.try_clone().ok()?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.list().push((number, copy, Instant::now()));
        self.count.fetch_add(1, Ordering::Relaxed);
        Some(number)
    }

    fn set_waiting(&self, number: usize) {
        self.list().iter_mut().filter(|(known, ..)| *known == number).for_each(|(.., since)| *since = Instant::now());
    }

    /// Ends the one that was not asked anything for longest.
    fn end_idlest(&self) {
        if let Some((_, stream, _)) = self.list().iter().min_by_key(|(.., since)| *since) {
            let _ = stream.shutdown(Shutdown::Both); // it may have gone by itself
        }
    }

    fn close(&self, number: usize) {
        self.list().retain(|(known, ..)| *known != number);
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<(usize, TcpStream, Instant)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn said(is_so: bool) -> Response {
    if is_so { Response::text(200, "ok\n") } else { Response::text(503, "no\n") }
}

/// A part of a query with `%` and two digits for a byte.
fn unescaped(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// Connections at a time; one more ends the one that was idle for longest.
const MOST_CONNECTIONS: usize = 64;
/// Requests of one connection.
const MOST_REQUESTS: usize = 10_000;
/// How long a client may take for its first request, and for the next one.
const FIRST_REQUEST: Duration = Duration::from_secs(5);
const NEXT_REQUEST: Duration = Duration::from_secs(20);
/// How long it may take to read the answer.
const ANSWER: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);
const SHORT_PAUSE: Duration = Duration::from_millis(1);
const STACK: usize = 256 << 10;
