//! A private Dovecot: own folder, own certificate authority, own ports, ends with the test.
//!
//! Needs Debian's dovecot-imapd and root (Dovecot gives up its rights to users of its own).

use super::certs::Authority;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use vigie::rules::settings::{Server, Tls};

/// The password of every user.
pub const PASSWORD: &str = "not \"a\\ secret";
/// The user whose password is outside ASCII.
pub const UMLAUT: (&str, &str) = ("umlaut@example.org", "pässwörd €");
const USERS: [&str; 3] = ["csirt@example.org", "report@example.org", "contact@example.org"];

/// Who owns the mail: Debian's user `mail`.
const MAIL: u32 = 8;

pub struct Dovecot {
    pub folder: tempfile::TempDir,
    /// The authority's certificate, PEM.
    pub ca: Vec<u8>,
    /// In clear and by STARTTLS.
    pub port: u16,
    /// By implicit TLS.
    pub tls_port: u16,
    child: Child,
}

impl Dovecot {
    /// A server with every extension and `.` between folder levels.
    pub fn start() -> Dovecot {
        Dovecot::with("")
    }

    /// The same with more lines of configuration.
    pub fn with(config: &str) -> Dovecot {
        // The ports were free a moment ago; another test may have taken them meanwhile.
        (0..5).find_map(|_| Dovecot::attempt(config)).expect("Dovecot starts (dovecot-imapd installed, run as root?)")
    }

    fn attempt(config: &str) -> Option<Dovecot> {
        let folder = tempfile::Builder::new().prefix("dc").tempdir_in("/tmp").unwrap();
        let root = folder.path();
        std::fs::set_permissions(root, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::create_dir(root.join("mail")).unwrap();
        chown(root.join("mail"), Some(MAIL), Some(MAIL)).unwrap();
        let authority = Authority::new();
        let issued = authority.issue("localhost");
        std::fs::write(root.join("ca.pem"), authority.pem()).unwrap();
        std::fs::write(root.join("server.pem"), &issued.certificate).unwrap();
        std::fs::write(root.join("server.key"), &issued.key).unwrap();
        let line = |user: &str, password: &str| {
            let encoded = openssl::base64::encode_block(password.as_bytes());
            format!("{user}:{{PLAIN.b64}}{encoded}\n")
        };
        let mut users: String = USERS.iter().map(|user| line(user, PASSWORD)).collect();
        users += &line(UMLAUT.0, UMLAUT.1);
        std::fs::write(root.join("users"), users).unwrap();
        std::fs::write(root.join("imap.pass"), PASSWORD).unwrap();
        let (port, tls_port) = (free_port(), free_port());
        let text = CONFIG
            .replace("ROOT", root.to_str().unwrap())
            .replace("TLS_PORT", &tls_port.to_string())
            .replace("PORT", &port.to_string());
        std::fs::write(root.join("dovecot.conf"), format!("{text}\n{config}\n")).unwrap();
        let child = Command::new("/usr/sbin/dovecot")
            .args(["-F", "-c"])
            .arg(root.join("dovecot.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .ok()?;
        let mut dovecot = Dovecot { folder, ca: authority.pem(), port, tls_port, child };
        for _ in 0..200 {
            if dovecot.child.try_wait().unwrap().is_some() {
                eprintln!("{}", std::fs::read_to_string(dovecot.folder.path().join("log")).unwrap_or_default());
                return None;
            }
            if greets(port) {
                return Some(dovecot);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// How a mailbox of the config reaches this server.
    pub fn server(&self, tls: Tls, user: &str) -> Server {
        Server {
            host: "localhost".into(),
            port: if tls == Tls::Implicit { self.tls_port } else { self.port },
            tls,
            ca_file: Some(self.folder.path().join("ca.pem")),
            user: Some(user.into()),
            password_file: None,
        }
    }

    /// A mailbox of a config: `name` at example.org, filed into Vigie/Filed; `more` are further keys.
    pub fn mailbox(&self, name: &str, tls: Tls, more: &str) -> String {
        let kind = if name == "contact" { "contact" } else { "incident" };
        let (port, tls) = match tls {
            Tls::Implicit => (self.tls_port, "implicit"),
            Tls::StartTls => (self.port, "starttls"),
            Tls::None => (self.port, "none"),
        };
        let ca = if tls == "none" { String::new() } else { format!("ca_file = \"{}\"", self.path("ca.pem").display()) };
        let password = self.path("imap.pass");
        format!(
            "[[mailbox]]\nname = \"{name}\"\naddresses = [\"{name}@example.org\"]\nkind = \"{kind}\"\nsource = \"imap\"\n\
             host = \"localhost\"\nport = {port}\ntls = \"{tls}\"\n{ca}\nuser = \"{name}@example.org\"\n\
             password_file = \"{}\"\n{more}\n",
            password.display()
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Delivers into the INBOX as a local delivery agent does: durably, with the octets as they are.
    pub fn deliver(&self, user: &str, octets: &[u8]) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let maildir = self.maildir(user, "INBOX");
        for folder in ["", "cur", "new", "tmp"] {
            let path = maildir.join(folder);
            std::fs::create_dir_all(&path).unwrap();
            chown(&path, Some(MAIL), Some(MAIL)).unwrap();
        }
        // Seconds first, so that the server numbers the mails in the order of delivery.
        let name = format!("{:010}.Q{}.test", 1_700_000_000 + COUNT.fetch_add(1, Ordering::SeqCst), std::process::id());
        let tmp = maildir.join("tmp").join(&name);
        std::fs::write(&tmp, octets).unwrap();
        chown(&tmp, Some(MAIL), Some(MAIL)).unwrap();
        std::fs::rename(tmp, maildir.join("new").join(name)).unwrap();
    }

    /// Saves a mail in a folder as a mail client does; the folder is made if it is missing.
    pub fn save(&self, user: &str, folder: &str, octets: &[u8]) {
        let folder = folder.replace('/', ".");
        if !self.maildir(user, &folder).exists() {
            self.doveadm(&["mailbox", "create", "-u", user, &folder]);
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), octets).unwrap();
        std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        self.doveadm(&["save", "-u", user, "-m", &folder, file.path().to_str().unwrap()]);
    }

    /// The files of a folder, by name; what stands behind `:2,` are the flags.
    pub fn files(&self, user: &str, folder: &str) -> Vec<PathBuf> {
        let maildir = self.maildir(user, folder);
        let list = |sub| std::fs::read_dir(maildir.join(sub)).into_iter().flatten().map(|file| file.unwrap().path());
        let mut files: Vec<PathBuf> = list("cur").chain(list("new")).collect();
        files.sort_by_key(|path| path.file_name().map(ToOwned::to_owned));
        files
    }

    /// The octets of the mails of a folder.
    pub fn messages(&self, user: &str, folder: &str) -> Vec<Vec<u8>> {
        self.files(user, folder).iter().map(|path| std::fs::read(path).unwrap()).collect()
    }

    /// Runs `doveadm` against this server.
    pub fn doveadm(&self, arguments: &[&str]) {
        let output = Command::new("doveadm")
            .arg("-c")
            .arg(self.folder.path().join("dovecot.conf"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "doveadm {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn maildir(&self, user: &str, folder: &str) -> PathBuf {
        let maildir = self.folder.path().join("mail").join(user);
        if folder == "INBOX" { maildir } else { maildir.join(format!(".{}", folder.replace('/', "."))) }
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // The whole group at once: a polite end takes Dovecot a second.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

const CONFIG: &str = r"
base_dir = ROOT/run
state_dir = ROOT/state
log_path = ROOT/log
protocols = imap
listen = 127.0.0.1
first_valid_uid = 1
mail_location = maildir:ROOT/mail/%u
mail_fsync = never
disable_plaintext_auth = no
auth_failure_delay = 0
auth_mechanisms = plain login
mail_max_userip_connections = 1000
ssl = yes
ssl_cert = <ROOT/server.pem
ssl_key = <ROOT/server.key
passdb {
  driver = passwd-file
  args = scheme=PLAIN ROOT/users
}
userdb {
  driver = static
  args = uid=mail gid=mail home=ROOT/mail/%u
}
namespace inbox {
  inbox = yes
}
# A wrong password is a test here, not an attack to slow down.
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service imap-login {
  service_count = 0
  process_min_avail = 1
  inet_listener imap {
    port = PORT
  }
  inet_listener imaps {
    port = TLS_PORT
    ssl = yes
  }
}
";

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn greets(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut begin = [0; 4];
    stream.read_exact(&mut begin).is_ok() && &begin == b"* OK"
}
