//! A Postfix of the test's own: a real submission server that relays all to a `Recorder`.
//! Needs root, as Postfix does.

use super::certs::Issued;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const MASTER: &str = "\
127.0.0.1:PORT inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
";

/// The running server; stops when dropped.
pub struct Postfix {
    pub port: u16,
    folder: tempfile::TempDir,
}

impl Postfix {
    /// Takes mail for anybody over STARTTLS only, with that certificate, and relays it to the
    /// loopback port `relay`. `extra` are further lines of main.cf.
    pub fn start(issued: &Issued, relay: u16, extra: &str) -> Postfix {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        // Its processes run as users that must be able to come this far.
        std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["etc", "queue", "data"] {
            std::fs::create_dir(root.join(name)).unwrap();
        }
        let owned = Command::new("chown").arg("postfix").arg(root.join("data")).status().unwrap();
        assert!(owned.success(), "Postfix needs root");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        std::fs::write(root.join("etc/cert.pem"), [&issued.key[..], &issued.certificate].concat()).unwrap();
        std::fs::write(root.join("etc/main.cf"), main_cf(root, relay, extra)).unwrap();
        std::fs::write(root.join("etc/master.cf"), MASTER.replace("PORT", &port.to_string())).unwrap();
        let postfix = Postfix { port, folder };
        assert!(postfix.control("start"), "{}", postfix.log());
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "{}", postfix.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        postfix
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn control(&self, verb: &str) -> bool {
        let config = self.folder.path().join("etc");
        Command::new("postfix").arg("-c").arg(config).arg(verb).output().unwrap().status.success()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.control("stop");
    }
}

fn main_cf(root: &Path, relay: u16, extra: &str) -> String {
    let root = root.display();
    format!(
        "compatibility_level = 3.6\n\
         queue_directory = {root}/queue\n\
         data_directory = {root}/data\n\
         maillog_file = {root}/log\n\
         maillog_file_prefixes = {root}\n\
         myhostname = mx.example.net\n\
         mydestination =\n\
         alias_maps =\n\
         inet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\n\
         mynetworks = 127.0.0.0/8\n\
         relayhost = [127.0.0.1]:{relay}\n\
         smtp_tls_security_level = none\n\
         smtpd_tls_security_level = encrypt\n\
         smtpd_tls_chain_files = {root}/etc/cert.pem\n\
         smtpd_relay_restrictions = permit_mynetworks, reject\n\
         {extra}\n"
    )
}
