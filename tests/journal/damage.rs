//! What a crash does not explain is refused, and nothing is touched.

use earmark::journal::frame;
use earmark::journal::log::{CommitLog, LogError};
use earmark::port::fs::Fs;
use earmark::port::fs_sim::{SimFs, SplitMix};

use crate::support::{append, at, claim, image, open, payload, payloads, seed, segments};

fn filled(batches: u64, bytes: usize) -> SimFs {
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    for index in 1..=batches {
        append(&mut log, index, bytes).unwrap();
    }
    drop(log);
    fs
}

fn refused(fs: &SimFs) -> LogError {
    // The lock file is the one thing that a claim may leave.
    let before = image(fs);
    let error = open(fs).map(|(_, tail, _)| tail).unwrap_err();
    assert_eq!(image(fs), before, "a refused journal was changed");
    error
}

#[test]
fn a_bad_frame_before_a_good_one_is_refused_with_segment_and_offset() {
    let fs = filled(5, 100);
    let (path, mut content) = segments(&fs).pop().unwrap();
    let offset = 4096 + frame::EMPTY_FRAME_BYTES + frame::frame_bytes(100);
    content[offset + frame::HEAD_BYTES + 7] ^= 1;
    fs.plant(&path, content);
    match refused(&fs) {
        LogError::Damaged { segment, offset: found, detail } => {
            assert_eq!((segment.as_str(), found), ("00000000000000000001.seg", offset as u64), "{detail}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_missing_segment_is_refused() {
    let fs = filled(120, 200);
    let all = segments(&fs);
    assert!(all.len() > 3);
    fs.remove(&all[1].0).unwrap();
    let name = all[0].0.file_name().unwrap().to_string_lossy().into_owned();
    assert!(matches!(refused(&fs), LogError::Damaged { segment, .. } if segment == name));
}

#[test]
fn a_bad_frame_in_a_segment_before_the_last_is_refused() {
    let fs = filled(120, 200);
    let (path, mut content) = segments(&fs).swap_remove(1);
    let last = content.iter().rposition(|byte| *byte != 0).unwrap();
    content[last] ^= 0x10;
    fs.plant(&path, content);
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(
        matches!(refused(&fs), LogError::Damaged { segment, offset, .. } if segment == name && offset > 4096)
    );
}

#[test]
fn a_segment_from_another_journal_is_refused() {
    let (one, other) = (filled(120, 200), SimFs::new());
    let (mut log, _, _) = open(&other).unwrap();
    for index in 1..=120 {
        append(&mut log, index + 1, 200).unwrap();
    }
    drop(log);
    let (path, content) = segments(&other).swap_remove(1);
    one.plant(&path, content);
    assert!(matches!(refused(&one), LogError::Damaged { .. }));
}

#[test]
fn a_newer_version_of_a_segment_or_a_frame_is_named() {
    for version_at in [4, 4096 + 4] {
        let fs = filled(3, 50);
        let (path, mut content) = segments(&fs).pop().unwrap();
        content[version_at] = 2;
        fs.plant(&path, content);
        assert!(matches!(refused(&fs), LogError::UnknownVersion { found: 2, supported: 1, .. }));
    }
}

#[test]
fn flipped_bits_are_refused_or_leave_an_exact_prefix() {
    let mut random = SplitMix::new(seed());
    let fs = SimFs::new();
    let (mut log, _, _) = open(&fs).unwrap();
    let mut expected = Vec::new();
    for index in 1..=40 {
        let bytes = 20 + random.below(500) as usize;
        append(&mut log, index, bytes).unwrap();
        expected.push(payload(index, bytes));
        if index % 9 == 0 {
            log.seal(at(index)).unwrap();
        }
    }
    drop(log);
    let (mut refusals, mut prefixes) = (0, 0);
    for _ in 0..3000 {
        let copy = fs.kill();
        let mut all = segments(&copy);
        let (path, mut content) = all.swap_remove(random.below(all.len() as u64) as usize);
        let flips = 1 + random.below(3);
        for _ in 0..flips {
            let used = content.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 40;
            let byte = random.below(used.min(content.len() as u64)) as usize;
            content[byte] ^= 1 << random.below(8);
        }
        copy.plant(&path, content);
        let mut read = Vec::new();
        let outcome = claim(&copy).map(|mut opening| {
            opening.read(|batch, _| {
                read.push(batch.clone());
                Ok::<(), ()>(())
            })
        });
        let read = payloads(&read);
        assert_eq!(read, expected[..read.len()]);
        match outcome {
            Ok(Ok(tail)) => {
                prefixes += 1;
                // Only the last unsealed batch is ambiguous: one flip cannot cost more than that.
                assert!(flips > 1 || read.len() + 1 >= expected.len(), "{tail:?}");
            }
            _ => refusals += 1,
        }
    }
    assert!(refusals > 100 && prefixes > 10, "{refusals} refusals, {prefixes} prefixes");
}
