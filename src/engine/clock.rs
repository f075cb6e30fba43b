//! The time of a run, as its frames tell it.

use crate::base::{Duration, Timestamp};

/// Packet time in whole seconds: flows are looked over once a second, at the same packet for any number of workers.
///
/// It goes forward with the frames and stands still for those that come late. A frame's time may be wrong (a corrupt capture), and a
/// clock that followed it would end every flow and then stand still for good: further than 30 seconds ahead it goes only once
/// four frames in a row are there, and then to the earliest of them. Where it went wrong all the same, or where captures of
/// overlapping times are played one after the other, it goes back with a thousand frames in a row that are that far behind: many,
/// since two interfaces whose clocks differ take turns, and each turn would end flows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    now: Option<Timestamp>,
    /// Frames in a row that are far ahead of it, and the earliest of their times.
    ahead: (u32, Timestamp),
    /// Frames in a row that are far behind it.
    behind: u32,
}

impl Clock {
    /// The new time, where a frame of time `at` begins a new second or sets the clock.
    pub fn tick(&mut self, at: Timestamp) -> Option<Timestamp> {
        let Some(now) = self.now else { return self.set(at) };
        if at > now.saturating_add(LEAP) {
            let (frames, earliest) = self.ahead;
            self.ahead = (frames.saturating_add(1), if frames == 0 { at } else { earliest.min(at) });
            self.behind = 0;
            return if self.ahead.0 < AHEAD { None } else { self.set(self.ahead.1) };
        }
        if at.saturating_add(LEAP) < now {
            self.ahead.0 = 0;
            self.behind = self.behind.saturating_add(1);
            return if self.behind < BEHIND { None } else { self.set(at) };
        }
        (self.ahead.0, self.behind) = (0, 0);
        if at.as_secs() > now.as_secs() {
            return self.set(at);
        }
        self.now = Some(now.max(at));
        None
    }

    /// The time now; the epoch before the first frame.
    pub fn now(&self) -> Timestamp {
        self.now.unwrap_or_default()
    }

    fn set(&mut self, now: Timestamp) -> Option<Timestamp> {
        *self = Self { now: Some(now), ..Self::default() };
        self.now
    }
}

/// Frames within this time of the clock are believed at once; it is less than any time-out of use.
pub(super) const LEAP: Duration = Duration::from_secs(30);
/// Frames in a row that take the clock further forward.
const AHEAD: u32 = 4;
/// Frames in a row that take the clock back.
const BEHIND: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_700_000_000;

    /// The seconds since `START` that the clock shows after each of these.
    fn shown(seconds: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let mut clock = Clock::default();
        let time = |s: i64| Timestamp::from_parts(START.checked_add_signed(s).unwrap(), 0);
        let mut told = None;
        let show = |s| {
            told = clock.tick(time(s)).or(told);
            assert_eq!(told.map(Timestamp::as_secs), Some(clock.now().as_secs()));
            clock.now().as_secs().cast_signed() - START.cast_signed()
        };
        seconds.into_iter().map(show).collect()
    }

    #[test]
    fn it_goes_forward_and_stands_still_for_late_frames() {
        assert_eq!(shown([0, 1, 0, 3, 2, 3, 33]), [0, 1, 1, 3, 3, 3, 33]);
    }

    #[test]
    fn a_frame_far_ahead_or_behind_moves_nothing() {
        assert_eq!(shown([0, 1_000_000_000, 1, -1_000_000_000, 2, 31, 1_000, 33]), [0, 0, 1, 1, 2, 31, 31, 33]);
        assert_eq!(shown([0, 500, 600, 700, 1, 500, 600, 700, 2]), [0, 0, 0, 0, 1, 1, 1, 1, 2]);
    }

    #[test]
    fn after_a_pause_the_fourth_frame_sets_it_to_the_earliest() {
        assert_eq!(shown([0, 601, 600, 1_000_000, 602, 603]), [0, 0, 0, 0, 600, 603]);
    }

    #[test]
    fn a_thousand_frames_in_a_row_take_it_back() {
        let wrong = [0, 1_000_000, 1_000_000, 1_000_000, 1_000_000];
        assert_eq!(shown(wrong.into_iter().chain(1..=3)).last(), Some(&1_000_000));
        assert_eq!(shown(wrong.into_iter().chain([7; 1_000]).chain([8])).last(), Some(&8));
    }

    #[test]
    fn two_interfaces_whose_clocks_differ_do_not_turn_it_back() {
        let mixed: Vec<i64> = (0..10_000).map(|i| i / 100 + if i % 3 == 0 { 20 } else { -120 }).collect();
        let shown = shown(mixed);
        assert!(shown[10..].is_sorted());
    }
}
