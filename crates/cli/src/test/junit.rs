//! Results as JUnit XML, which CI servers read.

use super::report::{Ended, FileResult, TestResult};
use std::fmt::Write;
use std::time::Duration;

/// The document: a suite for each file, a case for each test.
pub(super) fn to_xml(files: &[FileResult<'_>], time: Duration) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = || files.iter().flat_map(|file| &file.tests);
    // Writing to a string does not fail.
    let _ = writeln!(xml, "<testsuites{}>", counts(all(), time));
    for file in files {
        let time = file.tests.iter().map(|test| test.time).sum();
        let name = escaped(file.name);
        let _ = writeln!(xml, "  <testsuite name=\"{name}\"{}>", counts(file.tests.iter(), time));
        for test in &file.tests {
            let _ = write!(
                xml,
                "    <testcase name=\"{}\" classname=\"{name}\" time=\"{}\"",
                escaped(test.name),
                seconds(test.time)
            );
            match &test.ended {
                Ended::Passed => xml.push_str("/>\n"),
                Ended::NotRun => xml.push_str(">\n      <skipped/>\n    </testcase>\n"),
                Ended::Failed(_) => {
                    let lines = test.failure_lines();
                    let first = lines.first().map_or("failed", String::as_str);
                    let _ = writeln!(
                        xml,
                        ">\n      <failure message=\"{}\" type=\"expectation\">{}</failure>\n    </testcase>",
                        escaped(first),
                        escaped(&lines.join("\n"))
                    );
                }
            }
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn counts<'t>(tests: impl Iterator<Item = &'t TestResult<'t>>, time: Duration) -> String {
    let (mut all, mut failures, mut skipped) = (0, 0, 0);
    for test in tests {
        all += 1;
        failures += usize::from(matches!(test.ended, Ended::Failed(_)));
        skipped += usize::from(matches!(test.ended, Ended::NotRun));
    }
    let time = seconds(time);
    format!(" tests=\"{all}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{time}\"")
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

/// Text that may stand in XML 1.0. Characters that may not stand there at all are shown by their number.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn text_is_escaped() {
        for (text, expected) in [
            ("a < b && \"c\"", "a &lt; b &amp;&amp; &quot;c&quot;"),
            ("ü\n\t", "ü&#10;&#9;"),
            ("\u{1b}[1m\u{0}\u{ffff}", "\\u{1b}[1m\\u{0}\\u{ffff}"),
        ] {
            assert_eq!(escaped(text), expected, "{text:?}");
        }
    }
}
