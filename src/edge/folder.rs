//! Mail out into a folder, one `.eml` a message, for trials and for sites that carry it on themselves.
//!
//! The name follows from the outbox row and the content, so a retry after a crash meets its own
//! file, and nothing is ever overwritten; nobody but its owner reads one. Hostile data: none, the mail is ours. Failure: Later.

use super::smtp::Parcel;
use crate::rules::address::Address;
use crate::rules::trouble::Trouble;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Puts the mail of outbox row `id` into `folder` and gives the name of its file. The envelope
/// stands on top as `X-Envelope-From` and `X-Envelope-To`. Names sort by `id`. Once it returns,
/// the file survives a loss of power. Blocks on the disk.
pub fn deliver(folder: &Path, id: i64, parcel: &Parcel<'_>) -> Result<String, Trouble> {
    let sender = parcel.from.map_or("", Address::as_str);
    let head = format!("X-Envelope-From: <{sender}>\r\nX-Envelope-To: <{}>\r\n", parcel.to);
    let content = [head.as_bytes(), parcel.bytes].concat();
    let hash: String = Sha256::digest(&content)[..4].iter().map(|b| format!("{b:02x}")).collect();
    let name = format!("{id:08}-{hash}.eml");
    write_once(folder, &name, &content)
        .map_err(|error| Trouble::Later(format!("cannot write mail to {}: {}", folder.display(), error.kind())))?;
    Ok(name)
}

/// A file of that name appears whole or not at all.
fn write_once(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let target = folder.join(name);
    if target.try_exists()? {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // A leftover of a crash is replaced; only one process owns the store, and so the outbox.
    let unfinished = folder.join(format!(".{name}.tmp"));
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, &target)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_retry_meets_its_own_file_and_nothing_is_overwritten() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("deep/out");
        let (team, to) = (Address::parse("csirt@example.org").unwrap(), Address::parse("a@corp.example").unwrap());
        let parcel = |from, bytes| Parcel { from, to: &to, bytes };

        let first = deliver(&folder, 9, &parcel(None, b"Subject: x\r\n\r\nhello\r\n")).unwrap();
        assert_eq!(
            fs::read_to_string(folder.join(&first)).unwrap(),
            "X-Envelope-From: <>\r\nX-Envelope-To: <a@corp.example>\r\nSubject: x\r\n\r\nhello\r\n"
        );
        let mode = fs::metadata(folder.join(&first)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "mail that leaves may be in clear");
        fs::write(folder.join(format!(".{first}.tmp")), "half").unwrap();
        assert_eq!(deliver(&folder, 9, &parcel(None, b"Subject: x\r\n\r\nhello\r\n")).unwrap(), first);
        fs::remove_file(folder.join(format!(".{first}.tmp"))).unwrap();
        let other = deliver(&folder, 9, &parcel(Some(&team), b"Subject: x\r\n\r\nhello\r\n")).unwrap();
        let later = deliver(&folder, 10, &parcel(None, b"Subject: y\r\n\r\n")).unwrap();
        let mut expected = vec![first, other, later.clone()];
        expected.sort();
        assert_eq!(files(&folder), expected);
        assert_eq!(expected[2], later, "names sort by id");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_later() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        let to = Address::parse("a@corp.example").unwrap();
        let outcome = deliver(&file.join("out"), 1, &Parcel { from: None, to: &to, bytes: b"x" });
        assert!(matches!(outcome, Err(Trouble::Later(_))), "{outcome:?}");
    }
}
