//! What would be better where a run of a step ended with an error: our own words, by the error's code.

/// Codes of errors that a plan can do something about, and what.
const ADVICE: [(&str, &str); 8] = [
    (
        "tool_bad_arguments",
        "Pass on exactly what the tool's input schema asks for: all that is required, of its type.",
    ),
    (
        "tool_bad_response",
        "What it answers often cannot be used: where another tool does the same, prefer it.",
    ),
    (
        "tool_error",
        "It often fails: where another tool does the same, prefer it.",
    ),
    (
        "tool_needs_input",
        "It asks back when something is missing: pass on everything it may need.",
    ),
    (
        "tool_response_too_large",
        "It often answers too much: ask it for less at once.",
    ),
    ("tool_rounds_exceeded", "Ask it for less in one step."),
    (
        "tool_timeout",
        "It is often slow: ask it for less at once, or prefer another tool that does the same.",
    ),
    (
        "tool_unavailable",
        "It often cannot be reached: where another tool does the same, prefer it.",
    ),
];

/// An error that is none of ours.
const OTHER: &str = "other";

/// The code as it may be told, and what would be better; empty: nothing that a plan could do.
pub fn advice(code: &str) -> (&'static str, &'static str) {
    let known = ADVICE.iter().find(|(known, _)| *known == code);
    known.copied().unwrap_or((OTHER, ""))
}
