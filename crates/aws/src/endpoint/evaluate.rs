//! Evaluates endpoint rules.

use super::{Expression, Outcome, PathStep, Rule, RuleSet, Variable};
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};

/// Where a request goes, and how it is signed for there.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// The address, without a path most often.
    pub url: Text,
    /// An object; `authSchemes` says how to sign.
    pub properties: Document,
}

impl RuleSet {
    /// The endpoint for these parameters; those that the rules do not know are left aside.
    ///
    /// # Errors
    /// The text of the rule that forbids this combination of parameters.
    pub fn resolve<'p>(&self, parameters: impl IntoIterator<Item = (&'p str, Document)>) -> Result<Endpoint, String> {
        let mut values = vec![Document::Null; self.variables as usize];
        for (value, parameter) in values.iter_mut().zip(&self.parameters) {
            *value = parameter.default.clone().unwrap_or_default();
        }
        for (name, given) in parameters {
            let known = self.parameters.iter().position(|parameter| *parameter.name == *name);
            if let Some(value) = known.and_then(|index| values.get_mut(index)) {
                *value = given;
            }
        }
        let mut evaluation = Evaluation { values };
        evaluation
            .first(&self.rules)
            .unwrap_or_else(|| Err("no endpoint rule applies".to_owned()))
    }
}

struct Evaluation {
    values: Vec<Document>,
}

impl Evaluation {
    fn first(&mut self, rules: &[Rule]) -> Option<Result<Endpoint, String>> {
        rules.iter().find_map(|rule| self.rule(rule))
    }

    fn rule(&mut self, rule: &Rule) -> Option<Result<Endpoint, String>> {
        for condition in &rule.conditions {
            let value = self.value(&condition.test);
            if !is_true(&value) {
                return None;
            }
            // No name is given twice on one way through the rules, so a variable may keep its value when its
            // rule does not apply: nobody reads it then.
            if let Some(variable) = condition
                .variable
                .and_then(|variable| self.values.get_mut(variable.index()))
            {
                *variable = value;
            }
        }
        match &rule.outcome {
            Outcome::Rules(rules) => self.first(rules),
            Outcome::Error(message) => Some(Err(text(&self.value(message)).to_string())),
            Outcome::Endpoint { url, properties } => Some(Ok(Endpoint {
                url: text(&self.value(url)),
                properties: self.value(properties),
            })),
        }
    }

    fn variable(&self, variable: Variable) -> Document {
        self.values.get(variable.index()).cloned().unwrap_or_default()
    }

    fn value(&self, expression: &Expression) -> Document {
        let all = |expressions: &[Expression]| expressions.iter().map(|each| self.value(each)).collect::<Vec<_>>();
        match expression {
            Expression::Literal(value) => value.clone(),
            Expression::Variable(variable) => self.variable(*variable),
            Expression::Attribute { value, path } => attribute(self.value(value), path),
            Expression::Call(function, arguments) => function.call(&all(arguments)),
            Expression::Concatenation(parts) => {
                let texts: Vec<Text> = all(parts).iter().map(text).collect();
                Document::from(texts.concat())
            }
            Expression::Array(items) => all(items).into(),
            Expression::Object(members) => members
                .iter()
                .map(|(key, value)| (key.clone(), self.value(value)))
                .collect::<Object>()
                .into(),
        }
    }
}

pub(super) fn is_true(value: &Document) -> bool {
    !matches!(value, Document::Null | Document::Bool(false))
}

fn text(value: &Document) -> Text {
    match value {
        Document::String(text) => text.clone(),
        value => value.to_json().into(),
    }
}

fn attribute(value: Document, path: &[PathStep]) -> Document {
    path.iter().fold(value, |value, step| {
        let part = match step {
            PathStep::Key(key) => value.get(key),
            PathStep::Index(index) => value.as_array().and_then(|items| items.get(*index)),
        };
        part.cloned().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use crate::Service;
    use expressway_asl::Document;

    fn url(service: &str, parameters: &[(&str, &str)]) -> Result<String, String> {
        let service = Service::find(service).unwrap();
        let parameters = parameters.iter().map(|(name, value)| {
            let value = match *value {
                "true" => Document::Bool(true),
                text => Document::from(text),
            };
            (*name, value)
        });
        service
            .endpoint_rules
            .resolve(parameters)
            .map(|endpoint| endpoint.url.to_string())
    }

    #[test]
    fn the_region_decides_the_host() {
        for (service, region, expected) in [
            (
                "dynamodb",
                "eu-central-1",
                "https://dynamodb.eu-central-1.amazonaws.com",
            ),
            ("dynamodb", "cn-north-1", "https://dynamodb.cn-north-1.amazonaws.com.cn"),
            ("iam", "eu-central-1", "https://iam.amazonaws.com"),
            ("sfn", "us-west-2", "https://states.us-west-2.amazonaws.com"),
        ] {
            assert_eq!(url(service, &[("Region", region)]).unwrap(), expected);
        }
    }

    #[test]
    fn an_override_and_a_bucket_decide_it_too() {
        let override_ = [("Region", "eu-west-1"), ("Endpoint", "http://localhost:8000")];
        assert_eq!(url("dynamodb", &override_).unwrap(), "http://localhost:8000");
        let bucket = [("Region", "eu-west-1"), ("Bucket", "orders")];
        assert_eq!(url("s3", &bucket).unwrap(), "https://orders.s3.eu-west-1.amazonaws.com");
        let path_style = [
            ("Region", "eu-west-1"),
            ("Bucket", "orders"),
            ("Endpoint", "http://localhost:9000"),
            ("ForcePathStyle", "true"),
        ];
        assert_eq!(url("s3", &path_style).unwrap(), "http://localhost:9000/orders");
    }

    #[test]
    fn a_forbidden_combination_says_why() {
        let both = [
            ("Region", "eu-west-1"),
            ("UseFIPS", "true"),
            ("Endpoint", "http://localhost"),
        ];
        let error = url("dynamodb", &both).unwrap_err();
        assert_eq!(
            error,
            "Invalid Configuration: FIPS and custom endpoint are not supported"
        );
    }
}
