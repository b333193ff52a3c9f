//! The process is ended, as by a power cut, at every named step of a mail's journey, and started
//! again: no mail is lost, none becomes two tickets, and nobody gets two different acknowledgements.
//! The same one twice only where the process died while it sent (law 5), and then the same octets.
//!
//! One story for each kind of mail walks over all points; one more kills the daemon at random while
//! mail pours in (`VIGIE_KILL_MAILS`: how many mails; `make reliability` takes 10,000). Real Dovecot, real SMTP dialogue, and a
//! clock that each start moves on beyond the longest pause between tries.

mod support;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use support::desk::{Desk, pgp_mime, plain, protected, text};
use support::dovecot::Dovecot;
use support::site::{CSIRT, outbox, setup};
use support::smtp::{Mail, Recorder};
use vigie::rules::settings::Tls;

/// Each step, in the order of the journey; and whether mail is being sent at that moment.
const POINTS: [(&str, bool); 20] = [
    ("intake.fetched", false),
    ("intake.storing", false),
    ("intake.stored", false),
    ("journey.counted", false),
    ("journey.read", false),
    ("journey.filing", false),
    ("journey.filed", false),
    ("post.sealing", false),
    ("post.sealed", false),
    ("post.counted", true),
    ("smtp.connected", true),
    ("smtp.mail", true),
    ("smtp.rcpt", true),
    ("smtp.data", true),
    ("smtp.ending", true),
    ("smtp.accepted", true),
    ("post.sent", true),
    ("post.settling", true),
    ("post.settled", true),
    ("tidy.moving", false),
];
/// After the server has moved the originals: they are there, and not there twice.
const TIDY: [&str; 2] = ["tidy.moved", "tidy.noted"];

struct Story {
    dovecot: Dovecot,
    recorder: Recorder,
    desk: Desk,
    now: jiff::Timestamp,
    delivered: usize,
    twice: BTreeMap<&'static str, usize>,
    /// So many mails are under way at a time: no more can be sent twice for one end of the process.
    most_twice: usize,
}

impl Story {
    fn new() -> Story {
        let (dovecot, recorder) = (Dovecot::start(), Recorder::start());
        let mut setup = setup(&dovecot.mailbox("csirt", Tls::Implicit, ""), recorder.port);
        setup.simulated = true;
        let desk = Desk::with(setup);
        #[expect(clippy::disallowed_methods, reason = "Dovecot dates what is delivered by the machine's clock")]
        let now = jiff::Timestamp::now();
        let mut story = Story { dovecot, recorder, desk, now, delivered: 0, twice: BTreeMap::new(), most_twice: 4 };
        story.start_again(None);
        story
    }

    /// `run --once`, 16 minutes later: beyond the longest pause between two tries.
    fn start_again(&mut self, crash: Option<&str>) -> std::process::Output {
        self.now += jiff::SignedDuration::from_mins(16);
        let now = self.now.to_string();
        let mut command = self.desk.command(&["--now", &now, "run", "--once"]);
        command.envs(crash.map(|point| ("VIGIE_CRASH", point)));
        command.output().unwrap()
    }

    fn dies_at(&mut self, point: &'static str, sending: bool, mail: &[u8]) {
        self.dovecot.deliver(CSIRT, mail);
        self.delivered += 1;
        let died = self.start_again(Some(point));
        assert_eq!(died.status.signal(), Some(libc::SIGABRT), "{point} was not reached: {}", text(&died.stderr));
        for _ in 0..4 {
            if self.start_again(None).status.success() {
                break;
            }
        }
        self.nothing_is_lost_or_doubled(point, sending);
    }

    fn nothing_is_lost_or_doubled(&mut self, point: &'static str, sending: bool) {
        let tickets = self.desk.json(&["ticket", "list", "--all"]);
        assert_eq!(tickets.as_array().map(Vec::len), Some(self.delivered), "after {point}");
        let filed = self.dovecot.files(CSIRT, "Vigie/Filed").len();
        assert_eq!((filed, self.dovecot.files(CSIRT, "INBOX").len()), (self.delivered, 0), "after {point}");
        let open: Vec<_> =
            outbox(&self.desk).into_iter().filter(|(_, state, _)| state != "sent" && state != "dropped").collect();
        assert!(open.is_empty(), "after {point}: {open:?}");
        let mut by_id: BTreeMap<String, Vec<Mail>> = BTreeMap::new();
        for mail in self.recorder.mails() {
            let id = support::desk::header(&mail.text(), "Message-ID").unwrap();
            by_id.entry(id).or_default().push(mail);
        }
        let to_reporter = by_id.values().filter(|mails| mails[0].to[0].contains("a@corp.example")).count();
        assert_eq!(to_reporter, self.delivered, "one acknowledgement a ticket, after {point}");
        let mut twice = 0;
        for mails in by_id.values() {
            assert!(mails.iter().all(|mail| mail.data == mails[0].data), "the same octets, after {point}");
            twice += mails.len() - 1;
        }
        let before: usize = self.twice.values().sum();
        let here = twice - before;
        assert!(sending || here == 0, "{here} mails twice although nothing was being sent at {point}");
        assert!(here <= self.most_twice, "{here} mails twice at {point}");
        self.twice.insert(point, here);
        let integrity = self.desk.ok(&["check"]);
        assert!(!integrity.contains("FAIL"), "after {point}: {integrity}");
    }

    fn tell(&self, kind: &str) {
        let twice: Vec<_> = self.twice.iter().filter(|(_, count)| **count > 0).collect();
        println!(
            "{kind}: {} crashes, {} mails, 0 lost, 0 tickets twice; sent twice: {twice:?}",
            self.twice.len(),
            self.delivered
        );
    }
}

fn at_every_point(kind: &str, mail: impl Fn(&Desk, usize) -> Vec<u8>) {
    let mut story = Story::new();
    for (nth, (point, sending)) in POINTS.into_iter().chain(TIDY.map(|point| (point, false))).enumerate() {
        let mail = mail(&story.desk, nth);
        story.dies_at(point, sending, &mail);
    }
    story.tell(kind);
}

#[test]
fn a_plain_report_survives_the_end_of_the_process_at_every_step() {
    at_every_point("plain", |_, nth| plain("a@corp.example", &format!("Report {nth}"), "words"));
}

#[test]
fn an_urgent_sealed_report_survives_the_end_of_the_process_at_every_step() {
    at_every_point("urgent and sealed", |desk, nth| {
        let inner = protected("a@corp.example", &format!("[URGENT] Report {nth}"), "Everything is locked.");
        pgp_mime("a@corp.example", "...", &desk.gpg.seal(&[&desk.team], None, inner.as_bytes()))
    });
}

#[test]
fn a_report_that_cannot_be_opened_survives_the_end_of_the_process_at_every_step() {
    let stranger = std::cell::OnceCell::new();
    at_every_point("not to be opened", |desk, nth| {
        let key = stranger.get_or_init(|| desk.gpg.generate(support::gnupg::Kind::Curve25519, "X <x@other.example>"));
        let inner = format!("Content-Type: text/plain\r\n\r\nReport {nth}\r\n");
        pgp_mime("a@corp.example", "...", &desk.gpg.seal(&[key], None, inner.as_bytes()))
    });
}

/// A sequence that looks random and is the same at each run (xorshift).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[test]
fn a_daemon_that_is_killed_again_and_again_while_mail_pours_in_loses_and_doubles_nothing() {
    let mails: usize = std::env::var("VIGIE_KILL_MAILS").map_or(150, |count| count.parse().unwrap());
    let seed = std::env::var("VIGIE_KILL_SEED").map_or(20_261_124, |seed| seed.parse().unwrap());
    println!("VIGIE_KILL_SEED={seed}");
    let (mut story, mut dice) = (Story::new(), Dice(seed));
    let mut kills = 0;
    while story.delivered < mails {
        story.now += jiff::SignedDuration::from_mins(16);
        let now = story.now.to_string();
        let daemon = story.desk.daemon_with(&["--now", &now]);
        // Mail comes while it starts, while it works, and while it is being killed.
        for _ in 0..dice.throw(40).min((mails - story.delivered) as u64) {
            let mail = plain("a@corp.example", &format!("Report {}", story.delivered), "words");
            story.dovecot.deliver(CSIRT, &mail);
            story.delivered += 1;
        }
        std::thread::sleep(std::time::Duration::from_millis(dice.throw(1500)));
        daemon.kill();
        kills += 1;
    }
    // What a storm has grouped leaves when its window ends.
    for _ in 0..12 {
        story.start_again(None);
        // Killed twice while one mail was being sent: a person decides, and lets it go out once more.
        story.desk.run(&["outbox", "retry", "--all"]);
    }
    story.most_twice = 4 * kills;
    story.nothing_is_lost_or_doubled("killed at random", true);
    println!("{kills} kills, {mails} mails: 0 lost, 0 tickets twice; sent twice: {:?}", story.twice);
}
