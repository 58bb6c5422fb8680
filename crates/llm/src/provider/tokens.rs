//! What a provider says a call used.

use serde_json::Value;

/// No call of any model comes near this; whoever says so is wrong.
const BELIEVABLE: u64 = 10_000_000;

/// Tokens of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// Prompt, cached ones included.
    pub(crate) input: u64,
    /// Of these, read from a cache.
    pub(crate) cached: u64,
    /// Reply, reasoning included.
    pub(crate) output: u64,
    /// Of these, reasoning.
    pub(crate) reasoning: u64,
}

impl Tokens {
    /// None where the two that matter are not told or cannot be true; a part larger than its whole is not believed.
    pub(crate) fn believed(input: &Value, cached: &Value, output: &Value, reasoning: &Value) -> Option<Self> {
        let (input, output) = (count(input)?, count(output)?);
        Some(Self {
            input,
            cached: count(cached).filter(|cached| *cached <= input).unwrap_or_default(),
            output,
            reasoning: count(reasoning)
                .filter(|reasoning| *reasoning <= output)
                .unwrap_or_default(),
        })
    }
}

fn count(value: &Value) -> Option<u64> {
    value.as_u64().filter(|count| *count <= BELIEVABLE)
}

#[cfg(test)]
mod tests {
    use super::Tokens;
    use serde_json::{Value, json};

    #[test]
    fn what_cannot_be_true_is_not_believed() {
        let believed = |input: Value, cached: Value, output: Value, reasoning: Value| {
            Tokens::believed(&input, &cached, &output, &reasoning)
                .map(|tokens| (tokens.input, tokens.cached, tokens.output, tokens.reasoning))
        };
        let null = Value::Null;
        assert_eq!(believed(json!(10), json!(4), json!(5), json!(2)), Some((10, 4, 5, 2)));
        assert_eq!(believed(json!(10), json!(11), json!(5), json!(6)), Some((10, 0, 5, 0)));
        assert_eq!(
            believed(json!(10), null.clone(), json!(0), null.clone()),
            Some((10, 0, 0, 0))
        );
        for (input, output) in [
            (json!(-1), json!(5)),
            (json!(10), json!("5")),
            (json!(10), json!(1_000_000_000_000_u64)),
            (json!(1.5), json!(5)),
            (null.clone(), json!(5)),
        ] {
            assert_eq!(believed(input, null.clone(), output, null.clone()), None);
        }
    }
}
