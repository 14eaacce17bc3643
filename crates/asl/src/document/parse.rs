//! JSON text into documents.

use super::{Array, DEPTH_MAX, Document, Number, Object, Text, parsed_bytes};
use crate::memory;
use std::borrow::Cow;

/// What is wrong with a JSON text, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line}, column {column}")]
pub struct ParseError {
    /// What is wrong, in the words that Step Functions uses for invalid input.
    pub message: String,
    /// Offset in bytes.
    pub offset: usize,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
}

/// Parses one JSON text: UTF-8, at most [`DEPTH_MAX`] deep, nothing after it but white space.
///
/// Of members with the same key the last wins, as in Step Functions.
///
/// # Errors
/// Says what is wrong and where.
pub fn parse(text: &[u8]) -> Result<Document, ParseError> {
    let text = std::str::from_utf8(text).map_err(|error| {
        let valid = text
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok());
        error_at(
            valid.unwrap_or_default(),
            error.valid_up_to(),
            "Invalid UTF-8".to_owned(),
        )
    })?;
    Reader::new(text).whole()
}

/// Parses one JSON text that another system has written, and repairs what has no meaning as text.
///
/// A byte order mark before the text is skipped. U+FFFD stands for bytes that are not UTF-8, as a load balancer
/// passes them on, and for a surrogate without its other half, which `JSON.stringify` writes for a cut emoji. Step
/// Functions refuses both; see [`parse`].
///
/// # Errors
/// Says what else is wrong and where.
pub fn parse_lossy(text: &[u8]) -> Result<Lossy, ParseError> {
    const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let text = String::from_utf8_lossy(text);
    let mut reader = Reader::new(&text);
    reader.replaced_surrogates = Some(0);
    let document = reader.whole()?;
    let is_repaired = reader.replaced_surrogates != Some(0) || matches!(text, Cow::Owned(_));
    Ok(Lossy { document, is_repaired })
}

/// A document that was perhaps repaired.
#[derive(Clone, Debug, PartialEq)]
pub struct Lossy {
    /// The document.
    pub document: Document,
    /// Whether U+FFFD stands for something that was lost.
    pub is_repaired: bool,
}

fn error_at(text: &str, offset: usize, message: String) -> ParseError {
    let (line, column) = line_and_column(text, offset);
    ParseError {
        message,
        offset,
        line,
        column,
    }
}

/// Line and column (in characters), counted from 1, of a byte offset.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (
        line,
        before.get(line_start..).map_or(0, |line| line.chars().count()) + 1,
    )
}

/// What a value begins with.
pub(crate) enum Start {
    Scalar(Document),
    Array,
    Object,
}

/// Reads the tokens of a JSON text. Both documents and definitions (which need positions) are built on it.
pub(crate) struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// How many lone surrogates have been replaced; `None` if they are errors.
    replaced_surrogates: Option<usize>,
}

const EXPECTED_VALUE: &str = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str) -> Reader<'t> {
        Reader {
            text,
            at: 0,
            replaced_surrogates: None,
        }
    }

    /// Reads one document, and nothing after it.
    fn whole(&mut self) -> Result<Document, ParseError> {
        let (bytes, bytes_max) = (self.text.len(), memory::parsed_bytes_max());
        // A value takes less than a hundred times its text: most texts need not be looked at for this.
        if bytes > bytes_max / 100 && parsed_bytes(self.text.as_bytes()) > bytes_max {
            return Err(self.error(format!(
                "The value of this text of {bytes} bytes may take more memory than the {bytes_max} bytes that are left for it"
            )));
        }
        self.skip_white_space();
        let document = self.document(&mut KeyCache::default(), 0)?;
        self.end()?;
        Ok(document)
    }

    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> ParseError {
        error_at(self.text, self.at, message.into())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Skips `byte` and the white space around it, if it is next.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        self.skip_white_space();
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
            self.skip_white_space();
        }
        found
    }

    /// Whether another item of an array or object follows; skips what separates it from the last one, or the
    /// closing bracket.
    pub(crate) fn more_items(&mut self, close: u8, is_first: bool) -> Result<bool, ParseError> {
        if self.eat(close) {
            return Ok(false);
        }
        if is_first || self.eat(b',') {
            return Ok(true);
        }
        let of = if close == b']' { "Array" } else { "Object" };
        Err(self.expected(&format!("comma to separate {of} entries")))
    }

    /// Reads a `${Name}` that stands where a value should; see substitutions of definitions.
    pub(crate) fn placeholder(&mut self) -> Option<&'t str> {
        let (name, _) = self.rest().strip_prefix("${")?.split_once('}')?;
        self.at += name.len() + 3;
        Some(name)
    }

    /// Requires that nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<(), ParseError> {
        self.skip_white_space();
        match self.rest().chars().next() {
            None => Ok(()),
            Some(character) => Err(self.unexpected(character, "end of input after the JSON text")),
        }
    }

    fn unexpected(&self, character: char, expected: &str) -> ParseError {
        let code = u32::from(character);
        self.error(format!(
            "Unexpected character ('{character}' (code {code})): was expecting {expected}"
        ))
    }

    pub(crate) fn expected(&self, expected: &str) -> ParseError {
        match self.rest().chars().next() {
            Some(character) => self.unexpected(character, expected),
            None => self.error(format!("Unexpected end-of-input: was expecting {expected}")),
        }
    }

    /// Reads a scalar whole, or the opening bracket of an array or object.
    pub(crate) fn start(&mut self, depth: u32) -> Result<Start, ParseError> {
        let scalar = match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Document::String(match self.string()? {
                    Cow::Borrowed(text) => text.into(),
                    Cow::Owned(text) => text.into(),
                })
            }
            Some(b'-' | b'0'..=b'9') => Document::Number(self.number()?),
            Some(open @ (b'{' | b'[')) => {
                if depth >= DEPTH_MAX {
                    return Err(self.error(format!(
                        "Document nesting depth exceeds the maximum allowed ({DEPTH_MAX})"
                    )));
                }
                self.at += 1;
                self.skip_white_space();
                return Ok(if open == b'{' { Start::Object } else { Start::Array });
            }
            None => return Err(self.error("Unexpected end-of-input: expected a JSON value")),
            _ => self.literal()?,
        };
        Ok(Start::Scalar(scalar))
    }

    fn literal(&mut self) -> Result<Document, ParseError> {
        let rest = self.rest();
        let word_end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
            .unwrap_or(rest.len());
        let word = rest.get(..word_end).unwrap_or_default();
        let document = match word {
            "true" => Document::Bool(true),
            "false" => Document::Bool(false),
            "null" => Document::Null,
            "" => {
                let character = rest.chars().next().unwrap_or_default();
                let code = u32::from(character);
                let message = format!(
                    "Unexpected character ('{character}' (code {code})): expected a valid value \
                     (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
                );
                return Err(self.error(message));
            }
            _ => {
                let shown: String = word.chars().take(100).collect();
                // The service points behind the token.
                self.at += word_end;
                return Err(self.error(format!("Unrecognized token '{shown}': {EXPECTED_VALUE}")));
            }
        };
        self.at += word_end;
        Ok(document)
    }

    fn digits(&mut self) -> Result<(), ParseError> {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == from {
            Err(self.expected("a digit of a number"))
        } else {
            Ok(())
        }
    }

    fn number(&mut self) -> Result<Number, ParseError> {
        let from = self.at;
        let mut is_integer = true;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.error("Invalid numeric value: Leading zeroes not allowed"));
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            is_integer = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            is_integer = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Number::from_token(
            self.text.get(from..self.at).unwrap_or_default(),
            is_integer,
        ))
    }

    /// Reads a member's key and the colon after it.
    pub(crate) fn key(&mut self) -> Result<Cow<'t, str>, ParseError> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("double-quote to start field name"));
        }
        self.at += 1;
        let key = self.string()?;
        if !self.eat(b':') {
            return Err(self.expected("a colon to separate field name and value"));
        }
        Ok(key)
    }

    /// Reads a string from behind its opening quote.
    fn string(&mut self) -> Result<Cow<'t, str>, ParseError> {
        let from = self.at;
        self.skip_plain();
        if self.peek() == Some(b'"') {
            let text = self.text.get(from..self.at).unwrap_or_default();
            self.at += 1;
            return Ok(Cow::Borrowed(text));
        }
        let mut out = String::from(self.text.get(from..self.at).unwrap_or_default());
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                Some(byte) => {
                    return Err(self.error(format!(
                        "Illegal unquoted character ((CTRL-CHAR, code {byte})): has to be escaped using backslash"
                    )));
                }
                None => {
                    return Err(self.error("Unexpected end-of-input: was expecting closing quote for a string value"));
                }
            }
            let from = self.at;
            self.skip_plain();
            out.push_str(self.text.get(from..self.at).unwrap_or_default());
        }
    }

    /// Goes on to the next quote, backslash or control character, eight bytes at a time.
    fn skip_plain(&mut self) {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGHS: u64 = 0x8080_8080_8080_8080;
        let bytes = self.text.as_bytes();
        while let Some(chunk) = bytes
            .get(self.at..self.at + 8)
            .and_then(|chunk| <[u8; 8]>::try_from(chunk).ok())
        {
            let word = u64::from_le_bytes(chunk);
            // Sets the high bit of each byte that is zero after the exclusive or, or below 0x20. Bytes above a
            // hit may be flagged wrongly, the lowest flag is always right.
            let zero = |word: u64| word.wrapping_sub(ONES) & !word;
            let quote = zero(word ^ (ONES * u64::from(b'"')));
            let backslash = zero(word ^ (ONES * u64::from(b'\\')));
            let control = word.wrapping_sub(ONES * 0x20) & !word;
            let hits = (quote | backslash | control) & HIGHS;
            if hits != 0 {
                self.at += (hits.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
        while self
            .peek()
            .is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
        {
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Result<char, ParseError> {
        let Some(byte) = self.peek() else {
            return Err(self.error("Unexpected end-of-input in character escape sequence"));
        };
        let character = match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => {
                let character = self.rest().chars().next().unwrap_or_default();
                let code = u32::from(character);
                return Err(self.error(format!("Unrecognized character escape '{character}' (code {code})")));
            }
        };
        self.at += 1;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Result<char, ParseError> {
        let first = self.four_digits()?;
        let is_low = |code: u32| (0xdc00..0xe000).contains(&code);
        let code = match first {
            0xd800..0xdc00 if self.rest().starts_with("\\u") => {
                let after_first = self.at;
                self.at += 1;
                let second = self.four_digits()?;
                if is_low(second) {
                    0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                } else {
                    if self.replaced_surrogates.is_some() {
                        // The second is a character, or half of one, of its own.
                        self.at = after_first;
                    }
                    first
                }
            }
            _ => first,
        };
        match (char::from_u32(code), &mut self.replaced_surrogates) {
            (Some(character), _) => Ok(character),
            (None, Some(replaced)) => {
                *replaced += 1;
                Ok(char::REPLACEMENT_CHARACTER)
            }
            (None, None) => Err(self.error("Incomplete surrogate pair in a \\u escape sequence")),
        }
    }

    /// Reads `uXXXX`.
    fn four_digits(&mut self) -> Result<u32, ParseError> {
        let digits = self
            .text
            .get(self.at + 1..self.at + 5)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                self.at += 5;
                Ok(code)
            }
            None => Err(self.error("expected four hexadecimal digits for a \\u escape sequence")),
        }
    }

    fn document(&mut self, keys: &mut KeyCache, depth: u32) -> Result<Document, ParseError> {
        match self.start(depth)? {
            Start::Scalar(document) => Ok(document),
            Start::Array => self.array(keys, depth),
            Start::Object => self.object(keys, depth),
        }
    }

    fn array(&mut self, keys: &mut KeyCache, depth: u32) -> Result<Document, ParseError> {
        let mut items = Vec::new();
        while self.more_items(b']', items.is_empty())? {
            items.push(self.document(keys, depth + 1)?);
        }
        Ok(Document::Array(Array::from(items)))
    }

    fn object(&mut self, keys: &mut KeyCache, depth: u32) -> Result<Document, ParseError> {
        let mut object = Object::new();
        while self.more_items(b'}', object.is_empty())? {
            let key = keys.text(&self.key()?);
            let value = self.document(keys, depth + 1)?;
            object.insert(key, value);
        }
        Ok(Document::Object(object))
    }
}

/// Lets the objects of an array share the text of their keys.
struct KeyCache {
    slots: [Option<Text>; KeyCache::SLOTS],
}

impl Default for KeyCache {
    fn default() -> KeyCache {
        KeyCache {
            slots: [const { None }; KeyCache::SLOTS],
        }
    }
}

impl KeyCache {
    const SLOTS: usize = 64;

    fn text(&mut self, key: &str) -> Text {
        let hash = key.bytes().fold(key.len(), |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(usize::from(byte))
        });
        match self.slots.get_mut(hash % Self::SLOTS) {
            Some(Some(known)) if **known == *key => Text::clone(known),
            Some(slot) => Text::clone(slot.insert(key.into())),
            None => key.into(),
        }
    }
}
