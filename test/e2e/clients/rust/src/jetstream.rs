use std::sync::Arc;

use async_nats::jetstream::kv::{self, Operation, Store};
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{self, AckKind, consumer, stream};
use futures_util::{Stream as Items, StreamExt};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::Error;
use crate::call::Call;
use crate::connection::{Connection, Mailbox, as_json, take};

fn change(entry: kv::Entry) -> Value {
    let operation = match entry.operation {
        Operation::Put => "PUT",
        Operation::Delete => "DEL",
        Operation::Purge => "PURGE",
    };
    json!({ "key": entry.key, "value": String::from_utf8_lossy(&entry.value), "operation": operation })
}

impl Connection {
    fn stream_context(&self) -> jetstream::Context {
        let mut context = jetstream::new(self.client.clone());
        context.set_timeout(self.timeout);
        context
    }

    async fn stream(&self, name: String) -> Result<Stream, Error> {
        Ok(self.stream_context().get_stream(name).await?)
    }

    async fn bucket(&self, name: String) -> Result<Store, Error> {
        Ok(self.stream_context().get_key_value(name).await?)
    }

    /// What needs JetStream.
    pub async fn answer_of_stream(&self, call: Call) -> Result<Value, Error> {
        Ok(match call {
            Call::CreateStream { stream, subjects } => {
                let config = stream::Config {
                    name: stream,
                    subjects,
                    ..Default::default()
                };
                self.stream_context().create_stream(config).await?;
                Value::Null
            }
            Call::PublishToStream { subject, data } => {
                let acknowledged = self.stream_context().publish(subject, data.into()).await?;
                json!(acknowledged.await?.sequence)
            }
            Call::Pull { stream, count } => {
                let config = consumer::pull::Config {
                    durable_name: Some("pull".into()),
                    ..Default::default()
                };
                let consumer = self.stream(stream).await?.create_consumer(config).await?;
                let batch = consumer
                    .batch()
                    .max_messages(count)
                    .expires(self.timeout)
                    .messages()
                    .await?;
                let messages = self.acknowledge(batch, count).await?;
                json!({ "messages": messages, "unacknowledged": consumer.get_info().await?.num_ack_pending })
            }
            Call::Push { stream, deliver, count } => {
                let config = consumer::push::Config {
                    durable_name: Some("push".into()),
                    deliver_subject: deliver,
                    ..Default::default()
                };
                let consumer = self.stream(stream).await?.create_consumer(config).await?;
                let messages = self.acknowledge(consumer.messages().await?, count).await?;
                json!({ "messages": messages, "unacknowledged": consumer.get_info().await?.num_ack_pending })
            }
            Call::CreateBucket { bucket } => {
                let config = kv::Config {
                    bucket,
                    ..Default::default()
                };
                self.stream_context().create_key_value(config).await?;
                Value::Null
            }
            Call::PutKey { bucket, key, value } => json!(self.bucket(bucket).await?.put(key, value.into()).await?),
            Call::GetKey { bucket, key } => {
                let value = self.bucket(bucket).await?.get(key).await?;
                json!(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
            }
            Call::DeleteKey { bucket, key } => json!(self.bucket(bucket).await?.delete(key).await?),
            Call::WatchKeys { bucket } => {
                let entries = self.bucket(bucket).await?.watch_with_history(">").await?;
                let changes = entries.map(|entry| match entry {
                    Ok(entry) => change(entry),
                    Err(error) => json!({ "error": error.to_string() }),
                });
                let mut watches = self.watches.lock().unwrap();
                watches.push(Arc::new(Mailbox::new(changes.boxed())));
                json!(watches.len() - 1)
            }
            Call::TakeChanges { watch, count } => {
                let changes = self.watches.lock().unwrap()[watch].clone();
                json!(take(&changes, count, self.timeout).await?)
            }
            _ => return Err("a connection does not know this call".into()),
        })
    }

    /// Acknowledges `count` messages, and waits for the answer to each acknowledgement.
    async fn acknowledge<E>(
        &self,
        mut messages: impl Items<Item = Result<jetstream::Message, E>> + Unpin,
        count: usize,
    ) -> Result<Vec<Value>, Error>
    where
        Error: From<E>,
    {
        let mut taken = Vec::new();
        while taken.len() < count {
            let message = timeout(self.timeout, messages.next())
                .await?
                .ok_or("too few messages")??;
            message.double_ack_with(AckKind::Ack).await?;
            taken.push(as_json(&message));
        }
        Ok(taken)
    }
}
