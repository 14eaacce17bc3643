//! Values leave the memory: what adds up to far more than a function has completes.

use super::*;

/// Tells the child process where the server is.
const CHILD: &str = "PAYLOADS_TEST_SERVER";

const ITEMS: usize = 1_000;
const ANSWER_BYTES: usize = 300_000;
const PEAK_KB_MAX: u64 = 200_000;

/// 1,000 tasks that answer 300 KB each, in a process of its own; the objects lie in this one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_map_of_300_mb_needs_less_than_200_mb() {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    let server = Server::start().await;
    let child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["memory::the_map_of_the_child_process", "--exact", "--nocapture"])
        .env(CHILD, &server.url)
        .output()
        .await
        .unwrap();
    let out = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{out}");
    let peak = out.lines().find_map(|line| line.split_once("peak resident kB: "));
    let peak: u64 = peak.unwrap_or_else(|| panic!("{out}")).1.trim().parse().unwrap();
    println!("the peak of the child process: {peak} kB");
    assert!(peak < PEAK_KB_MAX, "{peak} kB");
    assert!(server.objects() >= ITEMS);
}

#[tokio::test]
async fn the_map_of_the_child_process() {
    let Some(url) = std::env::var_os(CHILD) else {
        return;
    };
    let store = store(
        url.to_str().unwrap(),
        expressway_durability::payloads::CACHE_BYTES_DEFAULT,
    );
    let definition = format!(
        r#"{{"StartAt":"M","States":{{
            "M":{{"Type":"Map","ItemProcessor":{{"StartAt":"T","States":{{"T":{{{TASK},"End":true}}}}}},"Next":"C"}},
            "C":{{"Type":"Pass","Parameters":{{"n.$":"States.ArrayLength($)","last.$":"$[999].n"}},"End":true}}}}}}"#
    );
    let tasks = Tasks::new(|item: &Document| {
        let text = format!("{:0>9}", item.to_json()) + &"x".repeat(ANSWER_BYTES);
        Document::object([("n", item.clone()), ("text", text.into())])
    });
    let items: Vec<Document> = (0..ITEMS as i64).map(Document::from).collect();
    let outcome = run(&definition, &store, tasks, &Document::from(items).to_json()).await;
    let expected = Document::object([("n", (ITEMS as i64).into()), ("last", 999.into())]);
    assert_eq!(outcome, Outcome::Succeeded(expected));
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("peak resident kB: {}", peak.trim().trim_end_matches(" kB"));
}
