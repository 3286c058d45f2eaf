//! Snapshots: the state of an engine in one file, so that opening need not replay all of the journal.
//!
//! This module knows the file: its sections, checksums and marks, how it is written and published, which
//! ones a folder holds, and whether one is whole. What the entities in it mean is the business of `replay`;
//! how they are collected while the engine runs is that of `engine`. `docs/format.md` draws the bytes.
//!
//! A snapshot is **fuzzy**: its entities were looked at one after another while commands ran. Everything
//! before its *low mark* is in it, and of what came later some is; nothing from its *high mark* on. So
//! replay begins at the low mark and passes over what an entity already knows by its version, and a journal
//! that ends before the high mark cannot go with the snapshot.
//!
//! 1. A file has its name only when it is whole, synced, read back, and the journal durable to its high mark.
//! 2. Every byte is under a checksum; a flaw is named by its section and offset.

mod folder;
mod format;
mod reader;
mod writer;

pub use folder::{Listed, list, remove_leftovers, remove_older};
pub use format::{Flaw, Footer, Header, Kind};
pub use reader::{Section, SnapshotReader, verify};
pub use writer::{SnapshotWriter, Written};
