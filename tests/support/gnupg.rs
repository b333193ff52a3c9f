//! GnuPG with a home of the test's own.

use std::io::Write;
use std::process::{Command, Stdio};

/// A home folder; its agent ends when dropped.
pub struct Gnupg {
    home: tempfile::TempDir,
    /// What GnuPG takes for the time, `20260201T120000!`; empty: the time that it is.
    time: std::sync::Mutex<String>,
}

/// What a run of gpg gave.
pub struct Ran {
    pub success: bool,
    pub out: Vec<u8>,
    /// The lines behind `[GNUPG:] `.
    pub status: Vec<String>,
}

impl Ran {
    pub fn says(&self, start: &str) -> bool {
        self.status.iter().any(|line| line.starts_with(start))
    }
}

/// The kinds of key that teams have.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Rsa4096,
    Rsa3072,
    Curve25519,
}

impl Gnupg {
    /// A new home where it is always `time`, as `20260201T120000` (UTC).
    pub fn at(time: &str) -> Gnupg {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        // Sockets of the agent need a short path.
        Gnupg {
            home: tempfile::Builder::new().prefix("gpg").permissions(mode).tempdir_in("/tmp").unwrap(),
            time: std::sync::Mutex::new(format!("{time}!")),
        }
    }

    /// Lets it be another time from now on.
    pub fn turn_to(&self, time: &str) {
        *self.time.lock().unwrap() = format!("{time}!");
    }

    /// Lets it be the time that it is from now on.
    pub fn turn_to_now(&self) {
        self.time.lock().unwrap().clear();
    }

    /// Encrypts to these keys and signs with `signer`; armoured.
    pub fn seal(&self, recipients: &[&str], signer: Option<&str>, content: &[u8]) -> String {
        let mut arguments = vec!["--armor", "--encrypt"];
        for recipient in recipients {
            arguments.extend(["--recipient", recipient]);
        }
        if let Some(signer) = signer {
            arguments.extend(["--sign", "--local-user", signer]);
        }
        let ran = self.run(&arguments, content);
        assert!(ran.success, "{:?}", ran.status);
        String::from_utf8(ran.out).unwrap()
    }

    pub fn run(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut command = Command::new("gpg");
        command.env("GNUPGHOME", self.home.path()).args(["--batch", "--no-tty", "--status-fd", "2"]);
        let time = self.time.lock().unwrap().clone();
        if !time.is_empty() {
            command.args(["--faked-system-time", &time]);
        }
        command.args(["--trust-model", "always"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let ran = child.wait_with_output().unwrap();
        let _ = writer.join();
        let status = String::from_utf8_lossy(&ran.stderr);
        let status = status.lines().filter_map(|line| line.strip_prefix("[GNUPG:] ")).map(str::to_owned).collect();
        Ran { success: ran.status.success(), out: ran.stdout, status }
    }

    /// Makes a key for `user_id` without passphrase and gives its fingerprint.
    pub fn generate(&self, kind: Kind, user_id: &str) -> String {
        self.generate_with(kind, user_id, "%no-protection", "0")
    }

    /// Makes a key with a passphrase.
    pub fn generate_locked(&self, kind: Kind, user_id: &str, passphrase: &str) -> String {
        self.generate_with(kind, user_id, &format!("Passphrase: {passphrase}"), "0")
    }

    /// Makes a key that expires at a time, as `20270101T120000` (UTC).
    pub fn generate_until(&self, kind: Kind, user_id: &str, end: &str) -> String {
        self.generate_with(kind, user_id, "%no-protection", end)
    }

    fn generate_with(&self, kind: Kind, user_id: &str, protection: &str, end: &str) -> String {
        let algorithm = match kind {
            Kind::Rsa4096 => "Key-Type: RSA\nKey-Length: 4096\nSubkey-Type: RSA\nSubkey-Length: 4096",
            Kind::Rsa3072 => "Key-Type: RSA\nKey-Length: 3072\nSubkey-Type: RSA\nSubkey-Length: 3072",
            Kind::Curve25519 => "Key-Type: EDDSA\nKey-Curve: ed25519\nSubkey-Type: ECDH\nSubkey-Curve: cv25519",
        };
        let (name, address) = user_id.strip_suffix('>').unwrap().split_once(" <").unwrap();
        let wish = format!(
            "{algorithm}\nKey-Usage: sign\nSubkey-Usage: encrypt\n{protection}\n\
             Name-Real: {name}\nName-Email: {address}\nExpire-Date: {end}\n%commit\n"
        );
        let ran = self.run(&["--generate-key"], wish.as_bytes());
        assert!(ran.success, "{:?}", ran.status);
        let made = ran.status.iter().find_map(|line| line.strip_prefix("KEY_CREATED B ")).unwrap();
        made.split(' ').next().unwrap().to_owned()
    }

    pub fn export(&self, fingerprint: &str) -> Vec<u8> {
        self.run(&["--export", fingerprint], b"").out
    }

    pub fn export_secret(&self, fingerprint: &str) -> Vec<u8> {
        self.run(
            &["--armor", "--pinentry-mode", "loopback", "--passphrase", "", "--export-secret-keys", fingerprint],
            b"",
        )
        .out
    }

    /// Where its agent listens.
    pub fn agent_socket(&self) -> std::path::PathBuf {
        let asked = self.gpgconf(&["--list-dirs", "agent-socket"]);
        String::from_utf8(asked).unwrap().trim_end().into()
    }

    /// Ends the agent, and waits until nobody listens.
    pub fn kill_agent(&self) {
        self.gpgconf(&["--kill", "gpg-agent"]);
        let socket = self.agent_socket();
        let began = std::time::Instant::now();
        while std::os::unix::net::UnixStream::connect(&socket).is_ok() {
            assert!(began.elapsed() < std::time::Duration::from_secs(10), "the agent does not end");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Starts the agent.
    pub fn start_agent(&self) {
        self.gpgconf(&["--launch", "gpg-agent"]);
    }

    fn gpgconf(&self, arguments: &[&str]) -> Vec<u8> {
        let ran = Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(arguments).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        ran.stdout
    }

    /// The certificate with the revocation that GnuPG prepared when it made the key.
    pub fn export_revoked(&self, fingerprint: &str) -> Vec<u8> {
        let file = self.home.path().join("openpgp-revocs.d").join(format!("{fingerprint}.rev"));
        let prepared = std::fs::read_to_string(file).unwrap().replace(":-----BEGIN", "-----BEGIN");
        let ran = self.run(&["--import"], prepared.as_bytes());
        assert!(ran.success, "{:?}", ran.status);
        self.export(fingerprint)
    }

    /// Runs a command that must succeed.
    pub fn ok(&self, arguments: &[&str]) -> Vec<u8> {
        let ran = self.run(arguments, b"");
        assert!(ran.success, "{arguments:?}: {:?}", ran.status);
        ran.out
    }

    pub fn home(&self) -> &std::path::Path {
        self.home.path()
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").env("GNUPGHOME", self.home.path()).args(["--kill", "all"]).output();
    }
}
