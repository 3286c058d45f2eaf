//! The journal: bytes and sequence numbers on durable storage. It does not know what an order is.
//!
//! A value becomes a record ([`codec`], [`record`]), records become a batch, a batch becomes a frame
//! ([`frame`]), frames fill segments ([`segment`]). What callers hold is a [`log::CommitLog`]: a [`FileLog`]
//! or a [`MemoryLog`]. `docs/format.md` draws the bytes and states the rules.

pub mod codec;
pub mod frame;
pub mod log;
pub mod record;
pub mod segment;

mod decoder;
mod direct;
mod encoder;
mod file_log;
mod memory_log;
mod opening;
mod pool;
mod position;
mod reader;
mod scan;
mod walk;
mod window;

pub use file_log::FileLog;
pub use log::{
    Appended, Batch, CommitLog, Cursor, Durability, LogError, LogMark, LogReader, Maintenance, Space,
    StoredBatch,
};
pub use memory_log::MemoryLog;
pub use opening::{LogOptions, Opening, WritePath};
pub use scan::{Cut, Progress, Scan, Stopped, Tail};
