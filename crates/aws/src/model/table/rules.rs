//! Endpoint rules.

use super::{Reader, TableError};
use crate::endpoint::{Condition, Expression, Function, Outcome, Parameter, PathStep, Rule, RuleSet, Variable};
use expressway_asl::Document;

/// Rules and expressions nest at most this deeply; S3's, the deepest, nest about 15 deep.
const DEPTH_MAX: u32 = 64;

impl Reader<'_> {
    pub(super) fn rule_set(&mut self) -> Result<RuleSet, TableError> {
        Ok(RuleSet {
            variables: self.number()?,
            parameters: self.list(|reader| {
                Ok(Parameter {
                    name: reader.text()?,
                    default: reader.default()?,
                })
            })?,
            rules: self.list(|reader| reader.rule(0))?,
        })
    }

    fn default(&mut self) -> Result<Option<Document>, TableError> {
        Ok(match self.number()? {
            0 => None,
            1 => Some(Document::Bool(false)),
            2 => Some(Document::Bool(true)),
            3 => Some(Document::String(self.text()?)),
            _ => return Err(TableError::Unknown("default")),
        })
    }

    fn rule(&mut self, depth: u32) -> Result<Rule, TableError> {
        if depth > DEPTH_MAX {
            return Err(TableError::Unknown("depth"));
        }
        let conditions = self.list(|reader| {
            let variable = reader.optional_number()?.map(Variable::new);
            let test = reader.expression(depth)?;
            Ok(Condition { test, variable })
        })?;
        let outcome = match self.number()? {
            0 => Outcome::Rules(self.list(|reader| reader.rule(depth + 1))?),
            1 => Outcome::Error(self.expression(depth)?),
            2 => Outcome::Endpoint {
                url: self.expression(depth)?,
                properties: self.expression(depth)?,
            },
            _ => return Err(TableError::Unknown("outcome")),
        };
        Ok(Rule { conditions, outcome })
    }

    fn expression(&mut self, depth: u32) -> Result<Expression, TableError> {
        if depth > DEPTH_MAX {
            return Err(TableError::Unknown("depth"));
        }
        let expressions = |reader: &mut Self| reader.list(|reader| reader.expression(depth + 1));
        Ok(match self.number()? {
            0 => Expression::Literal(Document::Bool(false)),
            1 => Expression::Literal(Document::Bool(true)),
            2 => Expression::Literal(Document::from(i64::from(self.number()?))),
            3 => Expression::Literal(Document::String(self.text()?)),
            4 => Expression::Variable(Variable::new(self.number()?)),
            5 => {
                let value = Box::new(self.expression(depth + 1)?);
                let path = self.list(|reader| {
                    Ok(match reader.optional_number()? {
                        None => PathStep::Key(reader.text()?),
                        Some(index) => PathStep::Index(index as usize),
                    })
                })?;
                Expression::Attribute { value, path }
            }
            6 => {
                let number = self.number()? as usize;
                let function = Function::ALL.get(number).copied();
                let function = function.ok_or(TableError::Unknown("function"))?;
                Expression::Call(function, expressions(self)?)
            }
            7 => Expression::Concatenation(expressions(self)?),
            8 => Expression::Array(expressions(self)?),
            9 => Expression::Object(self.list(|reader| Ok((reader.text()?, reader.expression(depth + 1)?)))?),
            _ => return Err(TableError::Unknown("expression")),
        })
    }
}
