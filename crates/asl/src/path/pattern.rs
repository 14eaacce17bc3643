//! Regular expressions of filters: `[?(@.name =~ /a.*/i)]`.
//!
//! The subset in which patterns are written: literals, `.`, classes, groups, alternatives and repetitions.
//! Matching follows all alternatives at once, so its time is bounded by the length of the pattern times the
//! length of the text, whatever the pattern.

use super::Cursor;
use crate::resolve::Resolver;

/// A compiled pattern may have this many instructions. Repetitions such as `{100}` are written out.
const INSTRUCTIONS_MAX: usize = 1000;
const NESTING_MAX: usize = 32;

/// Matching is counted as work in portions of so many places.
const PLACES_COUNTED: usize = 10_000;

/// A pattern that a whole text matches or does not match.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern {
    instructions: Vec<Instruction>,
    ignores_case: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Instruction {
    /// Reads one character of the class.
    Read(Class),
    /// Goes on in both places.
    Split(usize, usize),
    Jump(usize),
    AtStart,
    AtEnd,
}

#[derive(Clone, Debug, PartialEq)]
struct Class {
    ranges: Vec<(char, char)>,
    is_negated: bool,
}

/// A part of a pattern, before it becomes instructions.
enum Node {
    Read(Class),
    Sequence(Vec<Node>),
    Either(Vec<Node>),
    Repeat {
        node: Box<Node>,
        min: u32,
        max: Option<u32>,
    },
    AtStart,
    AtEnd,
}

impl Pattern {
    pub(super) fn parse(text: &str, ignores_case: bool) -> Result<Pattern, String> {
        let mut cursor = Cursor::new(text);
        let node = either(&mut cursor, 0)?;
        if !cursor.is_at_end() {
            return Err(unsupported(&cursor));
        }
        let mut pattern = Pattern {
            instructions: Vec::new(),
            ignores_case,
        };
        pattern.emit(&node)?;
        Ok(pattern)
    }

    /// Whether the whole of `text` matches. It does not when the time is up.
    pub(super) fn matches(&self, text: &str, resolver: &dyn Resolver) -> bool {
        let mut uncounted = 0;
        let mut current = Places::new(self.instructions.len() + 1);
        let mut next = Places::new(self.instructions.len() + 1);
        self.enter(0, text.is_empty(), true, &mut current);
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            next.clear();
            uncounted += current.entered.len();
            if uncounted >= PLACES_COUNTED {
                if !resolver.work(uncounted) {
                    return false;
                }
                uncounted = 0;
            }
            let is_end = characters.peek().is_none();
            for at in &current.entered {
                if let Some(Instruction::Read(class)) = self.instructions.get(*at)
                    && class.contains(character, self.ignores_case)
                {
                    self.enter(at + 1, is_end, false, &mut next);
                }
            }
            std::mem::swap(&mut current, &mut next);
        }
        resolver.work(uncounted);
        current.contains(self.instructions.len())
    }

    /// Adds `at` and all that can be reached from it without reading.
    fn enter(&self, at: usize, is_end: bool, is_start: bool, places: &mut Places) {
        let mut waiting = vec![at];
        while let Some(at) = waiting.pop() {
            if !places.add(at) {
                continue;
            }
            match self.instructions.get(at) {
                Some(Instruction::Split(first, second)) => waiting.extend([*second, *first]),
                Some(Instruction::Jump(target)) => waiting.push(*target),
                Some(Instruction::AtStart) if is_start => waiting.push(at + 1),
                Some(Instruction::AtEnd) if is_end => waiting.push(at + 1),
                _ => {}
            }
        }
    }

    fn emit(&mut self, node: &Node) -> Result<(), String> {
        if self.instructions.len() > INSTRUCTIONS_MAX {
            return Err(format!("the pattern is longer than {INSTRUCTIONS_MAX} instructions"));
        }
        match node {
            Node::Read(class) => self.instructions.push(Instruction::Read(class.clone())),
            Node::AtStart => self.instructions.push(Instruction::AtStart),
            Node::AtEnd => self.instructions.push(Instruction::AtEnd),
            Node::Sequence(nodes) => nodes.iter().try_for_each(|node| self.emit(node))?,
            Node::Either(nodes) => self.emit_either(nodes)?,
            Node::Repeat { node, min, max } => {
                for _ in 0..*min {
                    let before = self.instructions.len();
                    self.emit(node)?;
                    if self.instructions.len() == before {
                        // Nothing, however often repeated, is nothing.
                        break;
                    }
                }
                match max {
                    None => self.emit_loop(node)?,
                    Some(max) => (*min..*max).try_for_each(|_| self.emit_optional(node))?,
                }
            }
        }
        Ok(())
    }

    fn emit_either(&mut self, nodes: &[Node]) -> Result<(), String> {
        let Some((last, others)) = nodes.split_last() else {
            return Ok(());
        };
        let mut jumps = Vec::new();
        for node in others {
            let split = self.reserve();
            self.emit(node)?;
            jumps.push(self.reserve());
            self.set(split, Instruction::Split(split + 1, self.instructions.len()));
        }
        self.emit(last)?;
        for jump in jumps {
            self.set(jump, Instruction::Jump(self.instructions.len()));
        }
        Ok(())
    }

    fn emit_loop(&mut self, node: &Node) -> Result<(), String> {
        let split = self.reserve();
        self.emit(node)?;
        self.instructions.push(Instruction::Jump(split));
        self.set(split, Instruction::Split(split + 1, self.instructions.len()));
        Ok(())
    }

    fn emit_optional(&mut self, node: &Node) -> Result<(), String> {
        let split = self.reserve();
        self.emit(node)?;
        self.set(split, Instruction::Split(split + 1, self.instructions.len()));
        Ok(())
    }

    /// Makes room for an instruction whose target is not known yet.
    fn reserve(&mut self) -> usize {
        self.instructions.push(Instruction::Jump(usize::MAX));
        self.instructions.len() - 1
    }

    fn set(&mut self, at: usize, instruction: Instruction) {
        if let Some(place) = self.instructions.get_mut(at) {
            *place = instruction;
        }
    }
}

/// Instructions at which a match stands, each once.
struct Places {
    entered: Vec<usize>,
    is_entered: Vec<bool>,
}

impl Places {
    fn new(count: usize) -> Places {
        Places {
            entered: Vec::new(),
            is_entered: vec![false; count],
        }
    }

    fn add(&mut self, at: usize) -> bool {
        match self.is_entered.get_mut(at) {
            Some(is_entered) if !*is_entered => {
                *is_entered = true;
                self.entered.push(at);
                true
            }
            _ => false,
        }
    }

    fn contains(&self, at: usize) -> bool {
        self.is_entered.get(at).copied().unwrap_or(false)
    }

    fn clear(&mut self) {
        self.entered.clear();
        self.is_entered.fill(false);
    }
}

impl Class {
    fn of(character: char) -> Class {
        Class {
            ranges: vec![(character, character)],
            is_negated: false,
        }
    }

    /// The class that the letter after a backslash stands for.
    fn shorthand(letter: char) -> Option<Class> {
        let ranges: &[(char, char)] = match letter.to_ascii_lowercase() {
            'd' => &[('0', '9')],
            'w' => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
            's' => &[('\t', '\r'), (' ', ' ')],
            _ => return None,
        };
        Some(Class {
            ranges: ranges.to_vec(),
            is_negated: letter.is_ascii_uppercase(),
        })
    }

    fn contains(&self, character: char, ignores_case: bool) -> bool {
        let is_in = |character: char| {
            self.ranges
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&character))
        };
        // As in Java, only ASCII letters have another case here.
        let found = is_in(character)
            || ignores_case && (is_in(character.to_ascii_lowercase()) || is_in(character.to_ascii_uppercase()));
        found != self.is_negated
    }
}

fn unsupported(cursor: &Cursor<'_>) -> String {
    match cursor.peek() {
        Some(found) => format!("the pattern has a `{found}` that is not supported there"),
        None => "the pattern ends too early".to_owned(),
    }
}

fn either(cursor: &mut Cursor<'_>, nesting: usize) -> Result<Node, String> {
    if nesting > NESTING_MAX {
        return Err(format!("a pattern nests at most {NESTING_MAX} deep"));
    }
    let mut nodes = vec![sequence(cursor, nesting)?];
    while cursor.eat("|") {
        nodes.push(sequence(cursor, nesting)?);
    }
    Ok(Node::Either(nodes))
}

fn sequence(cursor: &mut Cursor<'_>, nesting: usize) -> Result<Node, String> {
    let mut nodes = Vec::new();
    while !matches!(cursor.peek(), None | Some('|' | ')')) {
        let node = atom(cursor, nesting)?;
        nodes.push(repeated(cursor, node)?);
    }
    Ok(Node::Sequence(nodes))
}

fn repeated(cursor: &mut Cursor<'_>, node: Node) -> Result<Node, String> {
    let (min, max) = match cursor.peek() {
        Some('*') => (0, None),
        Some('+') => (1, None),
        Some('?') => (0, Some(1)),
        Some('{') => return counted(cursor, node),
        _ => return Ok(node),
    };
    cursor.next();
    finish_repeat(cursor, node, min, max)
}

fn counted(cursor: &mut Cursor<'_>, node: Node) -> Result<Node, String> {
    let number = |cursor: &mut Cursor<'_>| cursor.take_while(|character| character.is_ascii_digit()).parse().ok();
    cursor.next();
    let min: Option<u32> = number(cursor);
    let max = match cursor.eat(",") {
        true => number(cursor),
        false => min,
    };
    match min {
        Some(min) if cursor.eat("}") && max.is_none_or(|max| min <= max) => finish_repeat(cursor, node, min, max),
        _ => Err(unsupported(cursor)),
    }
}

fn finish_repeat(cursor: &mut Cursor<'_>, node: Node, min: u32, max: Option<u32>) -> Result<Node, String> {
    // Whether a repetition is greedy makes no difference to whether the whole text matches.
    cursor.eat("?");
    match (cursor.peek(), &node) {
        (Some('*' | '+' | '{'), _) | (_, Node::AtStart | Node::AtEnd) => Err(unsupported(cursor)),
        _ => Ok(Node::Repeat {
            node: Box::new(node),
            min,
            max,
        }),
    }
}

fn atom(cursor: &mut Cursor<'_>, nesting: usize) -> Result<Node, String> {
    if matches!(cursor.peek(), Some('*' | '+' | '?' | '{' | '}' | ']')) {
        return Err(unsupported(cursor));
    }
    Ok(match cursor.next() {
        Some('(') => {
            if !cursor.eat("?:") && cursor.peek() == Some('?') {
                return Err(unsupported(cursor));
            }
            let node = either(cursor, nesting + 1)?;
            match cursor.eat(")") {
                true => node,
                false => return Err(unsupported(cursor)),
            }
        }
        Some('^') => Node::AtStart,
        Some('$') => Node::AtEnd,
        Some('.') => Node::Read(Class {
            ranges: vec![
                ('\n', '\n'),
                ('\r', '\r'),
                ('\u{85}', '\u{85}'),
                ('\u{2028}', '\u{2029}'),
            ],
            is_negated: true,
        }),
        Some('[') => Node::Read(class(cursor)?),
        Some('\\') => Node::Read(escape(cursor)?),
        Some(character) => Node::Read(Class::of(character)),
        None => return Err(unsupported(cursor)),
    })
}

fn escape(cursor: &mut Cursor<'_>) -> Result<Class, String> {
    let Some(character) = cursor.peek() else {
        return Err(unsupported(cursor));
    };
    let class = match character {
        't' => Class::of('\t'),
        'n' => Class::of('\n'),
        'r' => Class::of('\r'),
        _ if !character.is_alphanumeric() => Class::of(character),
        _ => Class::shorthand(character).ok_or_else(|| unsupported(cursor))?,
    };
    cursor.next();
    Ok(class)
}

/// Parses what follows `[`.
fn class(cursor: &mut Cursor<'_>) -> Result<Class, String> {
    let mut class = Class {
        ranges: Vec::new(),
        is_negated: cursor.eat("^"),
    };
    while !cursor.eat("]") {
        let Some(first) = class_item(cursor, &mut class)? else {
            continue;
        };
        let last = match cursor.rest().starts_with('-') && !cursor.rest().starts_with("-]") {
            true => {
                cursor.next();
                match class_item(cursor, &mut class)? {
                    Some(last) if first <= last => last,
                    _ => return Err(unsupported(cursor)),
                }
            }
            false => first,
        };
        class.ranges.push((first, last));
    }
    match class.ranges.is_empty() {
        true => Err(unsupported(cursor)),
        false => Ok(class),
    }
}

/// One character of a class; none if it was a shorthand, whose ranges are then added.
fn class_item(cursor: &mut Cursor<'_>, class: &mut Class) -> Result<Option<char>, String> {
    match cursor.peek() {
        Some('\\') => {
            cursor.next();
            let escaped = escape(cursor)?;
            match *escaped.ranges {
                [(first, last)] if first == last && !escaped.is_negated => Ok(Some(first)),
                _ if escaped.is_negated => Err(unsupported(cursor)),
                _ => {
                    class.ranges.extend(escaped.ranges);
                    Ok(None)
                }
            }
        }
        Some('[') | None => Err(unsupported(cursor)),
        Some(_) => Ok(cursor.next()),
    }
}
