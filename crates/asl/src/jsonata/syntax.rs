//! What is wrong with the text of an expression, in JSONata's words.
//!
//! The parser that evaluation is built on says less precisely what it expected and does not say where, and it
//! takes some things that JSONata 2.0.6 does not have. So a text is read here first, by the rules of
//! JSONata's own parser (top-down operator precedence), to find the error that it would find first. Nothing is
//! made of what is read.

mod process;
mod token;

use std::borrow::Cow;
use token::{Lexer, Token, TokenKind};

/// An error with JSONata's code, which the service leaves out of its messages.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) code: &'static str,
    pub(super) message: String,
    /// Offset in bytes.
    pub(super) offset: usize,
}

/// Reads a text and gives its first error. What it gives back otherwise means the same, with fields named
/// `and`, `or` and `in` in quotes: the other parser takes some of them for operators.
pub(super) fn check(text: &str) -> Result<Cow<'_, str>, SyntaxError> {
    let mut reader = Reader {
        lexer: Lexer::new(text),
        token: Token::end(0),
        fields: Vec::new(),
        depth: 0,
    };
    reader.advance(false)?;
    let node = reader.expression(0)?;
    if reader.token.kind != TokenKind::End {
        return Err(reader.error("S0201", format!("Syntax error: {}", reader.token.json())));
    }
    process::process(node)?;
    let mut fields = reader.fields;
    if fields.is_empty() {
        return Ok(Cow::Borrowed(text));
    }
    fields.sort_by_key(|field| std::cmp::Reverse(field.offset));
    let mut text = text.to_owned();
    for field in fields {
        // After a dot, a string is a name, too, and the other parser minds it less.
        let is_step = text
            .get(..field.offset)
            .is_some_and(|before| before.trim_end().ends_with('.'));
        let quote = if is_step { '"' } else { '`' };
        text.insert(field.offset + field.text.len(), quote);
        text.insert(field.offset, quote);
    }
    Ok(Cow::Owned(text))
}

/// What was read, as far as later errors depend on it.
#[derive(Debug)]
struct Node {
    kind: Kind,
    token: Token,
    parts: Vec<Node>,
    /// How deeply its parts nest.
    depth: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A token that stands for itself.
    Token,
    /// An operator between two expressions.
    Binary,
    Unary,
    Function,
    /// Anything else whose parts are expressions.
    Other,
}

struct Reader<'t> {
    lexer: Lexer<'t>,
    token: Token,
    /// The places where a name of an operator names a field.
    fields: Vec<Token>,
    /// How many expressions the current one is part of.
    depth: u32,
}

/// How deeply parts may nest; a chain of operators nests as deeply as it is long. The other parser has the same
/// limit.
const DEPTH_MAX: u32 = 1_000;

/// The code of the other parser for an expression that is too deep.
pub(super) const TOO_DEEP: &str = "U1002";

type Outcome<T> = Result<T, SyntaxError>;

/// How tightly an operator binds what is to its left.
fn left_binding_power(token: &Token) -> u32 {
    if token.kind != TokenKind::Operator {
        return 0;
    }
    match token.text.as_str() {
        "[" | "(" | "@" | "#" => 80,
        "." => 75,
        "{" => 70,
        "*" | "/" | "%" => 60,
        "+" | "-" | "&" => 50,
        "=" | "<" | ">" | "!=" | "<=" | ">=" | "~>" | "in" | "^" => 40,
        "and" => 30,
        "or" => 25,
        "?" => 20,
        ":=" => 10,
        _ => 0,
    }
}

impl Reader<'_> {
    fn error(&self, code: &'static str, message: String) -> SyntaxError {
        SyntaxError {
            code,
            message,
            offset: self.token.offset,
        }
    }

    /// Takes the current token. After an operand, `/` divides; elsewhere it starts a regular expression.
    fn advance(&mut self, after_operand: bool) -> Outcome<Token> {
        let next = self.lexer.next(after_operand)?;
        if next.kind == TokenKind::Operator && matches!(next.text.as_str(), "!" | "~") {
            return Err(SyntaxError {
                code: "S0204",
                message: format!("Unknown operator: {}", next.json()),
                offset: next.offset,
            });
        }
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn is_at(&self, operator: &str) -> bool {
        self.token.is(operator)
    }

    fn expect(&mut self, operator: &str, after_operand: bool) -> Outcome<()> {
        if self.is_at(operator) {
            self.advance(after_operand)?;
            return Ok(());
        }
        let expected = Token::operator(operator, 0).json();
        Err(match self.token.kind {
            TokenKind::End => self.error("S0203", format!("Expected {expected} before end of expression")),
            _ => self.error("S0202", format!("Expected {expected}, got {}", self.token.json())),
        })
    }

    fn expression(&mut self, binding_power: u32) -> Outcome<Node> {
        self.depth += 1;
        self.check_depth(self.depth)?;
        let first = self.advance(true)?;
        let mut left = self.prefix(first)?;
        while binding_power < left_binding_power(&self.token) {
            let operator = self.advance(false)?;
            left = self.infix(operator, left)?;
            self.check_depth(self.depth + left.depth)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn check_depth(&self, depth: u32) -> Outcome<()> {
        match depth <= DEPTH_MAX {
            true => Ok(()),
            false => Err(self.error(TOO_DEEP, format!("the expression is deeper than {DEPTH_MAX} levels"))),
        }
    }

    fn prefix(&mut self, token: Token) -> Outcome<Node> {
        if token.kind != TokenKind::Operator {
            return Ok(Node::token(token));
        }
        match token.text.as_str() {
            "and" | "or" | "in" => {
                self.fields.push(token.clone());
                Ok(Node::token(token))
            }
            "*" | "**" | "%" => Ok(Node::token(token)),
            "-" => {
                let operand = self.expression(70)?;
                Ok(Node::new(Kind::Unary, token, vec![operand]))
            }
            "(" => {
                let mut parts = Vec::new();
                while !self.is_at(")") {
                    parts.push(self.expression(0)?);
                    if !self.is_at(";") {
                        break;
                    }
                    self.advance(false)?;
                }
                self.expect(")", true)?;
                Ok(Node::new(Kind::Other, token, parts))
            }
            "[" => {
                let mut parts = Vec::new();
                if !self.is_at("]") {
                    loop {
                        parts.push(self.expression(0)?);
                        if self.is_at("..") {
                            self.advance(false)?;
                            parts.push(self.expression(0)?);
                        }
                        if !self.is_at(",") {
                            break;
                        }
                        self.advance(false)?;
                    }
                }
                self.expect("]", true)?;
                Ok(Node::new(Kind::Other, token, parts))
            }
            "{" => {
                let parts = self.members()?;
                Ok(Node::new(Kind::Other, token, parts))
            }
            "|" => {
                let mut parts = vec![self.expression(0)?];
                self.expect("|", false)?;
                parts.push(self.expression(0)?);
                if self.is_at(",") {
                    self.advance(false)?;
                    parts.push(self.expression(0)?);
                }
                self.expect("|", false)?;
                Ok(Node::new(Kind::Other, token, parts))
            }
            _ => Err(SyntaxError {
                code: "S0211",
                message: format!("The symbol {} cannot be used as a unary operator", token.json()),
                offset: token.offset,
            }),
        }
    }

    fn infix(&mut self, operator: Token, left: Node) -> Outcome<Node> {
        let power = left_binding_power(&operator);
        match operator.text.as_str() {
            "(" => self.call(operator, left),
            "[" if self.is_at("]") => {
                self.advance(false)?;
                Ok(left)
            }
            "[" => {
                let filter = self.expression(0)?;
                self.expect("]", true)?;
                Ok(Node::new(Kind::Binary, operator, vec![left, filter]))
            }
            "^" => {
                self.expect("(", false)?;
                let mut parts = vec![left];
                loop {
                    if self.is_at("<") || self.is_at(">") {
                        self.advance(false)?;
                    }
                    parts.push(self.expression(0)?);
                    if !self.is_at(",") {
                        break;
                    }
                    self.advance(false)?;
                }
                self.expect(")", false)?;
                Ok(Node::new(Kind::Binary, operator, parts))
            }
            "{" => {
                let mut parts = vec![left];
                parts.extend(self.members()?);
                Ok(Node::new(Kind::Binary, operator, parts))
            }
            ":=" => {
                if !left.is_variable() {
                    return Err(SyntaxError {
                        code: "S0212",
                        message: "The left side of := must be a variable name (start with $)".to_owned(),
                        offset: left.token.offset,
                    });
                }
                // One less than its own power: it groups from the right.
                let value = self.expression(9)?;
                Ok(Node::new(Kind::Binary, operator, vec![left, value]))
            }
            "@" | "#" => {
                let variable = self.expression(power)?;
                if !variable.is_variable() {
                    return Err(SyntaxError {
                        code: "S0214",
                        message: format!(
                            "The right side of {} must be a variable name (start with $)",
                            operator.json()
                        ),
                        offset: variable.token.offset,
                    });
                }
                Ok(Node::new(Kind::Binary, operator, vec![left]))
            }
            "?" => {
                let mut parts = vec![left, self.expression(0)?];
                if self.is_at(":") {
                    self.advance(false)?;
                    parts.push(self.expression(0)?);
                }
                Ok(Node::new(Kind::Other, operator, parts))
            }
            _ => {
                let right = self.expression(power)?;
                Ok(Node::new(Kind::Binary, operator, vec![left, right]))
            }
        }
    }

    fn members(&mut self) -> Outcome<Vec<Node>> {
        let mut parts = Vec::new();
        if !self.is_at("}") {
            loop {
                parts.push(self.expression(0)?);
                self.expect(":", false)?;
                parts.push(self.expression(0)?);
                if !self.is_at(",") {
                    break;
                }
                self.advance(false)?;
            }
        }
        self.expect("}", true)?;
        Ok(parts)
    }

    fn call(&mut self, operator: Token, function: Node) -> Outcome<Node> {
        let mut parts = Vec::new();
        if !self.is_at(")") {
            loop {
                if self.is_at("?") {
                    parts.push(Node::token(self.advance(false)?));
                } else {
                    parts.push(self.expression(0)?);
                }
                if !self.is_at(",") {
                    break;
                }
                self.advance(false)?;
            }
        }
        self.expect(")", true)?;
        if !function.is_definition() {
            parts.push(function);
            return Ok(Node::new(Kind::Function, operator, parts));
        }
        let wrong = parts.iter().zip(1..).find(|(parameter, _)| !parameter.is_variable());
        if let Some((parameter, place)) = wrong {
            return Err(SyntaxError {
                code: "S0208",
                message: format!("Parameter {place} of function definition must be a variable name (start with $)"),
                offset: parameter.token.offset,
            });
        }
        if self.is_at("<") {
            self.signature()?;
        }
        self.expect("{", false)?;
        let body = self.expression(0)?;
        self.expect("}", false)?;
        Ok(Node::new(Kind::Other, operator, vec![body]))
    }

    /// Skips the signature of a function, which the other parser checks.
    fn signature(&mut self) -> Outcome<()> {
        let mut depth = 1;
        while depth > 0 && !self.is_at("{") && self.token.kind != TokenKind::End {
            self.advance(false)?;
            if self.is_at(">") {
                depth -= 1;
            } else if self.is_at("<") {
                depth += 1;
            }
        }
        self.expect(">", false)
    }
}

impl Node {
    fn new(kind: Kind, token: Token, parts: Vec<Node>) -> Node {
        let depth = parts.iter().map(|part| part.depth + 1).max().unwrap_or_default();
        Node {
            kind,
            token,
            parts,
            depth,
        }
    }

    fn token(token: Token) -> Node {
        Node::new(Kind::Token, token, Vec::new())
    }

    fn is_variable(&self) -> bool {
        self.kind == Kind::Token && self.token.kind == TokenKind::Variable
    }

    /// Whether a call of it defines a function.
    fn is_definition(&self) -> bool {
        self.kind == Kind::Token
            && self.token.kind == TokenKind::Name
            && matches!(self.token.text.as_str(), "function" | "\u{3bb}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_jsonata_finds_first() {
        for (text, code, message, offset) in [
            ("a[1, 2]", "S0202", r#"Expected "]", got ",""#, 3),
            ("(1", "S0203", r#"Expected ")" before end of expression"#, 2),
            ("1 +", "S0207", "Unexpected end of expression", 3),
            ("", "S0207", "Unexpected end of expression", 0),
            (
                "'abc",
                "S0101",
                "String literal must be terminated by a matching quote",
                4,
            ),
            (r#""\y""#, "S0103", r#"Unsupported escape sequence: \"y""#, 2),
            (
                r#""\u12g4""#,
                "S0104",
                r"The escape sequence \u must be followed by 4 hex digits",
                2,
            ),
            (
                "`a",
                "S0105",
                "Quoted property name must be terminated with a backquote (`)",
                2,
            ),
            ("1 /* no end", "S0106", "Comment has no closing tag", 2),
            ("1e1000", "S0102", r#"Number out of range: "1e1000""#, 0),
            ("1 2", "S0201", "Syntax error: 2", 2),
            ("a ! b", "S0204", r#"Unknown operator: "!""#, 2),
            ("~ 1", "S0204", r#"Unknown operator: "~""#, 0),
            (
                "$a ?: 1",
                "S0211",
                r#"The symbol ":" cannot be used as a unary operator"#,
                4,
            ),
            (
                "$a ?? 1",
                "S0211",
                r#"The symbol "?" cannot be used as a unary operator"#,
                4,
            ),
            (
                "1 := 2",
                "S0212",
                "The left side of := must be a variable name (start with $)",
                0,
            ),
            (
                "function(a){1}",
                "S0208",
                "Parameter 1 of function definition must be a variable name (start with $)",
                9,
            ),
            (
                "$a.1",
                "S0213",
                "The literal value 1 cannot be used as a step within a path expression",
                3,
            ),
            (
                "$a.null.b",
                "S0213",
                "The literal value null cannot be used as a step within a path expression",
                3,
            ),
            (
                "$a{b:c}[0]",
                "S0209",
                "A predicate cannot follow a grouping expression in a step",
                7,
            ),
            (
                "$a{b:c}{d:e}",
                "S0210",
                "Each step can only have one grouping expression",
                7,
            ),
            (
                "$a@b",
                "S0214",
                r#"The right side of "@" must be a variable name (start with $)"#,
                3,
            ),
            (
                "$a[0]@$b",
                "S0215",
                "A context variable binding must precede any predicates on a step",
                5,
            ),
            ("//", "S0301", "Empty regular expressions are not allowed", 1),
            ("/abc", "S0302", "No terminating / in regular expression", 4),
            ("$\u{e4}.'\u{f6}' 1", "S0201", "Syntax error: 1", 9),
        ] {
            let error = check(text).expect_err(text);
            assert_eq!(
                (error.code, error.message.as_str(), error.offset),
                (code, message, offset),
                "{text}"
            );
        }
    }

    #[test]
    fn takes_what_jsonata_takes() {
        for text in [
            "$states.input.a[b > 3]^(>c, d).e{f: $sum(g)}",
            "($f := function($x, $y)<n-n:n>{ $x / $y }; $f(1, ?)(2))",
            "a.b@$c.d#$i[$i = 0].%.e",
            "$replace('a/b', /[/]x\\/(y)/im, 'c') ~> |a|{'b': 1}, ['c']|",
            "[1..3, /* a */ -4][]",
            "and.or.in = in",
            "{'a': true, \"b\": null, `c d`: **.*}",
            "a ? b : c ? d",
            "\u{3bb}($x){$x}(1)",
        ] {
            assert!(check(text).is_ok(), "{text}");
        }
    }
}
