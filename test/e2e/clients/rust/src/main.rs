//! Does with async-nats what the end-to-end tests ask for, with one JSON object per line on stdin and stdout; see ../../remote.ts.

mod call;
mod connection;
mod jetstream;
mod tls;

use std::sync::{Arc, Mutex};

use call::{Call, Line};
use connection::Connection;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

/// Every failure of the library goes to the tests, which judge it.
type Error = Box<dyn std::error::Error + Send + Sync>;

type Connections = Arc<Mutex<Vec<Arc<Connection>>>>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let connections = Connections::default();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let Line { id, connection, call } = serde_json::from_str(&line)?;
        let connections = connections.clone();
        tokio::spawn(async move {
            let answer = match answer(&connections, connection, call).await {
                Ok(result) => json!({ "id": id, "result": result }),
                Err(error) => json!({ "id": id, "error": error.to_string() }),
            };
            println!("{answer}");
        });
    }
    Ok(())
}

async fn answer(connections: &Connections, connection: usize, call: Call) -> Result<Value, Error> {
    if let Call::Connect(options) = call {
        let opened = Connection::open(options).await?;
        let mut connections = connections.lock().unwrap();
        connections.push(opened);
        return Ok(json!(connections.len() - 1));
    }
    let connection = connections.lock().unwrap()[connection].clone();
    connection.answer(call).await
}
