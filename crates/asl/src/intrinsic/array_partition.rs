//! `States.ArrayPartition(array, size)`: the items in arrays of at most that size.

use super::{Arguments, Failure, Function, Kind, Reads};
use crate::document::{Array, Document};
use crate::scope::Scope;

pub(super) static FUNCTION: Function = Function {
    name: "States.ArrayPartition",
    parameters: &[Kind::Array, Kind::Number],
    optional: 0,
    is_variadic: false,
    is_random: |_| false,
    reads: Reads::Surface,
    evaluate,
};

fn evaluate(arguments: Arguments<'_>, _scope: &dyn Scope) -> Result<Document, Failure> {
    let array = arguments.array(0)?;
    match usize::try_from(arguments.truncated(1)?) {
        Ok(size @ 1..) => {
            let parts: Array = array.chunks(size).map(|part| Document::from(part.to_vec())).collect();
            Ok(parts.into())
        }
        _ => Failure::because("the size must be at least 1"),
    }
}

#[cfg(test)]
mod tests {
    use crate::intrinsic::tests::{check, check_failure};

    #[test]
    fn cuts_into_parts() {
        for (input, size, expected) in [
            ("[]", "3", "[]"),
            ("[0,1]", "2", "[[0,1]]"),
            ("[0,1,2]", "2", "[[0,1],[2]]"),
            ("[0,1,2]", "1", "[[0],[1],[2]]"),
            ("[0,1]", "5", "[[0,1]]"),
            ("[1,2,3,4,5]", "2.6", "[[1,2],[3,4],[5]]"),
            ("[1]", "2147483648", "[[1]]"),
        ] {
            check(input, &format!("States.ArrayPartition($, {size})"), expected);
        }
    }

    #[test]
    fn parts_have_a_size() {
        for size in ["0", "-1", "0.9"] {
            check_failure(
                "[1]",
                &format!("States.ArrayPartition($, {size})"),
                "Invalid arguments in States.ArrayPartition: the size must be at least 1",
            );
        }
    }
}
