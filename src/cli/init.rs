//! `vigie init DIR`: what a team needs to begin.
//!
//! Failure: refused before anything is written where a file is there already.

use super::args::{Global, InitArgs};
use super::generate::{make, write_secret};
use super::output::{json, write};
use super::{FAILED, Failure, complain, time};
use crate::edge::openpgp::seam::{MemoryKeys, PrivateKeys};
use crate::edge::{random, secret};
use jiff::tz::TimeZone;
use sequoia_openpgp::Cert;
use sequoia_openpgp::parse::Parse;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const EXAMPLE: &str = include_str!("../../config.example.toml");
/// Of the key that is made before the operator has said who the team is.
const USER_ID: &str = "CSIRT-EXAMPLE <csirt@example.org>";

#[derive(serde::Serialize)]
struct Begun {
    config: PathBuf,
    store_key: Option<PathBuf>,
    team_key: PathBuf,
    fingerprint: String,
}

pub(super) fn run(global: &Global, args: &InitArgs) -> Result<u8, Failure> {
    let asked = global.now.as_deref().map(|text| time::read("--now", text, &TimeZone::UTC)).transpose()?;
    let (team_key, fingerprint) = match &args.secret_key {
        Some(path) => given_key(path)?,
        None => {
            let (armour, fingerprint) = make(USER_ID, asked)?;
            (Zeroizing::new(armour.into_bytes()), fingerprint)
        }
    };
    let dir = std::path::absolute(&args.dir).map_err(|e| Failure::new(FAILED, format!("no such folder: {e}")))?;
    let begun = Begun {
        config: dir.join("config.toml"),
        store_key: (!args.plain_store).then(|| dir.join("store.key")),
        team_key: dir.join("team.asc"),
        fingerprint,
    };
    let files = [Some(&begun.config), begun.store_key.as_ref(), Some(&begun.team_key)];
    if let Some(there) = files.into_iter().flatten().find(|path| path.symlink_metadata().is_ok()) {
        return Err(Failure::new(FAILED, format!("{} is there already; nothing was written", there.display())));
    }
    folder(&dir)?;
    folder(&dir.join("certs"))?;
    if let Some(path) = &begun.store_key {
        let digits: String = random::bytes::<32>().iter().map(|octet| format!("{octet:02x}")).collect();
        write_secret(path, Zeroizing::new(digits + "\n").as_bytes())?;
    }
    write_secret(&begun.team_key, &team_key)?;
    write_secret(&begun.config, config(args.plain_store).as_bytes())?;
    if global.json {
        json(&begun)?;
    } else {
        write(next(&begun, args).as_bytes())?;
    }
    Ok(0)
}

/// The secret key that the operator brings: it must hold a secret part, with or without passphrase.
fn given_key(path: &Path) -> Result<(Zeroizing<Vec<u8>>, String), Failure> {
    let octets = secret::read_octets(path).map_err(|words| Failure::new(FAILED, words))?;
    let keys = MemoryKeys::load(&[(path.display().to_string(), octets.to_vec())], None);
    let Some(key) = keys.team().first() else {
        let words = keys.troubles().first().cloned().unwrap_or_default();
        return Err(Failure::new(FAILED, words));
    };
    if !has_secret_part(&keys) {
        let words = format!(
            "{}: holds no secret part: nothing could be decrypted or signed with it; write the secret key there \
             (gpg --armor --export-secret-keys). A key that lives in gpg-agent is set up after init, see [pgp] agent_socket",
            path.display()
        );
        return Err(Failure::new(FAILED, words));
    }
    for trouble in keys.troubles() {
        complain(&trouble);
    }
    Ok((octets, key.fingerprint.clone()))
}

/// Whether the secret part of any of the keys is there, locked or not.
fn has_secret_part(keys: &MemoryKeys) -> bool {
    let certs = keys.team().iter().filter_map(|team| Cert::from_bytes(&team.certificate).ok());
    certs
        .flat_map(|cert| cert.keys().map(|key| key.key().fingerprint().to_hex()).collect::<Vec<_>>())
        .any(|key| !keys.lacks(&key))
}

fn folder(path: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|e| Failure::new(FAILED, format!("cannot make {}: {e}", path.display())))
}

/// The example, with what was made switched on.
fn config(plain_store: bool) -> String {
    let mut text = EXAMPLE.replace("\n# certs = \"certs\"\n", "\ncerts = \"certs\"\n");
    if !plain_store {
        text = text.replace("\n# key_file = \"store.key\"\n", "\nkey_file = \"store.key\"\n");
    }
    text
}

fn next(begun: &Begun, args: &InitArgs) -> String {
    let config = begun.config.display();
    let mut words = format!("written: {config}\n");
    if let Some(path) = &begun.store_key {
        words +=
            &format!("         {} (keep a copy elsewhere: without it the store cannot be opened)\n", path.display());
    }
    words += &format!("         {} ({})\n\nWhat to do next:\n", begun.team_key.display(), begun.fingerprint);
    words += &format!("  1. Fill in {config}: team, mailboxes, smtp, duty.\n");
    words += match args.secret_key {
        Some(_) => "  2. If the key has a passphrase, put it in a file and set [pgp] passphrase_file.\n",
        None => {
            "  2. The key bears an example's name: once [team] is filled in, make your own with `vigie key generate`.\n"
        }
    };
    words += &format!("  3. vigie --config {config} check --connect\n  4. vigie --config {config} run\n");
    words
}

#[cfg(test)]
mod tests {
    use super::config;
    use crate::config::parse;
    use std::path::Path;

    #[test]
    fn the_config_that_init_writes_is_right_and_uses_what_it_made() {
        let file = Path::new("/etc/vigie/config.toml");
        let keyed = parse(&config(false), file).unwrap();
        assert_eq!(keyed.store.key_file.as_deref(), Some(Path::new("/etc/vigie/store.key")));
        assert_eq!(keyed.pgp.certs.as_deref(), Some(Path::new("/etc/vigie/certs")));
        assert_eq!(keyed.pgp.secret_keys, [Path::new("/etc/vigie/team.asc")]);
        assert_eq!(parse(&config(true), file).unwrap().store.key_file, None);
    }
}
