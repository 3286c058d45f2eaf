//! Commands and events in plain sentences, for people. The words may change; what is to be compared or
//! stored is the event itself.

mod command;
mod flow;
mod lock;
mod order;
mod reason;
mod stock;

use crate::domain::command::LineQuantity;

/// `3 of line 1, 1 of line 2`; what no lines stand for is said by `none`.
fn units(lines: &[LineQuantity], none: &str) -> String {
    if lines.is_empty() {
        return none.to_owned();
    }
    let parts: Vec<_> = lines.iter().map(|part| format!("{} of line {}", part.quantity, part.line)).collect();
    parts.join(", ")
}

/// `1 unit`, `2 units`.
fn count(quantity: u64) -> String {
    if quantity == 1 { "1 unit".to_owned() } else { format!("{quantity} units") }
}
