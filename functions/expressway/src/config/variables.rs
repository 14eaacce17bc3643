//! Environment variables, read one by one, and what is wrong with them.

use super::Mistakes;
use expressway_asl::Document;
use expressway_asl::error_name::ErrorName;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::RangeInclusive;

/// What all of our variables begin with.
const PREFIX: &str = "EXPRESSWAY_";

/// How much of a value a message shows.
const SHOWN_CHARACTERS_MAX: usize = 60;

pub(super) struct Variables {
    unread: BTreeMap<String, String>,
    known: Vec<&'static str>,
    mistakes: Vec<String>,
}

impl Variables {
    pub(super) fn new(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Variables {
        let mut variables = Variables {
            unread: BTreeMap::new(),
            known: Vec::new(),
            mistakes: Vec::new(),
        };
        for (name, value) in environment {
            let Ok(name) = name.into_string() else {
                continue;
            };
            match value.into_string() {
                Ok(value) => {
                    variables.unread.insert(name, value);
                }
                Err(value) if name.starts_with(PREFIX) => {
                    let shown = value.to_string_lossy();
                    variables.mistake(&name, Some(&shown), "must be UTF-8");
                }
                Err(_) => {}
            }
        }
        variables
    }

    /// The value of a variable that is not ours.
    pub(super) fn foreign(&self, name: &str) -> Option<String> {
        self.unread.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// The value of one of our variables.
    pub(super) fn take(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        self.unread.remove(name).filter(|value| !value.is_empty())
    }

    pub(super) fn mistake(&mut self, name: &str, value: Option<&str>, allowed: &str) {
        let value = match value {
            Some(value) => {
                let shown: String = value.chars().take(SHOWN_CHARACTERS_MAX).collect();
                let rest = if shown.len() < value.len() { "..." } else { "" };
                format!("is `{shown}{rest}`, but")
            }
            None => "is not set, it".to_owned(),
        };
        self.mistakes.push(format!("{name} {value} {allowed}"));
    }

    pub(super) fn number(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.take(name)?;
        let number = value.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let allowed = format!("must be a whole number from {} to {}", range.start(), range.end());
            self.mistake(name, Some(&value), &allowed);
        }
        number
    }

    pub(super) fn choice<T: Copy>(&mut self, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let value = self.take(name)?;
        let mut matching = choices.iter().filter(|(text, _)| *text == value);
        let choice = matching.next().map(|(_, choice)| *choice);
        if choice.is_none() {
            let texts: Vec<_> = choices.iter().map(|(text, _)| format!("`{text}`")).collect();
            self.mistake(name, Some(&value), &format!("must be one of {}", texts.join(", ")));
        }
        choice
    }

    /// A JSON object of strings.
    pub(super) fn texts(&mut self, name: &'static str) -> BTreeMap<String, String> {
        let allowed = "must be a JSON object of strings";
        self.members(name, allowed, |value| value.as_str().map(str::to_owned))
    }

    /// A JSON object of HTTP statuses that tell of errors.
    pub(super) fn statuses(&mut self, name: &'static str) -> BTreeMap<String, u16> {
        let allowed = "must be a JSON object of numbers from 400 to 599";
        self.members(name, allowed, |value| {
            let status = value.as_i64().filter(|status| (400..600).contains(status))?;
            u16::try_from(status).ok()
        })
    }

    /// A JSON array of patterns; `None` if the variable is not set, which differs from an empty array.
    pub(super) fn patterns<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let value = self.take(name)?;
        let document = Document::parse(&value).ok();
        let texts = document.as_ref().and_then(Document::as_array);
        let pattern = |text: &Document| {
            let text = text.as_str().ok_or_else(|| "an item is not a string".to_owned())?;
            parse(text)
        };
        let patterns = texts
            .ok_or_else(|| "it is not an array".to_owned())
            .and_then(|texts| texts.iter().map(pattern).collect());
        match patterns {
            Ok(patterns) => Some(patterns),
            Err(problem) => {
                let allowed = format!("must be a JSON array of patterns: {problem}");
                self.mistake(name, Some(&value), &allowed);
                None
            }
        }
    }

    /// A JSON array of strings.
    pub(super) fn text_list(&mut self, name: &'static str) -> Vec<String> {
        let Some(value) = self.take(name) else {
            return Vec::new();
        };
        let document = Document::parse(&value).ok();
        let texts = document.as_ref().and_then(Document::as_array).and_then(|texts| {
            let texts = texts.iter().map(|text| text.as_str().map(str::to_owned));
            texts.collect()
        });
        texts.unwrap_or_else(|| {
            self.mistake(name, Some(&value), "must be a JSON array of strings");
            Vec::new()
        })
    }

    /// A JSON array of error names.
    pub(super) fn error_names(&mut self, name: &'static str) -> Vec<ErrorName> {
        let Some(value) = self.take(name) else {
            return Vec::new();
        };
        let document = Document::parse(&value).ok();
        let names = document.as_ref().and_then(Document::as_array).and_then(|names| {
            let names = names.iter().map(|name| Some(ErrorName::from(name.as_str()?)));
            names.collect()
        });
        names.unwrap_or_else(|| {
            self.mistake(name, Some(&value), "must be a JSON array of error names");
            Vec::new()
        })
    }

    fn members<T>(
        &mut self,
        name: &'static str,
        allowed: &str,
        member: impl Fn(&Document) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let Some(value) = self.take(name) else {
            return BTreeMap::new();
        };
        let document = match Document::parse(&value) {
            Ok(document) => document,
            Err(error) => {
                self.mistake(name, Some(&value), &format!("{allowed}: {error}"));
                return BTreeMap::new();
            }
        };
        let members = document.as_object().and_then(|object| {
            let members = object.iter();
            members
                .map(|(key, value)| Some((key.to_string(), member(value)?)))
                .collect()
        });
        members.unwrap_or_else(|| {
            self.mistake(name, Some(&value), allowed);
            BTreeMap::new()
        })
    }

    /// Ends the reading: what has our prefix and was not read does not exist.
    pub(super) fn finish(mut self) -> Result<(), Mistakes> {
        for name in self.unread.keys().filter(|name| name.starts_with(PREFIX)) {
            let nearest = self.known.iter().min_by_key(|known| distance(known, name));
            let suggestion = match nearest {
                // More than a third of the rest wrong is another word.
                Some(known) if distance(known, name) * 3 <= known.len() - PREFIX.len() => {
                    format!(", did you mean {known}?")
                }
                _ => String::new(),
            };
            self.mistakes.push(format!("{name} is no known variable{suggestion}"));
        }
        match self.mistakes.is_empty() {
            true => Ok(()),
            false => Err(Mistakes { list: self.mistakes }),
        }
    }
}

/// How many characters must be put in, left out or replaced to make one word of the other (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (at, left) in left.chars().enumerate() {
        let mut diagonal = at;
        let mut before = at + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(right.chars()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            before = replaced.min(before + 1).min(*cell + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = at + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_changed_characters() {
        for (left, right, expected) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "abd", 1),
            ("abc", "bc", 1),
            ("", "ab", 2),
        ] {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }
}
