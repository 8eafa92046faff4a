//! What a run did, as the window shows it.

use tago_migrate as engine;

use crate::view::{IdChange, ReportView, TokenWork};

pub(crate) fn report_view(run: &str, report: engine::Report) -> ReportView {
    let tokens = report.tokens.into_iter().map(|token| TokenWork {
        device: token.device.to_string(),
        device_name: token.device_name,
        token_name: token.token_name,
        serial: token.serial,
        old: token.source.to_string(),
        new: token.target.map(|fingerprint| fingerprint.to_string()),
        what_to_update: token.what_to_update,
    });
    let ids = report.ids.into_iter().map(|(old, new, name)| IdChange {
        old: old.to_string(),
        new: new.to_string(),
        name,
    });
    ReportView {
        run: run.to_owned(),
        html_path: report.html.display().to_string(),
        json_path: report.json.display().to_string(),
        records_written: report.records_written.into(),
        records_removed: report.records_removed.into(),
        devices_created: report.devices_created.into(),
        tokens: tokens.collect(),
        ids: ids.collect(),
        prove_line: report.prove_line,
        exceptions: report.exceptions,
    }
}
