//! What the function writes to its log: events of executions in the form of Express workflows, and problems.
//!
//! One JSON object a line, written at once: Lambda makes a log event of each line, and what a killed sandbox
//! had still in a buffer would be lost just when it is needed.

use crate::config::Configuration;
use crate::handler::Observer;
use crate::notice::Notice;
use expressway_asl::Document;
use expressway_asl::document::Text;
use expressway_engine::history::{HistoryEvent, LogLevel};
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// The longest line whose memory is kept for the next one.
const LINE_BYTES_KEPT_MAX: usize = 64 * 1024;

/// Writes log lines.
#[derive(Debug)]
pub struct Log<W> {
    level: LogLevel,
    execution_data: bool,
    out: Mutex<Out<W>>,
}

#[derive(Debug)]
struct Out<W> {
    writer: W,
    line: String,
}

impl Log<io::Stdout> {
    /// A log on the standard output, where Lambda expects it.
    pub fn stdout(configuration: &Configuration) -> Log<io::Stdout> {
        Log::new(io::stdout(), configuration.log_level, configuration.log_execution_data)
    }
}

impl<W: Write> Log<W> {
    /// A log of the events that this level includes, with the data they carry or without.
    pub fn new(writer: W, level: LogLevel, execution_data: bool) -> Log<W> {
        let line = String::new();
        Log {
            level,
            execution_data,
            out: Mutex::new(Out { writer, line }),
        }
    }

    /// Writes a message of the function itself.
    pub fn message(&self, level: &'static str, message: &str) {
        self.write(&Document::object([
            ("level", level.into()),
            ("message", message.into()),
        ]));
    }

    fn write(&self, entry: &Document) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let Out { writer, line } = &mut *out;
        line.clear();
        entry.write_json(line);
        line.push('\n');
        // Nothing can be done about a log that takes no lines, and nothing else should fail for it.
        let _ = writer.write_all(line.as_bytes()).and_then(|()| writer.flush());
        line.shrink_to(LINE_BYTES_KEPT_MAX);
    }
}

impl<W: Write + Send> Observer for Log<W> {
    fn wants_history(&self) -> bool {
        self.level != LogLevel::Off
    }

    fn history_event(&self, execution_arn: &Text, event: &HistoryEvent) {
        if self.level.includes(&event.details) {
            self.write(&event.to_log(execution_arn, self.execution_data));
        }
    }

    fn notice(&self, notice: &Notice) {
        self.write(&notice.to_document());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::{RefusedDelivery, Severity};
    use expressway_engine::StateError;
    use expressway_engine::history::EventDetails;
    use std::time::{Duration, SystemTime};

    fn lines(level: LogLevel, execution_data: bool) -> String {
        let log = Log::new(Vec::new(), level, execution_data);
        let events = [
            EventDetails::ExecutionStarted {
                input: Document::from("a\nb"),
                role_arn: None,
            },
            EventDetails::ExecutionFailed(StateError::new("Oops", "why")),
        ];
        for (at, details) in (1..).zip(events) {
            let event = HistoryEvent {
                id: at,
                previous_id: at - 1,
                time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
                details,
            };
            log.history_event(&"arn:1".into(), &event);
        }
        log.notice(&Notice {
            severity: Severity::Error,
            message: "a\nproblem".to_owned(),
            delivery: None,
        });
        log.notice(&Notice {
            severity: Severity::Warning,
            message: "later".to_owned(),
            delivery: Some(RefusedDelivery {
                reason: "Expressway.ExecutionRunning".to_owned(),
                source: "sqs",
                source_id: Some("m-1".to_owned()),
                execution_arn: Some("arn:1".to_owned()),
                request_id: "r-1".to_owned(),
            }),
        });
        String::from_utf8(log.out.into_inner().unwrap().writer).unwrap()
    }

    const STARTED: &str = r#"{"id":"1","type":"ExecutionStarted","details":{"input":"\"a\\nb\"","inputDetails":{"truncated":false}},"previous_event_id":"0","event_timestamp":"1700000000123","execution_arn":"arn:1","redrive_count":"0"}"#;
    const STARTED_WITHOUT_DATA: &str = r#"{"id":"1","type":"ExecutionStarted","details":{},"previous_event_id":"0","event_timestamp":"1700000000123","execution_arn":"arn:1","redrive_count":"0"}"#;
    const FAILED: &str = r#"{"id":"2","type":"ExecutionFailed","details":{"error":"Oops","cause":"why"},"previous_event_id":"1","event_timestamp":"1700000000123","execution_arn":"arn:1","redrive_count":"0"}"#;
    const PROBLEM: &str = r#"{"level":"ERROR","message":"a\nproblem"}"#;
    const REFUSED: &str = r#"{"level":"WARN","message":"later","reason":"Expressway.ExecutionRunning","source":"sqs","sourceId":"m-1","executionArn":"arn:1","requestId":"r-1"}"#;

    #[test]
    fn the_level_decides_what_is_logged_and_problems_always_are() {
        for (level, execution_data, expected) in [
            (LogLevel::All, true, [STARTED, FAILED, PROBLEM, REFUSED].as_slice()),
            (LogLevel::All, false, &[STARTED_WITHOUT_DATA, FAILED, PROBLEM, REFUSED]),
            (LogLevel::Error, true, &[FAILED, PROBLEM, REFUSED]),
            (LogLevel::Fatal, true, &[FAILED, PROBLEM, REFUSED]),
        ] {
            assert_eq!(lines(level, execution_data), expected.join("\n") + "\n");
        }
    }

    #[test]
    fn at_level_off_nobody_listens() {
        assert!(!Log::new(Vec::new(), LogLevel::Off, true).wants_history());
    }
}
