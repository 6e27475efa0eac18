//! A small filter in Rust that does the core of istio-nats' work, for the comparison in
//! bench/peers/README.md. It reads the NATS protocol of both directions as the bytes pass, checks
//! subjects against the lists of its configuration, and counts by verdict. It refuses nothing and
//! knows no identity.

mod counters;
mod judge;
mod stream;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::traits::{Context, RootContext, StreamContext};
use proxy_wasm::types::{Action, ContextType};

use judge::Lists;
use stream::{Stream, Work};

const TICK: Duration = Duration::from_millis(500);

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Plugin::default()));
}}

#[derive(Default)]
struct Plugin {
    work: Rc<RefCell<Work>>,
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, _size: usize) -> bool {
        let Some(configuration) = self.get_plugin_configuration() else {
            return false;
        };
        let Ok(lists) = serde_json::from_slice::<Lists>(&configuration) else {
            return false;
        };
        let Ok(work) = Work::new(&lists) else {
            return false;
        };
        *self.work.borrow_mut() = work;
        self.set_tick_period(TICK);
        true
    }

    fn on_tick(&mut self) {
        self.work.borrow_mut().counters.flush();
    }

    fn create_stream_context(&self, _id: u32) -> Option<Box<dyn StreamContext>> {
        Some(Box::new(Connection {
            work: self.work.clone(),
            to_server: Stream::default(),
            to_client: Stream::default(),
        }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::StreamContext)
    }
}

struct Connection {
    work: Rc<RefCell<Work>>,
    to_server: Stream,
    to_client: Stream,
}

impl Context for Connection {}

impl StreamContext for Connection {
    fn on_downstream_data(&mut self, size: usize, _end: bool) -> Action {
        let from = self.to_server.pass_payload(size);
        if from < size
            && let Some(data) = self.get_downstream_data(from, size - from)
        {
            self.to_server.read(&data, &mut self.work.borrow_mut());
        }
        Action::Continue
    }

    fn on_upstream_data(&mut self, size: usize, _end: bool) -> Action {
        let from = self.to_client.pass_payload(size);
        if from < size
            && let Some(data) = self.get_upstream_data(from, size - from)
        {
            self.to_client.read(&data, &mut self.work.borrow_mut());
        }
        Action::Continue
    }
}
