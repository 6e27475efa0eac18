use std::collections::HashMap;

use serde::Deserialize;

use crate::tls::Files;

/// One line of stdin.
#[derive(Deserialize)]
pub struct Line {
    pub id: u64,
    #[serde(default)]
    pub connection: usize,
    #[serde(flatten)]
    pub call: Call,
}

#[derive(Deserialize)]
pub struct Options {
    pub url: String,
    pub user: String,
    /// Milliseconds.
    pub timeout: u64,
    /// Milliseconds.
    pub reconnect_wait: u64,
    pub tls: Option<Files>,
}

/// What is published.
#[derive(Deserialize)]
pub struct Outgoing {
    pub subject: String,
    pub data: String,
    pub reply: Option<String>,
    pub headers: Option<HashMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Call {
    Connect(Options),
    Publish(Outgoing),
    Request(Outgoing),
    Subscribe {
        subject: String,
        queue: Option<String>,
        #[serde(default)]
        answers: Vec<String>,
    },
    Take {
        subscription: usize,
        count: usize,
    },
    TakeAll {
        subscription: usize,
    },
    Unsubscribe {
        subscription: usize,
    },
    Flush,
    Errors,
    Reconnects,
    Drain,
    Close,
    CreateStream {
        stream: String,
        subjects: Vec<String>,
    },
    PublishToStream {
        subject: String,
        data: String,
    },
    Pull {
        stream: String,
        count: usize,
    },
    Push {
        stream: String,
        deliver: String,
        count: usize,
    },
    CreateBucket {
        bucket: String,
    },
    PutKey {
        bucket: String,
        key: String,
        value: String,
    },
    GetKey {
        bucket: String,
        key: String,
    },
    DeleteKey {
        bucket: String,
        key: String,
    },
    WatchKeys {
        bucket: String,
    },
    TakeChanges {
        watch: usize,
        count: usize,
    },
}
