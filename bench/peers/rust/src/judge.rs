use rustc_hash::FxHashMap;
use serde::Deserialize;

/// Bounds the number of remembered verdicts. istio-nats' table of short subjects begins with 8,192
/// slots.
const MAX_REMEMBERED: usize = 4096;

/// The configuration: {"publish": {"allow": [...], "deny": [...]}, "subscribe": {...}}.
#[derive(Deserialize)]
pub struct Lists {
    pub publish: Permission,
    pub subscribe: Permission,
}

#[derive(Deserialize)]
pub struct Permission {
    allow: Vec<String>,
    deny: Vec<String>,
}

#[derive(Clone, Copy)]
pub enum Verdict {
    Allowed,
    Refused,
}

type Pattern = Vec<Vec<u8>>;

/// Checks subjects against the lists of one direction.
#[derive(Default)]
pub struct Judge {
    allow: Vec<Pattern>,
    deny: Vec<Pattern>,
    remembered: FxHashMap<Box<[u8]>, Verdict>,
}

impl Judge {
    pub fn new(lists: &Permission) -> Judge {
        Judge {
            allow: split(&lists.allow),
            deny: split(&lists.deny),
            remembered: FxHashMap::default(),
        }
    }

    pub fn verdict(&mut self, subject: &[u8]) -> Verdict {
        if let Some(known) = self.remembered.get(subject) {
            return *known;
        }
        let tokens: Vec<&[u8]> = subject.split(|byte| *byte == b'.').collect();
        let decided = if !any_matches(&self.deny, &tokens) && any_matches(&self.allow, &tokens) {
            Verdict::Allowed
        } else {
            Verdict::Refused
        };
        if self.remembered.len() >= MAX_REMEMBERED {
            self.remembered.clear();
        }
        self.remembered.insert(subject.into(), decided);
        decided
    }
}

fn split(patterns: &[String]) -> Vec<Pattern> {
    // An entry may name a queue after a blank.
    let subjects = patterns.iter().filter_map(|pattern| pattern.split(' ').next());
    subjects
        .map(|subject| subject.split('.').map(|token| token.as_bytes().to_vec()).collect())
        .collect()
}

fn any_matches(patterns: &[Pattern], tokens: &[&[u8]]) -> bool {
    patterns.iter().any(|pattern| matches(pattern, tokens))
}

fn matches(pattern: &Pattern, tokens: &[&[u8]]) -> bool {
    for (i, part) in pattern.iter().enumerate() {
        let Some(token) = tokens.get(i) else {
            return false;
        };
        if part == b">" {
            return true;
        }
        if part != b"*" && part != token {
            return false;
        }
    }
    pattern.len() == tokens.len()
}
