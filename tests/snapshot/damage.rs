//! Damaged snapshots, and those that do not go with their journal.

use std::path::{Path, PathBuf};

use earmark::port::fs::{Fs, OpenMode, read_full_at};
use earmark::port::fs_sim::{SimFs, SplitMix};
use earmark::snapshot;

use super::images::{Shown, shown, snapshots};
use super::workload::Shop;
use crate::common::seed;
use crate::common::sim::{FOLDER, open, try_open};

/// A folder with two snapshots, with `steps` of history before each, and a tail behind them.
async fn two_snapshots(steps: usize) -> (SimFs, Shown) {
    let fs = SimFs::new();
    let engine = open(&fs).await;
    let mut shop = Shop::new(3);
    shop.stock(&engine).await;
    for _ in 0..3 {
        for _ in 0..steps {
            engine.submit_all(shop.step()).await;
        }
        engine.snapshot().await.unwrap();
    }
    engine.submit_all(shop.step()).await;
    let shown = shown(&engine).await;
    engine.close().await.unwrap();
    assert_eq!(snapshots(&fs).len(), 2);
    (fs, shown)
}

fn flip(fs: &SimFs, path: &Path, offset: u64, bits: u8) {
    let file = fs.open(path, OpenMode::Write).unwrap();
    let mut byte = [0];
    file.read_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ bits], offset).unwrap();
    file.sync_all().unwrap();
}

fn length(fs: &SimFs, path: &Path) -> u64 {
    fs.open(path, OpenMode::Read).unwrap().bytes().unwrap()
}

/// Drops the journal's segments but for the last one.
fn truncate_journal(fs: &SimFs) {
    let all = fs.list(FOLDER.as_ref()).unwrap();
    let segments: Vec<_> = all.iter().filter(|entry| entry.name.ends_with(".seg")).collect();
    assert!(segments.len() > 1, "{segments:?}");
    for entry in &segments[..segments.len() - 1] {
        fs.remove(&PathBuf::from(FOLDER).join(&entry.name)).unwrap();
    }
    fs.sync_dir(FOLDER.as_ref()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_byte_of_a_snapshot_can_change_unnoticed() {
    let (fs, _) = two_snapshots(5).await;
    let newest = &snapshots(&fs)[0];
    let mut random = SplitMix::new(seed(7));
    let bytes = length(&fs, newest);
    assert!(snapshot::verify(&fs, newest).is_ok());
    for offset in 0..bytes {
        let bits = 1 << random.below(8);
        flip(&fs, newest, offset, bits);
        let flaw = snapshot::verify(&fs, newest);
        assert!(flaw.is_err(), "byte {offset} of {bytes} changed by {bits:#x}");
        flip(&fs, newest, offset, bits);
    }
    assert!(snapshot::verify(&fs, newest).is_ok());
}

#[tokio::test(start_paused = true)]
async fn opening_falls_back_to_the_older_snapshot_and_says_why() {
    let (fs, expected) = two_snapshots(5).await;
    let [newest, older] = &snapshots(&fs)[..] else { panic!("two are kept") };
    let bytes = length(&fs, newest);
    let mut random = SplitMix::new(seed(8));
    for offset in
        [0, 4, 6, 8, 27, bytes - 1, bytes / 2].into_iter().chain((0..25).map(|_| random.below(bytes)))
    {
        let image = fs.kill();
        flip(&image, newest, offset, 1);
        let engine = open(&image).await;
        let report = engine.recovery();
        assert_eq!(report.loaded.as_ref().map(|loaded| &loaded.path), Some(older), "byte {offset}");
        let [refused] = &report.refused[..] else { panic!("{:?}", report.refused) };
        assert_eq!(&refused.path, newest);
        let named = refused.reason.contains("section") || refused.reason.contains("version");
        assert!(named, "byte {offset}: {}", refused.reason);
        assert_eq!(shown(&engine).await, expected, "byte {offset}");
    }
    for cut in [0, 1, bytes / 2, bytes - 1] {
        let image = fs.kill();
        image.open(newest, OpenMode::Write).unwrap().set_len(cut).unwrap();
        let engine = open(&image).await;
        assert_eq!(engine.recovery().refused.len(), 1, "cut to {cut} bytes");
        assert_eq!(shown(&engine).await, expected, "cut to {cut} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn with_no_snapshot_to_use_the_whole_journal_is_replayed() {
    let (fs, expected) = two_snapshots(5).await;
    for path in snapshots(&fs) {
        flip(&fs, &path, 40, 1);
    }
    let engine = open(&fs).await;
    assert_eq!((engine.recovery().refused.len(), &engine.recovery().loaded), (2, &None));
    assert_eq!(shown(&engine).await, expected);
}

#[tokio::test(start_paused = true)]
async fn with_no_snapshot_to_use_and_a_truncated_journal_opening_is_refused() {
    let (image, _) = two_snapshots(80).await;
    truncate_journal(&image);
    let [newest, older] = &snapshots(&image)[..] else { panic!("two are kept") };
    for path in [newest, older] {
        flip(&image, path, 40, 1);
    }
    let before = image.list(FOLDER.as_ref()).unwrap();
    let error = try_open(&image).await.err().unwrap();
    assert_eq!(error.code(), "SNAPSHOT");
    let text = error.to_string();
    for path in [newest, older] {
        assert!(text.contains(&path.display().to_string()), "{text}");
    }
    let unchanged = image.list(FOLDER.as_ref()).unwrap();
    let names = |entries: &[earmark::port::fs::FolderEntry]| {
        entries.iter().filter(|entry| entry.name != "LOCK").cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&before), names(&unchanged));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_ahead_of_its_journal_is_refused() {
    let (fs, _) = two_snapshots(5).await;
    // Another folder with the beginning of the same history: a journal that lost its end.
    let journal = SimFs::new();
    let engine = open(&journal).await;
    let mut shop = Shop::new(3);
    shop.stock(&engine).await;
    engine.submit_all(shop.step()).await;
    let expected = shown(&engine).await;
    engine.close().await.unwrap();
    for path in snapshots(&fs) {
        let bytes = length(&fs, &path) as usize;
        let mut content = vec![0; bytes];
        read_full_at(fs.open(&path, OpenMode::Read).unwrap().as_ref(), &mut content, 0).unwrap();
        let copy = journal.open(&path, OpenMode::Create).unwrap();
        copy.write_all_at(&content, 0).unwrap();
        copy.sync_all().unwrap();
    }
    journal.sync_dir(FOLDER.as_ref()).unwrap();
    let engine = open(&journal).await;
    assert_eq!(engine.recovery().loaded, None);
    let refused = &engine.recovery().refused;
    let foreign = |reason: &str| reason.contains("high mark") || reason.contains("another history");
    assert!(refused.len() == 2 && refused.iter().all(|it| foreign(&it.reason)), "{refused:?}");
    assert_eq!(shown(&engine).await, expected);
}
