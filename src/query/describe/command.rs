//! What was asked for, in words.

use super::{count, units};
use crate::domain::command::{Command, OrderCommand, ProgressStep, SkuCommand, SplitBy};

impl Command {
    /// The command as a plain sentence.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Sku(_, command) => command.describe(),
            Self::Order(_, command) => command.describe(),
            Self::Flow(_, command) => command.describe(),
            Self::Lock(command) => command.describe(),
        }
    }
}

impl OrderCommand {
    fn describe(&self) -> String {
        match self {
            Self::Place(place) => {
                let bought: Vec<_> =
                    place.lines.iter().map(|l| format!("{} × {}", l.quantity, l.sku)).collect();
                format!("Asked to place it at {}: {}.", place.business, bought.join(", "))
            }
            Self::Pay(pay) => format!("Asked to record a payment of {} by {}.", pay.amount, pay.method),
            Self::Ship(ship) => format!("Asked to ship {}.", units(&ship.lines, "all that is left")),
            Self::Deliver(deliver) => {
                format!("Asked to record the arrival of {}.", units(&deliver.lines, "all that is under way"))
            }
            Self::Cancel(cancel) => {
                let what = units(&cancel.lines, "all that has not left the house");
                format!("Asked to call off {what}: {}.", cancel.reason)
            }
            Self::Progress(progress) => {
                let step = match progress.step {
                    ProgressStep::Pick => "as being fetched",
                    ProgressStep::Pack => "as packed",
                    ProgressStep::Confirm => "as received",
                    ProgressStep::Complete => "as completed",
                    ProgressStep::HandOver => "as handed over",
                };
                format!("Asked to record it {step}.")
            }
            Self::ChangeDelivery(change) => format!("Asked to send it to {}.", change.delivery.address),
            Self::ExtendDeadline(extend) => {
                format!("Asked for more time, until {}.", extend.until)
            }
            Self::Close(close) => format!("Asked to close it: {}.", close.reason),
            Self::Retire(retire) if retire.refunded => {
                "Asked to retire it, with what was due back paid back.".to_owned()
            }
            Self::Retire(_) => "Asked to retire it.".to_owned(),
            Self::StageEdit(stage) => format!("Asked to prepare {}.", count_changes(stage.changes.len())),
            Self::AcceptEdit(accept) => {
                format!("Asked to carry out the prepared change, as previewed at version {}.", accept.version)
            }
            Self::DeclineEdit(_) => "Asked to drop the prepared change.".to_owned(),
            Self::Split(split) => {
                let by = match &split.by {
                    SplitBy::Seller => "seller",
                    SplitBy::Channel => "channel",
                    SplitBy::Constraint => "constraint",
                    SplitBy::Groups(_) => "groups of units",
                    SplitBy::Located(_) => "location",
                };
                format!("Asked to split it by {by}.")
            }
            Self::ShipShort(short) => format!(
                "Asked to ship {} and to call off {}: {}.",
                units(&short.lines, "nothing"),
                units(&short.missing, "the rest"),
                short.reason
            ),
        }
    }
}

fn count_changes(count: usize) -> String {
    if count == 1 { "1 change".to_owned() } else { format!("{count} changes") }
}

impl SkuCommand {
    fn describe(&self) -> String {
        match self {
            Self::Receive { quantity, reason, at } => {
                format!("Asked to receive {}{}: {reason}.", count(*quantity), at.words())
            }
            Self::Adjust { delta, reason, at } => {
                format!("Asked to correct the count{} by {delta}: {reason}.", at.words())
            }
            Self::Reserve(reserve) => {
                format!("Asked to reserve {} for cart {}.", count(reserve.quantity), reserve.cart)
            }
            Self::Commit { cart } => format!("Asked to commit what cart {cart} holds."),
            Self::Release { cart } => format!("Asked to give back what cart {cart} holds."),
            Self::Ship { cart, quantity, from: None } => {
                format!("Asked to ship {} of cart {cart}.", count(*quantity))
            }
            Self::Ship { cart, quantity, from: Some(from) } => {
                format!("Asked to ship {} of cart {cart} from {from}.", count(*quantity))
            }
            Self::ReturnToStock { quantity, to, reason, at } => {
                format!("Asked to take back {}, {to}{}: {reason}.", count(*quantity), at.words())
            }
            Self::WriteOff { quantity, from, reason, at } => {
                format!("Asked to write off {}, {from}{}: {reason}.", count(*quantity), at.words())
            }
            Self::Move { quantity, from, to, reason, at } => {
                format!("Asked to make {} that are {from}{} {to}: {reason}.", count(*quantity), at.words())
            }
            Self::Transfer { quantity, from, to, reason } => {
                format!("Asked to bring {} from {from} to {to}: {reason}.", count(*quantity))
            }
            Self::Announce { delivery, quantity, at, .. } => {
                format!("Asked to expect {} with delivery {delivery}{}.", count(*quantity), at.words())
            }
            Self::ReceiveDelivery { delivery, quantity, reason, at } => {
                let at = at.as_ref().map(|at| at.words().to_string()).unwrap_or_default();
                format!("Asked to receive {} of delivery {delivery}{at}: {reason}.", count(*quantity))
            }
            Self::SetPolicy(_) => "Asked for another policy.".to_owned(),
            Self::Extend { cart, deadline } => {
                format!("Asked to keep the hold of cart {cart} until {deadline}.")
            }
        }
    }
}
