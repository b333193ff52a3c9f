//! Logs on stderr for the commands and the daemon.

use tracing_subscriber::EnvFilter;

/// Starts logging: warnings; from `-v` what we do, from `-vv` every step. The daemon says what it
/// does unasked. Libraries stay at warnings: some write mail and passwords into their traces.
pub(super) fn start(verbose: u8, daemon: bool) {
    let level = match verbose + u8::from(daemon) {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::new(format!("warn,vigie={level},async_imap=off,imap_proto=off"));
    // Fails only where a subscriber is set already.
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).try_init();
}
