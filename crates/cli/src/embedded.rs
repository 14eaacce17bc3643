//! The stores of the function, embedded: with `--local` its table and its bucket are in this process, too.

use crate::failure::Failure;
use expressway_function::Configuration;
use expressway_standins::{Effect, Seed, StandIns};

/// The table when none is named.
pub(crate) const TABLE: &str = "expressway-executions";

/// The bucket when none is named.
pub(crate) const BUCKET: &str = "expressway-payloads";

/// Makes the table and the bucket where they are not there yet.
pub(crate) async fn create(stand_ins: &StandIns, table: Option<&str>, bucket: Option<&str>) -> Result<(), Failure> {
    let mut seed = String::from("{");
    if let Some(table) = table {
        let name = expressway_asl::Document::from(table);
        seed.push_str(&format!(r#""tables":{{{name}:{{"key":["pk","sk"]}}}},"#));
    }
    if let Some(bucket) = bucket {
        let name = expressway_asl::Document::from(bucket);
        seed.push_str(&format!(r#""buckets":{{{name}:{{}}}},"#));
    }
    let seed = format!("{}}}", seed.trim_end_matches(','));
    let failed = |problems: Vec<String>| {
        let list: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        Failure::usage(format!("the embedded stores can not be made{list}"))
    };
    let seed = Seed::parse(&seed).map_err(failed)?;
    stand_ins.seed(&seed).await.map_err(failed)
}

/// Makes what the function's configuration names.
pub(crate) async fn create_configured(stand_ins: &StandIns, configuration: &Configuration) -> Result<(), Failure> {
    let bucket = configuration.payloads.as_ref().map(|payloads| payloads.bucket.as_str());
    create(stand_ins, configuration.table.as_deref(), bucket).await
}

/// Whether something was changed in a store of the function's, not by the workflow.
pub(crate) fn is_own(effect: &Effect) -> bool {
    let is_in = |name: &str| effect.resource.split('/').next() == Some(name);
    is_in(TABLE) || is_in(BUCKET)
}
