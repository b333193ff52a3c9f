//! Keeps the rota whole: reads the rota file when it has changed, and tells of gaps (P9).
//!
//! What the file says stands in rows, so that every command and every restart knows who is on duty
//! without it. A file that cannot be read changes nothing: the last good one stays in force, and
//! those who take escalations are told. Each gap is told once ahead of time and once when it
//! begins. Hostile data: the file; `edge/ical.rs` limits it. Failure: the store's only.

use crate::decide::raise::{self, Notice};
use crate::edge::ical;
use crate::respond::wording;
use crate::rules::rota::{Gap, Override};
use crate::rules::settings::{Language, Settings};
use crate::rules::shift::{self, Shift};
use crate::store::duty::{self, ToldGap};
use crate::store::{Result, Store, Tx, history, settings as values};
use jiff::{SignedDuration, Timestamp};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// So long before it begins a gap is told of.
const GAPS_AHEAD: SignedDuration = SignedDuration::from_hours(14 * 24);

/// So far the rota is looked at for their ends.
const IN_SIGHT: SignedDuration = SignedDuration::from_hours(8 * 7 * 24);

/// A rota has no more shifts in its window.
const MOST_SHIFTS: usize = 4_000;

/// What a rota file says.
#[derive(Debug, Default)]
pub struct Read {
    /// Neighbouring shifts of the same analyst are one.
    pub shifts: Vec<Override>,
    /// How many coming events name no analyst of the config.
    pub nameless: usize,
}

/// Reads the rota file, and tells of gaps; gives how many mails that owes.
pub fn turn(store: &Store, settings: &Settings, now: Timestamp) -> Result<usize> {
    Ok(refresh(store, settings, now)? + store.write(|tx| tell_gaps(tx, settings, now))?)
}

/// Reads the rota file if it has changed since, or the config has, or a day has passed; gives how
/// many mails that owes.
pub fn refresh(store: &Store, settings: &Settings, now: Timestamp) -> Result<usize> {
    let stamp = settings.duty.calendar.as_deref().map_or(String::new(), |file| stamp(file, settings, now));
    if store.read(values::rota_seen)?.unwrap_or_default() == stamp {
        return Ok(0);
    }
    let read = settings.duty.calendar.as_deref().map_or_else(|| Ok(Read::default()), |file| read(file, settings, now));
    store.write(|tx| {
        values::set_rota_seen(tx, &stamp)?;
        match read {
            Ok(read) => {
                // The day's look at an unchanged file is no news.
                if duty::shifts(tx, now)? != coming(&read.shifts, now) {
                    let what = format!("rota file read: {} shifts to come", read.shifts.len());
                    history::add(tx, None, now, history::VIGIE, &what)?;
                }
                duty::set_shifts(tx, &read.shifts)?;
                match read.nameless {
                    0 => Ok(0),
                    count => tell(tx, settings, "rota", &stamp, &nameless(count), now),
                }
            }
            Err(words) => {
                let text = "The rota file cannot be used. What it said before stays in force. See `vigie check`.";
                history::add(
                    tx,
                    None,
                    now,
                    history::VIGIE,
                    "the rota file cannot be used; the last one stays in force",
                )?;
                let notice = Notice { about: "rota", slot: &stamp, words: text, details: Some(&words) };
                raise::notice_with(tx, settings, None, &notice, now).map(usize::from)
            }
        }
    })
}

/// What operators hear of events that name nobody.
pub fn nameless(count: usize) -> String {
    let (events, name) = if count == 1 { ("event", "names") } else { ("events", "name") };
    format!("{count} coming {events} of the rota file {name} no analyst of the config, and count for nobody.")
}

fn coming(shifts: &[Override], now: Timestamp) -> Vec<Override> {
    shifts.iter().filter(|shift| shift.to > now).cloned().collect()
}

/// What a reading depends on: the file as the disk shows it, the analysts, and the day.
fn stamp(file: &Path, settings: &Settings, now: Timestamp) -> String {
    let seen = match std::fs::metadata(file) {
        Ok(meta) => format!("{}.{} {} {}", meta.mtime(), meta.mtime_nsec(), meta.len(), meta.ino()),
        Err(error) => error.kind().to_string(),
    };
    let analysts: Vec<String> =
        settings.duty.analysts.iter().map(|analyst| format!("{} {}", analyst.name, analyst.address)).collect();
    let day = settings.team.time_zone.to_datetime(now).date();
    format!("{} {seen} {day} {}", file.display(), analysts.join(", "))
}

/// Reads a rota file as the config's analysts understand it.
pub fn read(file: &Path, settings: &Settings, now: Timestamp) -> std::result::Result<Read, String> {
    let shown = file.display();
    let meta = std::fs::metadata(file).map_err(|error| format!("{shown}: {error}"))?;
    if !meta.is_file() {
        return Err(format!("{shown} is no file"));
    }
    if meta.len() > ical::MOST_OCTETS {
        return Err(format!("{shown} is larger than {} MiB", ical::MOST_OCTETS >> 20));
    }
    let octets = std::fs::read(file).map_err(|error| format!("{shown}: {error}"))?;
    let found = ical::shifts(&octets, &settings.team.time_zone, ical::window(now));
    let found = found.map_err(|words| format!("{shown}: {words}"))?;
    let nameless = |shift: &&Shift| shift.to > now && shift::named(shift, &settings.duty.analysts).is_empty();
    let read = Read { nameless: found.iter().filter(nameless).count(), shifts: spans(&found, settings) };
    if read.shifts.len() > MOST_SHIFTS {
        return Err(format!("{shown} holds more than {MOST_SHIFTS} shifts from now to the end of next year"));
    }
    Ok(read)
}

/// One span for each analyst that a shift names; what touches is one.
fn spans(shifts: &[Shift], settings: &Settings) -> Vec<Override> {
    let mut spans: Vec<Override> = Vec::new();
    for shift in shifts {
        for name in shift::named(shift, &settings.duty.analysts) {
            match spans.last_mut() {
                Some(last) if last.analyst == name && last.to == shift.from => last.to = shift.to,
                _ => spans.push(Override { analyst: name.to_owned(), from: shift.from, to: shift.to }),
            }
        }
    }
    spans
}

/// Tells of gaps that come up, and of those that have begun; forgets those that were filled.
fn tell_gaps(tx: &Tx, settings: &Settings, now: Timestamp) -> Result<usize> {
    let spans = duty::stand_ins(tx, now)?;
    let known = |name: &str| settings.analyst(name).is_some();
    let gaps = settings.duty.rota.gaps(now, IN_SIGHT, &spans, known);
    let gaps: Vec<Gap> = gaps.into_iter().filter(|gap| gap.from <= now + GAPS_AHEAD).collect();
    let told = duty::told_gaps(tx)?;
    if gaps.is_empty() && told.is_empty() {
        return Ok(0);
    }
    let mut owed = 0;
    let mut telling = Vec::new();
    for gap in gaps {
        // The same gap moves: its beginning is now once it has begun, and its end comes into sight.
        let before = told.iter().find(|told| told.gap.from <= gap.to && gap.from <= told.gap.to);
        let began = before.map_or(gap.from, |told| told.gap.from.min(gap.from));
        let is_now = gap.from <= now;
        let tell = match before {
            None => true,
            Some(told) => is_now && !told.begun,
        };
        if tell {
            let slot = format!("{}-{}", began.as_second(), if is_now { "now" } else { "ahead" });
            owed += self::tell(tx, settings, "nobody on duty", &slot, &gap_words(&gap, is_now, settings, now), now)?;
        }
        let begun = is_now || before.is_some_and(|told| told.begun);
        telling.push(ToldGap { gap: Gap { from: began, to: gap.to }, begun });
    }
    if telling != told {
        duty::set_told_gaps(tx, &telling)?;
    }
    Ok(owed)
}

fn gap_words(gap: &Gap, is_now: bool, settings: &Settings, now: Timestamp) -> String {
    let zone = &settings.team.time_zone;
    let shown = |at| wording::long_time(at, zone, Language::En);
    let in_sight = now + IN_SIGHT;
    let until =
        if gap.to < in_sight { format!("until {}", shown(gap.to)) } else { "for as far as can be seen".to_owned() };
    let from = if is_now { "now".to_owned() } else { format!("from {}", shown(gap.from)) };
    format!(
        "Nobody is on duty {from} {until}. Alerts and pages go to those who take escalations.\n\
         To fill the gap:  vigie duty override --analyst NAME --from TIME --to TIME"
    )
}

fn tell(tx: &Tx, settings: &Settings, about: &str, slot: &str, words: &str, now: Timestamp) -> Result<usize> {
    raise::notice_with(tx, settings, None, &Notice { about, slot, words, details: None }, now).map(usize::from)
}
