//! Distributed Map: refused in Express workflows, read in definitions that are only looked into.

use super::place::Place;
use super::query::Reserved;
use super::{Compiler, Language};
use crate::definition::Value;
use crate::diagnostic::{Code, Severity};
use crate::program::{Distributed, ItemBatcher, ItemReader, Percentage};

/// Fields of Distributed Map, which Express workflows do not have.
pub(super) const DISTRIBUTED: &[&str] = &[
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "Label",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
];

impl Compiler {
    pub(super) fn refuse_distributed(&mut self, place: &Place<'_>) {
        for field in DISTRIBUTED {
            let Some(field) = place.member(field) else {
                continue;
            };
            let name = field.name();
            if name.starts_with("Tolerated") {
                // Step Functions accepts it (recorded: `*test_base_map*`).
                let message = format!("The field '{name}' means nothing in Mode INLINE: the first failure counts");
                self.push_at(&field, Code::NoEffect, Severity::Warning, message);
            } else {
                let message =
                    format!("The field '{name}' belongs to Distributed Map, which Express workflows do not support");
                self.not_supported(&field, message);
            }
        }
    }

    /// What a Map state has of a Distributed Map; none if it has nothing of it.
    pub(super) fn distributed(&mut self, place: &Place<'_>, language: Language) -> Option<Distributed> {
        let is_distributed = ["ItemProcessor", "Iterator"].iter().any(|field| {
            let processor = place.member(field);
            let config = processor
                .as_ref()
                .and_then(|processor| processor.member("ProcessorConfig"));
            let mode = config.as_ref().and_then(|config| config.member("Mode"));
            mode.is_some_and(|mode| mode.node.as_str().is_some_and(|mode| **mode == *"DISTRIBUTED"))
        });
        let fields = DISTRIBUTED.iter().find_map(|field| place.member(field));
        if !is_distributed && fields.is_none() {
            return None;
        }
        let count = ["ToleratedFailureCount", "ToleratedFailureCountPath"];
        let count = self.at_most_one(place, &count);
        let percentage = ["ToleratedFailurePercentage", "ToleratedFailurePercentagePath"];
        let percentage = self.at_most_one(place, &percentage);
        if let Some(writer) = place.member("ResultWriter") {
            self.known_fields(&writer, &["Resource", "Parameters", "Arguments", "WriterConfig"]);
            self.arguments(&writer, language);
        }
        Some(Distributed {
            item_reader: place
                .member("ItemReader")
                .map(|reader| self.item_reader(&reader, language)),
            item_batcher: place
                .member("ItemBatcher")
                .map(|batcher| self.item_batcher(&batcher, language)),
            has_result_writer: place.member("ResultWriter").is_some(),
            tolerated_failure_count: count.and_then(|field| self.count_or_path(&field, language, 0)),
            tolerated_failure_percentage: percentage.and_then(|field| self.percentage(&field, language)),
        })
    }

    fn item_reader(&mut self, place: &Place<'_>, language: Language) -> ItemReader {
        self.known_fields(place, &["Resource", "Parameters", "Arguments", "ReaderConfig"]);
        self.required(place, &["Resource"]);
        self.arguments(place, language);
        let config = place.member("ReaderConfig");
        let max_items = config.as_ref().and_then(|config| {
            self.known_fields(
                config,
                &[
                    "InputType",
                    "Transformation",
                    "CSVHeaderLocation",
                    "CSVHeaders",
                    "CSVDelimiter",
                    "MaxItems",
                    "MaxItemsPath",
                    "ItemsPointer",
                    "ManifestType",
                ],
            );
            self.count_field(config, "MaxItems", "MaxItemsPath", language)
        });
        let pointer = config.as_ref().and_then(|config| config.member("ItemsPointer"));
        ItemReader {
            items_pointer: pointer.and_then(|pointer| self.text(&pointer)),
            max_items,
        }
    }

    fn item_batcher(&mut self, place: &Place<'_>, language: Language) -> ItemBatcher {
        self.known_fields(
            place,
            &[
                "MaxItemsPerBatch",
                "MaxItemsPerBatchPath",
                "MaxInputBytesPerBatch",
                "MaxInputBytesPerBatchPath",
                "BatchInput",
            ],
        );
        ItemBatcher {
            max_items: self.count_field(place, "MaxItemsPerBatch", "MaxItemsPerBatchPath", language),
            max_input_bytes: self.count_field(place, "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath", language),
            batch_input: place
                .member("BatchInput")
                .and_then(|input| self.construction(&input, "ItemBatcher/", language, Reserved::Input)),
        }
    }

    fn count_field(
        &mut self,
        place: &Place<'_>,
        literal: &str,
        path: &str,
        language: Language,
    ) -> Option<crate::program::Count> {
        let field = self.at_most_one(place, &[literal, path])?;
        self.count_or_path(&field, language, 0)
    }

    /// Checks what a reader or writer is asked for. Nothing here reads or writes, so nothing of it is kept.
    fn arguments(&mut self, place: &Place<'_>, language: Language) {
        let (own, other) = match language {
            Language::JsonPath => ("Parameters", "Arguments"),
            Language::Jsonata => ("Arguments", "Parameters"),
        };
        if let Some(foreign) = place.member(other) {
            self.schema_error(&foreign, format!("Field '{other}' is not supported"));
        }
        if let Some(arguments) = place.member(own) {
            self.construction(&arguments, "", language, Reserved::Input);
        }
    }

    fn percentage(&mut self, field: &Place<'_>, language: Language) -> Option<Percentage> {
        if field.name().ends_with("Path") {
            return self.definite_path(field).map(Percentage::Path);
        }
        if language == Language::Jsonata && field.node.as_str().is_some() {
            return self.query(field, "", Reserved::Input).map(Percentage::Query);
        }
        let percentage = match &field.node.value {
            Value::Number(number) => Some(number.as_f64()).filter(|number| (0.0..=100.0).contains(number)),
            _ => None,
        };
        if percentage.is_none() {
            let message = format!("The field '{}' must be a number between 0 and 100", field.name());
            self.schema_error(field, message);
        }
        percentage.map(Percentage::Literal)
    }
}
