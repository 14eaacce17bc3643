//! Who an execution is: names and ARNs.

use crate::config::Configuration;
use expressway_asl::document::Text;
use expressway_asl::intrinsic::version_4;
use expressway_engine::{Entropy, Identity};

/// The state machine that all executions of an invocation belong to.
#[derive(Debug)]
pub(crate) struct StateMachine {
    partition: String,
    region: Text,
    account: String,
    name: Text,
    arn: Text,
    role_arn: Option<Text>,
}

impl StateMachine {
    /// The state machine whose executions this function runs. Partition, region and account are the function's.
    pub(crate) fn new(configuration: &Configuration, function_arn: &str) -> StateMachine {
        // arn:aws:lambda:us-east-1:111122223333:function:orders
        let mut parts = function_arn.split(':').skip(1);
        let mut part = |default: &str| {
            let part = parts.next().filter(|part| !part.is_empty());
            part.unwrap_or(default).to_owned()
        };
        let partition = part("aws");
        let _service = part("");
        let region = part("us-east-1");
        let account = part("000000000000");
        let name = &configuration.state_machine_name;
        StateMachine {
            arn: format!("arn:{partition}:states:{region}:{account}:stateMachine:{name}").into(),
            name: name.as_str().into(),
            role_arn: configuration.role_arn.as_deref().map(Text::from),
            region: region.into(),
            partition,
            account,
        }
    }

    /// The ARN of the state machine.
    pub(crate) fn arn(&self) -> &str {
        &self.arn
    }

    /// The identity of a new execution. `name` is what its source calls it; where that is not a valid name, the
    /// execution gets one of its own.
    pub(crate) fn new_execution(&self, name: Option<&str>, is_synchronous: bool, entropy: &dyn Entropy) -> Identity {
        let uuid = version_4(entropy.random());
        let name = match name {
            Some(name) if Identity::is_name(name) => name.to_owned(),
            _ => version_4(entropy.random()),
        };
        let execution_arn = format!(
            "arn:{}:states:{}:{}:express:{}:{name}:{uuid}",
            self.partition, self.region, self.account, self.name
        );
        self.execution(execution_arn.into(), name.into(), is_synchronous)
    }

    /// The identity of the execution with this ARN and name.
    pub(crate) fn execution(&self, execution_arn: Text, execution_name: Text, is_synchronous: bool) -> Identity {
        Identity {
            execution_arn,
            execution_name,
            state_machine_arn: Text::clone(&self.arn),
            state_machine_name: Text::clone(&self.name),
            role_arn: self.role_arn.clone(),
            region: Text::clone(&self.region),
            redrive_count: (!is_synchronous).then_some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Definition;

    struct Zero;

    impl Entropy for Zero {
        fn random(&self) -> u128 {
            0
        }
    }

    const UUID: &str = "00000000-0000-4000-8000-000000000000";

    #[test]
    fn names_are_what_step_functions_takes() {
        for (name, expected) in [
            ("order-1_a.b", true),
            ("Auftrag-ä", true),
            (UUID, true),
            ("", false),
            ("a b", false),
            ("a/b", false),
            ("a:b", false),
            ("a\u{7f}", false),
            ("a\u{85}", false),
            (&"a".repeat(80), true),
            (&"a".repeat(81), false),
        ] {
            assert_eq!(Identity::is_name(name), expected, "{name}");
        }
    }

    #[test]
    fn an_execution_is_where_its_function_is() {
        let mut configuration = Configuration::new(Definition::Inline("{}".into()));
        configuration.state_machine_name = "orders".into();
        for (function_arn, name, expected) in [
            (
                "arn:aws-us-gov:lambda:us-gov-west-1:111122223333:function:f:live",
                Some("order-7"),
                format!("arn:aws-us-gov:states:us-gov-west-1:111122223333:express:orders:order-7:{UUID}"),
            ),
            (
                "arn:aws:lambda:eu-west-1:111122223333:function:f",
                Some("order 7"),
                format!("arn:aws:states:eu-west-1:111122223333:express:orders:{UUID}:{UUID}"),
            ),
            (
                "no arn",
                None,
                format!("arn:aws:states:us-east-1:000000000000:express:orders:{UUID}:{UUID}"),
            ),
        ] {
            let machine = StateMachine::new(&configuration, function_arn);
            let identity = machine.new_execution(name, true, &Zero);
            assert_eq!(*identity.execution_arn, *expected);
            assert_eq!(identity.redrive_count, None);
        }
    }
}
