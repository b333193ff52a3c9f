//! A cable between the daemon and a server: it can be cut, and mended.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A port of this machine that leads to another. Ends when dropped.
pub struct Cable {
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    whole: AtomicBool,
    over: AtomicBool,
    ends: Mutex<Vec<TcpStream>>,
}

impl Cable {
    /// Leads to the server at port `to`; cut at first.
    pub fn cut_to(to: u16) -> Cable {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared: Arc<Shared> = Arc::default();
        let inside = Arc::clone(&shared);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if inside.over.load(Ordering::SeqCst) {
                    return;
                }
                if inside.whole.load(Ordering::SeqCst)
                    && let Ok(far) = TcpStream::connect(("127.0.0.1", to))
                {
                    join(&near, &far);
                    inside.ends.lock().unwrap().extend([near, far]);
                }
            }
        });
        Cable { port, shared }
    }

    /// Lets new connections through.
    pub fn mend(&self) {
        self.shared.whole.store(true, Ordering::SeqCst);
    }

    /// Ends all connections, and each new one at once.
    pub fn cut(&self) {
        self.shared.whole.store(false, Ordering::SeqCst);
        for end in self.shared.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.cut();
        self.shared.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn join(near: &TcpStream, far: &TcpStream) {
    for (from, to) in [(near, far), (far, near)] {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let _ = to.set_nodelay(true);
        std::thread::spawn(move || {
            let mut octets = [0; 64 * 1024];
            while let Ok(count @ 1..) = from.read(&mut octets) {
                if to.write_all(&octets[..count]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}
