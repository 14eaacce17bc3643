//! The whole, as processes: the function's binary under a Runtime API that the test serves, and clients against servers on
//! loopback. One binary, so that tests which wait for others leave the cores to those that calculate.

mod aws_sdk;
mod cost;
mod crash;
mod end_to_end;
mod faults;
mod lambda;
mod linked;
mod memory;
mod race;
mod table_faults;
