//! The names of the functions that expressions can call.

/// Whether `$name` is a function of JSONata or of Step Functions, unless an expression or a state machine has a
/// variable of that name.
pub(super) fn is_builtin(name: &str) -> bool {
    BUILTINS.binary_search(&name).is_ok()
}

/// In alphabetical order. `eval` is a name that the service knows and refuses to call.
#[rustfmt::skip]
const BUILTINS: [&str; 70] = [
    "abs", "append", "assert", "average", "base64decode", "base64encode", "boolean", "ceil", "clone", "contains",
    "count", "decodeUrl", "decodeUrlComponent", "distinct", "each", "encodeUrl", "encodeUrlComponent", "error",
    "eval", "exists", "filter", "floor", "formatBase", "formatInteger", "formatNumber", "fromMillis", "hash", "join",
    "keys", "length", "lookup", "lowercase", "map", "match", "max", "merge", "millis", "min", "not", "now", "number",
    "pad", "parse", "parseInteger", "partition", "power", "random", "range", "reduce", "replace", "reverse", "round",
    "shuffle", "sift", "single", "sort", "split", "spread", "sqrt", "string", "substring", "substringAfter",
    "substringBefore", "sum", "toMillis", "trim", "type", "uppercase", "uuid", "zip",
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
