//! The config as far as a command needs it, also while it is broken.
//!
//! A daemon goes on with the config that it has when the file is broken by an edit. What only talks
//! to it then goes on too: the socket is all that must be known. Hostile data: none, the file is the
//! operator's. Failure: every fault, exit 78, where no daemon answers. Known gap: with a broken
//! config spans are counted by the built-in calendar (Monday to Friday, French holidays).

use super::args::Global;
use super::{Failure, bad_config, complain};
use crate::config;
use crate::rules::settings::Settings;
use jiff::tz::TimeZone;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// What stands in for settings that cannot be read.
const EXAMPLE: &str = include_str!("../../config.example.toml");

/// What is known of the config.
pub(super) struct Known {
    pub settings: Settings,
    /// The config is broken: only a running daemon may be asked, the store is not opened.
    pub daemon_only: bool,
}

impl From<Settings> for Known {
    fn from(settings: Settings) -> Known {
        Known { settings, daemon_only: false }
    }
}

/// The config, or what leads to the daemon that runs in spite of it, with a warning.
pub(super) fn known(global: &Global) -> Result<Known, Failure> {
    let faults = match config::load(&global.config) {
        Ok(settings) => return Ok(settings.into()),
        Err(faults) => faults,
    };
    let text = std::fs::read(&global.config).unwrap_or_default();
    let settings = stand_in(&String::from_utf8_lossy(&text), &global.config);
    let Some(settings) = settings.filter(|settings| UnixStream::connect(&settings.socket).is_ok()) else {
        return Err(bad_config(&faults));
    };
    let first = faults.list.first().map(|fault| fault.in_file(&faults.file)).unwrap_or_default();
    complain(&format!("warning: the config is wrong; the running daemon is asked all the same: {first}"));
    Ok(Known { settings, daemon_only: true })
}

/// The example's settings with the socket, the zone and the clock that the broken file names.
fn stand_in(text: &str, file: &Path) -> Option<Settings> {
    let mut settings = config::parse(EXAMPLE, file).ok()?;
    let (document, _) = DeTable::parse_recoverable(text);
    let value = |section: &str, key: &str| document.get_ref().get(section)?.get_ref().get(key).map(|v| v.get_ref());
    let word = |section: &str, key: &str| value(section, key).and_then(|value| value.as_str());
    if let Some(socket) = word("api", "socket") {
        settings.socket = settings.folder.join(PathBuf::from(socket));
    }
    if let Some(path) = word("store", "path") {
        settings.store.path = settings.folder.join(PathBuf::from(path));
    }
    if let Some(zone) = word("team", "time_zone").and_then(|name| TimeZone::get(name).ok()) {
        settings.sla.calendar.zone = zone.clone();
        settings.team.time_zone = zone;
    }
    settings.store.simulated_clock = value("store", "simulated_clock").and_then(|v| v.as_bool()).unwrap_or(false);
    Some(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_daemon_is_found_in_a_broken_config() {
        let file = Path::new("/etc/vigie/config.toml");
        let found = |text: &str| stand_in(text, file).unwrap();
        assert_eq!(found("").socket, Path::new("/etc/vigie/vigie.sock"));
        assert_eq!(found("[api]\nsocket = \"/run/v/s\"\n[team]\nnaem = 1\n").socket, Path::new("/run/v/s"));
        assert_eq!(found("[api]\nsocket = \"s\"\n[team\n").socket, Path::new("/etc/vigie/s"));
        let simulated = found("[store]\nsimulated_clock = true\n[team]\ntime_zone = \"Asia/Tokyo\"\n");
        assert!(simulated.store.simulated_clock);
        assert_eq!(simulated.team.time_zone, TimeZone::get("Asia/Tokyo").unwrap());
    }
}
