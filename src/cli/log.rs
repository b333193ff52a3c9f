//! Logs on stderr for the commands and the daemon.
//!
//! Hostile data: a panic may quote the text that it stumbled over, so its words are not shown, only
//! where it happened (law 11).

use super::args::Color;
use super::output::styled;
use std::panic::Location;
use tracing_subscriber::EnvFilter;

/// Starts logging: warnings; from `-v` what we do, from `-vv` every step. The daemon says what it
/// does unasked. Libraries stay at warnings: some write mail and passwords into their traces.
pub(super) fn start(verbose: u8, daemon: bool, color: Color) {
    let level = match verbose + u8::from(daemon) {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::new(format!("warn,vigie={level},async_imap=off,imap_proto=off"));
    // Fails only where a subscriber is set already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(styled(color, &std::io::stderr()))
        .try_init();
    tell_panics(|words| eprintln!("{words}"));
}

/// Tells of panics by their place in the source alone.
fn tell_panics(tell: impl Fn(&str) + Send + Sync + 'static) {
    std::panic::set_hook(Box::new(move |panic| tell(&place(panic.location()))));
}

fn place(location: Option<&Location>) -> String {
    match location {
        Some(at) => format!("vigie: a defect at {}:{}:{}; please report this place", at.file(), at.line(), at.column()),
        None => "vigie: a defect at an unknown place".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn t104_a_panic_tells_where_and_not_over_what_it_stumbled() {
        let told = Arc::new(Mutex::new(String::new()));
        let heard = told.clone();
        let before = std::panic::take_hook();
        tell_panics(move |words| heard.lock().unwrap().push_str(words));
        let text = "Zanzibar é".to_owned();
        let stumbled = std::panic::catch_unwind(|| text[..10].len());
        std::panic::set_hook(before);
        assert!(stumbled.is_err());
        let told = told.lock().unwrap();
        assert!(told.contains("log.rs:") && !told.contains("Zanzibar"), "{told}");
    }
}
