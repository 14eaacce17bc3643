//! Choice states: rules and their conditions.

use super::place::Place;
use super::query::Reserved;
use super::{Compiler, Language, StateIds};
use crate::comparison::Operator;
use crate::program::{ChoiceRule, Condition, Operand, StateKind};
use crate::query::Query;

/// How deep And, Or and Not may nest.
const NESTING_MAX: u32 = 100;

impl Compiler {
    pub(super) fn choice(&mut self, state: &Place<'_>, ids: &StateIds<'_>, language: Language) -> Option<StateKind> {
        self.required(state, &["Choices"]);
        let default = state.member("Default").map(|place| self.target(&place, ids));
        let choices = state.member("Choices")?;
        let Some(entries) = choices.items() else {
            self.schema_error(&choices, "The field 'Choices' must be an array");
            return None;
        };
        if entries.len() == 0 {
            self.schema_error(&choices, "Value cannot be empty");
        }
        let rules: Vec<_> = entries.map(|entry| self.rule(&entry, ids, language)).collect();
        Some(StateKind::Choice {
            rules: rules.into_iter().collect::<Option<_>>()?,
            default: match default {
                Some(default) => Some(default?),
                None => None,
            },
        })
    }

    fn rule(&mut self, place: &Place<'_>, ids: &StateIds<'_>, language: Language) -> Option<ChoiceRule> {
        self.fields_of_language(place, language);
        self.required(place, &["Next"]);
        let next = place.member("Next").and_then(|next| self.target(&next, ids));
        let within = format!("Choices[{}]/", place.name());
        let assign = self.assign(place, &within, language, Reserved::Input);
        let (condition, output) = match language {
            Language::JsonPath => (self.condition(place, 0), None),
            Language::Jsonata => (self.query_condition(place, &within), self.rule_output(place, &within)),
        };
        Some(ChoiceRule {
            condition: condition?,
            output,
            assign,
            next: next?,
        })
    }

    fn query_condition(&mut self, place: &Place<'_>, within: &str) -> Option<Condition> {
        self.known_fields(place, &["Comment", "Next", "Condition", "Output", "Assign"]);
        self.required(place, &["Condition"])?;
        let condition = place.member("Condition")?;
        let query = self.query(&condition, within, Reserved::Input)?;
        if query.constant().is_some_and(|constant| constant.as_bool().is_none()) {
            self.schema_error(
                &condition,
                "The field 'Condition' must be a boolean or a JSONata expression",
            );
        }
        Some(Condition::Query(query))
    }

    fn rule_output(&mut self, place: &Place<'_>, within: &str) -> Option<Query> {
        place
            .member("Output")
            .and_then(|place| self.query(&place, within, Reserved::Input))
    }

    fn condition(&mut self, place: &Place<'_>, depth: u32) -> Option<Condition> {
        if !place.is_object() {
            self.schema_error(place, "A Choice rule must be an object");
            return None;
        }
        if depth > NESTING_MAX {
            self.schema_error(
                place,
                format!("A Choice rule is nested deeper than {NESTING_MAX} levels"),
            );
            return None;
        }
        let around: &[&str] = if depth == 0 {
            &["Comment", "Next", "Assign", "Output"]
        } else {
            &["Comment"]
        };
        let mut conditions = place.members().iter().filter(|member| {
            matches!(&*member.key, "And" | "Or" | "Not") || Operator::from_name(&member.key).is_some()
        });
        let Some(member) = conditions.next() else {
            self.schema_error(
                place,
                "A Choice rule must have a comparison operator, 'And', 'Or' or 'Not'",
            );
            let known = Operator::names()
                .chain(["Variable", "And", "Or", "Not"])
                .chain(around.iter().copied());
            let known: Vec<_> = known.collect();
            self.known_fields(place, &known);
            return None;
        };
        if let Some(other) = conditions.next() {
            let message = format!("A Choice rule can not have both '{}' and '{}'", member.key, other.key);
            self.schema_error(place, message);
            return None;
        }
        let is_combination = matches!(&*member.key, "And" | "Or" | "Not");
        let mut known = vec![&*member.key];
        known.extend(around);
        known.extend((!is_combination).then_some("Variable"));
        self.known_fields(place, &known);
        let value = place.at(member);
        match &*member.key {
            "Not" => Some(Condition::Not(Box::new(self.condition(&value, depth + 1)?))),
            "And" => Some(Condition::And(self.conditions(&value, depth)?)),
            "Or" => Some(Condition::Or(self.conditions(&value, depth)?)),
            name => self.test(place, &value, name),
        }
    }

    fn conditions(&mut self, place: &Place<'_>, depth: u32) -> Option<Vec<Condition>> {
        let Some(items) = place.items() else {
            self.schema_error(
                place,
                format!("The field '{}' must be an array of Choice rules", place.name()),
            );
            return None;
        };
        if items.len() == 0 {
            self.schema_error(place, "Value cannot be empty");
        }
        let conditions: Vec<_> = items.map(|item| self.condition(&item, depth + 1)).collect();
        conditions.into_iter().collect()
    }

    fn test(&mut self, place: &Place<'_>, value: &Place<'_>, name: &str) -> Option<Condition> {
        let (operator, is_path) = Operator::from_name(name)?;
        self.required(place, &["Variable"]);
        let variable = place
            .member("Variable")
            .and_then(|variable| self.definite_path(&variable));
        let operand = if is_path {
            self.definite_path(value).map(Operand::Path)
        } else {
            let literal = value.node.to_document();
            match operator.check_literal(&literal) {
                Ok(()) => Some(Operand::Literal(literal)),
                Err(message) => {
                    self.schema_error(value, format!("The field '{name}' {message}"));
                    None
                }
            }
        };
        Some(Condition::Test {
            variable: variable?,
            operator,
            operand: operand?,
        })
    }
}
