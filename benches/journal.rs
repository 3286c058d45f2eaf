//! The journal's costs: encoding a frame, a durable append beside the bare system calls, a scan.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark fails by panicking, and criterion's macros make items without docs"
)]

use std::fs::OpenOptions;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use earmark::domain::time::Timestamp;
use earmark::journal::frame::{self, Head, Kind};
use earmark::journal::log::{Batch, CommitLog, Durability};
use earmark::journal::{FileLog, LogOptions, Scan, WritePath};
use earmark::port::fs::RealFs;

const PAYLOAD_BYTES: usize = 116;
const SCANNED_BATCHES: u64 = 50_000;

fn serve(folder: &Path, durability: Durability, write_path: WritePath) -> FileLog {
    let options = LogOptions { durability, write_path, ..LogOptions::default() };
    FileLog::claim(Arc::new(RealFs), folder, options).unwrap().serve(Timestamp::ZERO).unwrap()
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame encode");
    for payload_bytes in [PAYLOAD_BYTES, 4096, 256 << 10] {
        let payload = vec![7; payload_bytes];
        let head = Head {
            kind: Kind::Data,
            epoch: 1,
            number: 1,
            first_sequence: 1,
            count: 1,
            payload_bytes: payload_bytes as u32,
            at: Timestamp::ZERO,
            chain: [0; 32],
        };
        let mut out = Vec::new();
        group.throughput(Throughput::Bytes(payload_bytes as u64));
        group.bench_function(format!("{payload_bytes} B"), |bencher| {
            bencher.iter(|| frame::encode(&mut out, black_box(&head), &[0; 32], &payload));
        });
    }
    group.finish();
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    let payload = [7; PAYLOAD_BYTES];
    let batch = Batch { count: 1, payload: &payload, at: Timestamp::ZERO };

    let temporary = tempfile::tempdir().unwrap();
    let file = OpenOptions::new().write(true).create_new(true).open(temporary.path().join("raw")).unwrap();
    let file_bytes = 64_u64 << 20;
    file.write_all_at(&vec![0; file_bytes as usize], 0).unwrap();
    file.sync_all().unwrap();
    let frame = vec![7; frame::frame_bytes(PAYLOAD_BYTES)];
    let mut offset = 4096;
    group.bench_function("pwrite and fdatasync, bare", |bencher| {
        bencher.iter(|| {
            file.write_all_at(&frame, offset).unwrap();
            file.sync_data().unwrap();
            offset = (offset + frame.len() as u64) % (file_bytes - 4096);
        });
    });

    for (name, durability, write_path) in [
        ("durability Disk, past the page cache", Durability::Disk, WritePath::Direct),
        ("durability Disk, through the page cache", Durability::Disk, WritePath::Cached),
        ("durability Process", Durability::Process, WritePath::Cached),
    ] {
        let temporary = tempfile::tempdir().unwrap();
        let mut log = serve(temporary.path(), durability, write_path);
        let maintenance = log.maintenance();
        let mut appended = 0_u64;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                log.append(batch).unwrap();
                appended += 1;
                // Fast levels go through many segments; what was written is let go so that no disk fills.
                if appended.is_multiple_of(100_000) {
                    log.truncate_before(appended).unwrap();
                    while maintenance.step() {}
                }
            });
        });
    }
    group.finish();
}

fn scan(criterion: &mut Criterion) {
    let temporary = tempfile::tempdir().unwrap();
    let mut log = serve(temporary.path(), Durability::Process, WritePath::Cached);
    let payload = [7; PAYLOAD_BYTES];
    for _ in 0..SCANNED_BATCHES {
        log.append(Batch { count: 1, payload: &payload, at: Timestamp::ZERO }).unwrap();
    }
    let reader = log.reader();
    let mut group = criterion.benchmark_group("read");
    group.sample_size(20);
    group.throughput(Throughput::Elements(SCANNED_BATCHES));
    group.bench_function("scan, verifying checksum and chain", |bencher| {
        bencher.iter(|| {
            let mut scan = Scan::open(Arc::new(RealFs), temporary.path()).unwrap();
            scan.read(|batch, _| {
                black_box(batch);
                Ok::<(), ()>(())
            })
            .unwrap()
        });
    });
    group.bench_function("reader, 256 KiB at a time", |bencher| {
        bencher.iter(|| {
            let mut cursor = reader.start();
            while let Some(last) = reader.read(cursor, 256 << 10).unwrap().last() {
                cursor = last.end();
            }
        });
    });
    group.finish();
}

criterion_group!(benches, encode, append, scan);
criterion_main!(benches);
