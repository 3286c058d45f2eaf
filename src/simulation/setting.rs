//! The engine's settings in a life: everything small and soon, so that much happens in it.

use std::path::PathBuf;
use std::sync::Arc;

use super::life::{Common, FOLDER};
use super::plan::Life;
use crate::actor::commit::Driver;
use crate::config::{Config, RecordCommands, Retention};
use crate::domain::order::{LatePayment, Terms, TermsByType};
use crate::journal::WritePath;
use crate::port::fs_sim::SimFs;
use crate::port::{Clock, SeededEntropy};

/// Terms under which every deadline comes within the lives of a world.
fn terms(late_payment: LatePayment) -> TermsByType {
    let quick = |terms: Terms| Terms {
        pay_within_ms: Some(60),
        confirm_after_ms: terms.confirm_after_ms.map(|_| 90),
        complete_after_ms: terms.complete_after_ms.map(|_| 160),
        active_for_ms: terms.active_for_ms.map(|_| 120),
        ..terms
    };
    TermsByType {
        physical: Terms { late_payment, ..quick(Terms::physical()) },
        virtual_goods: Terms { late_payment, ..quick(Terms::virtual_goods()) },
        flash_sale: quick(Terms::flash_sale()),
        preorder: Terms { late_payment, ..quick(Terms::preorder()) },
        membership: Terms { late_payment, ..quick(Terms::membership()) },
    }
}

pub(super) fn config(fs: &SimFs, clock: Arc<dyn Clock>, life: &Life, common: Common) -> Config {
    let late_payment = if common.revives { LatePayment::Revive } else { LatePayment::Refund };
    Config {
        fs: Arc::new(fs.clone()),
        driver: Driver::Task,
        clock,
        entropy: Arc::new(SeededEntropy::new(life.seed)),
        segment_bytes: 16 << 10,
        write_path: if life.seed % 4 < 2 { WritePath::Direct } else { WritePath::Cached },
        batch_bytes_max: 4 << 10,
        lines_per_order_max: 4,
        commands_in_flight_max: 64,
        registry_shards: 2,
        sku_idle_ms: life.idle_ms,
        terms: terms(late_payment),
        clock_step_ms_max: Some(600_000),
        record_commands: if life.seed.is_multiple_of(2) {
            RecordCommands::All
        } else {
            RecordCommands::Keyed
        },
        snapshot_every_bytes: None,
        snapshot_bytes_per_second_max: None,
        retention: if life.retention { Retention::ToOlderSnapshot } else { Retention::KeepAll },
        ..Config::new(PathBuf::from(FOLDER))
    }
}
