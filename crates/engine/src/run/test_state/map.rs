//! What a Map state does around its iterations, when it is tested.

use super::{Probe, Stage};
use crate::StateError;
use crate::run::context::{MapItem, Seen};
use crate::run::machine::{Track, Visit};
use crate::run::stages::check_depth;
use crate::run::values::{Evaluation, Stop};
use crate::run::{Failure, Run};
use crate::test_state::float;
use expressway_asl::Document;
use expressway_asl::document::{Array, Number, Object};
use expressway_asl::error_name::ErrorName;
use expressway_asl::program::{Count, Distributed, ItemBatcher, Items, Map, Percentage};

impl Run<'_> {
    /// What a Map state does before and after its iterations, for which the mock answers.
    pub(in crate::run) async fn probed_map(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        map: &Map,
        probe: &Probe<'_>,
        input: Document,
    ) -> Result<Document, Failure> {
        let items = self.probed_items(track, visit, map, probe, &input).await?;
        if let Some(items) = &items {
            let mut inputs: Array = items.clone();
            if map.item_selector.is_some() {
                let mut selected = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let item = MapItem {
                        index,
                        value: item.clone(),
                    };
                    selected.push(self.iteration_input(track, visit, map, &input, &item).await?);
                }
                inputs = selected.into_iter().collect();
                self.stage(Stage::ItemSelector, &Document::Array(inputs.clone()));
            }
            let batcher = map.distributed.as_ref().and_then(|map| map.item_batcher.as_ref());
            if let Some(batcher) = batcher {
                let batches = self.batches(track, visit, batcher, &input, &inputs).await?;
                self.stage(Stage::ItemBatcher, &batches);
            }
        }
        let exceeded = match &map.distributed {
            Some(distributed) => {
                let length = items.as_ref().map(|items| items.len());
                self.exceeds_tolerance(track, visit, distributed, probe, &input, length)
                    .await?
            }
            None => false,
        };
        let result = probe.children()?;
        check_depth(visit, &result)?;
        if exceeded {
            let cause = "The specified tolerated failure threshold was exceeded";
            return Err(StateError::new(ErrorName::ExceedToleratedFailureThreshold, cause).into());
        }
        Ok(result)
    }

    /// What the Map state runs over; none where nobody says what its `ItemReader` reads.
    async fn probed_items(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        map: &Map,
        probe: &Probe<'_>,
        input: &Document,
    ) -> Result<Option<Array>, Failure> {
        let reader = map.distributed.as_ref().and_then(|map| map.item_reader.as_ref());
        let Some(reader) = reader else {
            let items = self.items(track, visit, map, input).await?;
            if matches!(map.items, Items::Path(_)) {
                self.stage(Stage::ItemsPath, &Document::Array(items.clone()));
            }
            return Ok(Some(items));
        };
        let Some(data) = &probe.test.configuration.map_item_reader_data else {
            return Ok(None);
        };
        let mut data = data.clone();
        if let Some(pointer) = &reader.items_pointer {
            let found = pointer.split('/').skip(1).try_fold(data, |data, key| {
                data.get(&key.replace("~1", "/").replace("~0", "~")).cloned()
            });
            let error = || {
                let cause = format!("The ItemsPointer '{pointer}' does not point to anything in what the reader gave.");
                StateError::new(ErrorName::ItemReaderFailed, cause)
            };
            data = found.ok_or_else(error)?;
            self.stage(Stage::ItemsPointer, &data);
        }
        let Document::Array(items) = data else {
            let cause = "Attempting to map over non-iterable node.";
            return Err(StateError::new(ErrorName::ItemReaderFailed, cause).into());
        };
        let max = match &reader.max_items {
            Some(count) => self.whole(track, visit, count, input).await?,
            None => 0,
        };
        Ok(Some(match usize::try_from(max) {
            Ok(max) if max > 0 => items.iter().take(max).cloned().collect(),
            _ => items,
        }))
    }

    /// What `ItemBatcher` makes of the items: `{"BatchInput": ..., "Items": [...]}` each.
    async fn batches(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        batcher: &ItemBatcher,
        input: &Document,
        items: &Array,
    ) -> Result<Document, Failure> {
        let limit = async |count: &Option<Count>| match count {
            Some(count) => match self.whole(track, visit, count, input).await? {
                0 => Ok::<_, Failure>(usize::MAX),
                count => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
            },
            None => Ok(usize::MAX),
        };
        let items_max = limit(&batcher.max_items).await?;
        let bytes_max = limit(&batcher.max_input_bytes).await?;
        let batch_input = match &batcher.batch_input {
            Some(of_all) => {
                let built = self.evaluating(track, visit, |evaluation| {
                    evaluation.construct(of_all, input, Seen::input(input))
                });
                let built = built.await?;
                check_depth(visit, &built)?;
                Some(built)
            }
            None => None,
        };
        let batch = |items: &[Document]| {
            let mut batch = Object::new();
            if let Some(batch_input) = &batch_input {
                batch.insert("BatchInput", batch_input.clone());
            }
            batch.insert("Items", Document::Array(items.iter().cloned().collect()));
            Document::from(batch)
        };
        let mut batches = Vec::new();
        let mut pending: Vec<Document> = Vec::new();
        for item in items.iter() {
            pending.push(item.clone());
            let is_full = pending.len() > items_max || batch(&pending).json_bytes() > bytes_max;
            if is_full && pending.len() > 1 {
                let next = pending.pop();
                batches.push(batch(&pending));
                pending = next.into_iter().collect();
            }
        }
        if !pending.is_empty() {
            batches.push(batch(&pending));
        }
        Ok(batches.into())
    }

    /// Whether more iterations failed than the Map state tolerates. One that says nothing tolerates all of them.
    ///
    /// # Source
    /// Recorded: `test_map_state_failure_count[*BASE_MAP_STATE]`.
    async fn exceeds_tolerance(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        distributed: &Distributed,
        probe: &Probe<'_>,
        input: &Document,
        length: Option<usize>,
    ) -> Result<bool, Failure> {
        let failures = probe.test.configuration.map_iteration_failure_count.unwrap_or(0);
        let mut exceeds = false;
        if let Some(count) = &distributed.tolerated_failure_count {
            let tolerated = self.whole(track, visit, count, input).await?;
            let shown = Document::from(i64::try_from(tolerated).unwrap_or(i64::MAX));
            self.stage(Stage::ToleratedFailureCount, &shown);
            exceeds |= failures > tolerated;
        }
        if let Some(percentage) = &distributed.tolerated_failure_percentage {
            let tolerated = self
                .evaluating(track, visit, |evaluation| evaluation.percentage(percentage, input))
                .await?;
            self.stage(Stage::ToleratedFailurePercentage, &float(tolerated));
            let length = length.unwrap_or(0).max(1);
            exceeds |= failures as f64 / length as f64 * 100.0 > tolerated;
        }
        Ok(exceeds)
    }

    async fn whole(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        count: &Count,
        input: &Document,
    ) -> Result<u64, Failure> {
        self.evaluating(track, visit, |evaluation| evaluation.whole(count, input))
            .await
    }
}

impl Evaluation<'_> {
    fn whole(&self, count: &Count, input: &Document) -> Result<u64, Stop> {
        match count {
            Count::Literal(count) => Ok(*count),
            Count::Query(query) => {
                let count = |value: &Document| value.as_i64().and_then(|count| u64::try_from(count).ok());
                self.query_as(query, Seen::input(input), "non-negative integer", count)
            }
            Count::Path(path) => {
                let value = self.loaded(self.path(path, input)?)?;
                let digits = value.as_str().and_then(|text| text.parse::<i64>().ok());
                let count = value.as_i64().or(digits).and_then(|count| u64::try_from(count).ok());
                count.ok_or_else(|| not_a_number(self.visit, path.text(), &value).into())
            }
        }
    }

    fn percentage(&self, percentage: &Percentage, input: &Document) -> Result<f64, Stop> {
        let number = |value: &Document| {
            let digits = value.as_str().and_then(|text| text.parse::<f64>().ok());
            let number = value.as_number().map(Number::as_f64).or(digits);
            number.filter(|number| (0.0..=100.0).contains(number))
        };
        match percentage {
            Percentage::Literal(percentage) => Ok(*percentage),
            Percentage::Query(query) => self.query_as(query, Seen::input(input), "number between 0 and 100", number),
            Percentage::Path(path) => {
                let value = self.loaded(self.path(path, input)?)?;
                number(&value).ok_or_else(|| not_a_number(self.visit, path.text(), &value).into())
            }
        }
    }
}

fn not_a_number(visit: &Visit<'_>, path: &str, value: &Document) -> StateError {
    let value = value.as_str().map_or_else(|| value.to_json(), str::to_owned);
    visit.runtime_error(&format!(
        "The path {path} refers to value \"{value}\" which is not a valid number"
    ))
}
