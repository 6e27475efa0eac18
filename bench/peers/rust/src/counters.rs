use proxy_wasm::hostcalls;
use proxy_wasm::types::{MetricType, Status};

use crate::judge::Verdict;

#[derive(Clone, Copy)]
pub enum Operation {
    Pub,
    Hpub,
    Sub,
    Unsub,
    Msg,
    Hmsg,
}

const OPERATIONS: [&str; 6] = ["PUB", "HPUB", "SUB", "UNSUB", "MSG", "HMSG"];
const VERDICTS: [&str; 2] = ["allowed", "refused"];

#[derive(Default)]
struct Counter {
    messages: i64,
    bytes: i64,
    messages_metric: u32,
    bytes_metric: u32,
}

/// The counts add up here and go to the host on the tick.
#[derive(Default)]
pub struct Counters([[Counter; VERDICTS.len()]; OPERATIONS.len()]);

impl Counters {
    pub fn define() -> Result<Counters, Status> {
        let mut counters = Counters::default();
        for (row, operation) in counters.0.iter_mut().zip(OPERATIONS) {
            for (counter, verdict) in row.iter_mut().zip(VERDICTS) {
                let name = format!("peer.operation.{operation}.verdict.{verdict}");
                let define = |what: &str| hostcalls::define_metric(MetricType::Counter, &format!("{name}.{what}"));
                counter.messages_metric = define("messages_total")?;
                counter.bytes_metric = define("bytes_total")?;
            }
        }
        Ok(counters)
    }

    pub fn count(&mut self, operation: Operation, verdict: Verdict, size: usize) {
        let counter = &mut self.0[operation as usize][verdict as usize];
        counter.messages += 1;
        counter.bytes += size as i64;
    }

    pub fn flush(&mut self) {
        for counter in self.0.iter_mut().flatten() {
            for (metric, value) in [
                (counter.messages_metric, &mut counter.messages),
                (counter.bytes_metric, &mut counter.bytes),
            ] {
                // A stat that the host no longer accepts is no reason to panic.
                if *value > 0 && hostcalls::increment_metric(metric, *value).is_ok() {
                    *value = 0;
                }
            }
        }
    }
}
