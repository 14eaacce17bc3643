//! Limits.

use super::{Reader, TableError};
use crate::model::{Limit, Limits, ShapeId};
use expressway_asl::document::Text;
use std::collections::BTreeMap;

impl Reader<'_> {
    pub(super) fn limits(&mut self) -> Result<Limits, TableError> {
        let kinds = self.list(Self::limit)?;
        let places: BTreeMap<_, _> = self.list(Self::place)?.into_iter().collect();
        if places.values().all(|kind| *kind < kinds.len()) {
            Ok(Limits { kinds, places })
        } else {
            Err(TableError::Unknown("limit"))
        }
    }

    fn limit(&mut self) -> Result<Limit, TableError> {
        let flags = self.number()?;
        Ok(Limit {
            min: self.number_text_if(flags & 1 != 0)?,
            max: self.number_text_if(flags & 2 != 0)?,
            values: self.list(Self::text)?,
        })
    }

    fn place(&mut self) -> Result<((ShapeId, usize), usize), TableError> {
        let container = self.shape_id()?;
        Ok(((container, self.number()? as usize), self.number()? as usize))
    }

    /// A number that may have a fraction or be large: written as text.
    fn number_text_if(&mut self, present: bool) -> Result<Option<f64>, TableError> {
        let parse = |text: Text| text.parse().map_err(|_| TableError::Unknown("number"));
        self.text_if(present)?.map(parse).transpose()
    }
}
