//! neomutt on a terminal of the test's own, with GnuPG behind it.
//!
//! Its crypto asks for a person at a screen: `script` is the screen, the test presses the keys.

use super::gnupg::Gnupg;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);

/// Lines of config for GnuPG as a program, the only way in which neomutt writes inline PGP.
pub const CLASSIC: &str = "source /etc/neomuttrc.d/gpg.rc
set crypt_use_gpgme=no
set pgp_use_gpg_agent=yes
set pgp_auto_inline=yes";

/// Somebody who writes and reads with neomutt.
pub struct Neomutt<'a> {
    gpg: &'a Gnupg,
    folder: tempfile::TempDir,
    rc: String,
}

impl Neomutt<'_> {
    /// `more` are lines of its config.
    pub fn of<'a>(gpg: &'a Gnupg, address: &str, key: &str, more: &str) -> Neomutt<'a> {
        let folder = tempfile::Builder::new().prefix("neomutt").tempdir_in("/tmp").unwrap();
        let path = folder.path().display();
        let rc = format!(
            "set from=\"{address}\"\nset use_from=yes\nset sendmail=\"{path}/sendmail\"\nset crypt_use_gpgme=yes\n\
             set pgp_default_key=\"{key}\"\nset pgp_sign_as=\"{key}\"\nset pgp_self_encrypt=no\nset crypt_confirm_hook=no\n\
             set crypt_protected_headers_write=yes\nset pgp_mime_auto=yes\nset copy=no\nset folder=\"{path}\"\nset record=\"\"\n\
             set editor=true\nset autoedit=yes\nset edit_headers=yes\nset abort_unmodified=no\nset abort_nosubject=no\n\
             set mbox_type=mbox\nset sleep_time=0\nset wait_key=no\nset quit=yes\nset header_cache=\"\"\nset mail_check=0\n{more}\n"
        );
        std::fs::write(folder.path().join("rc"), &rc).unwrap();
        let sendmail = folder.path().join("sendmail");
        std::fs::write(&sendmail, format!("#!/bin/sh\ncat > {path}/part && mv {path}/part {path}/sent\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&sendmail, mode).unwrap();
        Neomutt { gpg, folder, rc }
    }

    /// What it hands to sendmail when a person writes this.
    pub fn send(&self, to: &str, subject: &str, body: &str) -> Vec<u8> {
        std::fs::write(self.folder.path().join("body"), body).unwrap();
        let _ = std::fs::remove_file(self.folder.path().join("sent"));
        let mut screen = self.start(&format!("-s '{subject}' -i body {to}"));
        screen.await_words("NeoMutt: Compose");
        screen.press("y");
        let sent = self.folder.path().join("sent");
        let began = Instant::now();
        while !sent.exists() {
            assert!(began.elapsed() < SOON, "{}\n{}", self.rc, screen.shown());
            std::thread::sleep(Duration::from_millis(20));
        }
        let mail = String::from_utf8(std::fs::read(sent).unwrap()).unwrap();
        // As an MTA passes it on.
        mail.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes()
    }

    /// What it shows of a mail, once it has shown `words`: the octets for the terminal.
    pub fn read(&self, mail: &str, words: &str) -> String {
        let mbox = format!("From a@example.org Thu Jan  1 00:00:00 2026\n{}\n", mail.replace("\r\n", "\n"));
        std::fs::write(self.folder.path().join("inbox"), mbox).unwrap();
        let mut screen = self.start("-f inbox");
        screen.await_words("Msgs:1");
        screen.press("\r");
        screen.await_words(words);
        screen.shown()
    }

    fn start(&self, arguments: &str) -> Screen {
        let mut command = Command::new("script");
        let line = format!("stty rows 60 cols 160; neomutt -n -F rc {arguments}");
        command.args(["-qec", &line, "/dev/null"]).current_dir(self.folder.path());
        command.env("GNUPGHOME", self.gpg.home()).env("TERM", "xterm").env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("script and neomutt are installed");
        let mut stdout = child.stdout.take().unwrap();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let sink = shown.clone();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut chunk) {
                sink.lock().unwrap().extend_from_slice(&chunk[..length]);
            }
        });
        Screen { child, shown }
    }
}

/// A terminal with neomutt on it; both end when dropped.
struct Screen {
    child: Child,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Screen {
    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    fn await_words(&self, words: &str) {
        let began = Instant::now();
        while !self.shown().contains(words) {
            assert!(began.elapsed() < SOON, "no {words:?} on the screen: {}", self.shown());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn press(&mut self, keys: &str) {
        self.child.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // `script` hangs up when its own input ends and the program in it when the terminal goes.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
