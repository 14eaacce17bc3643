//! Map states: one machine for each item, a bounded number at once, in the execution's own future.

use super::context::{MapItem, QueryScope, Seen};
use super::machine::{Progress, Track, Visit};
use super::parallel::{Line, Results, next_end};
use super::stages::{check_depth, check_result_bytes};
use super::values::{Evaluation, Stop};
use super::{Failure, Run, Stage, work};
use crate::Fault;
use crate::history::EventDetails;
use expressway_asl::Document;
use expressway_asl::document::{Array, Text};
use expressway_asl::error_name::ErrorName;
use expressway_asl::program::{Construction, Count, Items, Map, Selection};
use expressway_asl::query::QueryError;
use futures_util::stream::FuturesUnordered;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

impl Run<'_> {
    pub(super) async fn map(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        map: &Map,
        input: Document,
    ) -> Result<Document, Failure> {
        let concurrency = self
            .evaluating(track, visit, |evaluation| evaluation.map_concurrency(map, &input))
            .await?;
        if let Some(probe) = self.probe {
            return self.probed_map(track, visit, map, probe, input).await;
        }
        let concurrency = match concurrency {
            0 => self.options.map_concurrency_default.max(1),
            given => given,
        };
        let items = match self.items(track, visit, map, &input).await {
            Ok(items) => items,
            Err(Failure::Fault(fault)) => return Err(fault.into()),
            Err(Failure::Error(error)) => {
                // The failure of `Items` is the Map's, too (recorded: `*items_eval_jsonata_fail*`).
                let is_query = error.name == Some(ErrorName::QueryEvaluationError);
                visit.has_children.store(is_query, Ordering::Relaxed);
                return Err(error.into());
            }
        };
        let started = self.event(track.previous(), || EventDetails::MapStateStarted {
            length: items.len(),
        });
        track.follow(started);
        visit.has_children.store(true, Ordering::Relaxed);
        let name = || Text::clone(&visit.state.name);

        let kept = AtomicUsize::new(0);
        let progress: Vec<_> = items.iter().map(|_| Progress::after(started)).collect();
        let mut waiting = items.iter().zip(&progress).enumerate();
        let mut lines: FuturesUnordered<Line<'_>> = FuturesUnordered::new();
        let mut results = Results::new(items.len());
        let mut deadline = None;
        let mut ended = Vec::new();
        // The line itself stays at the time of its start until all have ended: in another run they end in another order.
        let mut latest = track.recorded_now();
        loop {
            while deadline.is_none() && lines.len() + ended.len() < concurrency {
                let Some((index, (item, progress))) = waiting.next() else {
                    break;
                };
                let item = MapItem {
                    index,
                    value: item.clone(),
                };
                let input = self.iteration_input(track, visit, map, &input, &item).await?;
                let line = Track {
                    map: Some(item),
                    ..Track::new(progress, track.lineage_of(visit, index))
                };
                if index >= concurrency {
                    self.begins_at(&line, latest);
                }
                let begun = self.event(track.previous(), || EventDetails::MapIterationStarted {
                    name: name(),
                    index,
                });
                line.follow(begun);
                lines.push(self.line(&map.processor, line, visit.variables.clone(), input, index, &kept));
                if self.worked(work::TRANSITION) {
                    self.end_turn().await?;
                }
            }
            let Some(end) = next_end(&mut lines, &mut ended).await else {
                break;
            };
            // The next iteration, or a new attempt, follows the last event inside this one (recorded: `*map_state*`).
            track.follow(end.previous);
            latest = latest.max(end.now);
            let index = end.index;
            match end.result {
                Ok(output) => {
                    results.set(index, output);
                    let succeeded = self.event(end.previous, || EventDetails::MapIterationSucceeded {
                        name: name(),
                        index,
                    });
                    if waiting.len() == 0 && lines.is_empty() && ended.is_empty() {
                        track.follow(succeeded);
                    }
                }
                Err(Failure::Fault(Fault::Deadline)) => deadline = Some(Fault::Deadline),
                Err(failure) => {
                    drop(lines);
                    track.reached_by(end.now);
                    self.event(end.previous, || EventDetails::MapIterationFailed {
                        name: name(),
                        index,
                    });
                    for (index, line) in progress.iter().enumerate() {
                        if line.state_type().is_some() {
                            self.event(line.previous(), || EventDetails::MapIterationAborted {
                                name: name(),
                                index,
                            });
                        }
                    }
                    return Err(failure);
                }
            }
        }
        if let Some(fault) = deadline {
            return Err(fault.into());
        }
        track.reached_by(latest);
        let result = self.fit(results.into_document()).await?;
        check_result_bytes(&visit.state.name, &result)?;
        check_depth(visit, &result)?;
        visit.has_children.store(false, Ordering::Relaxed);
        // A leaf: the state's exit follows what this follows (recorded: `*map_state*`).
        self.event(track.previous(), || EventDetails::MapStateSucceeded);
        Ok(result)
    }

    /// An item begins when others have ended, unless an earlier run began it.
    fn begins_at(&self, line: &Track<'_>, now: Option<SystemTime>) {
        if let (Some(lineage), Some(now)) = (&line.lineage, now) {
            lineage.reached(self.environment.tasks.line_begins(&lineage.name(), now));
        }
    }

    pub(super) async fn items(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        map: &Map,
        input: &Document,
    ) -> Result<Array, Failure> {
        self.evaluating(track, visit, |evaluation| evaluation.items(map, input))
            .await
    }

    pub(super) async fn iteration_input(
        &self,
        track: &Track<'_>,
        visit: &Visit<'_>,
        map: &Map,
        input: &Document,
        item: &MapItem,
    ) -> Result<Document, Failure> {
        let Some(selector) = &map.item_selector else {
            return Ok(self.fit(item.value.clone()).await?);
        };
        self.evaluating(track, visit, |evaluation| {
            let input = evaluation.iteration_input(selector, input, item)?;
            evaluation.check_parameters(input)
        })
        .await
    }
}

impl Evaluation<'_> {
    fn items(&self, map: &Map, input: &Document) -> Result<Array, Stop> {
        match &map.items {
            Items::Path(selection) => {
                let selected = self.select(selection, input.clone())?;
                match self.loaded(selected)? {
                    Document::Array(items) => Ok(items),
                    _ => {
                        let path = match selection {
                            Selection::Path(path) => path.text(),
                            _ => "$",
                        };
                        let detail = format!("Reference path \"{path}\" must point to array.");
                        Err(self.visit.runtime_error(&detail).into())
                    }
                }
            }
            Items::Query(Some(query)) => {
                let items = |value: &Document| value.as_array().cloned();
                self.query_as(query, Seen::input(input), "array", items)
            }
            Items::Query(None) => match self.loaded(input.clone())? {
                Document::Array(items) => Ok(items),
                input => {
                    let detail = format!("Map state input must be an array but was: {input}");
                    Err(QueryError { detail, location: None }.into())
                }
            },
        }
    }

    /// What `ItemSelector` makes of one item, which the context object shows.
    fn iteration_input(&self, selector: &Construction, input: &Document, item: &MapItem) -> Result<Document, Stop> {
        let scope = self.scope(input).with_map(item);
        match selector {
            Construction::Template(template) => self
                .complete(template.evaluate(&scope))?
                .map_err(|error| self.visit.evaluation_error(&error).into()),
            Construction::Query(query) => {
                let seen = Seen::input(input);
                Ok(self.complete(query.evaluate(&QueryScope { scope, seen }))??)
            }
        }
    }

    /// How many iterations run at once; 0 for the default.
    fn map_concurrency(&self, map: &Map, input: &Document) -> Result<usize, Stop> {
        let given = match &map.max_concurrency {
            None => 0,
            Some(Count::Literal(count)) => *count,
            Some(Count::Query(query)) => {
                let count = |value: &Document| value.as_i64().and_then(|count| u64::try_from(count).ok());
                self.query_as(query, Seen::input(input), "non-negative integer", count)?
            }
            Some(Count::Path(path)) => {
                let value = self.path(path, input)?;
                // Digits in a string will do (recorded: `*map_state_reference_in_max_concurrency_path*`).
                let digits = value.as_str().and_then(|text| text.parse::<i64>().ok());
                let count = value.as_i64().or(digits).and_then(|count| u64::try_from(count).ok());
                count.ok_or_else(|| {
                    let value = value.as_str().map_or_else(|| value.to_json(), str::to_owned);
                    let detail = format!(
                        "The MaxConcurrencyPath field refers to value \"{value}\" which is not a valid integer: {}",
                        path.text()
                    );
                    self.visit.runtime_error(&detail)
                })?
            }
        };
        let given = usize::try_from(given).unwrap_or(usize::MAX);
        self.run.stage(
            Stage::MaxConcurrency,
            &Document::from(i64::try_from(given).unwrap_or(i64::MAX)),
        );
        Ok(given)
    }
}
