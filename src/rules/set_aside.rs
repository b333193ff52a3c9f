//! Indicators that say nothing of an attacker: our own names, and hosts that stand in every mail.
//!
//! They are listed all the same, marked; a reader decides. A name covers everything below it, in any
//! script; a network covers its addresses. Hostile data: the indicators. Failure: none.

use super::address::{Address, ascii};
use super::report::{Indicator, IndicatorKind};
use super::settings::{Indicators, Settings};
use core::net::IpAddr;

/// Hosts that namespaces, standards and footers name, and that publish nothing that strangers upload.
pub const WELL_KNOWN: [&str; 12] = [
    "w3.org",
    "schemas.microsoft.com",
    "schemas.openxmlformats.org",
    "schemas.xmlsoap.org",
    "ns.adobe.com",
    "first.org",
    "cve.org",
    "cve.mitre.org",
    "nvd.nist.gov",
    "openpgp.org",
    "gnupg.org",
    "rfc-editor.org",
];

/// Whether the indicator is to be set aside.
pub fn is_set_aside(settings: &Settings, indicator: &Indicator) -> bool {
    let value = indicator.value.raw();
    let Indicators { own, well_known } = &settings.indicators;
    let listed = |host: &str| own.iter().chain(well_known).any(|entry| covers(entry, host));
    let ours = |host: &str| host == settings.team.address.domain();
    match indicator.kind {
        IndicatorKind::Domain => ours(value) || listed(value),
        IndicatorKind::Ipv4 | IndicatorKind::Ipv6 => listed(value),
        IndicatorKind::Network => {
            own.iter().any(|entry| entry == value) || listed(value.split('/').next().unwrap_or(""))
        }
        IndicatorKind::Email => {
            let is_own = |address: &Address| settings.own_addresses().any(|own| own == address);
            Address::parse(value).is_some_and(|address| is_own(&address) || listed(address.domain()))
        }
        IndicatorKind::Url => host(value).is_some_and(|host| ours(host) || listed(host)),
        _ => false,
    }
}

/// The host of a URL, with or without scheme.
fn host(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    match host.strip_prefix('[') {
        Some(literal) => literal.split(']').next(),
        None => host.split(':').next(),
    }
}

/// Whether an entry (a name, an address, a network) covers a host.
fn covers(entry: &str, host: &str) -> bool {
    match (host.parse::<IpAddr>(), entry.split_once('/')) {
        (Ok(ip), Some((base, bits))) => match (base.parse::<IpAddr>(), bits.parse::<u32>()) {
            (Ok(base), Ok(bits)) => is_within(ip, base, bits),
            _ => false,
        },
        (Ok(ip), None) => entry.parse::<IpAddr>().is_ok_and(|entry| entry == ip),
        (Err(_), Some(_)) => false,
        (Err(_), None) => {
            let (host, entry) = (ascii(host), ascii(entry));
            host == entry || host.strip_suffix(&entry).is_some_and(|rest| rest.ends_with('.'))
        }
    }
}

fn is_within(ip: IpAddr, base: IpAddr, bits: u32) -> bool {
    match (ip, base) {
        (IpAddr::V4(ip), IpAddr::V4(base)) if bits <= 32 => {
            (ip.to_bits() ^ base.to_bits()).checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(base)) if bits <= 128 => {
            (ip.to_bits() ^ base.to_bits()).checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::report::IndicatorKind::*;
    use crate::rules::testing::settings;

    #[test]
    fn own_and_well_known_are_told_from_the_rest() {
        let mut settings = settings();
        let own = ["corp.example", "198.51.100.0/24", "2001:db8::/32", "bücher.example"];
        settings.indicators.own = own.map(str::to_owned).to_vec();
        for (kind, value, aside) in [
            (Domain, "corp.example", true),
            (Domain, "www.corp.example", true),
            (Domain, "notcorp.example", false),
            (Domain, "xn--bcher-kva.example", true),
            (Domain, "example.org", true),
            (Domain, "www.w3.org", true),
            (Domain, "evil.example", false),
            (Ipv4, "198.51.100.7", true),
            (Ipv4, "198.51.101.7", false),
            (Ipv6, "2001:db8::1", true),
            (Ipv6, "2001:db9::1", false),
            (Network, "198.51.100.0/24", true),
            (Url, "https://www.corp.example:8443/a", true),
            (Url, "https://corp.example@evil.example/", false),
            (Url, "http://198.51.100.9/x", true),
            (Url, "http://[2001:db8::1]:80/x", true),
            (Email, "csirt@example.org", true),
            (Email, "other@example.org", false),
            (Email, "a@corp.example", true),
            (Md5, "d41d8cd98f00b204e9800998ecf8427e", false),
        ] {
            let indicator = Indicator { kind, value: value.into(), place: Default::default() };
            assert_eq!(is_set_aside(&settings, &indicator), aside, "{value}");
        }
    }
}
