//! `--local`: AWS inside this process, for a run without an account, a server or a network.

use crate::definition::{Definition, without_ending};
use crate::failure::Failure;
use crate::source::{self, STANDARD_INPUT};
use crate::{embedded, identity, style};
use expressway_standins::{Effect, Functions, Options, Seed, StandIns};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whether AWS is in this process, and what it is like.
#[derive(clap::Args)]
pub(crate) struct LocalArguments {
    /// Call stand-ins inside this process instead of AWS: no account, no server, no network
    ///
    /// DynamoDB, S3, SQS, SNS, EventBridge, Secrets Manager and Parameter Store work as far as workflows need them;
    /// executions of other state machines are recorded; Lambda functions are what --functions says. Accounts and
    /// regions in ARNs and URLs are not looked at. What was changed is shown at the end.
    #[arg(long)]
    local: bool,
    /// What is there at first: tables, buckets, queues and so on, JSON or YAML [default: the file beside DEFINITION
    /// that ends in .seed.yaml or .seed.json instead of .json or .yaml]
    #[arg(long, value_name = "FILE", requires = "local", display_order = 53)]
    seed: Option<String>,
    /// The Lambda functions: commands, addresses, mocks, JSON or YAML [default: the file beside DEFINITION that ends in
    /// .functions.yaml or .functions.json]
    ///
    /// Such as {"charge": {"command": ["python3", "charge.py"]}}: the event is on the command's standard input, its
    /// result on standard output, and any status but 0 is a function error. Also {"url": "http://..."}, which gets a
    /// POST, {"mock": "mocks.json#Charged"}, which names one of MockedResponses, and {"return": ...}.
    #[arg(long, value_name = "FILE", requires = "local", display_order = 54)]
    functions: Option<String>,
    /// Keep tables, objects and messages in this directory, between runs; the seed only adds what is not there
    #[arg(long, value_name = "DIR", requires = "local", display_order = 55)]
    state: Option<PathBuf>,
}

impl LocalArguments {
    /// Whether what happens is kept for later runs.
    pub(crate) fn keeps_state(&self) -> bool {
        self.state.is_some()
    }

    pub(crate) fn is_local(&self) -> bool {
        self.local
    }

    /// Sets up what the arguments ask for.
    pub(crate) async fn open(&self, definition: &Definition) -> Result<StandIns, Failure> {
        let seed = match self.seed.clone().or_else(|| beside(&definition.file, "seed")) {
            Some(file) => {
                let seed = Seed::parse(&source::read_file(&file)?);
                Some((seed.map_err(|mistakes| wrong(&file, "seed", &mistakes))?, file))
            }
            None => None,
        };
        let functions = match self.functions.clone().or_else(|| beside(&definition.file, "functions")) {
            Some(file) => {
                let text = source::read_file(&file)?;
                let directory = Path::new(&file).parent().map(Path::to_owned).unwrap_or_default();
                Functions::parse(&text, directory).map_err(|mistakes| wrong(&file, "functions", &mistakes))?
            }
            None => Functions::default(),
        };
        let stand_ins = StandIns::open(Options {
            directory: self.state.clone(),
            region: Some(identity::region()),
            functions,
            time: None,
            listener: Some(Arc::new(tell)),
        });
        let stand_ins =
            stand_ins.map_err(|error| Failure::usage(format!("cannot use the --state directory: {error}")))?;
        if let Some((seed, file)) = seed {
            let seeded = stand_ins.seed(&seed).await;
            seeded.map_err(|problems| wrong(&file, "seed", &problems))?;
        }
        Ok(stand_ins)
    }
}

fn wrong(file: &str, kind: &str, mistakes: &[String]) -> Failure {
    let mistakes: String = mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect();
    let file = source::display_name(file);
    Failure::usage(format!("`{file}` is not a right {kind} file{mistakes}"))
}

/// `workflow.asl.seed.yaml` for `workflow.asl.json`, if it exists.
fn beside(definition: &str, kind: &str) -> Option<String> {
    if definition == STANDARD_INPUT {
        return None;
    }
    let files = ["yaml", "yml", "json"].map(|ending| format!("{}.{kind}.{ending}", without_ending(definition)));
    files.into_iter().find(|file| Path::new(file).is_file())
}

/// Passes on what stand-ins want the user to know.
fn tell(notice: &str) {
    let heading = style::HEADING;
    // When standard error is closed, nobody wants to know.
    let _ = writeln!(anstream::stderr().lock(), "{heading}local{heading:#}: {notice}");
}

/// Shows what a run has changed. Calls of functions are no changes.
pub(crate) fn write_effects(out: &mut dyn Write, effects: &[Effect]) -> io::Result<()> {
    const LINES_MAX: usize = 50;
    const DETAIL_CHARACTERS_MAX: usize = 120;
    let effects: Vec<&Effect> = effects
        .iter()
        .filter(|effect| effect.service != "lambda" && !embedded::is_own(effect))
        .collect();
    if effects.is_empty() {
        return Ok(());
    }
    let width = |text: fn(&Effect) -> usize| effects.iter().map(|effect| text(effect)).max().unwrap_or_default();
    let service_width = width(|effect| effect.service.len());
    let resource_width = width(|effect| effect.resource.chars().count()).min(40);
    let action_width = width(|effect| effect.action.len());
    let heading = style::HEADING;
    writeln!(out, "\n{heading}Changed{heading:#}")?;
    for effect in effects.iter().take(LINES_MAX) {
        let Effect {
            service,
            resource,
            action,
            detail,
        } = effect;
        let characters = detail.chars().map(|c| if c.is_control() { ' ' } else { c });
        let mut shown: String = characters.take(DETAIL_CHARACTERS_MAX).collect();
        if detail.chars().nth(DETAIL_CHARACTERS_MAX).is_some() {
            shown.push_str("...");
        }
        let line = format!("  {service:service_width$}  {resource:resource_width$}  {action:action_width$}  {shown}");
        writeln!(out, "{}", line.trim_end())?;
    }
    match effects.len().saturating_sub(LINES_MAX) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}
