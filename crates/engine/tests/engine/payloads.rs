//! Values over the limit on state data, with a store for them.

use super::*;
use expressway_asl::document::{Reference, Stored};
use expressway_engine::{DATA_BYTES_MAX, Fault, PayloadFuture};

/// Keeps stored texts, and counts. It has nothing at hand, so every look inside is a load.
#[derive(Debug, Default)]
pub(crate) struct Store {
    texts: Mutex<HashMap<Text, String>>,
    puts: AtomicUsize,
    gets: AtomicUsize,
    is_broken: bool,
}

impl PayloadStore for Store {
    fn for_execution(self: Arc<Self>) -> Arc<dyn PayloadStore> {
        self
    }

    fn prepare(&self, document: &Document) -> Stored {
        Reference::store(document, &"bucket".into(), "large/")
    }

    fn put(&self, stored: Stored, _value: Document) -> PayloadFuture<'_, ()> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if self.is_broken {
                return Err(Fault::Store("the bucket is gone".into()));
            }
            self.puts.fetch_add(1, Ordering::SeqCst);
            self.texts
                .lock()
                .unwrap()
                .insert(stored.reference.key().clone(), stored.text);
            Ok(())
        })
    }

    fn get<'a>(&'a self, reference: &'a Reference) -> PayloadFuture<'a, Document> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.gets.fetch_add(1, Ordering::SeqCst);
            let texts = self.texts.lock().unwrap();
            Ok(reference.read(&texts[reference.key()]).unwrap())
        })
    }

    fn cached(&self, _reference: &Reference) -> Option<Document> {
        None
    }
}

impl Store {
    fn gets(&self) -> usize {
        self.gets.load(Ordering::SeqCst)
    }

    fn puts(&self) -> usize {
        self.puts.load(Ordering::SeqCst)
    }

    /// The output with everything in it.
    pub(crate) async fn whole(&self, output: Document) -> Document {
        expressway_engine::resolve(self, output, usize::MAX).await.unwrap()
    }
}

fn case(definition: &str) -> (Case, Arc<Store>) {
    let store = Arc::new(Store::default());
    let mut case = Case::new(definition);
    case.store = Some(Arc::clone(&store) as Arc<dyn PayloadStore>);
    (case, store)
}

fn letters(letter: &str, bytes: usize) -> Document {
    letter.repeat(bytes).into()
}

/// What a task gives: 5 MB of rows and large text beside what is small.
fn large() -> Document {
    let row = |at: i64| {
        Document::object([
            ("id", at.into()),
            ("text", letters("r", 400)),
            ("price", (at % 7).into()),
        ])
    };
    Document::object([
        ("status", "ready".into()),
        ("rows", (0..10_000).map(row).collect::<Vec<_>>().into()),
        ("text", letters("t", 300_000)),
        (
            "nested",
            Document::object([("count", 3.into()), ("blob", letters("b", 1_000_000))]),
        ),
    ])
}

/// A Task that gives a large result, and more states behind it.
fn behind_task(states: &str) -> String {
    machine("T", &format!(r#""T":{{{TASK},"Next":"Next"}},{states}"#))
}

async fn succeed(case: &Case) -> Document {
    match case.run("{}").await.outcome {
        Outcome::Succeeded(output) => output,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_store_the_limit_stands() {
    let case =
        Case::new(&behind_task(r#""Next":{"Type":"Succeed"}"#)).tasks(Tasks::default().on("T", |_, _| Ok(large())));
    let (name, cause) = case.failure("{}").await;
    assert_eq!(name, "States.DataLimitExceeded");
    assert!(
        cause.contains("returned a result with a size exceeding the maximum number of bytes"),
        "{cause}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_small_beside_a_large_value_costs_no_load() {
    let definition = behind_task(
        r#""Next":{"Type":"Choice","Choices":[
             {"And":[{"Variable":"$.rows","IsPresent":true},{"Variable":"$.text","IsString":true},
                     {"Variable":"$.rows","IsNull":false},{"Variable":"$.nested.count","NumericEquals":3},
                     {"Variable":"$.status","StringEquals":"ready"}],"Next":"Move"}]},
           "Move":{"Type":"Pass","Parameters":{"moved.$":"$.rows","all.$":"States.Array($.text, $.nested)"},
                   "ResultPath":"$.copy","OutputPath":"$.copy","End":true}"#,
    );
    let (case, store) = case(&definition);
    let case = case.tasks(Tasks::default().on("T", |_, _| Ok(large())));
    let output = succeed(&case).await;
    assert_eq!(store.gets(), 0);
    assert_eq!(store.puts(), 3, "rows, text and blob, each once");
    assert!(output.json_bytes() <= DATA_BYTES_MAX);
    let expected = large();
    let whole = store.whole(output).await;
    assert_eq!(whole.get("moved"), expected.get("rows"));
    assert_eq!(
        whole.get("all").unwrap().as_array().unwrap()[1],
        *expected.get("nested").unwrap()
    );
}

#[tokio::test(start_paused = true)]
async fn jsonata_passes_on_what_it_does_not_read() {
    let output = r#"{% $merge([$states.input, {'status': 'moved', 'copy': {'rows': $states.input.rows,
        'n': $states.input.nested.count + 1, 'doubled': $sum([1, 1])}}]) %}"#
        .replace('\n', " ");
    let definition = behind_task(&format!(
        r#""Next":{{"Type":"Pass","QueryLanguage":"JSONata","Output":"{output}","End":true}}"#
    ));
    let (case, store) = case(&definition);
    let case = case.tasks(Tasks::default().on("T", |_, _| Ok(large())));
    let output = succeed(&case).await;
    assert_eq!(store.gets(), 0);
    let whole = store.whole(output).await;
    let expected = large();
    assert_eq!(whole.get("status"), Some(&"moved".into()));
    assert_eq!(whole.get("text"), expected.get("text"));
    let copy = whole.get("copy").unwrap();
    assert_eq!(copy.get("rows"), expected.get("rows"));
    assert_eq!((copy.get("n"), copy.get("doubled")), (Some(&4.into()), Some(&2.into())));
}

#[tokio::test(start_paused = true)]
async fn expressions_see_values_and_never_references() {
    for (state, expected) in [
        (r#""Type":"Pass","InputPath":"$.rows[9999].id""#, "9999"),
        (
            r#""Type":"Pass","Parameters":{"n.$":"$.rows[?(@.id == 3)].id"}"#,
            r#"{"n":[3]}"#,
        ),
        (r#""Type":"Pass","Parameters":{"n.$":"$..count"}"#, r#"{"n":[3]}"#),
        (
            r#""Type":"Pass","Parameters":{"n.$":"States.ArrayLength($.rows)"}"#,
            r#"{"n":10000}"#,
        ),
        (
            r#""Type":"Pass","Parameters":{"n.$":"States.ArrayContains(States.Array($.text), $.text)"}"#,
            r#"{"n":true}"#,
        ),
        (
            r#""Type":"Pass","QueryLanguage":"JSONata","Output":"{% $sum($states.input.rows.price) %}""#,
            "29994",
        ),
        (
            r#""Type":"Pass","QueryLanguage":"JSONata","Output":"{% $length($states.input.text) %}""#,
            "300000",
        ),
        (
            r#""Type":"Pass","QueryLanguage":"JSONata","Output":"{% $length($states.input.nested.blob) %}""#,
            "1000000",
        ),
        (
            r#""Type":"Pass","QueryLanguage":"JSONata","Assign":{"v":"{% $states.input %}"},"Output":"{% $count($states.input.rows) %}""#,
            "10000",
        ),
        (
            r#""Type":"Pass","Result":1,"ResultPath":"$.nested.blob2","OutputPath":"$.nested.blob2""#,
            "1",
        ),
        (
            r#""Type":"Pass","Result":1,"ResultPath":"$.rows[0]","OutputPath":"$.rows[0]""#,
            "1",
        ),
    ] {
        let (case, _store) = case(&behind_task(&format!(r#""Next":{{{state},"End":true}}"#)));
        let case = case.tasks(Tasks::default().on("T", |_, _| Ok(large())));
        assert_eq!(succeed(&case).await.to_json(), expected, "{state}");
    }
}

#[tokio::test(start_paused = true)]
async fn comparisons_look_inside() {
    for (rule, holds) in [
        (r#""Variable":"$.text","StringMatches":"t*t""#, true),
        (r#""Variable":"$.text","StringEqualsPath":"$.text""#, true),
        (r#""Variable":"$.text","StringEqualsPath":"$.nested.blob""#, false),
        (r#""Variable":"$.text","NumericEquals":1"#, false),
        (r#""Variable":"$.rows[0].text","IsString":true"#, true),
        (r#""Variable":"$.rows[10000]","IsPresent":false"#, true),
    ] {
        let definition = behind_task(&format!(
            r#""Next":{{"Type":"Choice","Choices":[{{{rule},"Next":"Yes"}}],"Default":"No"}},
               "Yes":{{"Type":"Pass","Result":true,"End":true}},"No":{{"Type":"Pass","Result":false,"End":true}}"#
        ));
        let (case, _store) = case(&definition);
        let case = case.tasks(Tasks::default().on("T", |_, _| Ok(large())));
        assert_eq!(succeed(&case).await, holds.into(), "{rule}");
    }
}

#[tokio::test(start_paused = true)]
async fn repeated_evaluations_draw_once_and_tell_once() {
    // The first draw comes before the value is missing.
    let template = r#""Next":{"Type":"Pass","Parameters":{"a.$":"States.UUID()","b.$":"$.rows[0].id","c.$":"States.UUID()"},"End":true}"#;
    let small = |_: &TaskRequest<'_>, _: usize| {
        let rows = vec![Document::object([("id", 0.into())])];
        Ok(Document::object([("rows", rows.into())]))
    };
    let uuids = |output: &Document| ["a", "c"].map(|name| output.get(name).unwrap().as_str().unwrap().to_owned());
    let (with, store) = case(&behind_task(template));
    let with = with.tasks(Tasks::default().on("T", |_, _| Ok(large())));
    let with_output = succeed(&with).await;
    assert_eq!(store.gets(), 1);
    let without = Case::new(&behind_task(template)).tasks(Tasks::default().on("T", small));
    assert_eq!(uuids(&with_output), uuids(&succeed(&without).await));

    // An expression that fails after a load has one event that says so.
    let failing = r#""Next":{"Type":"Pass","QueryLanguage":"JSONata","Output":"{% $states.input.text & $states.input.rows[0].id & $error('no') %}","End":true}"#;
    let (case, _store) = case(&behind_task(failing));
    let case = case.tasks(Tasks::default().on("T", |_, _| Ok(large())));
    assert!(matches!(case.run("{}").await.outcome, Outcome::Failed(_)));
    let failures = case
        .events
        .types()
        .iter()
        .filter(|name| *name == "EvaluationFailed")
        .count();
    assert_eq!(failures, 1);
}

#[tokio::test(start_paused = true)]
async fn results_of_a_map_leave_the_memory() {
    let definition = machine(
        "M",
        &format!(
            r#""M":{{"Type":"Map","ItemsPath":"$.items","ItemProcessor":{{"StartAt":"T","States":{{"T":{{{TASK},"End":true}}}}}},"Next":"Count"}},
               "Count":{{"Type":"Pass","Parameters":{{"length.$":"States.ArrayLength($)","last.$":"$[299].n"}},"End":true}}"#
        ),
    );
    let (case, store) = case(&definition);
    // Each of them is small enough, all of them together are not.
    let answer = |request: &TaskRequest<'_>, _: usize| {
        Ok(Document::object([
            ("n", request.input.clone()),
            ("text", letters("x", 50_000)),
        ]))
    };
    let case = case.tasks(Tasks::default().on("T", answer));
    let items: Vec<Document> = (0..300).map(Document::from).collect();
    let input = Document::object([("items", items.into())]).to_json();
    let Outcome::Succeeded(output) = case.run(&input).await.outcome else {
        panic!("it succeeds");
    };
    assert_eq!(output.to_json(), r#"{"length":300,"last":299}"#);
    let exits = case.events.0.lock().unwrap();
    let longest = exits
        .iter()
        .map(|event| format!("{:?}", event.details).len())
        .max()
        .unwrap();
    assert!(longest < 2 * DATA_BYTES_MAX, "{longest}");
    // The text is always the same, so one object holds it.
    assert!(store.texts.lock().unwrap().len() <= 3);
}

#[tokio::test(start_paused = true)]
async fn arrays_of_references_are_stored_themselves() {
    let definition = machine(
        "M",
        &format!(
            r#""M":{{"Type":"Map","ItemProcessor":{{"StartAt":"T","States":{{"T":{{{TASK},"End":true}}}}}},"Next":"Again"}},
               "Again":{{"Type":"Map","ItemSelector":{{"size.$":"$$.Map.Item.Value.n"}},"ItemProcessor":{{"StartAt":"P","States":{{"P":{{"Type":"Pass","OutputPath":"$.size","End":true}}}}}},"End":true}}"#
        ),
    );
    let (case, store) = case(&definition);
    let answer = |request: &TaskRequest<'_>, _: usize| {
        Ok(Document::object([
            ("n", request.input.clone()),
            ("text", format!("{:0>20000}", request.input.to_json()).into()),
        ]))
    };
    let case = case.tasks(Tasks::default().on("T", answer));
    let items: Vec<Document> = (0..2_000).map(Document::from).collect();
    let Outcome::Succeeded(output) = case.run(&Document::from(items.clone()).to_json()).await.outcome else {
        panic!("it succeeds");
    };
    assert_eq!(output, Document::from(items));
    assert!(store.gets() <= 3, "only the array itself is loaded: {}", store.gets());
}

#[tokio::test(start_paused = true)]
async fn large_inputs_and_variables_are_stored() {
    let definition = machine(
        "A",
        r#""A":{"Type":"Pass","Assign":{"kept.$":"$.rows","small.$":"$.status"},"OutputPath":"$.nested.count","Next":"B"},
           "B":{"Type":"Pass","Parameters":{"row.$":"$kept[1].id","status.$":"$small","input.$":"$$.Execution.Input.rows[2].id"},"End":true}"#,
    );
    let (case, store) = case(&definition);
    assert_eq!(
        case.output(&large().to_json()).await,
        r#"{"row":1,"status":"ready","input":2}"#
    );
    assert!(store.gets() > 0);
    let entered = case.events.0.lock().unwrap()[1].clone();
    let text = format!("{:?}", entered.details);
    assert!(text.len() < DATA_BYTES_MAX, "history shows pointers");
    assert!(
        text.contains("software.amazon.payloadoffloading.PayloadS3Pointer"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_a_fault_that_nothing_catches() {
    let definition = machine(
        "T",
        &format!(
            r#""T":{{{TASK},"Catch":[{{"ErrorEquals":["States.ALL"],"Next":"C"}}],"End":true}},"C":{{"Type":"Succeed"}}"#
        ),
    );
    let mut case = Case::new(&definition).tasks(Tasks::default().on("T", |_, _| Ok(large())));
    case.store = Some(Arc::new(Store {
        is_broken: true,
        ..Store::default()
    }));
    let outcome = case.run("{}").await.outcome;
    assert_eq!(outcome, Outcome::Faulted(Fault::Store("the bucket is gone".into())));
}

#[tokio::test(start_paused = true)]
async fn an_evaluation_that_would_load_too_much_fails() {
    let definition = machine(
        "M",
        &format!(
            r#""M":{{"Type":"Map","ItemProcessor":{{"StartAt":"T","States":{{"T":{{{TASK},"End":true}}}}}},"Next":"All"}},
               "All":{{"Type":"Pass","Parameters":{{"text.$":"$[*].text.length"}},"End":true}}"#
        ),
    );
    let (case, _store) = case(&definition);
    let answer = |request: &TaskRequest<'_>, _: usize| {
        let text = request.input.to_json() + &"0".repeat(5_999_999);
        Ok(Document::object([("text", text.into())]))
    };
    let case = case.tasks(Tasks::default().on("T", answer));
    let (name, cause) = case.failure("[1,2,3,4,5,6,7,8,9,10,11,12]").await;
    assert_eq!(name, "States.DataLimitExceeded");
    assert!(cause.contains("looks into stored values of"), "{cause}");
}
