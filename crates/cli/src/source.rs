//! What arguments name: files, standard input, or JSON as it stands.

use crate::failure::Failure;
use expressway_asl::Document;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The name of standard input in arguments and messages.
pub(crate) const STANDARD_INPUT: &str = "-";

/// What people call this file.
pub(crate) fn display_name(file: &str) -> &str {
    match file {
        STANDARD_INPUT => "<stdin>",
        file => file,
    }
}

/// The text of a file, or of standard input when its name is `-`.
pub(crate) fn read_file(file: &str) -> Result<String, Failure> {
    let bytes = match file {
        STANDARD_INPUT => {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        }
        file => fs::read(file),
    };
    let bytes = bytes.map_err(|error| unreadable(file, &error))?;
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("`{}` is not UTF-8 text", display_name(file))))
}

fn unreadable(file: &str, error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => Failure::usage(format!("there is no file `{file}`")),
        ErrorKind::IsADirectory => {
            let message = format!("`{file}` is a directory, not a file");
            match definition_in(Path::new(file)) {
                Some(inside) => Failure::with_help(message, format!("did you mean `{}`?", inside.display())),
                None => Failure::usage(message),
            }
        }
        _ => Failure::usage(format!("cannot read `{file}`: {error}")),
    }
}

/// A definition directly inside a directory.
fn definition_in(directory: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
    let mut definitions: Vec<_> = files
        .filter(|path| {
            let name = path.to_string_lossy();
            [".asl.json", ".asl.yaml", ".asl.yml"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .collect();
    definitions.sort();
    definitions.into_iter().next()
}

/// JSON text and where it came from.
#[derive(Debug, PartialEq)]
pub(crate) struct JsonSource {
    /// For messages: the name of the file or of the argument.
    pub(crate) place: String,
    pub(crate) text: String,
}

/// The JSON that an argument of the form `FILE|JSON|-` names. `argument` is the name of the argument.
///
/// What begins like an object, an array or a string is JSON itself; so is any other JSON, such as `5`, unless a file
/// has that name.
pub(crate) fn read_json(argument: &str, value: &str) -> Result<JsonSource, Failure> {
    let is_container = value.trim_start().starts_with(['{', '[', '"']);
    let is_inline = is_container || !Path::new(value).exists() && Document::parse(value).is_ok();
    match is_inline && value != STANDARD_INPUT {
        true => Ok(JsonSource {
            place: argument.to_owned(),
            text: value.to_owned(),
        }),
        false => Ok(JsonSource {
            place: display_name(value).to_owned(),
            text: read_file(value)?,
        }),
    }
}

/// The document that an argument of the form `FILE|JSON|-` names.
pub(crate) fn read_document(argument: &str, value: &str) -> Result<Document, Failure> {
    let JsonSource { place, text } = read_json(argument, value)?;
    Document::parse(&text).map_err(|error| {
        let place = format!("{place}:{}:{}", error.line, error.column);
        Failure::usage(format!("`{argument}` is not JSON: {}\n  --> {place}", error.message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_from_file_names() {
        for value in [
            r#"{"a":1}"#,
            " [1]",
            r#""text""#,
            "5",
            "-5.5",
            "true",
            "null",
            "{broken",
        ] {
            let source = read_json("--input", value).map_err(|_| "not taken as JSON");
            let expected = JsonSource {
                place: "--input".to_owned(),
                text: value.to_owned(),
            };
            assert_eq!(source, Ok(expected), "{value}");
        }
        for value in ["Cargo.toml", "src/main.rs"] {
            assert_eq!(read_json("--input", value).map_err(|_| ()).unwrap().place, value);
        }
        assert!(read_json("--input", "no-such-file.json").is_err());
    }
}
