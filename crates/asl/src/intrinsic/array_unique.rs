//! `States.ArrayUnique(array)`: the items without repetitions.

use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::{Array, Document};
use crate::scope::Scope;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

pub(super) static FUNCTION: Function = Function {
    name: "States.ArrayUnique",
    parameters: &[Kind::Array],
    optional: 0,
    is_variadic: false,
    is_random: |_| false,
    reads: Reads::All,
    evaluate,
};

/// DIFFERENCE: items keep the order in which they first came. The service gives them in the order of a Java
/// hash set, which nobody can build on.
fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    let array = arguments.array(0)?;
    let state = RandomState::new();
    let mut known: HashMap<u64, Vec<&Document>> = HashMap::new();
    let unique: Array = array
        .iter()
        .filter(|item| {
            let same_hash = known.entry(hash(item, &state)).or_default();
            let is_new = !same_hash.contains(item);
            if is_new {
                same_hash.push(item);
            }
            is_new
        })
        .cloned()
        .collect();
    Ok(unique.into())
}

/// Equal documents have equal hashes: `1` and `1.0` do, and objects whatever the order of their keys.
fn hash(document: &Document, state: &RandomState) -> u64 {
    let mut hasher = state.build_hasher();
    std::mem::discriminant(document).hash(&mut hasher);
    match document {
        Document::Null => {}
        Document::Bool(value) => value.hash(&mut hasher),
        Document::Number(number) => number.hash(&mut hasher),
        Document::String(text) => text.hash(&mut hasher),
        // Never met: the arguments were loaded whole. Equal ones have equal keys all the same.
        Document::Reference(reference) => reference.key().hash(&mut hasher),
        Document::Array(array) => array.iter().for_each(|item| hash(item, state).hash(&mut hasher)),
        Document::Object(object) => {
            let members = object.iter().map(|(key, value)| {
                let mut hasher = state.build_hasher();
                key.hash(&mut hasher);
                hash(value, state).hash(&mut hasher);
                hasher.finish()
            });
            members.fold(0_u64, u64::wrapping_add).hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::tests::check;

    #[test]
    fn leaves_out_repetitions() {
        for (input, expected) in [
            ("[]", "[]"),
            ("[3,1,3,2,1]", "[3,1,2]"),
            (r#"[1,"1",1.0,"01",true]"#, r#"[1,"1","01",true]"#),
            ("[null,null,false,0,-0.0]", "[null,false,0]"),
            (r#"[{"a":1,"b":2},{"b":2,"a":1},{"a":1}]"#, r#"[{"a":1,"b":2},{"a":1}]"#),
            ("[[1,2],[2,1],[1,2],[]]", "[[1,2],[2,1],[]]"),
        ] {
            check(input, "States.ArrayUnique($)", expected);
        }
    }

    #[test]
    fn takes_time_in_proportion() {
        let items: Vec<String> = (0..100_000).map(|n| (n % 50_000).to_string()).collect();
        let input = format!("[{}]", items.join(","));
        check(&input, "States.ArrayLength(States.ArrayUnique($))", "50000");
        // As floating-point numbers they are all the same.
        let items: Vec<String> = (0..20_000).map(|n| format!("1000000000000000{n:05}")).collect();
        let input = format!("[{}]", items.join(","));
        check(&input, "States.ArrayLength(States.ArrayUnique($))", "20000");
    }
}
