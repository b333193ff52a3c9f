//! What the team, or a rule, makes of a ticket, and what its mails hold: lines of the ticket's page.
//!
//! Hostile data: what reporters claim; `line` for every bit of it. Indicators are defanged (P17).

use super::output::Output;
use super::tables::facts;
use crate::app::views::*;
use crate::arrive::defang::defang;
use crate::rules::report::{Forwarded, IndicatorKind};
use crate::rules::untrusted::Untrusted;

/// Class, severity and extent; a suggestion is called so.
pub(super) fn weight(ticket: &TicketView) -> Vec<(&'static str, String)> {
    let judged = |set: &Option<String>, suggested: &Option<SuggestionView>| match (set, suggested) {
        (Some(set), _) => Some(set.clone()),
        (None, Some(s)) => Some(format!("suggested: {} ({}); not confirmed", s.value, s.reason)),
        (None, None) => None,
    };
    let content = &ticket.content;
    let mut lines = Vec::new();
    lines.extend(judged(&ticket.classification, &content.suggested_classification).map(|line| ("Class", line)));
    lines.extend(judged(&ticket.severity, &content.suggested_severity).map(|line| ("Severity", line)));
    lines.extend(content.extent.map(|extent| ("Extent", extent.to_string())));
    lines.extend(ticket.consent.clone().map(|consent| ("Consent", consent)));
    if let Some(template) = &content.suggested_template {
        lines.push(("Suggested", format!("no constituent: answer with the text {template}")));
    }
    lines
}

/// Who the reporter claims to be, and what the report lacks.
pub(super) fn reporter(content: &ContentView) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(contact) = &content.contact {
        let texts = [&contact.name, &contact.organisation, &contact.address].into_iter().flatten().map(Untrusted::line);
        let phones = contact.phones.iter().map(Untrusted::line);
        let keys = contact.fingerprints.iter().map(|fingerprint| format!("key {fingerprint}"));
        let all: Vec<String> = texts.chain(phones).chain(keys).collect();
        if !all.is_empty() {
            lines.push(("Claims", all.join("; ")));
        }
    }
    if let Some(checklist) = &content.checklist {
        let lacking: Vec<&str> = checklist.iter().filter(|check| !check.seen).map(|check| check.item.word()).collect();
        lines.push(("Lacks", if lacking.is_empty() { "nothing".to_owned() } else { lacking.join(", ") }));
    }
    lines
}

/// The mails inside a message.
pub(super) fn forwarded(mails: &[Forwarded]) -> Vec<(&'static str, String)> {
    let shown = |text: &Option<Untrusted>| text.as_ref().map_or("?".to_owned(), |text| defang(&text.line()));
    let line = |mail: &Forwarded| {
        let ips: Vec<String> =
            mail.hops.iter().filter_map(|hop| hop.ip.as_ref()).map(|ip| ip.replace('.', "[.]")).collect();
        let way = if ips.is_empty() { String::new() } else { format!(", by way of {}", ips.join(", ")) };
        ("Forwards", format!("\"{}\" from {}, {}{way}", shown(&mail.subject), shown(&mail.from), shown(&mail.date)))
    };
    mails.iter().map(line).collect()
}

/// All indicators, those set aside last.
pub(super) fn indicators(out: &Output, indicators: &[IndicatorView]) -> String {
    let (aside, others): (Vec<_>, Vec<_>) = indicators.iter().partition(|indicator| indicator.set_aside);
    let line = |i: &IndicatorView| format!("  {:7}  {}\n", i.kind.word(), defanged(i.kind, &i.value));
    let mut text = String::new();
    for (title, list) in [("Indicators (defanged)", others), ("Set aside: our own or well known (defanged)", aside)] {
        if !list.is_empty() {
            text.push_str(&format!("\n{}\n", out.bold(title)));
            text.extend(list.into_iter().map(line));
        }
    }
    text
}

/// An indicator that nobody clicks by accident.
fn defanged(kind: IndicatorKind, value: &Untrusted) -> String {
    let value = value.line();
    match kind {
        IndicatorKind::Ipv4 | IndicatorKind::Domain => value.replace('.', "[.]"),
        IndicatorKind::Network if value.contains('.') => value.replace('.', "[.]"),
        IndicatorKind::Ipv6 | IndicatorKind::Network => value.replacen(':', "[:]", 1),
        IndicatorKind::Email => value.replace('@', "[@]").replace('.', "[.]"),
        IndicatorKind::Url => value.replacen("http", "hxxp", 1).replacen("://", "[://]", 1).replace('.', "[.]"),
        _ => value,
    }
}

/// The taxonomy.
pub(super) fn classes(out: &Output, classes: &[ClassView]) -> String {
    let mut text = String::new();
    for class in classes {
        text.push_str(&format!("{}  {}\n", out.bold(&class.class), class.name));
        let types: Vec<(String, String)> =
            class.types.iter().map(|kind| (format!("  {}", kind.kind), kind.name.clone())).collect();
        let lines: Vec<(&str, String)> = types.iter().map(|(kind, name)| (kind.as_str(), name.clone())).collect();
        text.push_str(&facts(&lines));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::defanged;
    use crate::rules::report::IndicatorKind::*;

    #[test]
    fn no_indicator_is_a_link() {
        for (kind, value, shown) in [
            (Ipv4, "198.51.100.7", "198[.]51[.]100[.]7"),
            (Url, "https://a.example/x.exe", "hxxps[://]a[.]example/x[.]exe"),
            (Email, "a@b.example", "a[@]b[.]example"),
            (Ipv6, "2001:db8::1", "2001[:]db8::1"),
            (Network, "198.51.100.0/24", "198[.]51[.]100[.]0/24"),
            (Network, "2001:db8::/32", "2001[:]db8::/32"),
            (Md5, "d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e"),
        ] {
            assert_eq!(defanged(kind, &value.into()), shown);
        }
    }
}
