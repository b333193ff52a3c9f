//! What is found in texts, and what is not.

use super::*;

fn seen(text: &str) -> Vec<String> {
    let files = [IndicatorKind::File];
    extract(&[text.into()])
        .0
        .iter()
        .filter(|one| !files.contains(&one.kind))
        .map(|one| format!("{} {}", one.kind, one.value.raw()))
        .collect()
}

#[test]
fn indicators_are_found_refanged_and_normalised() {
    for (text, wanted) in [
        (
            "Seen 198.51.100.7, then 198.51.100.8-198.51.100.9.",
            vec!["ipv4 198.51.100.7", "ipv4 198.51.100.8", "ipv4 198.51.100.9"],
        ),
        (
            "198[.]51[.]100[.]7:443 and 198.51.100.0/24",
            vec!["ipv4 198.51.100.7", "ipv4 198.51.100.0", "network 198.51.100.0/24"],
        ),
        (
            "[2001:DB8::0:1]:80 and 2001:db8::/32, fe80::1%eth0",
            vec!["ipv6 2001:db8::1", "network 2001:db8::/32", "ipv6 2001:db8::", "ipv6 fe80::1"],
        ),
        ("hxxps://Evil[.]Example[.]com/A(b).", vec!["url https://evil.example.com/A(b)", "domain evil.example.com"]),
        (
            "h**p://evil.com, (http://evil.com/x?a=1,2).",
            vec!["url http://evil.com", "url http://evil.com/x?a=1,2", "domain evil.com"],
        ),
        ("http://u:p@evil.com:8080/", vec!["url http://u:p@evil.com:8080/", "domain evil.com"]),
        ("http://[2001:db8::1]:80/a", vec!["url http://[2001:db8::1]:80/a", "ipv6 2001:db8::1"]),
        ("evil.com/payload.exe", vec!["domain evil.com", "url evil.com/payload.exe"]),
        (
            "https://a.com/?u=http%3A%2F%2Fb.com%2Fx&v=1",
            vec![
                "url https://a.com/?u=http%3A%2F%2Fb.com%2Fx&v=1",
                "url http://b.com/x",
                "domain b.com",
                "domain a.com",
            ],
        ),
        ("https:\\/\\/a.com\\/b", vec!["url https://a.com/b", "domain a.com"]),
        (
            "Csirt(at)Corp[dot]com mailto:a.b@corp.com",
            vec!["email csirt@corp.com", "domain corp.com", "email a.b@corp.com"],
        ),
        ("bücher.de xn--bcher-kva.de", vec!["domain bücher.de", "domain xn--bcher-kva.de"]),
        (
            "evil[.]zip http://evil.sh/ a.evil.py",
            vec!["url http://evil.sh/", "domain evil.zip", "domain evil.sh", "domain a.evil.py"],
        ),
        ("md5 D41D8CD98F00B204E9800998ECF8427E", vec!["md5 d41d8cd98f00b204e9800998ecf8427e"]),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709.bin", vec!["sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709"]),
        ("cve-2021-44228, CVE 2014-0160", vec!["cve CVE-2021-44228", "cve CVE-2014-0160"]),
        ("AS64496 asn 64497 AS 64498.", vec!["asn AS64496", "asn AS64497", "asn AS64498"]),
    ] {
        assert_eq!(seen(text), wanted, "{text}");
    }
}

#[test]
fn what_only_looks_like_one_is_left_alone() {
    for text in [
        "report.zip setup.py README.md end.The e.g. i.e. v1.2.3.4 Chrome/17.0.63.56",
        "/usr/lib/x.so C:\\tmp\\evil.com os.name() 12:34:56 AA:BB:CC:DD:EE:FF std::add 1.2.3 256.1.1.1 1.2.3.4.5",
        "imphash: d41d8cd98f00b204e9800998ecf8427e 123e4567-e89b-12d3-a456-426614174000",
        "as 2014 AS1234foobar HUBCAS1234 cve-1 localhost a@b user@host co.uk ..... @@@@ ://",
        "00000000000000000000000000000000 12345678901234567890123456789012",
    ] {
        assert_eq!(seen(text), [""; 0], "{text}");
    }
}

#[test]
fn hostile_floods_end_soon_and_are_cut_at_the_limit() {
    // What takes a step for every pair of octets does not come back from half a million.
    const SIZE: usize = 512 << 10;
    assert_eq!(extract(&[".".repeat(5 << 20).as_str().into()]), (vec![], false));
    for (flood, full) in [
        (".", false),
        ("@", false),
        ("a.", false),
        ("a@", false),
        (":", false),
        ("::1:", false),
        ("[", false),
        ("[.", false),
        ("\\", false),
        ("://", false),
        ("aa://-", false),
        ("a.com/=", false),
        ("a.com/ ", false),
        ("http%3A%2F%2F", false),
        ("(", false),
        ("f", false),
        ("http://a.com/x?http://", false),
        ("a@b.com=", false),
        ("%2F", false),
        ("1.", false),
        ("-", false),
        ("é.", false),
    ] {
        let (list, cut) = extract(&[flood.repeat(SIZE / flood.len()).as_str().into()]);
        assert!(list.len() <= LIMIT && cut == full, "{flood}: {}", list.len());
    }
    let many: String = (0..1_000_000).map(|n| format!("http://a{n}.com/ ")).collect();
    let (list, cut) = extract(&[many.as_str().into()]);
    assert!(list.len() == LIMIT && cut);
    let few: String = (0..LIMIT).map(|n| format!("AS{} ", n + 1)).collect();
    let few: Source = few.as_str().into();
    assert_eq!(
        (extract(&[few]).0.len(), extract(&[few]).1, extract(&[few, "AS4200000000".into()]).1),
        (LIMIT, false, true)
    );
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_it(text in "([a-c.@:/ \\[\\](){}%2F,?é\u{a0}-]|a\\.com|::1|1\\.2\\.3\\.4|://|%3A%2F){0,40}|\\PC{0,80}") {
        let (list, _) = extract(&[text.as_str().into(), "http://".into(), format!("http://{text}").as_str().into()]);
        for one in list {
            proptest::prop_assert!(!one.value.raw().chars().any(|c| c.is_whitespace() || c.is_control()));
        }
    }
}

#[test]
fn five_mebibytes_of_hostile_text_cost_a_bounded_number_of_looks_at_each_octet() {
    const SIZE: usize = 5 << 20;
    let inside: String = (0..600).map(|n| format!("h{n}a://b")).collect::<String>() + " ";
    for flood in [
        ".",
        "@",
        "a@b.",
        "a.com/",
        "http://a.com/x?http://",
        "://",
        "::1 ",
        "h://a/",
        "%3A%2F%2F",
        "f0",
        "1.1.1.1-",
        "a at b dot com ",
        "http%3A%2F%2Fa.com ",
        "http://a,b,",
        "x@[",
        "references:<a><",
        "message-id: a",
        "version 1.2.3.4, 1.2.3.5 ",
        "a:b0:",
        "http://a.com/__http://b.com/__",
        inside.as_str(),
    ] {
        let text = flood.repeat(SIZE / flood.len());
        let work = search(&[text.as_str().into()]).work;
        assert!(work <= 120 * SIZE, "{}: {} looks an octet", &flood[..flood.len().min(20)], work / SIZE);
    }
}

#[test]
fn offsets_point_into_the_text_as_it_was_written() {
    let text = "hxxps[:]//a[.]example/x und ev\u{AD}il[dot]com, csirt at corp dot example; 198[.]51[.]100[.]7";
    for (value, written) in [
        ("https://a.example/x", "hxxps"),
        ("a.example", "a[.]ex"),
        ("evil.com", "ev"),
        ("csirt@corp.example", "csirt"),
        ("198.51.100.7", "198"),
    ] {
        let (list, _) = extract(&[text.into()]);
        let offset = list.iter().find(|one| one.value.raw() == value).map(|one| one.place.offset);
        let offset = offset.unwrap_or_else(|| panic!("no {value}"));
        assert!(text[offset..].starts_with(written), "{value}: {}", &text[offset..]);
    }
}
