//! Turns a JSON rule set into [`RuleSet`].

use crate::service::{object, text};
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};
use expressway_aws::endpoint::{
    Condition, Expression, Function, Outcome, Parameter, PathStep, Rule, RuleSet, Variable,
};

/// Reads a rule set; `null` is the empty one.
///
/// # Errors
/// Something in the rules that this does not know.
pub fn read(json: &Document) -> Result<RuleSet, String> {
    if json.is_null() {
        return Ok(RuleSet::default());
    }
    let mut parameters = Vec::new();
    for (name, parameter) in object(json, "parameters")?.iter() {
        parameters.push(Parameter {
            name: name.clone(),
            default: parameter.get("default").cloned(),
        });
    }
    let mut names = Names(parameters.iter().map(|parameter| parameter.name.clone()).collect());
    let rules = array(json, "rules")?.iter().map(|rule| names.rule(rule));
    let rules = rules.collect::<Result<_, _>>()?;
    Ok(RuleSet {
        parameters,
        variables: names.0.len() as u32,
        rules,
    })
}

/// The names of variables; their places are what the tables hold.
struct Names(Vec<Text>);

impl Names {
    fn variable(&mut self, name: &str) -> Variable {
        let place = self.0.iter().position(|known| **known == *name).unwrap_or_else(|| {
            self.0.push(name.into());
            self.0.len() - 1
        });
        Variable::new(place as u32)
    }

    fn rule(&mut self, json: &Document) -> Result<Rule, String> {
        let mut conditions = Vec::new();
        for condition in array(json, "conditions")? {
            conditions.push(Condition {
                test: self.expression(condition)?,
                variable: text(condition, "assign").map(|name| self.variable(name)),
            });
        }
        let outcome = if let Some(error) = json.get("error") {
            Outcome::Error(self.expression(error)?)
        } else if let Some(endpoint) = json.get("endpoint") {
            Outcome::Endpoint {
                url: self.expression(endpoint.get("url").ok_or("an endpoint without address")?)?,
                properties: self.value(endpoint.get("properties").unwrap_or(&Object::new().into()))?,
            }
        } else {
            let rules = array(json, "rules")?.iter().map(|rule| self.rule(rule));
            Outcome::Rules(rules.collect::<Result<_, _>>()?)
        };
        Ok(Rule { conditions, outcome })
    }

    /// A value that may be computed.
    fn expression(&mut self, json: &Document) -> Result<Expression, String> {
        if let Some(name) = text(json, "ref") {
            return Ok(Expression::Variable(self.variable(name)));
        }
        let Some(function) = text(json, "fn") else {
            return self.value(json);
        };
        let arguments = array(json, "argv")?;
        if function == "getAttr" {
            let [value, path] = arguments else {
                return Err("`getAttr` takes two arguments".to_owned());
            };
            return Ok(Expression::Attribute {
                value: Box::new(self.expression(value)?),
                path: steps(path.as_str().unwrap_or_default())?,
            });
        }
        let known = Function::named(function).ok_or_else(|| format!("unknown function `{function}`"))?;
        let arguments = arguments.iter().map(|argument| self.expression(argument));
        Ok(Expression::Call(known, arguments.collect::<Result<_, _>>()?))
    }

    /// A value in which only texts are templates.
    fn value(&mut self, json: &Document) -> Result<Expression, String> {
        Ok(match json {
            Document::String(text) => self.template(text)?,
            Document::Array(items) => {
                let items = items.iter().map(|item| self.value(item));
                Expression::Array(items.collect::<Result<_, _>>()?)
            }
            Document::Object(members) => {
                let members = members.iter().map(|(key, value)| Ok((key.clone(), self.value(value)?)));
                Expression::Object(members.collect::<Result<_, String>>()?)
            }
            scalar => Expression::Literal(scalar.clone()),
        })
    }

    /// `https://{Region}.{PartitionResult#dnsSuffix}`; doubled braces stand for themselves.
    fn template(&mut self, template: &str) -> Result<Expression, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.find(['{', '}']).and_then(|at| rest.split_at_checked(at)) {
            literal.push_str(before);
            let doubled = ["{{", "}}"]
                .iter()
                .find_map(|braces| Some((braces, after.strip_prefix(braces)?)));
            if let Some((braces, after)) = doubled {
                literal.extend(braces.chars().next());
                rest = after;
                continue;
            }
            let inner = after.strip_prefix('{').and_then(|after| after.split_once('}'));
            let (name, after) = inner.ok_or_else(|| format!("unbalanced braces in `{template}`"))?;
            if !literal.is_empty() {
                parts.push(Expression::Literal(std::mem::take(&mut literal).into()));
            }
            parts.push(self.placeholder(name)?);
            rest = after;
        }
        literal.push_str(rest);
        if parts.is_empty() {
            return Ok(Expression::Literal(literal.into()));
        }
        if !literal.is_empty() {
            parts.push(Expression::Literal(literal.into()));
        }
        Ok(Expression::Concatenation(parts))
    }

    fn placeholder(&mut self, name: &str) -> Result<Expression, String> {
        let (name, path) = name
            .split_once('#')
            .map_or((name, None), |(name, path)| (name, Some(path)));
        let value = Expression::Variable(self.variable(name));
        Ok(match path {
            None => value,
            Some(path) => Expression::Attribute {
                value: Box::new(value),
                path: steps(path)?,
            },
        })
    }
}

/// `resourceId[2]` is a key and an index.
fn steps(path: &str) -> Result<Vec<PathStep>, String> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (key, index) = part
            .split_once('[')
            .map_or((part, None), |(key, index)| (key, Some(index)));
        if !key.is_empty() {
            steps.push(PathStep::Key(key.into()));
        }
        if let Some(index) = index {
            let index = index.trim_end_matches(']').parse();
            steps.push(PathStep::Index(index.map_err(|_| format!("no index in `{path}`"))?));
        }
    }
    Ok(steps)
}

fn array<'d>(json: &'d Document, key: &str) -> Result<&'d [Document], String> {
    let array = json.get(key).and_then(Document::as_array);
    array.map(|array| &**array).ok_or_else(|| format!("no `{key}`"))
}
