//! A Maildir on this machine: list, read, file away, deliver.
//!
//! Hostile data: file names and contents; whoever may deliver may choose them. Symbolic links,
//! folders and pipes are passed over, names that are no UTF-8 are escaped.
//! Failure: [`Trouble`] in words; a file that another program takes away meanwhile is none.
//! The calls block: run them where blocking is allowed.
//! Known gaps: no quota files; a file that is copied with a new inode or time is read once more.

use super::imap::{HEAD_OCTETS, Mail};
use crate::rules::trouble::Trouble;
use jiff::Timestamp;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A mail in a Maildir.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What stays when a mail client moves or marks the file, and no other mail has: its name without
    /// flags, and its inode, time and size, since names are used again.
    pub unique: String,
    pub path: PathBuf,
    /// Octets.
    pub size: u64,
    /// When the file was written: our best word for when the mail came.
    pub mtime: Option<Timestamp>,
}

/// The mails in `new` and `cur`, the oldest first. What is still in `tmp` is no mail yet.
///
/// Errors: Later if it is no Maildir or cannot be read.
pub fn list_new(maildir: &Path) -> Result<Vec<Entry>, Trouble> {
    let mut entries = std::collections::BTreeMap::new();
    // In this order: mail clients move from `new` to `cur`, so what moves meanwhile is seen twice, not never.
    for folder in ["new", "cur"] {
        let folder = maildir.join(folder);
        let files = fs::read_dir(&folder).map_err(|e| match e.kind() {
            ErrorKind::NotFound => Trouble::Later(format!("{}: no Maildir: it has no new and cur", maildir.display())),
            _ => failed(&folder, "cannot be listed", &e),
        })?;
        for file in files {
            let file = file.map_err(|e| failed(&folder, "cannot be listed", &e))?;
            let name = file.file_name();
            // Does not follow links. What is gone by now is not ours to miss.
            let Ok(meta) = file.metadata() else { continue };
            if !meta.is_file() || name.as_bytes().starts_with(b".") {
                continue;
            }
            let mtime = meta.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
            let entry = Entry { unique: unique(&name, &meta), path: file.path(), size: meta.len(), mtime };
            entries.insert(entry.unique.clone(), entry);
        }
    }
    let mut entries: Vec<Entry> = entries.into_values().collect();
    entries.sort_by(|a, b| (a.mtime, &a.unique).cmp(&(b.mtime, &b.unique)));
    Ok(entries)
}

/// The octets of a mail; of one larger than `limit` its first [`HEAD_OCTETS`]. None: it is gone.
pub fn read(entry: &Entry, limit: u32) -> Result<Option<Mail>, Trouble> {
    let failed = |e| failed(&entry.path, "cannot be read", &e);
    let Some(path) = find(entry).map_err(failed)? else { return Ok(None) };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    let mut octets = Vec::new();
    file.take(u64::from(limit) + 1).read_to_end(&mut octets).map_err(failed)?;
    let whole = octets.len() as u64 <= u64::from(limit);
    if !whole {
        octets.truncate(HEAD_OCTETS as usize);
        octets.shrink_to_fit();
    }
    Ok(Some(Mail { octets, whole }))
}

/// Moves a mail to the Maildir++ folder `folder` (".Vigie.Filed") of the same Maildir, with its
/// flags. May be repeated: a mail that is no longer there was moved before, or by someone else.
pub fn file_away(maildir: &Path, entry: &Entry, folder: &str) -> Result<(), Trouble> {
    if !folder.starts_with('.') || folder.contains(['/', '\0']) || folder.trim_matches('.').is_empty() {
        return Err(Trouble::Never(format!("`{folder}` is no Maildir++ folder; it is one name and starts with a dot")));
    }
    let target = maildir.join(folder);
    let failed = |e| failed(&entry.path, "cannot be moved", &e);
    let Some(path) = find(entry).map_err(failed)? else { return Ok(()) };
    make(&target)?;
    // How Maildir++ tells a folder from a Maildir.
    OpenOptions::new().append(true).create(true).open(target.join("maildirfolder")).map_err(failed)?;
    let cur = target.join("cur");
    match fs::rename(&path, cur.join(free_name(&cur, &path).map_err(failed)?)) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(failed(e)),
        _ => sync(&cur).map_err(failed),
    }
}

/// Makes an empty Maildir where there is none.
pub fn make(maildir: &Path) -> Result<(), Trouble> {
    ["cur", "new", "tmp"]
        .iter()
        .try_for_each(|folder| fs::create_dir_all(maildir.join(folder)))
        .map_err(|e| failed(maildir, "cannot be made", &e))
}

/// Delivers a mail, durably: written to `tmp`, then moved to `new`. Gives its unique name.
pub fn deliver(maildir: &Path, octets: &[u8], now: Timestamp) -> Result<String, Trouble> {
    // Seconds, microseconds, process, count: the name that Maildir wants.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (seconds, micros) = (now.as_second(), now.subsec_microsecond());
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{seconds}.M{micros}P{}Q{count}.vigie", std::process::id());
    let (tmp, new) = (maildir.join("tmp").join(&name), maildir.join("new").join(&name));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&tmp)?;
        file.write_all(octets)?;
        file.sync_all()?;
        fs::rename(&tmp, &new)?;
        sync(&maildir.join("new"))
    };
    write().map_err(|e| failed(maildir, "cannot take mail", &e))?;
    Ok(name)
}

/// A file's name, inode, time and size; `/` is in no name.
fn unique(name: &OsStr, meta: &fs::Metadata) -> String {
    let (seconds, nanos) = (meta.mtime(), meta.mtime_nsec());
    format!("{}/{}-{seconds}.{nanos:09}-{}", base(name), meta.ino(), meta.len())
}

/// The name up to its flags (`:2,FS`), as text.
fn base(name: &OsStr) -> String {
    let base = name.as_bytes().split(|octet| *octet == b':').next().unwrap_or_default();
    match std::str::from_utf8(base) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => base.escape_ascii().to_string(),
    }
}

/// Where the mail is by now: a mail client may have moved or marked it.
fn find(entry: &Entry) -> io::Result<Option<PathBuf>> {
    let is_it = |path: &Path| {
        let meta = path.symlink_metadata().ok().filter(fs::Metadata::is_file);
        meta.is_some_and(|meta| unique(path.file_name().unwrap_or_default(), &meta) == entry.unique)
    };
    if is_it(&entry.path) {
        return Ok(Some(entry.path.clone()));
    }
    let Some(maildir) = entry.path.parent().and_then(Path::parent) else { return Ok(None) };
    for folder in ["new", "cur"] {
        for file in fs::read_dir(maildir.join(folder))? {
            let path = file?.path();
            if is_it(&path) {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}

/// The name of the file at `path` in the folder `cur`, with flags, and changed if another mail
/// has it there: no mail is ever written over.
fn free_name(cur: &Path, path: &Path) -> io::Result<OsString> {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let (base, flags) = match name.iter().position(|octet| *octet == b':') {
        Some(at) => name.split_at(at),
        None => (name, b":2,".as_slice()),
    };
    for count in 0.. {
        let other = if count == 0 { String::new() } else { format!(",{count}") };
        let name = OsString::from(OsStr::from_bytes(&[base, other.as_bytes(), flags].concat()));
        if cur.join(&name).symlink_metadata().is_err() {
            return Ok(name);
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn failed(path: &Path, what: &str, error: &io::Error) -> Trouble {
    Trouble::Later(format!("{}: {what}: {}", path.display().to_string().escape_debug(), error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u32 = 2 * HEAD_OCTETS;

    fn maildir() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path()).unwrap();
        folder
    }

    fn octets(entry: &Entry) -> Option<Vec<u8>> {
        read(entry, LIMIT).unwrap().map(|mail| mail.octets)
    }

    #[test]
    fn what_is_delivered_is_listed_once_and_read_octet_for_octet() {
        let folder = maildir();
        let mails: Vec<Vec<u8>> = (0..5u8).map(|n| vec![n, b'\r', b'\n', 0, 255]).collect();
        for (n, mail) in (0..).zip(&mails) {
            deliver(folder.path(), mail, Timestamp::from_second(1000 + n).unwrap()).unwrap();
        }
        let mut found: Vec<_> = list_new(folder.path()).unwrap().iter().map(|e| octets(e).unwrap()).collect();
        found.sort();
        assert_eq!(found, mails);
        assert!(fs::read_dir(folder.path().join("tmp")).unwrap().next().is_none());
    }

    #[test]
    fn a_mail_keeps_its_name_when_a_client_marks_it() {
        let folder = maildir();
        let name = deliver(folder.path(), b"x", Timestamp::UNIX_EPOCH).unwrap();
        let entry = list_new(folder.path()).unwrap().remove(0);
        fs::rename(&entry.path, folder.path().join("cur").join(format!("{name}:2,FS"))).unwrap();
        assert_eq!(octets(&entry).unwrap(), b"x");
        let later = list_new(folder.path()).unwrap();
        assert_eq!((later.len(), &later[0].unique), (1, &entry.unique));

        file_away(folder.path(), &entry, ".Vigie.Filed").unwrap();
        file_away(folder.path(), &entry, ".Vigie.Filed").unwrap();
        let filed = folder.path().join(".Vigie.Filed/cur").join(format!("{name}:2,FS"));
        assert_eq!(fs::read(filed).unwrap(), b"x");
        assert_eq!((list_new(folder.path()).unwrap(), octets(&entry)), (vec![], None));
    }

    #[test]
    fn mails_of_one_name_are_told_apart() {
        let folder = maildir();
        fs::write(folder.path().join("new/same"), "one").unwrap();
        fs::write(folder.path().join("cur/same:2,S"), "two").unwrap();
        let both = list_new(folder.path()).unwrap();
        let mut read: Vec<_> = both.iter().map(|entry| octets(entry).unwrap()).collect();
        read.sort();
        assert_eq!(read, [b"one", b"two"]);
        // Another mail under the name of one that was listed is neither read nor filed in its place.
        fs::write(folder.path().join("tmp/x"), "three").unwrap();
        fs::rename(folder.path().join("tmp/x"), folder.path().join("new/same")).unwrap();
        let first = both.iter().find(|entry| entry.path.ends_with("new/same")).unwrap();
        assert_eq!(octets(first), None);
        file_away(folder.path(), first, ".Vigie.Filed").unwrap();
        assert_eq!(list_new(folder.path()).unwrap().len(), 2);
    }

    #[test]
    fn a_filed_mail_is_never_written_over() {
        let folder = maildir();
        for content in ["one", "two", "three"] {
            fs::write(folder.path().join("new/same"), content).unwrap();
            file_away(folder.path(), &list_new(folder.path()).unwrap()[0], ".Vigie.Filed").unwrap();
        }
        let cur = fs::read_dir(folder.path().join(".Vigie.Filed/cur")).unwrap();
        let mut filed: Vec<_> = cur.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        filed.sort();
        assert_eq!(filed, ["one", "three", "two"]);
    }

    #[test]
    fn hostile_names_and_kinds_of_file_do_no_harm() {
        let folder = maildir();
        let new = folder.path().join("new");
        fs::write(new.join(OsStr::from_bytes(b"\xff\x1b[2J:2,\xfe")), "odd").unwrap();
        fs::write(new.join(".hidden"), "no").unwrap();
        fs::create_dir(new.join("folder")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", new.join("link")).unwrap();
        let entries = list_new(folder.path()).unwrap();
        assert_eq!(entries.iter().filter_map(|e| e.unique.split('/').next()).collect::<Vec<_>>(), [r"\xff\x1b[2J"]);
        assert_eq!(octets(&entries[0]).unwrap(), b"odd");
        let link = Entry { path: new.join("link"), unique: "link".into(), ..entries[0].clone() };
        assert_eq!(octets(&link), None);
        for name in ["Vigie", "", ".", "..", "./x", "../x", ".a/b"] {
            assert!(matches!(file_away(folder.path(), &entries[0], name), Err(Trouble::Never(_))), "{name}");
        }
        file_away(folder.path(), &entries[0], ".Vigie.Filed").unwrap();
        assert!(list_new(folder.path()).unwrap().is_empty());
    }

    #[test]
    fn of_a_mail_above_the_limit_the_begin_is_read() {
        let folder = maildir();
        for size in [LIMIT, LIMIT + 1] {
            deliver(folder.path(), &vec![b'a'; size as usize], Timestamp::UNIX_EPOCH).unwrap();
        }
        let mut read: Vec<_> =
            list_new(folder.path()).unwrap().iter().map(|e| read(e, LIMIT).unwrap().unwrap()).collect();
        read.sort_by_key(|mail| !mail.whole);
        assert_eq!((read[0].octets.len(), read[0].whole), (LIMIT as usize, true));
        assert_eq!((read[1].octets.len(), read[1].whole), (HEAD_OCTETS as usize, false));
    }

    #[test]
    fn a_missing_maildir_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let words = list_new(&folder.path().join("none")).unwrap_err();
        assert!(words.words().contains("no Maildir"), "{words}");
    }
}
