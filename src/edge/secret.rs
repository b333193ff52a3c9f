//! Secrets: from a file or a systemd credential, never from the config or the environment.
//!
//! Hostile data: none. What is read is wiped from memory when dropped, and no error holds any of
//! it. Failure: words for the operator; the caller degrades only what needs the secret.
//! Known gap: a file that others may read too is warned about, not refused.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// No secret is longer: a key ring with many subkeys stays far below.
const MOST: u64 = 4 << 20;

/// A password or passphrase: the text of the file without the line end behind it. Where the file
/// cannot be read, the systemd credential of the same name (`LoadCredential=`) stands in for it.
pub fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    let octets = read_octets(path)?;
    let text = std::str::from_utf8(&octets).map_err(|_| format!("{} is not UTF-8 text", path.display()))?;
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// The octets of a key file or of the systemd credential of its name.
pub fn read_octets(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY");
    read_from(path, folder.as_deref().map(Path::new))
}

/// The key of the store: 64 hex digits, as they stand in the file, in lower case.
pub fn store_key(path: &Path) -> Result<Zeroizing<String>, String> {
    let mut text = read(path)?;
    text.make_ascii_lowercase();
    if text.len() == 64 && text.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return Ok(text);
    }
    Err(format!("{} does not hold a store key: 64 hex digits and nothing else", path.display()))
}

/// Whether this is armour of public certificates alone: the file of a key whose secret part lives in
/// an agent may be read by anybody.
pub fn is_public(octets: &[u8]) -> bool {
    let holds = |words: &[u8]| octets.windows(words.len()).any(|window| window == words);
    holds(b"-----BEGIN PGP PUBLIC KEY BLOCK-----") && !holds(b"-----BEGIN PGP PRIVATE KEY BLOCK-----")
}

fn read_from(path: &Path, credentials: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, String> {
    let error = match read_file(path) {
        Ok(octets) => return Ok(octets),
        Err(error) => error,
    };
    let credential = credentials.zip(path.file_name()).map(|(folder, name)| folder.join(name));
    credential.and_then(|credential| read_file(&credential).ok()).ok_or_else(|| {
        format!("cannot read {}: {error}, and there is no systemd credential of that name", path.display())
    })
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, std::io::Error> {
    let file = std::fs::File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    // One allocation of full size: growing would leave copies behind that are never wiped.
    let size = file.metadata()?.len().min(MOST);
    let mut octets = Zeroizing::new(Vec::with_capacity(size as usize + 1));
    file.take(MOST + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > MOST {
        return Err(std::io::Error::other("too long for a secret"));
    }
    if mode & 0o077 != 0 && !is_public(&octets) {
        tracing::warn!(file = %path.display(), "a secret that others may read; run: chmod 600 {}", path.display());
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_loses_its_line_end_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("imap.pass");
        for (written, meant) in [("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), (" a b ", " a b "), ("x\n\n", "x\n")]
        {
            std::fs::write(&file, written).unwrap();
            assert_eq!(read(&file).unwrap().as_str(), meant);
        }
        for useless in [&b""[..], b"\n", b"\xff\xfe"] {
            std::fs::write(&file, useless).unwrap();
            assert!(read(&file).unwrap_err().starts_with(&file.display().to_string()));
        }
    }

    #[test]
    fn a_credential_stands_in_for_a_file_that_cannot_be_read() {
        let (folder, credentials) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = folder.path().join("imap.pass");
        std::fs::write(credentials.path().join("imap.pass"), "from systemd").unwrap();
        let found = read_from(&file, Some(credentials.path())).unwrap();
        assert_eq!(found.as_slice(), b"from systemd");
        std::fs::write(&file, "from the file").unwrap();
        assert_eq!(read_from(&file, Some(credentials.path())).unwrap().as_slice(), b"from the file");
        let words = read_from(&folder.path().join("other.pass"), Some(credentials.path())).unwrap_err();
        assert!(words.contains("other.pass") && words.contains("No such file"), "{words}");
        assert!(read_from(folder.path(), None).is_err());
    }

    #[test]
    fn only_armour_without_any_private_block_is_public() {
        let (public, private) = ("-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n");
        assert!(is_public(public.as_bytes()));
        for other in [String::new(), private.to_owned(), format!("{public}{private}"), "s3cret\n".to_owned()] {
            assert!(!is_public(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_store_key_is_64_hex_digits_and_its_error_tells_nothing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.key");
        let key = "AB".repeat(32);
        std::fs::write(&file, format!("{key}\n")).unwrap();
        assert_eq!(store_key(&file).unwrap().as_str(), key.to_lowercase());
        for bad in ["ab".repeat(31), "ab".repeat(33), "zz".repeat(32), format!("{key} ")] {
            std::fs::write(&file, &bad).unwrap();
            let words = store_key(&file).unwrap_err();
            assert!(words.contains("64 hex digits") && !words.contains(&bad[..8]), "{words}");
        }
    }
}
