//! `expressway bench`: how long an execution takes in a warm process.

use crate::definition::DefinitionArguments;
use crate::failure::Failure;
use crate::run::Format;
use crate::source::JsonSource;
use crate::tasks::{TaskArguments, Tasks};
use crate::{Exit, identity, run, source, style};
use expressway_asl::Document;
use expressway_asl::document::Number;
use expressway_engine::{
    Engine, Environment, ExecutionRequest, Identity, Options, Outcome, SystemClock, SystemEntropy, TaskBudget,
};
use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

/// Measure executions in a warm process: JSON text in, execution, JSON text out
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    definition: DefinitionArguments,
    /// The input of each execution: a file, JSON itself, or - for standard input
    #[arg(long, value_name = "FILE|JSON|-", default_value = "{}")]
    input: String,
    #[command(flatten)]
    tasks: TaskArguments,
    /// How many executions to measure, one after another; a fifth more, at most 200, go before to warm up
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    iterations: u32,
    /// What to print: text, or one object with `iterations`, `median_us`, `p99_us`, `min_us` and `transitions`
    #[arg(long, default_value = "text", hide_possible_values = true)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  expressway bench orders.asl.json --input order.json --mock mocks.json#HappyPath
  expressway bench orders.asl.json --input order.json --iterations 10000 --format json

Without a test case, --mock takes the one named `bench`, or the only one. The last output is written to the file that \
PEER_BENCH_OUTPUT names, if it is set.";

/// The test case that measurements use when none is named.
const TEST_CASE: &str = "bench";

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let definition = arguments.definition.load()?;
    let input = source::read_json("--input", &arguments.input)?;
    let runtime = crate::runtime()?;
    let measurements = runtime.block_on(async {
        let tasks = arguments.tasks.prepare(&definition, Some(TEST_CASE), None).await?;
        let bench = Bench {
            engine: Engine::new(Arc::clone(&definition.program), Options::default()),
            identity: identity::anonymous(&definition.name),
            tasks,
            budget: arguments.tasks.budget(),
            input,
        };
        bench.measure(arguments.iterations).await
    })?;
    if let Ok(file) = env::var("PEER_BENCH_OUTPUT") {
        fs::write(&file, &measurements.output)
            .map_err(|error| Failure::usage(format!("cannot write `{file}`: {error}")))?;
    }
    let mut out = anstream::stdout().lock();
    match arguments.format {
        Format::Json => writeln!(out, "{}", measurements.to_json())?,
        Format::Text => measurements.write_text(&mut out, &definition.name)?,
    }
    Ok(Exit::Success)
}

/// What is the same in all iterations.
struct Bench {
    engine: Engine,
    identity: Identity,
    tasks: Tasks,
    budget: TaskBudget,
    input: JsonSource,
}

impl Bench {
    async fn measure(&self, iterations: u32) -> Result<Measurements, Failure> {
        for _ in 0..(iterations / 5).clamp(1, 200) {
            self.iterate().await?;
        }
        let mut times = Vec::with_capacity(iterations as usize);
        let mut last = (String::new(), 0);
        for _ in 0..iterations {
            let start = Instant::now();
            last = black_box(self.iterate().await?);
            times.push(start.elapsed());
        }
        times.sort_unstable();
        let (output, transitions) = last;
        Ok(Measurements {
            times,
            output,
            transitions,
        })
    }

    /// One execution, as an invocation of the function would run it: text in, text out.
    async fn iterate(&self) -> Result<(String, u64), Failure> {
        let input = run::parse_input(black_box(&self.input))?;
        let environment = Environment {
            // New mocks each time, so that their answers begin with the first.
            tasks: self.tasks.runner(),
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            budget: self.budget.clone(),
            payloads: None,
        };
        let request = ExecutionRequest {
            input,
            identity: self.identity.clone(),
            deadline: None,
            replay: None,
        };
        let execution = self.engine.run(&environment, request, None).await;
        match execution.outcome {
            Outcome::Succeeded(output) => Ok((output.to_json(), execution.transitions)),
            Outcome::Failed(error) => Err(did_not_succeed(&error.to_document().to_json())),
            Outcome::TimedOut | Outcome::Interrupted => Err(did_not_succeed("it timed out")),
            Outcome::Faulted(fault) => Err(did_not_succeed(&fault.to_string())),
        }
    }
}

fn did_not_succeed(why: &str) -> Failure {
    Failure::Execution(format!("the execution did not succeed: {why}"))
}

/// What came out of all iterations.
struct Measurements {
    /// In ascending order.
    times: Vec<Duration>,
    output: String,
    transitions: u64,
}

impl Measurements {
    fn percentile(&self, percent: usize) -> Duration {
        let last = self.times.len().saturating_sub(1);
        let at = (self.times.len() * percent / 100).min(last);
        self.times.get(at).copied().unwrap_or_default()
    }

    fn to_json(&self) -> Document {
        let microseconds = |time: Duration| {
            let number = Number::from_f64(time.as_nanos() as f64 / 1_000.0);
            number.map_or(Document::Null, Document::from)
        };
        Document::object([
            ("iterations", Document::from(self.times.len() as i64)),
            ("median_us", microseconds(self.percentile(50))),
            ("p99_us", microseconds(self.percentile(99))),
            ("min_us", microseconds(self.percentile(0))),
            ("transitions", Document::from(self.transitions as i64)),
        ])
    }

    fn write_text(&self, out: &mut dyn Write, name: &str) -> io::Result<()> {
        let (heading, faint) = (style::HEADING, style::FAINT);
        let microseconds = |time: Duration| time.as_nanos() as f64 / 1_000.0;
        let median = microseconds(self.percentile(50));
        let each = median / self.transitions.max(1) as f64;
        writeln!(
            out,
            "{heading}{name}{heading:#}: median {heading}{median:.1} us{heading:#}, p99 {:.1} us, min {:.1} us",
            microseconds(self.percentile(99)),
            microseconds(self.percentile(0)),
        )?;
        writeln!(
            out,
            "{faint}{} iterations of {} transitions, {each:.2} us each{faint:#}",
            self.times.len(),
            self.transitions,
        )
    }
}
