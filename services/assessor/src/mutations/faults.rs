//! What can be wrong with an output.

use serde_json::{Value, json};

/// A kind of fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// The tool was called with another argument; its answer is a proper one.
    WrongArgument,
    /// A member is missing.
    DroppedField,
    /// It is of an earlier day.
    StaleData,
    /// A number is another one.
    WrongNumber,
    /// A list has another order.
    WrongOrder,
}

pub const ALL: [Fault; 5] = [
    Fault::WrongArgument,
    Fault::DroppedField,
    Fault::StaleData,
    Fault::WrongNumber,
    Fault::WrongOrder,
];

impl Fault {
    /// Tools whose output can have it.
    pub fn possible_in(self) -> &'static [&'static str] {
        match self {
            Self::WrongArgument => &["lookup"],
            Self::DroppedField => &["lookup", "sort"],
            Self::StaleData => &["lookup", "sum"],
            Self::WrongNumber => &["sort", "sum", "write"],
            Self::WrongOrder => &["sort"],
        }
    }
}

/// The output with the fault; one of the argument is in it already.
pub fn mutated(mut output: Value, fault: Fault, random: &mut fastrand::Rng) -> Value {
    match fault {
        Fault::WrongArgument => {}
        Fault::DroppedField => {
            let offers = output["offers"].as_array_mut().unwrap();
            let at = random.usize(..offers.len());
            offers[at].as_object_mut().unwrap().remove("price");
        }
        Fault::StaleData => {
            output["as_of"] = json!("2025-11-17");
            if let Some(offers) = output.get_mut("offers").and_then(Value::as_array_mut) {
                offers.pop();
            }
        }
        Fault::WrongNumber => {
            if let Some(text) = output.get("text").and_then(Value::as_str) {
                let number = text
                    .split(' ')
                    .find(|word| word.parse::<f64>().is_ok())
                    .unwrap()
                    .to_owned();
                output["text"] = json!(text.replacen(&number, &format!("{}", random.u32(2_000..9_000)), 1));
            } else if output.get("total").is_some() {
                output["total"] = json!(random.u32(2_000..9_000));
            } else {
                output["offers"][0]["price"] = json!(random.u32(11..99));
            }
        }
        Fault::WrongOrder => output["offers"].as_array_mut().unwrap().reverse(),
    }
    output
}
