//! Collects what the values of shapes may be.

use super::text;
use expressway_asl::Document;
use expressway_asl::document::Object;
use expressway_aws::model::{Limit, Limits, Shape, ShapeId};

pub(super) struct Collector<'m> {
    model: &'m Object,
    pub(super) limits: Limits,
}

impl<'m> Collector<'m> {
    pub(super) fn new(model: &'m Object) -> Collector<'m> {
        Collector {
            model,
            limits: Limits::default(),
        }
    }

    /// Adds the limits of what this structure, list or map holds.
    pub(super) fn add(&mut self, container: ShapeId, shape: &Shape, json: &Document) {
        match shape {
            Shape::Structure(structure) => {
                for (place, member) in structure.members.iter().enumerate() {
                    let reference = json.get("members").and_then(|members| members.get(&member.name));
                    self.add_reference(container, place, reference);
                }
            }
            Shape::List(_) => self.add_reference(container, 0, json.get("member")),
            Shape::Map(_) => self.add_reference(container, 0, json.get("value")),
            _ => {}
        }
    }

    fn add_reference(&mut self, container: ShapeId, place: usize, reference: Option<&Document>) {
        let Some(reference) = reference else { return };
        let target = text(reference, "shape").and_then(|name| self.model.get(name));
        let either = |key: &str| reference.get(key).or_else(|| target?.get(key));
        // Not every number of the models is one in f64, but none differs by more than matters.
        let number = |key: &str| either(key).and_then(|number| number.to_json().parse().ok());
        let values = either("enum").and_then(Document::as_array);
        let texts = values.into_iter().flat_map(|values| values.iter());
        let limit = Limit {
            min: number("min"),
            max: number("max"),
            values: texts.filter_map(Document::as_str).map(Into::into).collect(),
        };
        if limit == Limit::default() {
            return;
        }
        let kinds = &mut self.limits.kinds;
        let kind = kinds.iter().position(|kind| *kind == limit).unwrap_or(kinds.len());
        if kind == kinds.len() {
            kinds.push(limit);
        }
        self.limits.places.insert((container, place), kind);
    }
}
