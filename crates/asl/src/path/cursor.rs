//! Reads text character by character and knows where it is.

use super::PathError;

/// A place in a text that is being parsed.
pub(crate) struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t str) -> Cursor<'t> {
        Cursor { text, at: 0 }
    }

    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    /// Goes past `token`, if it is next.
    pub(crate) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Goes past all characters that `accept` accepts and returns them.
    pub(crate) fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|character| !accept(character)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    pub(crate) fn skip_blanks(&mut self) {
        self.take_while(char::is_whitespace);
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> PathError {
        PathError {
            message: message.into(),
            offset: self.at,
        }
    }

    /// An error that says what stands here instead of what was expected.
    pub(crate) fn expected(&self, what: &str) -> PathError {
        match self.peek() {
            Some(found) => self.error(format!("expected {what} but found `{found}`")),
            None => self.error(format!("expected {what} but the text ends here")),
        }
    }

    /// Requires that `token` is next and goes past it.
    pub(crate) fn expect(&mut self, token: &str) -> Result<(), PathError> {
        match self.eat(token) {
            true => Ok(()),
            false => Err(self.expected(&format!("`{token}`"))),
        }
    }
}
