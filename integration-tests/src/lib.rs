//! The whole system under test: real processes, real NATS and Postgres, seen only through what users
//! see (REST, events, `dev.json`, signals), plus an oracle that plays the outside world.

pub mod asking_server;
pub mod bench;
pub mod checker;
pub mod collector;
pub mod configuration;
pub mod database_proxy;
pub mod dev_file;
pub mod document;
pub mod duplicator;
pub mod event_stream;
pub mod eventually;
pub mod faults;
pub mod injection;
pub mod load;
pub mod mcp_server;
pub mod oracle;
pub mod plans;
pub mod processes;
pub mod readme;
pub mod rest;
pub mod scenarios;
pub mod server_sent;
pub mod system;
pub mod trial;
pub mod world;
