//! Analysts, the rota, the calendar, constituents.
//!
//! Hostile data: none. Failure: words.

use super::{Findings, Reached};
use crate::app::Request;
use crate::app::views::{Answer, GapView, When};
use crate::cli::{Failure, time};
use crate::edge::openpgp::certs as openpgp_certs;
use crate::edge::{pager, secret, tls};
use crate::respond::{channel, rota};
use crate::rules::calendar::Holidays;
use crate::rules::settings::{Settings, Webhook};
use crate::store::certs;
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// How far ahead gaps in the rota are told.
const AHEAD: SignedDuration = SignedDuration::from_hours(8 * 7 * 24);

/// Each analyst's key and page command.
pub(super) fn analysts(
    settings: &Settings,
    store: Option<&Reached>,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), Failure> {
    for analyst in &settings.duty.analysts {
        let name = &analyst.name;
        match &analyst.fingerprint {
            None => {
                findings.ok("analyst", format!("{name}: no key, so alerts to {name} hold number and urgency only"))?
            }
            Some(fingerprint) => match key(settings, store, fingerprint, now) {
                Ok(true) => findings.ok("analyst", format!("{name}: alerts are encrypted to {fingerprint}"))?,
                Ok(false) => {
                    let to_do = "import it with `vigie key import FILE`, or put it into the folder [pgp] certs";
                    findings.warn("analyst", format!("{name}: the certificate {fingerprint} is not here; {to_do}"))?
                }
                Err(words) => findings.fail("analyst", format!("{name}: {fingerprint}: {words}"))?,
            },
        }
        if let Some(command) = analyst.command.as_deref().and_then(<[String]>::first) {
            match runs(command) {
                Ok(()) => findings.ok("pager", format!("{name}: {command} is there and can be run"))?,
                Err(words) => findings.fail("pager", format!("{name}: {command} {words}"))?,
            }
        }
        if let Some(webhook) = &analyst.webhook {
            match webhook_works(webhook) {
                Ok(host) => findings.ok("webhook", format!("{name}: pages go to {host}"))?,
                Err(words) => findings.fail("webhook", format!("{name}: {words}"))?,
            }
        }
    }
    Ok(())
}

/// Whether the certificate is known and can be encrypted to; an error says why it cannot.
fn key(settings: &Settings, store: Option<&Reached>, fingerprint: &str, now: Timestamp) -> Result<bool, String> {
    let found = match store.map(|store| (store, store.session.house())) {
        Some((_, Some(house))) => {
            let cert = house.store.read(|c| certs::get(c, fingerprint)).map_err(|e| e.to_string())?;
            cert.map(|cert| usable(&cert.bytes, fingerprint, now))
        }
        Some((store, None)) => of_daemon(store, fingerprint)?,
        None => None,
    };
    match found.or_else(|| in_folder(settings, fingerprint, now)) {
        Some(usable) => usable.map(|()| true),
        None => Ok(false),
    }
}

type Usable = Result<(), String>;

fn of_daemon(store: &Reached, fingerprint: &str) -> Result<Option<Usable>, String> {
    let reply = store.session.ask(Request::KeyList).map_err(|failure| failure.words)?;
    let Answer::Keys(keys) = reply.answer else { return Err("the daemon answers something else".to_owned()) };
    let key = keys.into_iter().find(|key| key.fingerprint == fingerprint);
    Ok(key.map(|key| if key.problems.is_empty() && !key.revoked { Ok(()) } else { Err(key.problems.join("; ")) }))
}

/// What lies in the folder of certificates is imported when the daemon starts.
fn in_folder(settings: &Settings, fingerprint: &str, now: Timestamp) -> Option<Usable> {
    let files = std::fs::read_dir(settings.pgp.certs.as_deref()?).ok()?;
    let octets = files.flatten().filter_map(|file| std::fs::read(file.path()).ok());
    let mut facts = octets.filter_map(|octets| openpgp_certs::describe(&octets, now).ok()).flatten();
    facts.find(|facts| facts.fingerprint == fingerprint).map(|facts| usable(&facts.bytes, fingerprint, now))
}

fn usable(bytes: &[u8], fingerprint: &str, now: Timestamp) -> Usable {
    let facts = openpgp_certs::describe(bytes, now)?.into_iter().find(|facts| facts.fingerprint == fingerprint);
    match facts {
        Some(facts) if facts.usable_for_encryption => Ok(()),
        Some(facts) if facts.problems.is_empty() => Err("cannot be encrypted to".to_owned()),
        Some(facts) => Err(facts.problems.join("; ")),
        None => Err("cannot be read".to_owned()),
    }
}

/// Whether files and address of a webhook can be used; gives its host. The rest may be a secret.
fn webhook_works(webhook: &Webhook) -> Result<String, String> {
    if let Some(file) = &webhook.ca_file {
        let octets = std::fs::read(file).map_err(|error| format!("webhook_ca_file {}: {error}", file.display()))?;
        tls::client_config(Some(&octets))?;
    }
    webhook.key_file.as_deref().map(secret::read).transpose()?;
    let url = channel::address(webhook)?;
    let usable = || "the address is not one like https://pager.example.org/vigie".to_owned();
    let url: hyper::Uri = url.parse().map_err(|_| usable())?;
    match (url.scheme_str(), url.host()) {
        (Some("https"), Some(host)) => Ok(host.to_owned()),
        (Some("http"), Some(host)) if tls::is_loopback(host) => Ok(host.to_owned()),
        _ => Err(usable()),
    }
}

/// The rota file, read as the daemon reads it.
pub(super) fn rota_file(settings: &Settings, now: Timestamp, findings: &mut Findings) -> Result<(), Failure> {
    let Some(file) = &settings.duty.calendar else { return Ok(()) };
    let shown = file.display();
    match rota::read(file, settings, now) {
        Err(words) => findings.fail("rota", words),
        Ok(read) => {
            if read.nameless > 0 {
                findings.warn("rota", rota::nameless(read.nameless))?;
            }
            let coming = read.shifts.iter().filter(|shift| shift.to > now).count();
            findings.ok("rota", format!("{shown}: {coming} shifts to come"))
        }
    }
}

/// Whether a program can be run, as the pager looks for it.
fn runs(command: &str) -> Result<(), &'static str> {
    let executable = |path: &Path| match std::fs::metadata(path) {
        Ok(meta) if !meta.is_file() => Err("is no file"),
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => Err("cannot be executed; run chmod +x"),
        Ok(_) => Ok(()),
        Err(_) => Err("is not there"),
    };
    if command.contains('/') {
        return executable(Path::new(command));
    }
    let found = pager::PATH.split(':').any(|folder| executable(&Path::new(folder).join(command)).is_ok());
    if found { Ok(()) } else { Err("is in none of the usual folders; write its whole path") }
}

/// Who is on duty now, and when nobody will be.
pub(super) fn rota(
    settings: &Settings,
    store: Option<&Reached>,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let weekly = &settings.duty.rota;
    let when = |at: Timestamp| When::new(at, &weekly.zone);
    let day = |at: When| time::day(at, now, &weekly.zone);
    let (on_duty, until, mut gaps) = match store.and_then(|store| store.duty.clone()) {
        Some(duty) => (duty.on_duty, duty.until, duty.gaps),
        None => {
            let known = |name: &str| settings.analyst(name).is_some();
            let read = settings.duty.calendar.as_deref().map(|file| rota::read(file, settings, now));
            let shifts = read.and_then(Result::ok).map(|read| read.shifts).unwrap_or_default();
            let gaps = weekly.gaps(now, AHEAD, &shifts, known).into_iter();
            let gaps = gaps.map(|gap| GapView { from: when(gap.from), to: when(gap.to) }).collect();
            let on_duty = weekly.on_duty(now, &shifts).filter(|name| known(name)).map(str::to_owned);
            (on_duty, weekly.until(now, &shifts).map(when), gaps)
        }
    };
    let end = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
    gaps.retain(|gap| gap.from.at() < end);
    match (&on_duty, until) {
        (Some(name), Some(until)) => findings.ok("duty", format!("{name} is on duty until {}", day(until)))?,
        (Some(name), None) => findings.ok("duty", format!("{name} is on duty, always"))?,
        (None, _) if settings.sla.escalate_to.is_empty() => {
            findings.fail("duty", "nobody is on duty and escalate_to names nobody: nobody is ever told")?
        }
        (None, _) => findings.warn("duty", "nobody is on duty; alerts go to escalate_to")?,
    }
    for gap in &gaps {
        findings.warn("duty", format!("nobody is on duty from {} to {}", day(gap.from), day(gap.to)))?;
    }
    if gaps.is_empty() { findings.ok("duty", "no gap in the next 8 weeks") } else { Ok(()) }
}

/// The holidays, and the next of them.
pub(super) fn calendar(settings: &Settings, now: Timestamp, findings: &mut Findings) -> Result<(), Failure> {
    let calendar = &settings.sla.calendar;
    let name = match &calendar.holidays {
        Holidays::Fr => "public holidays of France",
        Holidays::FrAlsaceMoselle => "public holidays of Alsace-Moselle",
        Holidays::None => return findings.ok("holidays", "none: only weekends and own closing days stop the clock"),
        Holidays::Dates(_) => "own table of holidays",
    };
    let today = calendar.zone.to_datetime(now).date();
    // A weekday that is no business day is a holiday or a closing day.
    let mut days = (0..366).filter_map(|ahead| today.checked_add(i64::from(ahead).days()).ok());
    let is_working_weekday = |date: &jiff::civil::Date| {
        calendar.weekdays[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs())]
    };
    match days.find(|date| is_working_weekday(date) && !calendar.is_business_day(*date)) {
        Some(next) => {
            findings.ok("holidays", format!("{name}; the next free weekday is {}", next.strftime("%a %-d %b %Y")))
        }
        None => {
            findings.warn("holidays", format!("{name}: it frees no weekday of the next 12 months; is it out of date?"))
        }
    }
}

/// Whom we serve.
pub(super) fn constituents(settings: &Settings, findings: &mut Findings) -> Result<(), Failure> {
    let domains: usize = settings.constituents.iter().map(|one| one.domains.len()).sum();
    match settings.constituents.len() {
        0 => findings.ok("constituents", "none named"),
        count => findings.ok("constituents", format!("{count}, with {domains} domains")),
    }
}

#[cfg(test)]
mod tests {
    use super::runs;

    #[test]
    fn a_page_command_must_be_there_and_run() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("page");
        let shown = script.to_str().unwrap();
        assert_eq!(runs(shown), Err("is not there"));
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        assert_eq!(runs(shown), Err("cannot be executed; run chmod +x"));
        std::os::unix::fs::PermissionsExt::set_mode(&mut std::fs::metadata(&script).unwrap().permissions(), 0o755);
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(runs(shown), Ok(()));
        assert_eq!(runs(folder.path().to_str().unwrap()), Err("is no file"));
        assert_eq!(runs("sh"), Ok(()));
        assert!(runs("no-such-program-here").is_err());
    }
}
