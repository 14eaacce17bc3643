use super::*;
use futures_util::future::{join, join_all};
use std::cell::RefCell;
use std::time::UNIX_EPOCH;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn sleep(clock: &FastForward, duration: Duration) {
    clock.sleep_until(later(clock.now(), duration)).await;
}

fn elapsed(clock: &FastForward) -> Duration {
    clock.now().duration_since(UNIX_EPOCH).unwrap()
}

#[tokio::test]
async fn sleeps_take_no_time_and_end_in_order() {
    let clock = FastForward::starting_at(UNIX_EPOCH);
    let log = RefCell::new(Vec::new());
    let branch = |name: &'static str, sleeps: &'static [u64]| {
        let (clock, log) = (&clock, &log);
        async move {
            for duration in sleeps {
                sleep(clock, seconds(*duration)).await;
                log.borrow_mut().push((name, elapsed(clock).as_secs()));
            }
        }
    };
    let started = Instant::now();
    let branches = join_all([branch("a", &[100, 100]), branch("b", &[150]), branch("c", &[100, 200])]);
    clock.run(branches).await;
    assert_eq!(
        log.into_inner(),
        [("a", 100), ("c", 100), ("b", 150), ("a", 200), ("c", 300)],
        "sleepers of equal time end in the order in which they began"
    );
    assert_eq!(elapsed(&clock), seconds(300));
    assert!(started.elapsed() < seconds(10));
}

#[tokio::test]
async fn a_dropped_sleep_moves_nothing() {
    let clock = FastForward::starting_at(UNIX_EPOCH);
    clock
        .run(async {
            tokio::select! {
                () = sleep(&clock, seconds(300)) => unreachable!(),
                () = sleep(&clock, seconds(5)) => {}
            }
            sleep(&clock, seconds(1)).await;
        })
        .await;
    assert_eq!(elapsed(&clock), seconds(6));
}

#[tokio::test]
async fn a_sleep_that_is_over_ends_at_once() {
    let clock = FastForward::starting_at(UNIX_EPOCH + seconds(10));
    clock.run(clock.sleep_until(UNIX_EPOCH)).await;
    assert_eq!(elapsed(&clock), seconds(10));
}

#[tokio::test]
async fn futures_that_yield_come_before_sleepers() {
    let clock = FastForward::starting_at(UNIX_EPOCH);
    let log = RefCell::new(Vec::new());
    let yielding = async {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        log.borrow_mut().push("yielding");
    };
    let sleeping = async {
        sleep(&clock, seconds(1)).await;
        log.borrow_mut().push("sleeping");
    };
    clock.run(join(sleeping, yielding)).await;
    assert_eq!(log.into_inner(), ["yielding", "sleeping"]);
}

#[tokio::test]
async fn waiting_for_a_permit_is_not_waiting_for_time() {
    let clock = FastForward::starting_at(UNIX_EPOCH);
    let permits = tokio::sync::Semaphore::new(2);
    let worker = async || {
        let _permit = permits.acquire().await.unwrap();
        sleep(&clock, seconds(10)).await;
    };
    clock.run(join_all((0..6).map(|_| worker()))).await;
    assert_eq!(elapsed(&clock), seconds(30));
}

#[tokio::test(start_paused = true)]
async fn while_a_task_is_in_flight_time_really_passes() {
    let clock = FastForward::starting_at(UNIX_EPOCH);
    let log = RefCell::new(Vec::new());
    let started = Instant::now();
    let task = async {
        clock.task_in_flight(true);
        tokio::time::sleep(seconds(3)).await;
        clock.task_in_flight(false);
        log.borrow_mut().push("task");
    };
    let shorter = async {
        sleep(&clock, seconds(2)).await;
        log.borrow_mut().push("shorter");
    };
    let longer = async {
        sleep(&clock, seconds(600)).await;
        log.borrow_mut().push("longer");
    };
    clock.run(join(task, join(longer, shorter))).await;
    assert_eq!(log.into_inner(), ["shorter", "task", "longer"]);
    assert_eq!(elapsed(&clock).as_secs(), 600);
    assert_eq!(started.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_hangs_meets_its_timeout() {
    let clock = FastForward::starting_at(UNIX_EPOCH);
    clock
        .run(async {
            clock.task_in_flight(true);
            tokio::select! {
                () = std::future::pending() => {}
                () = sleep(&clock, seconds(7)) => {}
            }
            clock.task_in_flight(false);
        })
        .await;
    assert_eq!(elapsed(&clock).as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn computing_without_end_meets_its_limit() {
    let clock = FastForward::starting_at(UNIX_EPOCH);
    let started = Instant::now();
    clock
        .run(async {
            while elapsed(&clock) < seconds(30) {
                tokio::time::advance(Duration::from_millis(50)).await;
            }
        })
        .await;
    assert!(started.elapsed() < seconds(32), "{:?}", started.elapsed());
}
