//! What a user would check, from outside: the library's engine on packets made here, and the command on captures.
//!
//! | module | what it holds to account |
//! | --- | --- |
//! | [`bypass`] | flows that the kernel passes over are counted, and nothing else changes |
//! | [`captures`] | each capture of `pcaps/` gives the facts that its README names |
//! | [`invariance`] | the same bytes give the same session, however they are cut, reordered or repeated |
//! | [`evasion`] | tricks that hide a name or a session from others |
//! | [`datagrams`] | rules on UDP: alerts, verdicts, and nothing where none wants it |
//! | [`findings`] | what is found stands in events, and can be chosen, listed and asked for |
//! | [`language`] | each form of Suricata's keywords means on a capture what its documentation says |
//! | [`formats`] | events in the formats of others keep to what these have published |
//! | [`inline`] | in the path, what goes on is what was inspected, and no part of a forbidden hello does |
//! | [`limits`] | bounds of memory and time, and what is said when they are reached |
//! | [`listen`] | a run tells how it goes over HTTP, to whom it should, and nobody can stop it by asking |
//! | [`loss`] | what was not seen is not told as if it had been, nor as malice |
//! | [`memory`] | over the limit of memory for sessions those that cost most are told early, and nothing read is lost |
//! | [`outputs`] | what others put on the wire cannot break a line, forge a record or move a cursor, in any output |
//! | [`order`] | a connection begins where it began, whatever order its packets are in |
//! | [`path`] | in the path between real clients and servers, what must pass passes whole, and of what must not the server sees no part |
//! | [`payload`] | rules about payload find it in packets and streams, up to the dark |
//! | [`policy`] | an allow-list: what no rule accepts falls, when, and why |
//! | [`tap`] | on an interface it sees what replay sees in a capture, whatever becomes of the interface |
//! | [`tags`] | packets that a rule tagged are told as they are |
//! | [`workers`] | the same output for any number of workers |
//! | [`trust`] | certificates are judged at the time of their packets |
//! | [`hostile`] | certificates that are made to cost much, to the end of a session |
//! | [`earlier`] | what servers show is compared with earlier sessions |
//! | [`certificates`] | certificates are told and kept once each |
//! | [`recording`] | handshakes of flows that a rule alerted on are kept as captures, and no others |
//! | [`reload`] | rules come and go while traffic runs |
//! | [`rooms`] | what may use what inside `src/` |
//! | [`config`] | what a user writes into `portcullis.toml`, and is told about it |
//! | [`sinks`] | events reach every sink that wants them, whole and in order |
//! | [`command`] | what a new user does, right or wrong |
//! | [`rules`] | what a rule author is told: `rules check`, `rules list` |

#[cfg(target_os = "linux")]
mod bypass;
mod captures;
mod certificates;
mod command;
mod config;
mod datagrams;
mod datasets;
mod earlier;
mod evasion;
mod findings;
mod formats;
mod hostile;
mod inline;
mod invariance;
mod language;
mod limits;
#[cfg(target_os = "linux")]
mod listen;
mod loss;
mod memory;
mod order;
mod outputs;
#[cfg(target_os = "linux")]
mod path;
mod payload;
mod policy;
mod recording;
mod reload;
mod rooms;
mod rules;
mod sinks;
mod tags;
#[cfg(target_os = "linux")]
mod tap;
mod trust;
mod util;
mod workers;
