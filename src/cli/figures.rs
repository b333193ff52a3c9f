//! `vigie stats`: figures as text, and as one HTML page with plots.
//!
//! The page loads nothing and runs nothing: inline SVG and its own style, dark or light as the reader's
//! screen is; every plot has a title and the same figures as a table. Hostile data: names of constituents and
//! classes, escaped. Failure: the page is not written over another file.

use super::args::Global;
use super::output::{Output, json, write};
use super::reach::Session;
use super::ticket::new_file;
use super::{FAILED, Failure, known, time};
use crate::app::Request;
use crate::app::views::{Answer, FiguresView};
use crate::rules::figures::Count;
use crate::rules::untrusted::Untrusted;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// What is asked.
pub(super) struct Asked<'a> {
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
    pub anonymised: bool,
    pub html: Option<&'a Path>,
}

pub(super) fn run(global: &Global, asked: &Asked) -> Result<u8, Failure> {
    let known = known(global)?;
    let zone = known.settings.team.time_zone.clone();
    let read = |option: &str, text: Option<&str>| text.map(|text| time::read(option, text, &zone)).transpose();
    let (from, to) = (read("--from", asked.from)?, read("--to", asked.to)?);
    let session = Session::open(global, known)?;
    let reply = session.ask(Request::Stats { from, to, anonymised: asked.anonymised })?;
    let Answer::Figures(view) = &reply.answer else {
        return Err(Failure::new(FAILED, "the daemon answered something else; is it of another version?"));
    };
    if let Some(path) = asked.html {
        let failed = |e: std::io::Error| Failure::new(FAILED, format!("{} is not written: {e}", path.display()));
        new_file(path).and_then(|mut file| file.write_all(page(view).as_bytes())).map_err(failed)?;
        return if global.json {
            json(view).map(|()| 0)
        } else {
            write(format!("{}\n", path.display()).as_bytes()).map(|()| 0)
        };
    }
    Output::new(global, &session.settings).show(&reply)?;
    Ok(0)
}

/// A count, or that it is hidden.
fn shown(count: Option<u64>) -> String {
    count.map_or_else(|| "hidden".to_owned(), |count| count.to_string())
}

fn percent(percent: Option<u64>) -> String {
    percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent} %"))
}

fn seconds(seconds: Option<u64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 120 => format!("{seconds} s"),
        Some(seconds) if seconds < 7_200 => format!("{} min", seconds / 60),
        Some(seconds) => format!("{} h", seconds / 3_600),
    }
}

/// The lines that stand above all tables: what, and how much.
fn headline(view: &FiguresView) -> Vec<(String, String)> {
    let figures = &view.figures;
    let (within, escalated) = (figures.promises.answer_within, figures.promises.escalate_after);
    vec![
        ("Tickets received".to_owned(), shown(figures.total)),
        ("Answered by a human".to_owned(), shown(figures.answers)),
        ("Waiting for an answer".to_owned(), shown(figures.waiting)),
        (format!("Answered within {within} business days"), percent(figures.answered_within_promise_percent)),
        (format!("Answered within {escalated} business days"), percent(figures.answered_before_escalation_percent)),
        ("Acknowledged".to_owned(), shown(figures.acknowledged)),
        ("Acknowledgement, median".to_owned(), seconds(figures.acknowledged_median_seconds)),
        ("Acknowledgement, 9 of 10 within".to_owned(), seconds(figures.acknowledged_p90_seconds)),
    ]
}

/// Title and lines of each table.
fn tables(view: &FiguresView) -> [(&'static str, &[Count]); 4] {
    let figures = &view.figures;
    [
        ("Tickets by month", &figures.months),
        ("Tickets by class", &figures.classes),
        ("Tickets by constituent", &figures.constituents),
        ("First answer after business days", &figures.answered_after_days),
    ]
}

/// The figures as text.
pub(super) fn text(view: &FiguresView) -> String {
    let mut out = format!("{}, {} to {}\n\n", view.team, view.from, view.to);
    for (what, value) in headline(view) {
        writeln!(out, "{what:<34} {value:>8}").unwrap_or_default();
    }
    for (title, lines) in tables(view) {
        writeln!(out, "\n{title}").unwrap_or_default();
        let widest = lines.iter().filter_map(|line| line.count).max().unwrap_or(0).max(1);
        for line in lines {
            let bar = "#".repeat(usize::try_from(line.count.unwrap_or(0) * 30 / widest).unwrap_or_default());
            let name: String = Untrusted::from(line.name.as_str()).line().chars().take(32).collect();
            let row = format!("  {name:<32} {:>8}  {bar}", shown(line.count));
            writeln!(out, "{}", row.trim_end()).unwrap_or_default();
        }
    }
    if view.figures.anonymised {
        out.push_str("\nhidden: counts below 5, and those from which one could be computed\n");
    }
    out
}

/// For text and attributes of HTML.
fn escaped(text: &str) -> String {
    let line = Untrusted::from(text).line();
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1d2330;--soft:#5b6475;--line:#c9ced8;--paper:#fff;--bar:#2f6f9f;--mark:#b3261e}\
@media(prefers-color-scheme:dark){:root{--ink:#e8ebf1;--soft:#a7b0c0;--line:#475063;--paper:#151922;--bar:#6fb1e0;--mark:#ff8a80}}\
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;margin:2.5rem 0 .5rem}p{color:var(--soft)}\
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));gap:.75rem}\
dl div{border:1px solid var(--line);border-radius:.4rem;padding:.6rem .8rem}dt{color:var(--soft);font-size:.875rem}\
dd{margin:0;font-size:1.4rem;font-weight:600}svg{width:100%;height:auto;overflow:visible}svg text{font:12px system-ui,sans-serif;fill:var(--ink)}\
.bar{fill:var(--bar)}.none{fill:none;stroke:var(--soft);stroke-dasharray:3 3}.axis{stroke:var(--line)}.due{stroke:var(--mark);stroke-width:2;stroke-dasharray:6 4}\
svg text.due-word{fill:var(--mark);font-weight:600}table{border-collapse:collapse}td,th{padding:.15rem .8rem .15rem 0;text-align:left;font-weight:400}\
td:last-child{text-align:right;font-variant-numeric:tabular-nums}summary{cursor:pointer;color:var(--soft)}";

/// The figures as a page.
fn page(view: &FiguresView) -> String {
    let title = escaped(&format!("{}: figures", view.team));
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1><p>{} to {}</p><dl>",
        escaped(&view.from.to_string()),
        escaped(&view.to.to_string())
    );
    for (what, value) in headline(view) {
        write!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escaped(&what), escaped(&value)).unwrap_or_default();
    }
    out.push_str("</dl>");
    let [months, classes, constituents, days] = tables(view);
    let promises = &view.figures.promises;
    let due = [(promises.answer_within, "promised"), (promises.escalate_after, "escalated")];
    for (at, (title, lines), plot) in [
        (1, months, columns(1, months.0, months.1, &[])),
        (2, classes, rows(2, classes.0, classes.1)),
        (3, constituents, rows(3, constituents.0, constituents.1)),
        (4, days, columns(4, days.0, days.1, &due)),
    ] {
        write!(out, "<section aria-labelledby=\"h{at}\"><h2 id=\"h{at}\">{title}</h2>{plot}<details><summary>As a table</summary><table>").unwrap_or_default();
        for line in lines {
            write!(out, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escaped(&line.name), shown(line.count))
                .unwrap_or_default();
        }
        out.push_str("</table></details></section>");
    }
    if view.figures.anonymised {
        out.push_str("<p>Hidden: counts below 5, and those from which one could be computed.</p>");
    }
    out.push_str("</body></html>\n");
    out
}

fn opened(at: usize, title: &str, lines: &[Count], height: usize) -> String {
    let said: Vec<String> = lines.iter().map(|line| format!("{}: {}", line.name, shown(line.count))).collect();
    format!(
        "<svg viewBox=\"0 0 800 {height}\" role=\"img\" aria-labelledby=\"t{at} d{at}\"><title id=\"t{at}\">{}</title><desc id=\"d{at}\">{}</desc>",
        escaped(title),
        escaped(&said.join(", "))
    )
}

fn most(lines: &[Count]) -> u64 {
    lines.iter().filter_map(|line| line.count).max().unwrap_or(0).max(1)
}

/// Upright bars; `due`: after how many of them a line is drawn, and its word.
fn columns(at: usize, title: &str, lines: &[Count], due: &[(u32, &str)]) -> String {
    const TOP: f64 = 30.0;
    const HEIGHT: f64 = 180.0;
    let mut out = opened(at, title, lines, 250);
    let step = 800.0 / lines.len().max(1) as f64;
    let every = lines.len().div_ceil(14).max(1);
    for (place, line) in lines.iter().enumerate() {
        let x = place as f64 * step + step * 0.12;
        let (width, middle) = (step * 0.76, place as f64 * step + step / 2.0);
        let (class, height) = match line.count {
            Some(count) => ("bar", HEIGHT * count as f64 / most(lines) as f64),
            None => ("none", HEIGHT / 6.0),
        };
        let y = TOP + HEIGHT - height;
        write!(out, "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>")
            .unwrap_or_default();
        if place % every == 0 {
            let (label, count) =
                (escaped(&line.name), line.count.map_or_else(|| "?".to_owned(), |count| count.to_string()));
            write!(
                out,
                "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{count}</text><text x=\"{middle:.1}\" y=\"232\" text-anchor=\"middle\">{label}</text>",
                y - 5.0
            )
            .unwrap_or_default();
        }
    }
    write!(out, "<line class=\"axis\" x1=\"0\" y1=\"210\" x2=\"800\" y2=\"210\"/>").unwrap_or_default();
    for (days, word) in due {
        let x = f64::from(*days) * step;
        if x < 800.0 {
            write!(
                out,
                "<line class=\"due\" x1=\"{x:.1}\" y1=\"8\" x2=\"{x:.1}\" y2=\"210\"/><text class=\"due-word\" x=\"{:.1}\" y=\"18\">{word} ({days})</text>",
                x + 6.0
            )
            .unwrap_or_default();
        }
    }
    out + "</svg>"
}

/// Lying bars, the first twenty lines.
fn rows(at: usize, title: &str, lines: &[Count]) -> String {
    let lines = &lines[..lines.len().min(20)];
    let mut out = opened(at, title, lines, lines.len() * 26 + 8);
    for (place, line) in lines.iter().enumerate() {
        let y = place * 26 + 6;
        let (class, width) = match line.count {
            Some(count) => ("bar", 480.0 * count as f64 / most(lines) as f64),
            None => ("none", 40.0),
        };
        let name: String = line.name.chars().take(34).collect();
        write!(
            out,
            "<text x=\"0\" y=\"{0}\">{1}</text><rect class=\"{class}\" x=\"240\" y=\"{y}\" width=\"{width:.1}\" height=\"16\"/><text x=\"{2:.1}\" y=\"{0}\">{3}</text>",
            y + 13,
            escaped(&name),
            248.0 + width,
            line.count.map_or_else(|| "?".to_owned(), |count| count.to_string())
        )
        .unwrap_or_default();
    }
    out + "</svg>"
}
