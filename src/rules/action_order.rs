//! In which order rules act, by what they do.

use std::str::FromStr;

use super::ast::Action;

/// The kinds of actions, the first one first: Suricata's `action-order`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionOrder([Kind; 4]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pass,
    Drop,
    Reject,
    Alert,
}

/// A text is no order of actions: each of `pass`, `drop`, `reject` and `alert` once, with commas between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected pass, drop, reject and alert, each once, with commas between")]
pub struct NoActionOrder;

impl ActionOrder {
    /// The place of `action`, from 0.
    pub(super) fn rank(self, action: Action) -> u8 {
        let kind = match action {
            Action::Pass => Kind::Pass,
            Action::Drop => Kind::Drop,
            Action::Reject(_) => Kind::Reject,
            Action::Alert => Kind::Alert,
        };
        (0..).zip(self.0).find(|(_, known)| *known == kind).map_or(u8::MAX, |(place, _)| place)
    }
}

/// Suricata's: `pass`, `drop`, `reject`, `alert`.
impl Default for ActionOrder {
    fn default() -> Self {
        Self([Kind::Pass, Kind::Drop, Kind::Reject, Kind::Alert])
    }
}

impl FromStr for ActionOrder {
    type Err = NoActionOrder;

    fn from_str(text: &str) -> Result<Self, NoActionOrder> {
        let kind = |word: &str| match word.trim() {
            "pass" => Ok(Kind::Pass),
            "drop" => Ok(Kind::Drop),
            "reject" => Ok(Kind::Reject),
            "alert" => Ok(Kind::Alert),
            _ => Err(NoActionOrder),
        };
        let kinds = text.split(',').map(kind).collect::<Result<Vec<_>, _>>()?;
        let order: [Kind; 4] = kinds.try_into().map_err(|_| NoActionOrder)?;
        let is_there = |kind| order.contains(kind);
        if Self::default().0.iter().all(is_there) { Ok(Self(order)) } else { Err(NoActionOrder) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_has_its_place() {
        let order: ActionOrder = "alert, pass,drop,reject".parse().unwrap();
        let ranks = [Action::Alert, Action::Pass, Action::Drop].map(|action| order.rank(action));
        assert_eq!(ranks, [0, 1, 2]);
        assert_eq!("pass,drop,reject,alert".parse(), Ok(ActionOrder::default()));
        for bad in ["", "pass", "pass,drop,reject", "pass,drop,reject,alert,pass", "pass,drop,reject,pass", "pass,drop,reject,log"]
        {
            assert_eq!(bad.parse::<ActionOrder>(), Err(NoActionOrder), "{bad}");
        }
    }
}
