use memchr::memchr;
use proxy_wasm::types::Status;

use crate::counters::{Counters, Operation};
use crate::judge::{Judge, Lists, Verdict};

/// nats-server's max_control_line, plus some room for INFO and CONNECT, which that limit does not
/// bound.
const MAX_LINE: usize = 64 << 10;

/// What all connections of one configuration share.
#[derive(Default)]
pub struct Work {
    publish: Judge,
    subscribe: Judge,
    pub counters: Counters,
}

/// The line cannot be read.
struct Unreadable;

/// One direction of a connection.
#[derive(Default)]
pub struct Stream {
    /// The beginning of a line whose end has not arrived yet.
    tail: Vec<u8>,
    /// Bytes, CR LF included, that still have to pass unread.
    payload: usize,
    /// Set after something that is not NATS. From then on nothing is read.
    broken: bool,
}

impl Stream {
    /// Lets the rest of a payload pass. Returns the offset from which the `size` bytes have to be
    /// read.
    pub fn pass_payload(&mut self, size: usize) -> usize {
        if self.broken {
            return size;
        }
        let passed = self.payload.min(size);
        self.payload -= passed;
        passed
    }

    /// Reads the bytes after a payload, line by line.
    pub fn read(&mut self, mut data: &[u8], work: &mut Work) {
        while !data.is_empty() && !self.broken {
            let Some(end) = memchr(b'\n', data) else {
                self.tail.extend_from_slice(data);
                self.broken = self.tail.len() > MAX_LINE;
                return;
            };
            let taken = if self.tail.is_empty() {
                work.take(&data[..end])
            } else {
                self.tail.extend_from_slice(&data[..end]);
                let taken = work.take(&self.tail);
                self.tail.clear();
                taken
            };
            data = &data[end + 1..];
            match taken {
                Err(Unreadable) => self.broken = true,
                Ok(payload) if payload > data.len() => {
                    self.payload = payload - data.len();
                    return;
                }
                Ok(payload) => data = &data[payload..],
            }
        }
    }
}

impl Work {
    pub fn new(lists: &Lists) -> Result<Work, Status> {
        Ok(Work {
            publish: Judge::new(&lists.publish),
            subscribe: Judge::new(&lists.subscribe),
            counters: Counters::define()?,
        })
    }

    /// Judges and counts one operation. Returns how many bytes of payload follow, CR LF included.
    fn take(&mut self, line: &[u8]) -> Result<usize, Unreadable> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (verb, arguments) = word(line);
        let is = |upper: &[u8]| verb.eq_ignore_ascii_case(upper);
        match verb.len() {
            3 if is(b"PUB") => self.take_publish(Operation::Pub, arguments),
            3 if is(b"MSG") => self.take_payload(Operation::Msg, Verdict::Allowed, arguments),
            3 if is(b"SUB") => {
                let verdict = self.subscribe.verdict(word(arguments).0);
                self.counters.count(Operation::Sub, verdict, 0);
                Ok(0)
            }
            4 if is(b"HPUB") => self.take_publish(Operation::Hpub, arguments),
            4 if is(b"HMSG") => self.take_payload(Operation::Hmsg, Verdict::Allowed, arguments),
            5 if is(b"UNSUB") => {
                self.counters.count(Operation::Unsub, Verdict::Allowed, 0);
                Ok(0)
            }
            3 if is(b"+OK") => Ok(0),
            4 if is(b"PING") || is(b"PONG") || is(b"INFO") || is(b"-ERR") => Ok(0),
            7 if is(b"CONNECT") => Ok(0),
            _ => Err(Unreadable),
        }
    }

    fn take_publish(&mut self, operation: Operation, arguments: &[u8]) -> Result<usize, Unreadable> {
        let (subject, _) = word(arguments);
        if subject.is_empty() {
            return Err(Unreadable);
        }
        let verdict = self.publish.verdict(subject);
        self.take_payload(operation, verdict, arguments)
    }

    /// Reads the size, which is the last argument.
    fn take_payload(&mut self, operation: Operation, verdict: Verdict, arguments: &[u8]) -> Result<usize, Unreadable> {
        let (mut size, mut place) = (0, 1);
        for digit in arguments.iter().rev().take(9).take_while(|byte| byte.is_ascii_digit()) {
            size += usize::from(digit - b'0') * place;
            place *= 10;
        }
        if place == 1 {
            return Err(Unreadable);
        }
        self.counters.count(operation, verdict, size);
        Ok(size + 2)
    }
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The first word, and what follows the blanks after it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(is_blank).unwrap_or(text.len());
    let (first, rest) = text.split_at(end);
    let blanks = rest.iter().position(|byte| !is_blank(byte)).unwrap_or(rest.len());
    (first, &rest[blanks..])
}
