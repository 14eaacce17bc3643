//! The functions that expressions can call.

/// Whether `$name` is a function of JSONata or of Step Functions, unless an expression or a state machine has a
/// variable of that name.
pub(super) fn is_builtin(name: &str) -> bool {
    parameters(name).is_some()
}

/// How many parameters a function has, which says how many of its own arguments `$map` and its like hand over.
pub(super) fn parameters(name: &str) -> Option<usize> {
    let at = BUILTINS.binary_search_by_key(&name, |(known, _)| known).ok()?;
    BUILTINS.get(at).map(|(_, parameters)| *parameters)
}

#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|(name, _)| *name)
}

/// In alphabetical order. `eval` is a name that the service knows and refuses to call.
#[rustfmt::skip]
const BUILTINS: [(&str, usize); 70] = [
    ("abs", 1), ("append", 2), ("assert", 2), ("average", 1), ("base64decode", 1), ("base64encode", 1),
    ("boolean", 1), ("ceil", 1), ("clone", 1), ("contains", 2), ("count", 1), ("decodeUrl", 1),
    ("decodeUrlComponent", 1), ("distinct", 1), ("each", 2), ("encodeUrl", 1), ("encodeUrlComponent", 1),
    ("error", 1), ("eval", 2), ("exists", 1), ("filter", 2), ("floor", 1), ("formatBase", 2), ("formatInteger", 2),
    ("formatNumber", 3), ("fromMillis", 3), ("hash", 2), ("join", 2), ("keys", 1), ("length", 1), ("lookup", 2),
    ("lowercase", 1), ("map", 2), ("match", 3), ("max", 1), ("merge", 1), ("millis", 0), ("min", 1), ("not", 1),
    ("now", 2), ("number", 1), ("pad", 3), ("parse", 1), ("parseInteger", 2), ("partition", 2), ("power", 2),
    ("random", 1), ("range", 3), ("reduce", 3), ("replace", 4), ("reverse", 1), ("round", 2), ("shuffle", 1),
    ("sift", 2), ("single", 2), ("sort", 2), ("split", 3), ("spread", 1), ("sqrt", 1), ("string", 1),
    ("substring", 3), ("substringAfter", 2), ("substringBefore", 2), ("sum", 1), ("toMillis", 2), ("trim", 1),
    ("type", 1), ("uppercase", 1), ("uuid", 0), ("zip", 0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_sorted() {
        assert!(BUILTINS.is_sorted());
        assert!(is_builtin("abs") && is_builtin("zip") && !is_builtin("randomSeeded"));
    }
}
