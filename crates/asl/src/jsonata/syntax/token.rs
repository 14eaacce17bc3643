//! The tokens of an expression.

use super::SyntaxError;
use std::iter::Peekable;
use std::str::CharIndices;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Name,
    Variable,
    Operator,
    String,
    Number,
    /// `true`, `false`, `null`
    Value,
    Regex,
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// What it says: the name without `$`, the string without quotes.
    pub(super) text: String,
    /// Offset in bytes.
    pub(super) offset: usize,
}

impl Token {
    pub(super) fn end(offset: usize) -> Token {
        Token {
            kind: TokenKind::End,
            text: "(end)".to_owned(),
            offset,
        }
    }

    pub(super) fn operator(text: &str, offset: usize) -> Token {
        Token {
            kind: TokenKind::Operator,
            text: text.to_owned(),
            offset,
        }
    }

    pub(super) fn is(&self, operator: &str) -> bool {
        self.kind == TokenKind::Operator && self.text == operator
    }

    /// How it is written into messages.
    pub(super) fn json(&self) -> String {
        match self.kind {
            TokenKind::Number | TokenKind::Value => self.text.clone(),
            // JavaScript writes a regular expression as an object without members.
            TokenKind::Regex => "{}".to_owned(),
            _ => crate::document::Document::from(self.text.as_str()).to_json(),
        }
    }
}

pub(super) struct Lexer<'t> {
    text: &'t str,
    characters: Peekable<CharIndices<'t>>,
}

/// Characters that end a name.
fn ends_name(character: char) -> bool {
    is_blank(character)
        || matches!(
            character,
            '.' | '['
                | ']'
                | '{'
                | '}'
                | '('
                | ')'
                | ','
                | '@'
                | '#'
                | ';'
                | ':'
                | '?'
                | '+'
                | '-'
                | '*'
                | '/'
                | '%'
                | '|'
                | '='
                | '<'
                | '>'
                | '^'
                | '&'
                | '!'
                | '~'
        )
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{b}')
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Lexer<'t> {
        Lexer {
            text,
            characters: text.char_indices().peekable(),
        }
    }

    fn offset(&mut self) -> usize {
        self.characters.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn peek(&mut self) -> Option<char> {
        self.characters.peek().map(|(_, character)| *character)
    }

    fn rest(&mut self) -> &'t str {
        let at = self.offset();
        self.text.get(at..).unwrap_or_default()
    }

    fn skip(&mut self, characters: usize) {
        for _ in 0..characters {
            self.characters.next();
        }
    }

    fn error<T>(&self, code: &'static str, message: impl Into<String>, offset: usize) -> Result<T, SyntaxError> {
        Err(SyntaxError {
            code,
            message: message.into(),
            offset,
        })
    }

    /// The next token. After an operand, `/` is an operator.
    pub(super) fn next(&mut self, after_operand: bool) -> Result<Token, SyntaxError> {
        self.skip_blanks()?;
        let offset = self.offset();
        let Some(character) = self.peek() else {
            return Ok(Token::end(self.text.len()));
        };
        if character == '/' && !after_operand {
            self.skip(1);
            return self.regex(offset);
        }
        let rest = self.rest();
        let pair = ["..", ":=", "!=", ">=", "<=", "**", "~>"];
        if let Some(operator) = pair.into_iter().find(|operator| rest.starts_with(operator)) {
            self.skip(2);
            return Ok(Token::operator(operator, offset));
        }
        if ends_name(character) {
            self.skip(1);
            return Ok(Token::operator(character.encode_utf8(&mut [0; 4]), offset));
        }
        match character {
            '"' | '\'' => self.string(character, offset),
            '`' => self.quoted_name(offset),
            '0'..='9' => self.number(offset),
            _ => Ok(self.word(offset)),
        }
    }

    fn skip_blanks(&mut self) -> Result<(), SyntaxError> {
        loop {
            while self.peek().is_some_and(is_blank) {
                self.skip(1);
            }
            let rest = self.rest();
            let Some(comment) = rest.strip_prefix("/*") else {
                return Ok(());
            };
            let offset = self.offset();
            let Some(length) = comment.find("*/") else {
                return self.error("S0106", "Comment has no closing tag", offset);
            };
            let end = offset + length + 4;
            while self.offset() < end {
                self.skip(1);
            }
        }
    }

    fn regex(&mut self, offset: usize) -> Result<Token, SyntaxError> {
        let start = self.offset();
        let mut depth = 0_i32;
        let mut backslashes = 0;
        while let Some((at, character)) = self.characters.next() {
            // An even number of them are escaped backslashes.
            let is_escaped = backslashes % 2 == 1;
            // Brackets look at the last character only.
            let follows_backslash = backslashes > 0;
            match character {
                '/' if depth == 0 && !is_escaped => {
                    if at == start {
                        return self.error("S0301", "Empty regular expressions are not allowed", at);
                    }
                    while matches!(self.peek(), Some('i' | 'm')) {
                        self.skip(1);
                    }
                    return Ok(Token {
                        kind: TokenKind::Regex,
                        text: String::new(),
                        offset,
                    });
                }
                '(' | '[' | '{' if !follows_backslash => depth += 1,
                ')' | ']' | '}' if !follows_backslash => depth -= 1,
                _ => {}
            }
            backslashes = if character == '\\' { backslashes + 1 } else { 0 };
        }
        self.error("S0302", "No terminating / in regular expression", self.text.len())
    }

    fn string(&mut self, quote: char, offset: usize) -> Result<Token, SyntaxError> {
        self.skip(1);
        let mut text = String::new();
        while let Some((_, character)) = self.characters.next() {
            if character == quote {
                return Ok(Token {
                    kind: TokenKind::String,
                    text,
                    offset,
                });
            }
            if character != '\\' {
                text.push(character);
                continue;
            }
            let at = self.offset();
            match self.characters.next().map(|(_, character)| character) {
                Some(escaped @ ('"' | '\\' | '/')) => text.push(escaped),
                Some('b') => text.push('\u{8}'),
                Some('f') => text.push('\u{c}'),
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some('u') => {
                    let digits = self.rest().get(..4).unwrap_or_default();
                    let Ok(code) = u32::from_str_radix(digits, 16) else {
                        return self.error("S0104", "The escape sequence \\u must be followed by 4 hex digits", at);
                    };
                    text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    self.skip(4);
                }
                escaped => {
                    let escaped = escaped.map(String::from).unwrap_or_default();
                    let token = crate::document::Document::from(escaped).to_json();
                    return self.error("S0103", format!("Unsupported escape sequence: \\{token}"), at);
                }
            }
        }
        self.error(
            "S0101",
            "String literal must be terminated by a matching quote",
            self.text.len(),
        )
    }

    fn quoted_name(&mut self, offset: usize) -> Result<Token, SyntaxError> {
        self.skip(1);
        let mut text = String::new();
        for (_, character) in self.characters.by_ref() {
            if character == '`' {
                return Ok(Token {
                    kind: TokenKind::Name,
                    text,
                    offset,
                });
            }
            text.push(character);
        }
        self.error(
            "S0105",
            "Quoted property name must be terminated with a backquote (`)",
            self.text.len(),
        )
    }

    /// `0` or digits that do not start with it, a fraction, an exponent: as much as is there.
    fn number(&mut self, offset: usize) -> Result<Token, SyntaxError> {
        let rest = self.rest();
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let mut length = if rest.starts_with('0') { 1 } else { digits(rest) };
        let after = |length: usize| rest.get(length..).unwrap_or_default();
        if let Some(fraction) = after(length).strip_prefix('.') {
            let digits = digits(fraction);
            length += if digits > 0 { 1 + digits } else { 0 };
        }
        if let Some(exponent) = after(length).strip_prefix(['e', 'E']) {
            let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let digits = digits(unsigned);
            length += if digits > 0 {
                1 + exponent.len() - unsigned.len() + digits
            } else {
                0
            };
        }
        let token = rest.get(..length).unwrap_or_default();
        let value: f64 = token.parse().unwrap_or(f64::INFINITY);
        if !value.is_finite() {
            let token = crate::document::Document::from(token).to_json();
            return self.error("S0102", format!("Number out of range: {token}"), offset);
        }
        self.skip(length);
        Ok(Token {
            kind: TokenKind::Number,
            text: jsonata_core::value::JValue::Number(value).to_string(),
            offset,
        })
    }

    fn word(&mut self, offset: usize) -> Token {
        while self.peek().is_some_and(|character| !ends_name(character)) {
            self.skip(1);
        }
        let end = self.offset();
        let word = self.text.get(offset..end).unwrap_or_default();
        let (kind, text) = match word.strip_prefix('$') {
            Some(name) => (TokenKind::Variable, name),
            None => match word {
                "and" | "or" | "in" => (TokenKind::Operator, word),
                "true" | "false" | "null" => (TokenKind::Value, word),
                _ => (TokenKind::Name, word),
            },
        };
        Token {
            kind,
            text: text.to_owned(),
            offset,
        }
    }
}
