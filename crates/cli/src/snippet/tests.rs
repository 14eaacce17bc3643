use super::*;
use expressway_asl::diagnostic::{Code, Span};

fn diagnostic(start: usize, end: usize) -> Diagnostic {
    Diagnostic {
        code: Code::MissingTransitionTarget,
        severity: Severity::Error,
        message: "Missing 'Next' target: Chrage".to_owned(),
        pointer: Some("/States/Check/Next".to_owned()),
        location: Some("/States/Check/Next".to_owned()),
        span: Span { start, end },
        help: Some("did you mean `Charge`?".to_owned()),
    }
}

fn rendered(text: &str, diagnostic: Diagnostic) -> String {
    let diagnostics = Diagnostics {
        list: vec![diagnostic],
        text: text.to_owned(),
    };
    let mut out = anstream::StripStream::new(Vec::new());
    write_all(&mut out, "orders.asl.json", &diagnostics).unwrap();
    String::from_utf8(out.into_inner()).unwrap()
}

#[test]
fn the_place_is_underlined() {
    let text = "{\n  \"Check\": {\n\t  \"Next\": \"Chrage\",\n  }\n}\n";
    let start = text.find("\"Chrage\"").unwrap();
    assert_eq!(
        rendered(text, diagnostic(start, start + 8)),
        r#"error[MISSING_TRANSITION_TARGET]: Missing 'Next' target: Chrage
 --> orders.asl.json:3:12
  |
3 |    "Next": "Chrage",
  |            ^^^^^^^^
  = at /States/Check/Next
  = help: did you mean `Charge`?

"#
    );
}

#[test]
fn any_span_has_an_excerpt() {
    let long = format!("{}MARKED{}", "b".repeat(100), "a".repeat(100));
    for (text, start, end, line, marks) in [
        ("abc", 1, 2, "abc", " ^"),
        ("abc", 3, 3, "abc", "   ^"),
        ("a\nbcd\ne", 3, 7, "bcd", " ^^"),
        ("ab\r\ncd", 0, 4, "ab", "^^"),
        ("äöü x", 7, 8, "äöü x", "    ^"),
        (
            &long,
            100,
            106,
            &format!("...{}MARKED{}...", "b".repeat(60), "a".repeat(40)),
            &format!("{}^^^^^^", " ".repeat(63)),
        ),
        (&long, 0, 200, &format!("{}...", "b".repeat(100)), &"^".repeat(103)),
    ] {
        let excerpt = Excerpt::of(text, &diagnostic(start, end)).unwrap();
        assert_eq!(excerpt.line, line);
        assert_eq!(excerpt.indent + &excerpt.marks, marks, "{text}");
    }
    for (text, start, end) in [("", 0, 0), ("a\n\nb", 2, 2), ("abc", 5, 9)] {
        assert_eq!(Excerpt::of(text, &diagnostic(start, end)), None, "{text}");
    }
}

#[test]
fn summaries_count() {
    let error = diagnostic(0, 0);
    let warning = Diagnostic {
        severity: Severity::Warning,
        ..diagnostic(0, 0)
    };
    for (list, expected) in [
        (vec![&error], "1 error"),
        (vec![&error, &error, &warning], "2 errors, 1 warning"),
        (vec![&warning, &warning], "2 warnings"),
    ] {
        assert_eq!(summary(list.into_iter()), expected);
    }
}
