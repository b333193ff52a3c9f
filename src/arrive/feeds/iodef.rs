//! The Incident Object Description Exchange Format, version 1 (RFC 5070) and 2 (RFC 7970).
//!
//! Hostile data: an XML part. Failure: `None` where it breaks the schema: the namespace, and in each
//! incident a purpose, an ID with the name of its giver, the time that its version asks for, and a
//! contact. roxmltree refuses a document type, so there are no entities to expand and none to fetch
//! (T78); it opens no file and no connection.
//! Limits: 10 MiB, 100,000 nodes, depth 32, 500 fields shown, 2,000 octets a value.

use super::fields::cut;
use crate::rules::feed::{FeedReport, Format, ip};
use crate::rules::untrusted::Untrusted;
use roxmltree::{Document, Node, ParsingOptions};

const SIZE: usize = 10 << 20;
const NODES: u32 = 100_000;
const DEPTH: usize = 32;
const SHOWN: usize = 500;
const VALUE: usize = 2_000;
const NAMESPACES: [(&str, u8); 2] = [("urn:ietf:params:xml:ns:iodef-1.0", 1), ("urn:ietf:params:xml:ns:iodef-2.0", 2)];
const PURPOSES: [&str; 6] = ["traceback", "mitigation", "reporting", "watch", "other", "ext-value"];

/// Whether octets may be such a document: its root stands near the top.
pub(super) fn looks_so(bytes: &[u8]) -> bool {
    let top = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
    top.contains("<IODEF-Document") || top.contains(":IODEF-Document")
}

/// Reads the octets of the part.
pub(super) fn read(bytes: &[u8]) -> Option<FeedReport> {
    if bytes.len() > SIZE || is_too_deep(bytes) {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).ok()?;
    let root = document.root_element();
    let namespace = root.tag_name().namespace()?;
    let (_, major) = NAMESPACES.into_iter().find(|(known, _)| *known == namespace)?;
    let version = root.attribute("version").unwrap_or_default();
    if root.tag_name().name() != "IODEF-Document" || version.split('.').next() != Some(&major.to_string()) {
        return None;
    }
    let incidents: Vec<Node> = children(root, "Incident").collect();
    let first = *incidents.first()?;
    if !incidents.iter().all(|incident| is_incident(*incident, major)) {
        return None;
    }
    let mut report = FeedReport::new(Format::Iodef);
    report.version = cut(version, 20).into();
    report.kind = cut(first.attribute("purpose").unwrap_or_default(), 100).into();
    report.category = category(first).into();
    report.incidents = incidents.len() as u64;
    if let Some(source) = source(first) {
        report.set_source(&source);
    }
    report.reported_domain = name_of_source(first).map(Untrusted::from);
    report.arrival_date = said(first, "ReportTime").or_else(|| said(first, "GenerationTime"))?.parse().ok();
    report.fields = fields(root);
    Some(report)
}

/// The way down must have an end before a parser goes it. One pass over the tags; a document type
/// counts as too deep, and so does what is never closed.
fn is_too_deep(bytes: &[u8]) -> bool {
    let (mut depth, mut at) = (0usize, 0usize);
    let find = |from: usize, end: &[u8]| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.windows(end.len()).position(|window| window == end).map(|found| from + found + end.len())
    };
    while let Some(tag) = find(at, b"<") {
        let rest = &bytes[tag..];
        let behind = match rest {
            [b'!', b'-', b'-', ..] => find(tag + 3, b"-->"),
            [b'!', b'[', ..] => find(tag + 2, b"]]>"),
            [b'?', ..] => find(tag + 1, b"?>"),
            [b'!', ..] => None,
            _ => end_of_tag(rest).map(|length| tag + length),
        };
        let Some(behind) = behind else { return true };
        match rest[0] {
            b'/' => depth = depth.saturating_sub(1),
            b'!' | b'?' => {}
            _ if bytes[..behind].ends_with(b"/>") => {}
            _ => depth += 1,
        }
        if depth > DEPTH {
            return true;
        }
        at = behind;
    }
    false
}

/// Length of a tag up to and with its `>`; one in quotes is none.
fn end_of_tag(tag: &[u8]) -> Option<usize> {
    let mut quote = None;
    let end = tag.iter().position(|&byte| match quote {
        Some(open) => {
            if byte == open {
                quote = None;
            }
            false
        }
        None if byte == b'"' || byte == b'\'' => {
            quote = Some(byte);
            false
        }
        None => byte == b'>',
    });
    end.map(|end| end + 1)
}

fn is_incident(incident: Node, major: u8) -> bool {
    let id = children(incident, "IncidentID").next();
    let id = id.is_some_and(|id| id.attribute("name").is_some() && id.text().is_some_and(|t| !t.trim().is_empty()));
    let purpose = incident.attribute("purpose").is_some_and(|purpose| PURPOSES.contains(&purpose));
    // RFC 5070 3.2 requires ReportTime, RFC 7970 3.2 GenerationTime.
    let time = said(incident, if major == 1 { "ReportTime" } else { "GenerationTime" });
    let time = time.is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok());
    let contact = children(incident, "Contact").next();
    let contact = contact.is_some_and(|c| c.attribute("role").is_some() && c.attribute("type").is_some());
    id && purpose && time && contact
}

fn children<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.tag_name().name() == name)
}

/// The text of the first child of that name.
fn said<'a>(node: Node<'a, '_>, name: &'static str) -> Option<&'a str> {
    children(node, name).next().and_then(|child| child.text()).map(str::trim).filter(|text| !text.is_empty())
}

/// The impact that the reporter states: RFC 5070 3.10.1, RFC 7970 3.12.1.
fn category(incident: Node) -> String {
    let impact = incident
        .descendants()
        .filter(|n| matches!(n.tag_name().name(), "Impact" | "SystemImpact" | "IncidentCategory"));
    let word = impact.filter_map(|n| n.attribute("type").or(n.text().map(str::trim))).find(|word| !word.is_empty());
    cut(word.unwrap_or_default(), 100).to_owned()
}

/// Systems that the incident comes from.
fn sources<'a, 'i>(incident: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    let is_source = |node: &Node| node.tag_name().name() == "System" && node.attribute("category") == Some("source");
    incident.descendants().filter(is_source)
}

/// The first address of a source, else its name.
fn source(incident: Node) -> Option<String> {
    let addresses =
        sources(incident).flat_map(|system| system.descendants()).filter(|n| n.tag_name().name() == "Address");
    let texts = addresses.filter_map(|node| node.text()).map(str::trim).filter(|text| !text.is_empty());
    let texts: Vec<&str> = texts.take(100).collect();
    let first = texts.iter().find(|text| ip(text).is_some()).or(texts.first()).map(|text| cut(text, VALUE).to_owned());
    first.or_else(|| name_of_source(incident))
}

/// NodeName (RFC 5070 3.16), DomainData/Name (RFC 7970 3.19).
fn name_of_source(incident: Node) -> Option<String> {
    let is_name = |node: &Node| {
        let in_domain = node.parent().is_some_and(|parent| parent.tag_name().name() == "DomainData");
        node.tag_name().name() == "NodeName" || node.tag_name().name() == "Name" && in_domain
    };
    let names = sources(incident).flat_map(|system| system.descendants()).filter(is_name);
    names.filter_map(|node| node.text()).map(|text| cut(text.trim(), 255).to_owned()).find(|text| !text.is_empty())
}

/// Texts and attributes with the names of their elements, in order.
fn fields(root: Node) -> Vec<(String, Untrusted)> {
    let mut fields = Vec::new();
    for node in root.descendants().filter(Node::is_element) {
        let name = cut(node.tag_name().name(), 100);
        for attribute in node.attributes() {
            fields.push((format!("{name}@{}", cut(attribute.name(), 100)), cut(attribute.value(), VALUE).into()));
        }
        if let Some(text) = node.text().map(str::trim).filter(|text| !text.is_empty()) {
            fields.push((name.to_owned(), cut(text, VALUE).into()));
        }
        if fields.len() >= SHOWN {
            fields.truncate(SHOWN);
            break;
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION_1: &str = r#"<?xml version="1.0"?><IODEF-Document version="1.00" lang="en" xmlns="urn:ietf:params:xml:ns:iodef-1.0">
        <Incident purpose="reporting"><IncidentID name="csirt.example">7</IncidentID><ReportTime>2026-11-27T18:01:00+01:00</ReportTime>
        <Assessment><Impact type="dos"/></Assessment><Contact role="creator" type="organization"><Email>a@csirt.example</Email></Contact>
        <EventData><Flow><System category="target"><Node><Address category="ipv4-addr">198.51.100.9</Address></Node></System>
        <System category="source"><Node><NodeName>bot.example</NodeName><Address category="ipv4-addr">192.0.2.1</Address></Node></System></Flow></EventData>
        </Incident></IODEF-Document>"#;

    const VERSION_2: &str = r#"<iodef:IODEF-Document version="2.00" xml:lang="en" xmlns:iodef="urn:ietf:params:xml:ns:iodef-2.0">
        <iodef:Incident purpose="watch" restriction="green"><iodef:IncidentID name="csirt.example">8</iodef:IncidentID>
        <iodef:GenerationTime>2026-11-27T17:01:00Z</iodef:GenerationTime>
        <iodef:Contact type="organization" role="creator"><iodef:ContactName>C</iodef:ContactName></iodef:Contact>
        <iodef:EventData><iodef:Flow><iodef:System category="source"><iodef:Node><iodef:DomainData system-status="spoofed" domain-status="unknown">
        <iodef:Name>Phish.example</iodef:Name></iodef:DomainData></iodef:Node></iodef:System></iodef:Flow></iodef:EventData>
        </iodef:Incident></iodef:IODEF-Document>"#;

    #[test]
    fn both_versions_are_read_into_their_fields() {
        let one = read(VERSION_1.as_bytes()).unwrap();
        assert_eq!((one.version.raw(), one.kind.raw(), one.category.raw()), ("1.00", "reporting", "dos"));
        assert_eq!(one.source_ip.map(|ip| ip.to_string()).as_deref(), Some("192.0.2.1"));
        assert_eq!(one.reported_domain.as_ref().map(|d| d.raw()), Some("bot.example"));
        assert_eq!(one.arrival_date.unwrap().to_string(), "2026-11-27T17:01:00Z");
        let two = read(VERSION_2.as_bytes()).unwrap();
        assert_eq!((two.version.raw(), two.kind.raw(), two.incidents), ("2.00", "watch", 1));
        assert_eq!(two.source.as_ref().map(|s| s.raw()), Some("Phish.example"));
        assert_eq!(two.field("Incident@restriction"), Some("green"));
        assert!(read(&[b"\xEF\xBB\xBF", VERSION_2.as_bytes()].concat()).is_some());
    }

    #[test]
    fn what_breaks_the_schema_is_no_report() {
        for (from, to) in [
            ("iodef-1.0", "iodef-9.0"),
            ("version=\"1.00\"", "version=\"2.00\""),
            ("purpose=\"reporting\"", ""),
            ("purpose=\"reporting\"", "purpose=\"fun\""),
            ("IncidentID", "ID"),
            (" name=\"csirt.example\"", ""),
            ("ReportTime", "Time"),
            ("2026-11-27T18:01:00+01:00", "yesterday"),
            ("Contact", "Nobody"),
            ("<Incident purpose", "<X purpose"),
            ("</IODEF-Document>", ""),
        ] {
            assert!(read(VERSION_1.replacen(from, to, 9).as_bytes()).is_none(), "{from}");
        }
    }

    #[test]
    fn xml_bombs_and_external_entities_are_no_reports_and_cost_nothing() {
        let entities: String =
            (1..10).map(|n| format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10))).collect();
        let laughs = VERSION_1.replacen("?>", &format!("?><!DOCTYPE x [<!ENTITY a0 \"ha\">{entities}]>"), 1);
        let laughs = laughs.replace(">7<", ">&a9;<");
        assert!(read(laughs.as_bytes()).is_none());
        let external = VERSION_1.replacen("?>", "?><!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>", 1);
        assert!(read(external.replace(">7<", ">&e;<").as_bytes()).is_none());
        let deep = VERSION_1.replace(">7<", &format!(">{}x{}<", "<a>".repeat(200_000), "</a>".repeat(200_000)));
        assert!(read(deep.as_bytes()).is_none());
        let wide = VERSION_1.replace("<EventData>", &format!("{}<EventData>", "<a/>".repeat(150_000)));
        assert!(read(wide.as_bytes()).is_none());
        let unclosed = format!("{}{}", &VERSION_1[..300], "<a b='".repeat(100_000));
        assert!(read(unclosed.as_bytes()).is_none());
        let hidden = VERSION_1.replace(">7<", &format!(">{}<", "<a b='/>'><!-- > </a> -->".repeat(100_000)));
        assert!(read(hidden.as_bytes()).is_none());
        for octets in [&b"<"[..], b"<a ", b"<!-- ", b"<a '", b">", b"&", b"<?"] {
            assert!(read(&octets.repeat(SIZE / octets.len())).is_none());
        }
        assert!(read(&vec![b'<'; SIZE + 1]).is_none());
        let attributes = VERSION_1.replace(
            "<EventData>",
            &format!("<a {}/><EventData>", (0..5_000).map(|n| format!("a{n}='x' ")).collect::<String>()),
        );
        assert!(read(attributes.as_bytes()).is_some_and(|report| report.fields.len() == SHOWN));
    }
}
