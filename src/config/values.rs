//! The small formats of config values: each function reads one value, or says what is wrong
//! with it and what it should look like.

use crate::rules::address::Address;
use crate::rules::caps::{self, Cap};
use crate::rules::settings::Digest;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use toml::de::DeValue;

/// A value, or what is wrong with it in words that follow the key.
pub type Read<T> = Result<T, String>;

/// The known word most like `word`; None only if nothing is known.
pub fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let likeness = |other: &str| strsim::jaro_winkler(&word.to_lowercase(), &other.to_lowercase());
    known.into_iter().map(|other| (likeness(other), other)).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, other)| other)
}

/// `; did you mean "x"?` if something known is near enough, else nothing.
pub fn suggestion<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> String {
    match nearest(word, known) {
        Some(near) if strsim::jaro_winkler(&word.to_lowercase(), &near.to_lowercase()) > 0.7 => {
            format!("; did you mean {near:?}?")
        }
        _ => String::new(),
    }
}

/// What sort of value stands there, with its article.
pub fn kind_of(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A text of one line, which may be empty.
pub fn line(value: &DeValue) -> Read<String> {
    let text = value.as_str().ok_or_else(|| format!("expected a text in quotes, not {}", kind_of(value)))?;
    if text.chars().any(char::is_control) {
        return Err("holds a line break or another control character".to_owned());
    }
    Ok(text.trim().to_owned())
}

/// A text of one line with something in it.
pub fn text(value: &DeValue) -> Read<String> {
    let text = line(value)?;
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(text) }
}

/// `true` or `false`.
pub fn flag(value: &DeValue) -> Read<bool> {
    match value {
        DeValue::Boolean(flag) => Ok(*flag),
        other => Err(format!("expected true or false without quotes, not {}", kind_of(other))),
    }
}

/// A whole number from `least` to `most`.
pub fn whole(value: &DeValue, least: u32, most: u32) -> Read<u32> {
    let DeValue::Integer(number) = value else {
        return Err(format!("expected a whole number without quotes, not {}", kind_of(value)));
    };
    let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
    let number = number.and_then(|number| u32::try_from(number).ok()).filter(|n| (least..=most).contains(n));
    number.ok_or_else(|| format!("expected a whole number from {least} to {most}"))
}

/// A TCP port.
pub fn port(value: &DeValue) -> Read<u16> {
    // Cannot be cut short: `whole` keeps it in range.
    whole(value, 1, 65535).map(|port| port as u16)
}

/// One of the given words.
pub fn word<T: Copy>(value: &DeValue, choices: &[(&str, T)]) -> Read<T> {
    let found = text(value)?;
    let words = || choices.iter().map(|(word, _)| *word);
    let choice = choices.iter().find(|(word, _)| *word == found).map(|(_, meaning)| *meaning);
    choice.ok_or_else(|| {
        let list: Vec<&str> = words().collect();
        format!("{found:?} is not one of {}{}", list.join(", "), suggestion(&found, words()))
    })
}

/// One plain e-mail address.
pub fn address(value: &DeValue) -> Read<Address> {
    let text = text(value)?;
    Address::parse(&text).ok_or_else(|| format!("{text:?} is not one plain e-mail address like name@example.org"))
}

/// A domain name; returned in lower case.
pub fn domain(value: &DeValue) -> Read<String> {
    let text = text(value)?.to_lowercase();
    let well_formed = Address::parse(&format!("x@{text}")).is_some();
    if well_formed { Ok(text) } else { Err(format!("{text:?} is not a domain name like corp.example")) }
}

/// The name or IP address of a server, without port.
pub fn host(value: &DeValue) -> Read<String> {
    let text = text(value)?;
    if text.parse::<IpAddr>().is_ok() || Address::parse(&format!("x@{text}")).is_some() {
        return Ok(text);
    }
    Err(format!("{text:?} is not the name or IP address of a server; the port has its own key"))
}

/// A name, an IP address, or a network like 192.0.2.0/24.
pub fn host_or_network(value: &DeValue) -> Read<String> {
    let text = text(value)?.to_lowercase();
    let Some((base, bits)) = text.split_once('/') else { return host(value).map(|host| host.to_lowercase()) };
    let most = base.parse::<IpAddr>().map(|ip| if ip.is_ipv4() { 32 } else { 128 });
    match (most, bits.parse::<u32>()) {
        (Ok(most), Ok(bits)) if bits <= most => Ok(text),
        _ => Err(format!("{text:?} is no network like 192.0.2.0/24 or 2001:db8::/32")),
    }
}

/// Whether what is sent to the host stays on this machine.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A full fingerprint, in capital hex without blanks.
pub fn fingerprint(value: &DeValue) -> Read<String> {
    let hex: String = text(value)?.chars().filter(|c| !c.is_whitespace()).collect();
    let hex = hex.strip_prefix("0x").unwrap_or(&hex).to_ascii_uppercase();
    if matches!(hex.len(), 40 | 64) && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(hex);
    }
    Err("is not a full fingerprint: 40 or 64 hex digits, blanks allowed".to_owned())
}

/// A path; a relative one starts from `folder`.
pub fn path(value: &DeValue, folder: &Path) -> Read<PathBuf> {
    // Through its components: `./x` is `x`.
    text(value).map(|text| folder.join(text).components().collect())
}

/// An IANA time zone. A fixed offset is refused: it would be wrong half the year.
pub fn zone(value: &DeValue) -> Read<TimeZone> {
    let name = text(value)?;
    TimeZone::get(&name).map_err(|_| {
        let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
        let near = suggestion(&name, known.iter().map(String::as_str));
        format!("{name:?} is not a time zone like Europe/Paris{near}")
    })
}

/// A count and its unit: `15 minutes`.
fn amount(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    Some((count.parse().ok()?, unit.trim()))
}

/// `2 business days`, at least one.
pub fn business_days(value: &DeValue) -> Read<u32> {
    let text = text(value)?;
    match amount(&text) {
        Some((count @ 1..=366, "business day" | "business days")) => Ok(count as u32),
        Some((_, "day" | "days")) => {
            Err(format!("{text:?} counts calendar days; write for example \"2 business days\""))
        }
        _ => Err(format!("{text:?} is not a number of business days like \"2 business days\"")),
    }
}

/// `15 minutes`: seconds, minutes, hours or days, from a second to a month.
pub fn duration(value: &DeValue) -> Read<SignedDuration> {
    const UNITS: [&str; 4] = ["seconds", "minutes", "hours", "days"];
    let text = text(value)?;
    let wrong = |near: String| format!("{text:?} is not a span of time like \"15 minutes\"{near}");
    let (count, unit) = amount(&text).ok_or_else(|| wrong(String::new()))?;
    let seconds = match unit {
        "second" | "seconds" => 1,
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3600,
        "day" | "days" => 86400,
        other => return Err(wrong(suggestion(other, UNITS))),
    };
    let span = count.checked_mul(seconds).filter(|span| (1..=31 * 86400).contains(span));
    let span = span.ok_or_else(|| format!("{text:?} must be from 1 second to 31 days"))?;
    Ok(SignedDuration::from_secs(span as i64))
}

/// `50 MiB`: octets, from 1 KiB to 512 MiB (what the IMAP library takes in one piece).
pub fn size(value: &DeValue) -> Read<u64> {
    let text = text(value)?;
    let wrong = || format!("{text:?} is not a size like \"50 MiB\"");
    let (count, unit) = amount(&text).ok_or_else(wrong)?;
    let unit: u64 = match unit {
        "B" | "bytes" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    let size = count.checked_mul(unit).filter(|size| (1 << 10..=512 << 20).contains(size));
    size.ok_or_else(|| format!("{text:?} must be from 1 KiB to 512 MiB"))
}

/// `3/hour, 10/day`.
pub fn caps(value: &DeValue) -> Read<Vec<Cap>> {
    caps::parse(&text(value)?)
}

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

fn weekday(name: &str) -> Read<usize> {
    let name = name.trim();
    DAYS.iter().position(|(day, _)| *day == name).ok_or_else(|| {
        let near = suggestion(name, DAYS.iter().map(|(day, _)| *day));
        format!("{name:?} is not one of Mon, Tue, Wed, Thu, Fri, Sat, Sun{near}")
    })
}

/// `Mon-Fri`, `Sun-Thu`, `Mon-Wed, Fri`: at least one day.
pub fn weekdays(value: &DeValue) -> Read<[bool; 7]> {
    days_of_week(&text(value)?)
}

fn days_of_week(text: &str) -> Read<[bool; 7]> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (weekday(first)?, weekday(last)?);
        days[day] = true;
        while day != last {
            day = (day + 1) % 7;
            days[day] = true;
        }
    }
    Ok(days)
}

fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |t: &str| t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// `Mon 09:00`.
pub fn handover(value: &DeValue) -> Read<(Weekday, Time)> {
    let text = text(value)?;
    let (day, time) = text.split_once(' ').unwrap_or((&text, ""));
    let day = weekday(day)?;
    let time = clock(time).ok_or_else(|| format!("{text:?} is not a day and a time like \"Mon 09:00\""))?;
    Ok((DAYS[day].1, time))
}

/// `3 years`: how long after it was put away a ticket is purged.
pub fn retention(value: &DeValue) -> Read<Span> {
    let text = text(value)?;
    let wrong = || format!("{text:?} is not a time like \"3 years\" or \"18 months\"");
    let (count, unit) = text.split_once(' ').ok_or_else(wrong)?;
    let count: i64 = count.parse().ok().filter(|count| (1..=10_000).contains(count)).ok_or_else(wrong)?;
    let span = match unit.trim() {
        "day" | "days" => Span::new().try_days(count),
        "week" | "weeks" => Span::new().try_weeks(count),
        "month" | "months" => Span::new().try_months(count),
        "year" | "years" => Span::new().try_years(count),
        _ => return Err(wrong()),
    };
    span.map_err(|_| wrong())
}

/// `Mon-Fri 08:30`, `08:30` (on business days), `none`.
pub fn digest(value: &DeValue) -> Read<Digest> {
    let text = text(value)?;
    if text == "none" {
        return Ok(Digest::Never);
    }
    let (days, time) = text.rsplit_once(' ').map_or((None, text.as_str()), |(days, time)| (Some(days), time));
    let time = clock(time).ok_or_else(|| {
        format!("{text:?} is neither days and a time like \"Mon-Fri 08:30\", a time (on business days), nor none")
    })?;
    Ok(Digest::At { weekdays: days.map(days_of_week).transpose()?, time })
}

/// Where pages go: https, or http on this machine. It is not repeated in faults: it may hold a secret.
pub fn webhook(value: &DeValue) -> Read<String> {
    let text = text(value)?;
    let uri: hyper::Uri = text.parse().map_err(|_| "is not an address like https://pager.example.org/vigie")?;
    let host = uri.host().unwrap_or_default();
    match uri.scheme_str() {
        _ if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
            Err("holds a user name or password; put the whole address into a file, webhook_url_file".to_owned())
        }
        Some("https") if !host.is_empty() => Ok(text),
        Some("http") if is_loopback(host.trim_start_matches('[').trim_end_matches(']')) => Ok(text),
        Some("http") => Err("http is for this machine only (127.0.0.1, ::1, localhost); use https".to_owned()),
        _ => Err("is not an address like https://pager.example.org/vigie".to_owned()),
    }
}

/// `18:00`; empty: none.
pub fn cut_off(value: &DeValue) -> Read<Option<Time>> {
    let text = line(value)?;
    if text.is_empty() {
        return Ok(None);
    }
    clock(&text).map(Some).ok_or_else(|| format!("{text:?} is not a time of day like \"18:00\", nor empty"))
}

/// A day as text: `2026-05-01`.
pub fn day(text: &str) -> Read<Date> {
    let strict = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let date = strict.then(|| text.parse().ok()).flatten();
    date.ok_or_else(|| format!("{text:?} is not a date like 2026-05-01"))
}

/// A day, with or without quotes.
pub fn date(value: &DeValue) -> Read<Date> {
    match value {
        DeValue::Datetime(date) => day(&date.to_string()),
        other => day(&text(other)?),
    }
}

/// `X-Spam-Flag: YES`: name and value of a header field.
pub fn header_field(value: &DeValue) -> Read<(String, String)> {
    let text = text(value)?;
    let (name, content) = text.split_once(':').unwrap_or((&text, ""));
    let (name, content) = (name.trim(), content.trim());
    let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
    if !named || content.is_empty() {
        return Err(format!("{text:?} is not a header field with its value like \"X-Spam-Flag: YES\""));
    }
    Ok((name.to_owned(), content.to_owned()))
}
