//! Whatever is attached to a mail comes back octet for octet, in every transfer encoding.

#[path = "support/plainly.rs"]
mod plain;

use base64::Engine;
use proptest::prelude::*;
use vigie::arrive::read::read;

fn quoted_printable(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'!'..=b'<' | b'>'..=b'~' => out.push(*byte as char),
            _ => out.push_str(&format!("={byte:02X}")),
        }
        if index % 20 == 19 {
            out.push_str("=\r\n");
        }
    }
    out
}

fn part(bytes: &[u8], encoding: &str, kind: &str, index: usize) -> Vec<u8> {
    let mut out = format!(
        "--=_edge\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\
         Content-Disposition: attachment; filename=\"f{index}.bin\"\r\n\r\n"
    )
    .into_bytes();
    match encoding {
        "base64" => {
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            for line in text.as_bytes().chunks(76) {
                out.extend_from_slice(line);
                out.extend_from_slice(b"\r\n");
            }
        }
        "quoted-printable" => out.extend_from_slice(quoted_printable(bytes).as_bytes()),
        _ => out.extend_from_slice(bytes),
    }
    out.extend_from_slice(b"\r\n");
    out
}

proptest! {
    #[test]
    fn attachments_come_back_octet_for_octet(
        files in prop::collection::vec(
            (
                prop::collection::vec(any::<u8>(), 0..300),
                prop::sample::select(vec!["base64", "quoted-printable", "8bit"]),
                prop::sample::select(vec!["application/octet-stream", "text/plain", "text/html", "image/png", "application/pgp-keys"]),
            ),
            1..8,
        ),
        nested in any::<bool>(),
    ) {
        let mut raw = b"From: a@x.example\r\nContent-Type: multipart/mixed; boundary=\"=_edge\"\r\n\r\n".to_vec();
        if nested {
            raw = b"From: a@x.example\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n\
                Content-Type: multipart/mixed; boundary=\"=_edge\"\r\n\r\n".to_vec();
        }
        for (index, (bytes, encoding, kind)) in files.iter().enumerate() {
            raw.extend(part(bytes, encoding, kind, index));
        }
        raw.extend_from_slice(b"--=_edge--\r\n");
        if nested {
            raw.extend_from_slice(b"--outer--\r\n");
        }
        let report = read(plain::plainly(&raw));
        let got: Vec<&[u8]> = report.attachments.iter().map(|one| one.bytes.as_slice()).collect();
        let sent: Vec<&[u8]> = files.iter().map(|(bytes, ..)| bytes.as_slice()).collect();
        prop_assert_eq!(got, sent);
    }

    #[test]
    fn a_forwarded_mail_comes_back_octet_for_octet(body in any::<Vec<u8>>(), encoded in any::<bool>()) {
        let mut inner = b"From: b@y.example\r\nSubject: inner\r\n\r\n".to_vec();
        inner.extend_from_slice(&body);
        let encoding = if encoded { "base64" } else { "8bit" };
        let mut raw = b"From: a@x.example\r\nContent-Type: multipart/mixed; boundary=\"=_edge\"\r\n\r\n".to_vec();
        raw.extend(part(&inner, encoding, "message/rfc822", 0));
        raw.extend_from_slice(b"--=_edge--\r\n");
        let report = read(plain::plainly(&raw));
        prop_assert_eq!(&report.attachments[0].bytes, &inner);
        prop_assert_eq!(report.attachments.len(), 1);
    }

    #[test]
    fn any_octets_give_a_report(raw in any::<Vec<u8>>()) {
        let report = read(plain::plainly(&raw));
        prop_assert!(!report.problems.is_empty() || !report.text.is_blank() || !report.attachments.is_empty());
    }
}
