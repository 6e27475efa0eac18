use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::client::{Request, RequestErrorKind};
use async_nats::{Client, ConnectOptions, Event, HeaderMap, Message, ServerError};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use tokio::task::unconstrained;
use tokio::time::timeout;

use crate::Error;
use crate::call::{Call, Options, Outgoing};

/// Nobody subscribes to it, and no policy of the tests allows it.
const FLUSH: &str = "flush";

/// What comes waits here until a test takes it. A subscription ends when it is dropped.
pub type Mailbox<T> = tokio::sync::Mutex<BoxStream<'static, T>>;

/// What the library has told besides messages.
#[derive(Default)]
struct Events {
    errors: Mutex<Vec<String>>,
    /// nats-server, or the filter, has refused `FLUSH`.
    flushed: Notify,
    closed: Notify,
}

impl Events {
    fn hear(&self, event: Event) {
        match event {
            Event::Closed => self.closed.notify_one(),
            Event::ServerError(ServerError::Other(text)) if text.ends_with(&format!("\"{FLUSH}\"")) => {
                self.flushed.notify_one();
            }
            // Of a flush's own inbox. A client that needs one finds no answer if it is refused.
            Event::ServerError(ServerError::Other(text)) if text.contains("Subscription to \"_INBOX.") => {}
            Event::ServerError(error) => self.errors.lock().unwrap().push(error.to_string()),
            Event::ClientError(error) => self.errors.lock().unwrap().push(error.to_string()),
            _ => {}
        }
    }
}

pub struct Connection {
    pub client: Client,
    pub timeout: Duration,
    events: Arc<Events>,
    subscriptions: Mutex<Vec<Arc<Mailbox<Message>>>>,
    pub watches: Mutex<Vec<Arc<Mailbox<Value>>>>,
}

pub fn as_json(message: &Message) -> Value {
    let headers: HashMap<_, Vec<_>> = message
        .headers
        .iter()
        .flat_map(HeaderMap::iter)
        .map(|(name, values)| (name.to_string(), values.iter().map(|value| value.as_str()).collect()))
        .collect();
    json!({
        "subject": message.subject,
        "data": String::from_utf8_lossy(&message.payload),
        "headers": headers,
    })
}

fn header_map(headers: HashMap<String, String>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name, value);
    }
    map
}

/// Waits for `count` items and takes them.
pub async fn take<T>(mailbox: &Mailbox<T>, count: usize, wait: Duration) -> Result<Vec<T>, Error> {
    let mut items = mailbox.lock().await;
    let taken: Vec<T> = timeout(wait, items.by_ref().take(count).collect()).await?;
    if taken.len() < count {
        return Err("the subscription has ended".into());
    }
    Ok(taken)
}

/// Takes what has arrived so far.
async fn take_all<T>(mailbox: &Mailbox<T>) -> Vec<T> {
    let mut items = mailbox.lock().await;
    let mut taken = Vec::new();
    while let Some(Some(item)) = unconstrained(items.next()).now_or_never() {
        taken.push(item);
    }
    taken
}

impl Connection {
    pub async fn open(call: Options) -> Result<Arc<Connection>, Error> {
        let wait = Duration::from_millis(call.reconnect_wait);
        let patience = Duration::from_millis(call.timeout);
        let events = Arc::new(Events::default());
        let heard = events.clone();
        let mut options = ConnectOptions::new()
            .reconnect_delay_callback(move |_| wait)
            // It may take a busy machine seconds to start nats-server again, and to connect.
            .max_reconnects(None)
            .connection_timeout(patience)
            .request_timeout(Some(patience))
            .event_callback(move |event| {
                heard.hear(event);
                async {}
            });
        if !call.user.is_empty() {
            options = options.user_and_password(call.user.clone(), call.user);
        }
        if let Some(files) = call.tls {
            options = options.tls_client_config(files.config()?).require_tls(true).tls_first();
        }
        Ok(Arc::new(Connection {
            client: options.connect(call.url).await?,
            timeout: patience,
            events,
            subscriptions: Mutex::default(),
            watches: Mutex::default(),
        }))
    }

    pub async fn answer(&self, call: Call) -> Result<Value, Error> {
        Ok(match call {
            Call::Publish(outgoing) => json!(self.publish(outgoing).await?),
            Call::Request(outgoing) => as_json(&self.request(outgoing).await?),
            Call::Subscribe {
                subject,
                queue,
                answers,
            } => json!(self.subscribe(subject, queue, answers).await?),
            Call::Take { subscription, count } => {
                let taken = take(&self.subscription(subscription), count, self.timeout).await?;
                taken.iter().map(as_json).collect()
            }
            Call::TakeAll { subscription } => {
                let taken = take_all(&self.subscription(subscription)).await;
                taken.iter().map(as_json).collect()
            }
            Call::Unsubscribe { subscription } => {
                *self.subscription(subscription).lock().await = stream::empty().boxed();
                Value::Null
            }
            Call::Flush => json!(self.flush().await?),
            Call::Errors => json!(std::mem::take(&mut *self.events.errors.lock().unwrap())),
            Call::Reconnects => {
                json!(
                    self.client
                        .statistics()
                        .connects
                        .load(std::sync::atomic::Ordering::Relaxed)
                        - 1
                )
            }
            Call::Drain => json!(self.drain().await?),
            // The library has no call for that but this. It fails where the connection is closed already.
            Call::Close => json!(self.drain().await.unwrap_or_default()),
            other => self.answer_of_stream(other).await?,
        })
    }

    async fn publish(&self, outgoing: Outgoing) -> Result<(), Error> {
        let Outgoing {
            subject,
            data,
            reply,
            headers,
        } = outgoing;
        let (client, data) = (&self.client, data.into());
        match (reply, headers.map(header_map)) {
            (None, None) => client.publish(subject, data).await?,
            (Some(reply), None) => client.publish_with_reply(subject, reply, data).await?,
            (None, Some(headers)) => client.publish_with_headers(subject, headers, data).await?,
            (Some(reply), Some(headers)) => {
                client
                    .publish_with_reply_and_headers(subject, reply, headers, data)
                    .await?;
            }
        }
        Ok(())
    }

    async fn request(&self, outgoing: Outgoing) -> Result<Message, Error> {
        let mut request = Request::new().payload(outgoing.data.into());
        if let Some(headers) = outgoing.headers {
            request = request.headers(header_map(headers));
        }
        Ok(self.client.send_request(outgoing.subject, request).await?)
    }

    async fn subscribe(&self, subject: String, queue: Option<String>, answers: Vec<String>) -> Result<usize, Error> {
        let mut subscriber = match queue {
            Some(queue) => self.client.queue_subscribe(subject, queue).await?,
            None => self.client.subscribe(subject).await?,
        };
        let messages = if answers.is_empty() {
            subscriber.boxed()
        } else {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            let client = self.client.clone();
            tokio::spawn(async move {
                while let Some(message) = subscriber.next().await {
                    for answer in &answers {
                        let Some(reply) = message.reply.clone() else { continue };
                        let answered = match message.headers.clone() {
                            Some(headers) => client.publish_with_headers(reply, headers, answer.clone().into()).await,
                            None => client.publish(reply, answer.clone().into()).await,
                        };
                        if let Err(error) = answered {
                            eprintln!("{error}");
                        }
                    }
                    let _ = sender.send(message);
                }
            });
            stream::poll_fn(move |context| receiver.poll_recv(context)).boxed()
        };
        let mut subscriptions = self.subscriptions.lock().unwrap();
        subscriptions.push(Arc::new(Mailbox::new(messages)));
        Ok(subscriptions.len() - 1)
    }

    fn subscription(&self, number: usize) -> Arc<Mailbox<Message>> {
        self.subscriptions.lock().unwrap()[number].clone()
    }

    /// The library's own `flush` returns when all is written, and no call of it waits for a PONG. What nats-server says of this
    /// request comes behind all that came before: that nobody responds, or that it is refused.
    async fn flush(&self) -> Result<(), Error> {
        tokio::select! {
            () = self.events.flushed.notified() => Ok(()),
            answer = self.client.request(FLUSH, Default::default()) => match answer {
                Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
                Err(error) => Err(error.into()),
                Ok(_) => Err(format!("somebody answers {FLUSH}").into()),
            }
        }
    }

    async fn drain(&self) -> Result<(), Error> {
        self.client.drain().await?;
        timeout(self.timeout, self.events.closed.notified()).await?;
        Ok(())
    }
}
