//! `expressway test`: test files beside definitions, run on a virtual clock with mocked tasks.
//!
//! `file` reads test files, `execute` runs a test, `visits` tells which states it entered, `expect` and
//! `difference` compare, `report`, `junit` and `coverage` tell.

mod coverage;
mod difference;
mod execute;
mod expect;
mod file;
mod junit;
mod report;
mod visits;

use crate::Exit;
use crate::failure::Failure;
use coverage::Coverage;
use execute::Observed;
use file::{Case, TestFile, Unusable};
use report::{Ended, Failed, FileResult, TestResult};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The names of test files end so.
const ENDINGS: [&str; 3] = [".test.yaml", ".test.yml", ".test.json"];

/// Run the tests of definitions: test files beside them, with mocked tasks
///
/// Waits and retry intervals pass at once, on a virtual clock. Random numbers are the same in every run.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Test files, or directories to look for *.test.yaml, *.test.yml and *.test.json in
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Run only tests with this text in `FILE: NAME`; may be given more than once
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Name the tests and run none
    #[arg(long)]
    list: bool,
    /// Start no more tests once one has failed
    #[arg(long)]
    fail_fast: bool,
    /// Write the results there, as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Show which states were never entered, and which branches of Choice and Catch never taken
    #[arg(long)]
    coverage: bool,
    /// The most tests at once [default: the number of processors]
    #[arg(long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,
}

const HELP: &str = "\
A test file, orders.test.yaml:
  definition: orders.asl.json          # without it, the one that is called like this file
  mocks:                               # for all tests; or mockFile: mocks.json#HappyPath
    Charge: { return: { id: ch_1 } }
  tests:
    - name: a declined card is reported
      inputFile: order.json            # or input: {...}
      mocks:
        Charge:                        # one answer a call, the last one for ever
          - { throw: { error: Busy }, times: 2 }
          - { throw: { error: CardDeclined, cause: insufficient funds } }
      expect:
        error: PaymentFailed           # and so status: FAILED
        cause: { contains: declined }  # or text that is equal; or matches: a regular expression
        path: [Check, Charge, Undo, Failed]
        calls: { Charge: 3, Undo: [{ orderId: 7 }] }
        maxDurationSeconds: 10
    - name: the total is computed
      state: Total                     # this state alone
      input: { items: [{ price: 2 }] }
      variables: { rate: 1.5 }
      expect: { output: { total: 3 }, next: Charge }

Also in `expect`: output (equal), outputIncludes (may have more), status. In a path, the states inside of a Parallel or Map state
may follow it: {Prepare: [[Reserve], [Assess]]}.

Exit status: 0 all tests passed; 1 some failed; 2 wrong usage, or a test file or a definition with mistakes.";

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let Some(files) = read_all(&find_all(&arguments.paths)?) else {
        return Ok(Exit::Misused);
    };
    let tests = chosen(&files, &arguments.filter)?;
    if arguments.list {
        let mut out = anstream::stdout().lock();
        for test in &tests {
            writeln!(out, "{}", test.full_name())?;
        }
        return Ok(Exit::Success);
    }
    let started = Instant::now();
    let ended = run_all(arguments, &tests);
    let time = started.elapsed();

    let mut coverage = Coverage::default();
    let mut results: Vec<FileResult<'_>> = Vec::new();
    for (test, ended) in tests.iter().zip(ended) {
        if results.last().is_none_or(|last| last.name != test.file.name) {
            let (name, tests) = (test.file.name.as_str(), Vec::new());
            results.push(FileResult { name, tests });
        }
        if let Some(ended) = &ended {
            coverage.add(test.file, &ended.observed.visits);
        }
        let result = test.result(ended);
        if let Some(file) = results.last_mut() {
            file.tests.push(result);
        }
    }
    let mut out = anstream::stdout().lock();
    report::write(&mut out, &results)?;
    if arguments.coverage {
        coverage.write(&mut out)?;
    }
    report::write_summary(&mut out, &results, time)?;
    if let Some(path) = &arguments.junit {
        fs::write(path, junit::to_xml(&results, time))
            .map_err(|error| Failure::usage(format!("cannot write `{}`: {error}", path.display())))?;
    }
    let mut results = results.iter().flat_map(|file| &file.tests);
    Ok(match results.all(|test| matches!(test.ended, Ended::Passed)) {
        true => Exit::Success,
        false => Exit::Negative,
    })
}

/// The test files that the arguments name.
fn find_all(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => find_in(path, &mut files)?,
            false => files.push(path.clone()),
        }
    }
    if files.is_empty() {
        let message = "there are no test files";
        return Err(Failure::with_help(
            message,
            "their names end in .test.yaml or .test.json",
        ));
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// The test files in a directory and those below, but not in hidden ones.
fn find_in(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| Failure::usage(format!("cannot read `{}`: {error}", directory.display()));
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = match directory == Path::new(".") {
            true => PathBuf::from(&name),
            false => entry.path(),
        };
        // A link to a directory could lead back here.
        if entry.file_type().is_ok_and(|file_type| file_type.is_dir()) {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                find_in(&path, files)?;
            }
        } else if ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            files.push(path);
        }
    }
    Ok(())
}

/// Reads all files; tells what is wrong with any of them, and gives none then.
fn read_all(paths: &[PathBuf]) -> Option<Vec<TestFile>> {
    let mut files = Vec::new();
    let mut is_right = true;
    for path in paths {
        match file::read(path) {
            Ok(file) => files.push(file),
            Err(unusable) => {
                is_right = false;
                match unusable {
                    Unusable::Failure(failure) => failure.report(),
                    Unusable::Mistakes(mistakes) => {
                        mistakes
                            .into_iter()
                            .for_each(|mistake| Failure::usage(mistake).report());
                    }
                }
            }
        }
    }
    is_right.then_some(files)
}

/// One test, and the file that it stands in.
struct Test<'f> {
    file: &'f TestFile,
    case: &'f Case,
}

/// A test that was run.
struct Ran {
    observed: Observed,
    failed: Option<Failed>,
    time: Duration,
}

impl<'f> Test<'f> {
    fn full_name(&self) -> String {
        format!("{}: {}", self.file.name, self.case.name)
    }

    async fn run(&self) -> Ran {
        let started = Instant::now();
        let mut observed = execute::execute(self.file, self.case).await;
        let differences = self.case.expect.unmet(&observed);
        let problems = std::mem::take(&mut observed.problems);
        let is_right = problems.is_empty() && differences.is_empty();
        Ran {
            failed: (!is_right).then_some(Failed { problems, differences }),
            observed,
            time: started.elapsed(),
        }
    }

    fn result(&self, ran: Option<Ran>) -> TestResult<'f> {
        let time = ran.as_ref().map(|ran| ran.time).unwrap_or_default();
        let ended = match ran.map(|ran| ran.failed) {
            None => Ended::NotRun,
            Some(None) => Ended::Passed,
            Some(Some(failed)) => Ended::Failed(failed),
        };
        TestResult {
            name: &self.case.name,
            ended,
            time,
        }
    }
}

/// The tests that the filters let through.
fn chosen<'f>(files: &'f [TestFile], filters: &[String]) -> Result<Vec<Test<'f>>, Failure> {
    let tests = files
        .iter()
        .flat_map(|file| file.cases.iter().map(move |case| Test { file, case }));
    let chosen: Vec<_> = tests
        .filter(|test| {
            let name = test.full_name();
            filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
        })
        .collect();
    match chosen.is_empty() {
        false => Ok(chosen),
        true if filters.is_empty() => Err(Failure::usage("the test files have no tests")),
        true => Err(Failure::with_help(
            "no test has such a name",
            "`expressway test --list` names them all",
        )),
    }
}

/// What the main thread has: enough for the deepest data.
const STACK_BYTES: usize = 8 * 1_048_576;

/// Runs the tests, several at once; none stands for one that was not run.
fn run_all(arguments: &Arguments, tests: &[Test<'_>]) -> Vec<Option<Ran>> {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.jobs.map_or_else(processors, usize::from).min(tests.len());
    let (next, has_failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let slots: Vec<Mutex<Option<Ran>>> = tests.iter().map(|_| Mutex::default()).collect();
    let work = || {
        let Ok(runtime) = crate::runtime() else {
            return;
        };
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let (Some(test), Some(slot)) = (tests.get(index), slots.get(index)) else {
                return;
            };
            if arguments.fail_fast && has_failed.load(Ordering::Relaxed) {
                return;
            }
            let ran = runtime.block_on(test.run());
            has_failed.fetch_or(ran.failed.is_some(), Ordering::Relaxed);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(ran);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs {
            // If there can be no more threads, this one does all the work.
            let _ = std::thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, work);
        }
        work();
    });
    let slots = slots.into_iter();
    slots
        .map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect()
}
