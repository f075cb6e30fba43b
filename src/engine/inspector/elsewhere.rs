//! Flows whose packets are counted elsewhere, as in the kernel: nothing that is to come of them can make an event, but that they open or close.

use super::{Inspector, Located};
use crate::base::Timestamp;
use crate::engine::connection::Volume;
use crate::engine::lane::lane_of;
use crate::flow::{FlowKey, Pair};

impl Located {
    /// All was told of the flow, and it is read no more: it is worth asking whether it [needs looks](Inspector::needs_no_looks).
    pub const fn is_told(&self) -> bool {
        self.is_told
    }
}

impl Inspector {
    /// Whether packets of the flow that neither open nor close a connection need not be seen as long as the rules in force are: all was told of it, no
    /// rule has yet to be tried on it, nothing is dropped, and nothing seems to be of another connection. That one begins is then only seen by its SYN.
    pub fn needs_no_looks(&self, hash: u64, key: &FlowKey) -> bool {
        let table = self.lanes.get(lane_of(hash)).map(|lane| &lane.table);
        let flow = table.and_then(|table| table.get(table.find(hash, key)?)).map(|(_, flow)| flow);
        let Some(connection) = flow.and_then(|flow| flow.connection.as_deref()) else { return false };
        !connection.is_followed()
            && !connection.closed
            && !connection.dropped
            && connection.rival.is_none()
            && !self.judge.wants_packets()
            && !self.judge.tags()
            && !self.judge.has_yet_to_judge(&connection.rules)
    }

    /// Counts packets of a flow that were not seen here, the last of them at about `at`. False where there is no such flow any more.
    pub fn count_unseen(&mut self, hash: u64, key: &FlowKey, sent: Pair<Volume>, at: Timestamp) -> bool {
        let now = self.now;
        let table = self.lanes.get_mut(lane_of(hash)).map(|lane| &mut lane.table);
        let Some(flow) = table.and_then(|table| table.find(hash, key).and_then(|id| table.get_mut(id))) else { return false };
        let Some(connection) = flow.connection.as_deref_mut() else { return false };
        if sent != Pair::default() {
            connection.count_unseen(sent);
            flow.note_time(at, now);
        }
        true
    }
}
