//! Texts as CSIRTs get them, with everything that must be found in each, and nothing else.
//!
//! A line of the table: a text, then `kind value` of each indicator. Kinds that a text does not name are
//! not found in it; files are compared where they are named.

use std::collections::BTreeSet;
use vigie::arrive::indicators::extract;

const TEXTS: &[(&str, &[&str])] = &[
    // Phishing, in both languages, defanged in every way.
    (
        "Bonjour, le site hxxp://impots-gouv[.]com/connexion imite le nôtre.",
        &["url http://impots-gouv.com/connexion", "domain impots-gouv.com"],
    ),
    (
        "Please block hXXps://Login-Bank(.)com and login-bank{.}net asap",
        &["url https://login-bank.com", "domain login-bank.com", "domain login-bank.net"],
    ),
    ("l'expéditeur est support(at)evil[point]com, merci", &["email support@evil.com", "domain evil.com"]),
    ("read it out: evil dot com slash a", &["domain evil.com"]),
    ("write to abuse at evil dot co dot uk", &["email abuse@evil.co.uk", "domain evil.co.uk"]),
    ("the dot com bubble. Look at the dot on the map.", &[]),
    ("hxxps[:]//evil[.]com[/]login", &["url https://evil.com/login", "domain evil.com"]),
    ("http[:]//192[.]0[.]2[.]5:8080/x.php", &["url http://192.0.2.5:8080/x.php", "ipv4 192.0.2.5"]),
    (
        "meow://evil[.]com and h**p://evil.org",
        &["url meow://evil.com", "domain evil.com", "url http://evil.org", "domain evil.org"],
    ),
    ("192.0.2[.]1, 192[.0.2.2, 192\\.0\\.2\\.3", &["ipv4 192.0.2.1", "ipv4 192.0.2.2", "ipv4 192.0.2.3"]),
    ("ｅｖｉｌ．ｃｏｍ et ev\u{AD}il\u{200B}.net", &["domain evil.com", "domain evil.net"]),
    ("Visit evil.com. Or evil.net, (evil.org)!", &["domain evil.com", "domain evil.net", "domain evil.org"]),
    (
        "« https://evil.fr/a » ; ‘evil.org’ ; “evil.net”",
        &["url https://evil.fr/a", "domain evil.fr", "domain evil.org", "domain evil.net"],
    ),
    (
        "[evil](https://evil.com/a_(b)) <https://evil.net/c>",
        &["url https://evil.com/a_(b)", "domain evil.com", "url https://evil.net/c", "domain evil.net"],
    ),
    (
        "Votre colis : https://bit.ly/3xYz?utm_source=a&u=%C3%A9",
        &["url https://bit.ly/3xYz?utm_source=a&u=%C3%A9", "domain bit.ly"],
    ),
    (
        "https://safelinks.example.com/?url=https%3A%2F%2Fevil.com%2Fa&data=1",
        &[
            "url https://safelinks.example.com/?url=https%3A%2F%2Fevil.com%2Fa&data=1",
            "domain safelinks.example.com",
            "url https://evil.com/a",
            "domain evil.com",
        ],
    ),
    // Logs.
    ("Nov 27 18:01:02 gw sshd[812]: Failed password for root from 203.0.113.9 port 51234 ssh2", &["ipv4 203.0.113.9"]),
    (
        "203.0.113.9 - - [27/Nov/2026:18:01:02 +0100] \"GET /wp-login.php HTTP/1.1\" 200 512 \"-\" \"Mozilla/5.0 (X11) Chrome/120.0.0.1\"",
        &["ipv4 203.0.113.9", "file wp-login.php"],
    ),
    ("TCP 203.0.113.9:443 -> 198.51.100.4:51234 SYN", &["ipv4 203.0.113.9", "ipv4 198.51.100.4"]),
    ("src=203.0.113.9;dst=198.51.100.4;host=evil.com", &["ipv4 203.0.113.9", "ipv4 198.51.100.4", "domain evil.com"]),
    ("client [2001:db8::5]:51234 and [2001:db8::6]", &["ipv6 2001:db8::5", "ipv6 2001:db8::6"]),
    ("2001:db8:0:0:0:0:0:7%eth0, 2001:db8::/48", &["ipv6 2001:db8::7", "ipv6 2001:db8::", "network 2001:db8::/48"]),
    (
        "scan of 203.0.113.0/24 and 203[.]0[.]113[.]128[/]25",
        &["ipv4 203.0.113.0", "network 203.0.113.0/24", "ipv4 203.0.113.128", "network 203.0.113.128/25"],
    ),
    ("range 203.0.113.1-203.0.113.3", &["ipv4 203.0.113.1", "ipv4 203.0.113.3"]),
    ("at 18:01:02.123, 27/11/2026, 27.11.2026 and 2026-11-27T18:01:02Z", &[]),
    ("MAC 00:1A:2B:3C:4D:5E or 00-1a-2b-3c-4d-5e or 001a.2b3c.4d5e", &[]),
    ("GUID {6B29FC40-CA47-1067-B31D-00DD010662DA}, uuid: 6b29fc40ca471067b31d00dd010662da", &[]),
    // CSV, JSON, tables.
    (
        "ip,port,host\n203.0.113.9,443,evil.com\n198.51.100.4,80,evil.net",
        &["ipv4 203.0.113.9", "domain evil.com", "ipv4 198.51.100.4", "domain evil.net"],
    ),
    (
        "{\"ip\":\"203.0.113.9\",\"url\":\"https:\\/\\/evil.com\\/a\",\"asn\":\"AS64496\"}",
        &["ipv4 203.0.113.9", "url https://evil.com/a", "domain evil.com", "asn AS64496"],
    ),
    (
        "| 203[.]0[.]113[.]9 | evil[.]com | CVE-2026-12345 |",
        &["ipv4 203.0.113.9", "domain evil.com", "cve CVE-2026-12345"],
    ),
    (
        "IOC;Type\nevil[.]com;domain\n44d88612fea8a8f36de82e1278abb02f;md5",
        &["domain evil.com", "md5 44d88612fea8a8f36de82e1278abb02f"],
    ),
    // Versions, numbers, telephones.
    ("version 1.2.3.4, firmware: 10.0.0.1, v1.2.3.4, build 4.5.6.7", &[]),
    ("the server 1.2.3.4 runs nginx/1.18.0 and OpenSSL 3.0.2", &["ipv4 1.2.3.4"]),
    ("LEEF:2.0|Vendor|Product|3.4.5.6|deny|src=203.0.113.9", &["ipv4 203.0.113.9"]),
    ("CEF:0|Vendor|Product|3.4.5.6|100|deny|5|src=203.0.113.9", &["ipv4 203.0.113.9"]),
    ("versions 7.1.2.3, 7.1.2.4 et 7.2.0.1; agent 10.8.11.4 (64 bits), 10.8.11.5 x64, OpenSSL 0.9.8.1", &[]),
    ("firmware 7.1.2.3, 203.0.113.9 attacked; 0.0.0.0:22 listens", &["ipv4 203.0.113.9", "ipv4 0.0.0.0"]),
    ("section 1.2.3.4 of the manual; OID 1.3.6.1.4.1.311", &[]),
    ("Tel. +33 1 23 45 67 89, 01.23.45.67.89, fax 01-23-45-67-89", &[]),
    ("ticket EX-2026-000042, IBAN FR76 3000 6000 0112 3456 7890 189", &[]),
    // Files against names.
    ("see report.zip, setup.py and invoice.pdf.exe", &["file report.zip", "file setup.py", "file invoice.pdf.exe"]),
    (
        "report[.]zip is a host here, http://update.zip/a too",
        &["domain report.zip", "url http://update.zip/a", "domain update.zip"],
    ),
    ("dropped C:\\Users\\bob\\AppData\\evil.dll and /tmp/.x/run.sh", &["file evil.dll", "file run.sh"]),
    ("open README.md, main.rs; ASP.Net, e.g. this, i.e. that", &[]),
    ("os.system(\"x\"); self.id = a.name(); com.example.app", &[]),
    ("video.mov, conf.pl, Zoom.app, crew.cc", &["file video.mov", "file conf.pl", "file Zoom.app", "file crew.cc"]),
    ("evil.com and www.evil.net dropped invoice.exe", &["domain evil.com", "domain www.evil.net", "file invoice.exe"]),
    // Rewriters of links.
    (
        "https://urldefense.com/v3/__https://phish-kit.xyz/index.html__;!!AbC!dEf$",
        &[
            "url https://urldefense.com/v3/__https://phish-kit.xyz/index.html__;!!AbC!dEf$",
            "domain urldefense.com",
            "url https://phish-kit.xyz/index.html",
            "domain phish-kit.xyz",
        ],
    ),
    // Mail headers.
    ("Message-ID: <CAF1a2b3c@mail.evil.com>", &["domain mail.evil.com"]),
    ("In-Reply-To: <1@a.com> and From: x@evil.com", &["domain a.com", "email x@evil.com", "domain evil.com"]),
    (
        "References: <1.2@a.net>\n <CAJx9=abc@b.net>\n\t<3@c.net>\nFrom: <eve@d.net>",
        &["domain a.net", "domain b.net", "domain c.net", "email eve@d.net", "domain d.net"],
    ),
    ("Message-ID:\n <20261124.77@vps.evil.net>\nX-Mailer: PHPMailer 5.2.22", &["domain vps.evil.net"]),
    ("Return-Path: <bounce+ab=corp.example@evil.io>", &["email bounce+ab=corp.example@evil.io", "domain evil.io"]),
    (
        "From: \"Bank\" <alert@evil.com>\nReply-To: other@evil.net",
        &["email alert@evil.com", "domain evil.com", "email other@evil.net", "domain evil.net"],
    ),
    ("mailto:first.last+tag@sub.evil.com?subject=x", &["email first.last+tag@sub.evil.com", "domain sub.evil.com"]),
    ("user@[203.0.113.9] wrote", &["email user@[203.0.113.9]", "ipv4 203.0.113.9"]),
    // Other scripts.
    ("xn--80ak6aa92e.com et bücher.example", &["domain xn--80ak6aa92e.com", "domain bücher.example"]),
    ("сайт пример.рф опасен", &["domain пример.рф"]),
    // Hashes, keys, coins.
    ("SHA-1: DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", &["sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709"]),
    ("PGP fingerprint: DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", &[]),
    ("Empreinte : DA39 A3EE 5E6B 4B0D 3255  BFEF 9560 1890 AFD8 0709", &[]),
    (
        "certificate SHA1 fingerprint da39a3ee5e6b4b0d3255bfef95601890afd80709",
        &["sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709"],
    ),
    (
        "sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.",
        &["sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ),
    ("imphash d41d8cd98f00b204e9800998ecf8427e", &[]),
    ("TVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &[]),
    (
        "pay to bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq or 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        &["bitcoin bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "bitcoin 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"],
    ),
    ("not bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdx nor 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", &[]),
    ("exploits CVE-2021-44228, cve 2014 0160 and CVE‑2023‑1234", &["cve CVE-2021-44228", "cve CVE-2023-1234"]),
    ("AS 64496 (ASN64497), as 2014 was a year", &["asn AS64496", "asn AS64497"]),
    ("ASN: 64496, \"asn\": 64497, asn=64498", &["asn AS64496", "asn AS64497", "asn AS64498"]),
    ("JA3 e7d705a3286e19ea42f587b344ee6865", &[]),
    (
        "SHA1 Fingerprint=A9:4A:8F:E5:CC:B1:9B:A6:1C:4C:08:73:D3:91:E9:87:98:2F:BB:D3",
        &["sha1 a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"],
    ),
    ("key MD5:09:8f:6b:cd:46:21:d3:73:ca:de:4e:83:26:27:b4:f6", &["md5 098f6bcd4621d373cade4e832627b4f6"]),
    ("octets 09:8f:6b:cd:46:21:d3:73:ca:de:4e:83:26:27:b4:f6", &[]),
    (
        "bitcoin:BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4?amount=0.5",
        &["bitcoin bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"],
    ),
];

#[test]
fn p17_texts_of_every_kind_give_what_stands_in_them_and_nothing_else() {
    assert!(TEXTS.len() >= 50);
    let mut faults = Vec::new();
    for (text, wanted) in TEXTS {
        let wanted: BTreeSet<String> = wanted.iter().map(|one| (*one).to_owned()).collect();
        let names_files = wanted.iter().any(|one| one.starts_with("file "));
        let found: BTreeSet<String> = extract(&[(*text).into()])
            .0
            .iter()
            .map(|one| format!("{} {}", one.kind, one.value.raw()))
            .filter(|one| names_files || !one.starts_with("file "))
            .collect();
        if found != wanted {
            let (missed, extra) = (&wanted - &found, &found - &wanted);
            faults.push(format!("{text}\n    missed {missed:?}, extra {extra:?}"));
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), TEXTS.len(), faults.join("\n"));
}
