//! Logs: on stderr for people, with fields in the journal where systemd runs the daemon.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging: warnings; from `-v` what we do, from `-vv` every step. The daemon says what it
/// does unasked. Libraries stay at warnings: some write mail and passwords into their traces.
pub(super) fn start(verbose: u8, daemon: bool) {
    let level = match verbose.saturating_add(u8::from(daemon)) {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::new(format!("warn,vigie={level},async_imap=off,imap_proto=off"));
    let log = tracing_subscriber::registry().with(filter);
    // systemd.exec(5): set where stderr goes to the journal.
    let journal = std::env::var_os("JOURNAL_STREAM").and_then(|_| tracing_journald::layer().ok());
    // Starting fails only where a log is started already.
    let _ = match journal.filter(|_| daemon) {
        Some(journal) => log.with(journal).try_init(),
        None => {
            let stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
            log.with(stderr.with_ansi(std::io::stderr().is_terminal())).try_init()
        }
    };
}
