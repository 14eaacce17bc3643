//! Who an execution on a developer's machine is.

use crate::failure::Failure;
use expressway_asl::intrinsic::version_4;
use expressway_engine::{Entropy, Identity, SystemEntropy};
use std::env;

/// An account that belongs to nobody.
const ACCOUNT: &str = "111111111111";

/// How the user may name an execution.
#[derive(clap::Args)]
pub(crate) struct IdentityArguments {
    /// Name of the execution [default: a UUID]
    #[arg(long)]
    name: Option<String>,
    /// ARN of the execution, which also tells the state machine, the region and the account
    #[arg(long, value_name = "ARN")]
    execution_arn: Option<String>,
}

impl IdentityArguments {
    /// The identity of an execution of this state machine.
    pub(crate) fn identity(&self, machine: &str) -> Result<Identity, Failure> {
        if let Some(name) = &self.name {
            check_name(name)?;
        }
        if let Some(arn) = &self.execution_arn {
            return named_by(arn, self.name.as_deref());
        }
        let name = self.name.clone().unwrap_or_else(uuid);
        Ok(named(machine, &name))
    }
}

/// The identity of an execution without a name of its own.
pub(crate) fn anonymous(machine: &str) -> Identity {
    named(machine, &uuid())
}

/// The identity of an execution as Express workflows have it, without a name of its own.
pub(crate) fn express(machine: &str) -> Identity {
    let (name, region) = (uuid(), region());
    let machine = valid_name(machine);
    let arn = format!("arn:aws:states:{region}:{ACCOUNT}:express:{machine}:{name}");
    let parts = Parts {
        partition: "aws",
        region: &region,
        account: ACCOUNT,
        machine: &machine,
    };
    parts.identity(&name, Some(&arn))
}

pub(crate) fn named(machine: &str, name: &str) -> Identity {
    let parts = Parts {
        partition: "aws",
        region: &region(),
        account: ACCOUNT,
        machine: &valid_name(machine),
    };
    parts.identity(name, None)
}

/// The ARN of a Lambda function that runs this state machine.
pub(crate) fn function_arn(machine: &str) -> String {
    format!("arn:aws:lambda:{}:{ACCOUNT}:function:{}", region(), valid_name(machine))
}

/// The region that AWS's tools would use.
pub(crate) fn region() -> String {
    ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .iter()
        .find_map(|name| env::var(name).ok().filter(|region| !region.is_empty()))
        .unwrap_or_else(|| "us-east-1".to_owned())
}

struct Parts<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
    machine: &'a str,
}

impl Parts<'_> {
    /// The execution's ARN is that of a Standard workflow, the only kind whose executions can be looked into.
    fn identity(&self, name: &str, execution_arn: Option<&str>) -> Identity {
        let Parts {
            partition,
            region,
            account,
            machine,
        } = self;
        let states = format!("arn:{partition}:states:{region}:{account}");
        let execution_arn = match execution_arn {
            Some(arn) => arn.to_owned(),
            None => format!("{states}:execution:{machine}:{name}"),
        };
        Identity {
            execution_arn: execution_arn.into(),
            execution_name: name.into(),
            state_machine_arn: format!("{states}:stateMachine:{machine}").into(),
            state_machine_name: (*machine).into(),
            role_arn: Some(format!("arn:{partition}:iam::{account}:role/expressway").into()),
            region: (*region).into(),
            redrive_count: Some(0),
        }
    }
}

/// Takes an ARN apart: `arn:aws:states:<region>:<account>:execution:<machine>:<name>`, or with `express` and one
/// more part at the end.
fn named_by(arn: &str, name: Option<&str>) -> Result<Identity, Failure> {
    let parts: Vec<&str> = arn.split(':').collect();
    if let [
        "arn",
        partition,
        "states",
        region,
        account,
        "execution" | "express",
        machine,
        given_name,
        ..,
    ] = parts.as_slice()
    {
        let parts = Parts {
            partition,
            region,
            account,
            machine,
        };
        return Ok(parts.identity(name.unwrap_or(given_name), Some(arn)));
    }
    Err(Failure::with_help(
        format!("`{arn}` is not the ARN of an execution"),
        "such an ARN is `arn:aws:states:us-east-1:111111111111:execution:<state machine>:<name>`",
    ))
}

fn check_name(name: &str) -> Result<(), Failure> {
    match Identity::is_name(name) {
        true => Ok(()),
        false => Err(Failure::usage(format!("Invalid Name: '{name}'"))),
    }
}

/// The name that a state machine can have which comes from a file of this name.
pub(crate) fn valid_name(name: &str) -> String {
    let name: String = name
        .chars()
        .take(Identity::NAME_CHARACTERS_MAX)
        .map(|character| {
            if Identity::is_name_character(character) {
                character
            } else {
                '-'
            }
        })
        .collect();
    match name.is_empty() {
        true => "workflow".to_owned(),
        false => name,
    }
}

/// A random UUID, version 4.
pub(crate) fn uuid() -> String {
    version_4(SystemEntropy.random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_random_ones() {
        let uuid = uuid();
        let groups: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
    }

    #[test]
    fn an_arn_names_all_of_the_execution() {
        for (arn, machine, name) in [
            (
                "arn:aws:states:eu-central-1:123456789012:execution:orders:e1",
                "arn:aws:states:eu-central-1:123456789012:stateMachine:orders",
                "e1",
            ),
            (
                "arn:aws-cn:states:cn-north-1:123456789012:express:orders:e2:uuid",
                "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:orders",
                "e2",
            ),
        ] {
            let identity = named_by(arn, None).map_err(|_| ()).unwrap();
            assert_eq!(&*identity.execution_arn, arn);
            assert_eq!(&*identity.state_machine_arn, machine);
            assert_eq!(&*identity.execution_name, name);
        }
        for arn in ["", "orders", "arn:aws:states:r:1:stateMachine:orders"] {
            assert!(named_by(arn, None).is_err(), "{arn}");
        }
    }

    #[test]
    fn names_are_checked_as_the_service_does() {
        for (name, valid) in [
            ("order-7", true),
            ("", false),
            ("a b", false),
            ("a/b", false),
            (&"x".repeat(80), true),
            (&"x".repeat(81), false),
        ] {
            assert_eq!(check_name(name).is_ok(), valid, "{name}");
            assert!(check_name(&valid_name(name)).is_ok(), "{name}");
        }
        assert_eq!(valid_name("my orders"), "my-orders");
    }
}
