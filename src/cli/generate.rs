//! `vigie key generate`: a new secret key of the team, written beside the config.
//!
//! Failure: nothing is overwritten; the config is left to the operator.

use super::args::Global;
use super::output::{json, write};
use super::reach::asked_now;
use super::{FAILED, Failure, settings};
use crate::edge;
use crate::edge::openpgp::certs;
use jiff::Timestamp;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(serde::Serialize)]
struct Generated {
    fingerprint: String,
    file: PathBuf,
    config_line: String,
}

pub(super) fn run(global: &Global) -> Result<u8, Failure> {
    let settings = settings(global)?;
    let asked = asked_now(global, &settings)?;
    let user_id = format!("{} <{}>", settings.team.name, settings.team.address);
    let (armour, fingerprint) = make(&user_id, asked)?;
    let file = settings.folder.join(format!("team-{}.asc", &fingerprint[fingerprint.len().saturating_sub(8)..]));
    write_secret(&file, armour.as_bytes())?;
    let shown = |path: &PathBuf| format!("{:?}", path.strip_prefix(&settings.folder).unwrap_or(path));
    let all: Vec<String> = [&file].into_iter().chain(&settings.pgp.secret_keys).map(shown).collect();
    let generated = Generated { fingerprint, file, config_line: format!("secret_keys = [{}]", all.join(", ")) };
    if global.json {
        json(&generated)?;
        return Ok(0);
    }
    let Generated { fingerprint, file, config_line } = generated;
    let words = format!(
        "{fingerprint}\nwritten to {}, without passphrase: keep a copy where only the team can read it\n\n\
         In the config, under [pgp], the first signs and all decrypt:\n  {config_line}\n\
         Then `vigie check` and `systemctl reload vigie`; publish the new key (`vigie key export {fingerprint}`).\n",
        file.display()
    );
    write(words.as_bytes())?;
    Ok(0)
}

/// A new armoured secret key and its fingerprint.
pub(super) fn make(user_id: &str, asked: Option<Timestamp>) -> Result<(String, String), Failure> {
    let now = asked.unwrap_or_else(edge::clock::system_now);
    certs::generate(user_id, now).map_err(|words| Failure::new(FAILED, words))
}

/// Writes a file that its owner alone reads, and never overwrites one.
pub(super) fn write_secret(path: &Path, octets: &[u8]) -> Result<(), Failure> {
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(octets).and_then(|()| file.sync_all()));
    written.map_err(|e| Failure::new(FAILED, format!("cannot write {}: {e}", path.display())))
}
