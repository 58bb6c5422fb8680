//! Real Postgres and real NATS for tests, a proxy that breaks the way to them, and scripted providers of models and of training.
//!
//! Each server is one named by an environment variable, or a local binary started for this test
//! process, or a container. What is started ends with the test process, however that ends.
//! `shared()` starts one server per test process; each test then takes a database or a prefix of
//! its own. Fault tests start servers of their own and kill them.

mod binary;
mod container;
mod fault_proxy;
mod model_server;
mod nats;
mod postgres;
mod process;
mod random;
mod training_server;

pub use fault_proxy::FaultProxy;
pub use model_server::{Asked, ModelServer, SENTENCE, Say, Temper};
pub use nats::{Nats, NatsServer};
pub use postgres::{Postgres, PostgresServer, TestDatabase};
pub use training_server::{TrainingFile, TrainingServer, Wrong};
