//! Reads a rota from an iCalendar file (RFC 5545), as on-call tools export it.
//!
//! Events, recurring ones with RRULE, RDATE, EXDATE and RECURRENCE-ID, become plain shifts within a
//! window. Times are civil in the zone of their event, so that a week from Monday 09:00 ends on
//! Monday 09:00 whatever the clocks do; a zone is an IANA name or what a VTIMEZONE is recognised
//! as; a time without a zone, and a whole day, is the team's. Cancelled events are left out.
//!
//! Hostile data: all of the file, which another program writes: its size, the number of its events
//! and of what recurs are limited. Failure: words that say what cannot be read; nothing is half
//! read, so that an unknown zone moves nobody's night. Known gap: RRULE by minutes or seconds.

use crate::rules::shift::Shift;
use calcard::common::PartialDateTime;
use calcard::common::timezone::Tz;
use calcard::icalendar::dates::{CalendarErrorType, CalendarEvent, TimeOrDelta};
use calcard::icalendar::timezone::TzResolver;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarFrequency, ICalendarParameterName,
    ICalendarPeriod, ICalendarProperty, ICalendarRecurrenceRule, ICalendarStatus, ICalendarValue,
};
use calcard::{Entry, Parser};
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::ops::Range;

/// No rota file is larger, octets.
pub const MOST_OCTETS: u64 = 8 << 20;

/// No rota has more events.
const MOST_EVENTS: usize = 20_000;

/// Nor do its rules recur more often, from their start to the end of the window.
const MOST_OCCURRENCES: usize = 50_000;

/// The shifts of a file that overlap `window`, by their start. `zone` is the team's.
pub fn shifts(octets: &[u8], zone: &TimeZone, window: Range<Timestamp>) -> Result<Vec<Shift>, String> {
    let mut events: BTreeMap<String, Vec<ICalendarComponent>> = BTreeMap::new();
    let mut zones = ICalendar { components: Vec::new() };
    for component in components(octets)? {
        match component.component_type {
            ICalendarComponentType::VTimezone | ICalendarComponentType::Standard | ICalendarComponentType::Daylight => {
                zones.components.push(component);
            }
            ICalendarComponentType::VEvent => {
                // What has no UID is no occurrence of another.
                let uid = component.uid().map_or_else(|| format!("\n{}", events.len()), str::to_owned);
                events.entry(uid).or_default().push(component);
            }
            _ => {}
        }
    }
    let resolver = zones.build_tz_resolver();
    let mut shifts = Vec::new();
    let mut left = MOST_OCCURRENCES;
    for group in events.into_values() {
        let found = occurrences(group, &resolver, zone, &window, left)?;
        left -= found.len().min(left);
        shifts.extend(found.into_iter().filter(|shift| shift.from < window.end && shift.to > window.start));
    }
    shifts.sort_by(|a, b| (a.from, b.to, &a.summary).cmp(&(b.from, a.to, &b.summary)));
    Ok(shifts)
}

/// All components of all calendars in the file.
fn components(octets: &[u8]) -> Result<Vec<ICalendarComponent>, String> {
    let text = std::str::from_utf8(octets).map_err(|_| "it is not UTF-8 text")?;
    let text = text.trim_start_matches('\u{feff}');
    let count = text.lines().filter(|line| line.trim_end().eq_ignore_ascii_case("BEGIN:VEVENT")).count();
    if count > MOST_EVENTS {
        return Err(format!("it holds {count} events, more than {MOST_EVENTS}; let it start later"));
    }
    // The parser takes half a calendar too; half a rota is worse than yesterday's.
    if !text.trim_end().to_ascii_uppercase().ends_with("END:VCALENDAR") {
        return Err("it is no iCalendar file, or cut short: END:VCALENDAR is missing".to_owned());
    }
    let mut parser = Parser::new(text);
    let mut all = Vec::new();
    let mut calendars = 0;
    loop {
        match parser.entry() {
            Entry::ICalendar(calendar) => {
                calendars += 1;
                all.extend(calendar.components);
            }
            Entry::Eof if calendars > 0 => return Ok(all),
            Entry::Eof => return Err("there is no calendar in it (BEGIN:VCALENDAR)".to_owned()),
            Entry::UnterminatedComponent(_) | Entry::UnexpectedComponentEnd { .. } => {
                return Err("it is cut short, or its BEGIN and END do not match".to_owned());
            }
            Entry::TooManyComponents => return Err("it holds too many components".to_owned()),
            _ => return Err("it is no iCalendar file".to_owned()),
        }
    }
}

/// The occurrences of the events of one UID: a rule, and what replaces some of its days.
fn occurrences(
    mut group: Vec<ICalendarComponent>,
    resolver: &TzResolver<&str>,
    team: &TimeZone,
    window: &Range<Timestamp>,
    limit: usize,
) -> Result<Vec<Shift>, String> {
    let zone = zone_of_group(&group, resolver, team)?;
    for component in &mut group {
        // An occurrence that replaces another carries a sequence of its own.
        component.entries.retain(|entry| entry.name != ICalendarProperty::Sequence);
        for entry in &mut component.entries {
            settle(entry, resolver, &zone, team, window.end)?;
        }
    }
    let calendar = ICalendar { components: group };
    let expanded = calendar.expand_dates(Tz::Floating, limit);
    if expanded.events.len() >= limit {
        return Err(format!("its rules recur more than {MOST_OCCURRENCES} times; give them an UNTIL or a later start"));
    }
    if let Some(error) = expanded.errors.first() {
        let why = match error.error {
            CalendarErrorType::MissingDtStart | CalendarErrorType::InvalidDtStart => "has no start that can be read",
            CalendarErrorType::InvalidDtEnd | CalendarErrorType::InvalidDuration => "has no end that can be read",
            CalendarErrorType::RRule(_) => "recurs by a rule that cannot be read",
        };
        return Err(format!("an event {why}"));
    }
    let shifts = expanded.events.iter().filter_map(|event| {
        let component = calendar.components.get(event.comp_id as usize)?;
        if component.status() == Some(&ICalendarStatus::Cancelled) {
            return None;
        }
        shift(component, event, &zone).transpose()
    });
    shifts.collect()
}

type Occurrence = CalendarEvent<chrono::DateTime<Tz>, TimeOrDelta<chrono::DateTime<Tz>, chrono::TimeDelta>>;

fn shift(component: &ICalendarComponent, event: &Occurrence, zone: &TimeZone) -> Result<Option<Shift>, String> {
    let start = event.start.naive_local();
    let end = match &event.end {
        TimeOrDelta::Time(end) => Some(end.naive_local()),
        TimeOrDelta::Delta(delta) => start.checked_add_signed(*delta),
    };
    let instant = |civil: chrono::NaiveDateTime| {
        let civil: DateTime = civil.format("%Y-%m-%dT%H:%M:%S").to_string().parse().ok()?;
        zone.to_ambiguous_timestamp(civil).compatible().ok()
    };
    let unusable = || "an event lies outside of the years that can be counted".to_owned();
    let (from, to) = (instant(start).ok_or_else(unusable)?, end.and_then(instant).ok_or_else(unusable)?);
    if to <= from {
        return Ok(None);
    }
    Ok(Some(Shift { summary: summary(component), attendees: attendees(component), from, to }))
}

fn summary(component: &ICalendarComponent) -> String {
    let entry = component.property(&ICalendarProperty::Summary);
    entry.and_then(|entry| entry.values.first()?.as_text()).unwrap_or_default().to_owned()
}

fn attendees(component: &ICalendarComponent) -> Vec<String> {
    let entries = component.entries.iter().filter(|entry| entry.name == ICalendarProperty::Attendee);
    let texts = entries.flat_map(|entry| {
        let name = entry.parameter(&ICalendarParameterName::Cn).and_then(|value| value.as_text());
        [entry.calendar_address(), name]
    });
    texts.flatten().map(str::to_owned).collect()
}

/// The zone in which the events of one UID recur: that of the one with the rule.
fn zone_of_group(
    group: &[ICalendarComponent],
    resolver: &TzResolver<&str>,
    team: &TimeZone,
) -> Result<TimeZone, String> {
    let rules = group.iter().filter(|component| component.has_property(&ICalendarProperty::Rrule));
    let start = rules.chain(group).find_map(|component| component.property(&ICalendarProperty::Dtstart));
    let Some(start) = start else { return Ok(team.clone()) };
    match start.values.first() {
        Some(ICalendarValue::PartialDateTime(at)) if at.has_zone() => Ok(TimeZone::UTC),
        _ => zone_of(start, resolver, team),
    }
}

/// The zone that a property names.
fn zone_of(entry: &ICalendarEntry, resolver: &TzResolver<&str>, team: &TimeZone) -> Result<TimeZone, String> {
    let Some(name) = entry.parameter(&ICalendarParameterName::Tzid).and_then(|value| value.as_text()) else {
        return Ok(team.clone());
    };
    // Without offsets and rules of its own, as machines name it (RFC 5545 3.2.19).
    let unknown = || {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
        format!("its time zone {shown:?} is not known; use a name like Europe/Paris")
    };
    match resolver.resolve(name.trim_start_matches('/')).ok_or_else(unknown)? {
        Tz::Floating => Ok(team.clone()),
        Tz::Fixed(offset) => Offset::from_seconds(offset.local_minus_utc()).map(TimeZone::fixed).map_err(|_| unknown()),
        Tz::Tz(zone) => TimeZone::get(zone.name()).map_err(|_| unknown()),
    }
}

/// Makes every time of a property civil time in the group's zone, and ends rules with the window.
fn settle(
    entry: &mut ICalendarEntry,
    resolver: &TzResolver<&str>,
    group: &TimeZone,
    team: &TimeZone,
    end: Timestamp,
) -> Result<(), String> {
    use ICalendarProperty::{Dtend, Dtstart, Exdate, Rdate, RecurrenceId, Rrule};
    if !matches!(entry.name, Dtstart | Dtend | Exdate | Rdate | RecurrenceId | Rrule) {
        return Ok(());
    }
    let own = zone_of(entry, resolver, team)?;
    entry.params.retain(|param| param.name != ICalendarParameterName::Tzid);
    let move_in = |at: &mut PartialDateTime| in_zone(at, &own, group);
    for value in &mut entry.values {
        match value {
            ICalendarValue::PartialDateTime(at) => move_in(at)?,
            ICalendarValue::Period(ICalendarPeriod::Range { start, end }) => {
                move_in(start)?;
                move_in(end)?;
            }
            ICalendarValue::Period(ICalendarPeriod::Duration { start, .. }) => move_in(start)?,
            ICalendarValue::RecurrenceRule(rule) => limit_rule(rule, group, end)?,
            _ => {}
        }
    }
    Ok(())
}

fn limit_rule(rule: &mut ICalendarRecurrenceRule, zone: &TimeZone, end: Timestamp) -> Result<(), String> {
    if matches!(rule.freq, ICalendarFrequency::Secondly | ICalendarFrequency::Minutely) {
        return Err("an event recurs by the minute or second: that is no shift".to_owned());
    }
    let horizon = partial(zone.to_datetime(end));
    let until = match rule.until.take() {
        Some(mut until) => {
            in_zone(&mut until, zone, zone)?;
            // A day without time: all of it (RFC 5545 3.3.10).
            if !until.has_time() {
                (until.hour, until.minute, until.second) = (Some(23), Some(59), Some(59));
            }
            until
        }
        None => horizon.clone(),
    };
    rule.until = Some(if civil(&until)? < civil(&horizon)? { until } else { horizon });
    Ok(())
}

fn in_zone(at: &mut PartialDateTime, own: &TimeZone, group: &TimeZone) -> Result<(), String> {
    if !at.has_time() {
        return Ok(());
    }
    let unusable = || "an event has a time that does not exist".to_owned();
    let civil = civil(at)?;
    let instant = if at.has_zone() {
        let minutes = i32::from(at.tz_hour.unwrap_or(0)) * 60 + i32::from(at.tz_minute.unwrap_or(0));
        let offset = Offset::from_seconds(if at.tz_minus { -60 * minutes } else { 60 * minutes });
        offset.and_then(|offset| offset.to_timestamp(civil)).map_err(|_| unusable())?
    } else if own == group {
        return Ok(());
    } else {
        own.to_ambiguous_timestamp(civil).compatible().map_err(|_| unusable())?
    };
    *at = partial(group.to_datetime(instant));
    Ok(())
}

fn civil(at: &PartialDateTime) -> Result<DateTime, String> {
    let number = |part: Option<u8>| i8::try_from(part.unwrap_or(0)).ok();
    let made = || {
        let date = Date::new(i16::try_from(at.year?).ok()?, number(at.month)?, number(at.day)?).ok()?;
        // A leap second is the last of its minute.
        let second = number(at.second)?.min(59);
        Some(date.to_datetime(jiff::civil::Time::new(number(at.hour)?, number(at.minute)?, second, 0).ok()?))
    };
    made().ok_or_else(|| "an event has a date or time that does not exist".to_owned())
}

fn partial(at: DateTime) -> PartialDateTime {
    PartialDateTime {
        year: u16::try_from(at.year()).ok(),
        month: Some(at.month().unsigned_abs()),
        day: Some(at.day().unsigned_abs()),
        hour: Some(at.hour().unsigned_abs()),
        minute: Some(at.minute().unsigned_abs()),
        second: Some(at.second().unsigned_abs()),
        ..PartialDateTime::default()
    }
}

/// The window that is kept of a rota: what has just ended, and more than a year ahead.
pub fn window(now: Timestamp) -> Range<Timestamp> {
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    now.saturating_sub(days(14)).unwrap_or(now)..now.saturating_add(days(400)).unwrap_or(now)
}
