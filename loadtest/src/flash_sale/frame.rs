//! The frames in which the child tells the parent what its buyers were answered.
//!
//! ```text
//!   granted, refused, paid    tag u8 | order number u32 | latency in microseconds u32
//!   opened, recovering, fault tag u8 | length u32 | JSON or UTF-8 text
//!   done                      tag u8
//! ```
//!
//! Numbers are little-endian. The latency travels with each answer, so that a kill loses no latency of
//! an answer that was acknowledged. A frame that the kill cut off was never received: reading ends there.

use std::io::{ErrorKind, Read};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::store::Recovery;

/// The longest text of a frame; more is not the child speaking.
const TEXT_BYTES_MAX: u32 = 1024 * 1024;

const GRANTED: u8 = b'G';
const REFUSED: u8 = b'R';
const PAID: u8 = b'P';
const OPENED: u8 = b'O';
const RECOVERING: u8 = b'V';
const FAULT: u8 = b'F';
const DONE: u8 = b'D';

/// What the child says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A buyer was answered.
    Answered(Answered),
    /// The engine is open and the sale begins or goes on.
    Opened(Opened),
    /// The engine is replaying its journal; bytes done and in all.
    Recovering(u64, u64),
    /// An answer that no sale expects; the sale goes on and the promise is broken.
    Fault(String),
    /// Every order has its final answer.
    Done,
}

/// One answer to one buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    /// What the answer was.
    pub(crate) answer: SaleAnswer,
    /// The number of the order.
    pub(crate) order: u32,
    /// How long the buyer waited for it.
    pub(crate) micros: u32,
}

/// What a buyer can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SaleAnswer {
    /// The order was placed and holds its unit.
    Granted,
    /// The stock is sold out.
    Refused,
    /// The payment was recorded and the order is paid.
    Paid,
}

/// What the child found when it opened the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Opened {
    /// The engine's own report.
    pub(crate) recovery: Recovery,
    /// Orders that may have been asked for before the kill and whose answer never arrived here.
    pub(crate) in_doubt: u32,
    /// Those of them that the engine had already decided, as its journal shows.
    pub(crate) in_doubt_decided: u32,
}

impl Frame {
    /// Appends the frame's bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Answered(Answered { answer, order, micros }) => {
                out.push(match answer {
                    SaleAnswer::Granted => GRANTED,
                    SaleAnswer::Refused => REFUSED,
                    SaleAnswer::Paid => PAID,
                });
                out.extend_from_slice(&order.to_le_bytes());
                out.extend_from_slice(&micros.to_le_bytes());
            }
            Self::Opened(opened) => {
                encode_text(OPENED, &serde_json::to_string(opened).unwrap_or_default(), out);
            }
            Self::Recovering(done, total) => {
                encode_text(RECOVERING, &format!("{done} {total}"), out);
            }
            Self::Fault(text) => encode_text(FAULT, text, out),
            Self::Done => out.push(DONE),
        }
    }

    /// Reads the next frame; `None` at the end, also when the end cut a frame off.
    pub(crate) fn decode(from: &mut impl Read) -> Result<Option<Self>> {
        let Some([tag]) = read::<1>(from)? else { return Ok(None) };
        match tag {
            GRANTED => Self::decode_answer(SaleAnswer::Granted, from),
            REFUSED => Self::decode_answer(SaleAnswer::Refused, from),
            PAID => Self::decode_answer(SaleAnswer::Paid, from),
            OPENED | RECOVERING | FAULT => Self::decode_text(tag, from),
            DONE => Ok(Some(Self::Done)),
            unknown => bail!("the child sent a frame with the unknown tag {unknown:#04x}"),
        }
    }

    fn decode_answer(answer: SaleAnswer, from: &mut impl Read) -> Result<Option<Self>> {
        let (Some(order), Some(micros)) = (read::<4>(from)?, read::<4>(from)?) else {
            return Ok(None);
        };
        Ok(Some(Self::Answered(Answered {
            answer,
            order: u32::from_le_bytes(order),
            micros: u32::from_le_bytes(micros),
        })))
    }

    fn decode_text(tag: u8, from: &mut impl Read) -> Result<Option<Self>> {
        let Some(length) = read::<4>(from)?.map(u32::from_le_bytes) else { return Ok(None) };
        if length > TEXT_BYTES_MAX {
            bail!("the child sent a frame of {length} bytes; at most {TEXT_BYTES_MAX} are expected");
        }
        let mut bytes = Vec::new();
        let read = from.take(u64::from(length)).read_to_end(&mut bytes)?;
        if read < length as usize {
            return Ok(None);
        }
        let text = String::from_utf8(bytes).context("the child sent a text that is not UTF-8")?;
        Ok(Some(match tag {
            OPENED => Self::Opened(serde_json::from_str(&text).context("reading the child's report")?),
            RECOVERING => {
                let (done, total) = text.split_once(' ').unwrap_or((&text, "0"));
                Self::Recovering(done.parse().unwrap_or(0), total.parse().unwrap_or(0))
            }
            _ => Self::Fault(text),
        }))
    }
}

fn encode_text(tag: u8, text: &str, out: &mut Vec<u8>) {
    // What is too long for a frame is cut between two characters; only a fault's words can be.
    let mut end = text.len().min(TEXT_BYTES_MAX as usize);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or_default();
    out.push(tag);
    out.extend_from_slice(&(end as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Reads exactly `N` bytes; `None` when the pipe ends before.
fn read<const N: usize>(from: &mut impl Read) -> Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    match from.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error).context("reading from the child"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Vec<Frame> {
        let answered = |answer, order| Frame::Answered(Answered { answer, order, micros: order * 3 });
        vec![
            Frame::Recovering(5, 10),
            Frame::Opened(Opened { in_doubt: 7, ..Opened::default() }),
            answered(SaleAnswer::Granted, 1),
            answered(SaleAnswer::Paid, 70_000),
            answered(SaleAnswer::Refused, u32::MAX / 3),
            Frame::Fault("order 5 was answered “what?”".to_owned()),
            Frame::Done,
        ]
    }

    fn decode_all(mut bytes: &[u8]) -> Result<Vec<Frame>> {
        let mut decoded = Vec::new();
        while let Some(frame) = Frame::decode(&mut bytes)? {
            decoded.push(frame);
        }
        Ok(decoded)
    }

    #[test]
    fn frames_come_out_as_they_went_in() -> Result<()> {
        let mut bytes = Vec::new();
        frames().iter().for_each(|frame| frame.encode(&mut bytes));
        assert_eq!(decode_all(&bytes)?, frames());
        Ok(())
    }

    #[test]
    fn a_pipe_cut_at_any_byte_gives_exactly_the_whole_frames_before_the_cut() -> Result<()> {
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        for frame in frames() {
            frame.encode(&mut bytes);
            ends.push(bytes.len());
        }
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(decode_all(&bytes[..cut])?, frames()[..whole], "cut at {cut}");
        }
        Ok(())
    }

    #[test]
    fn bytes_that_no_child_sends_are_an_error() {
        assert!(decode_all(b"x").is_err());
        assert!(decode_all(&[FAULT, 0xff, 0xff, 0xff, 0xff]).is_err());
    }
}
