//! What was looked at, and what to do about it.

use crate::look::{Look, Tone};
use crate::text::{columns, harmless};
use serde_json::{Value, json};

/// How it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Ok,
    /// Works, but not as it should, or not for long.
    Warn,
    /// Does not work.
    Fail,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing looked at. Never carries a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub name: String,
    pub verdict: Verdict,
    pub detail: String,
    /// What helps, a command where there is one.
    pub fix: Option<String>,
}

impl Finding {
    pub fn ok(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            verdict: Verdict::Ok,
            detail: detail.into(),
            fix: None,
        }
    }

    pub fn warn(name: impl Into<String>, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warn,
            fix: Some(fix.into()),
            ..Self::ok(name, detail)
        }
    }

    pub fn fail(name: impl Into<String>, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fail,
            ..Self::warn(name, detail, fix)
        }
    }

    /// `ok` of earlier versions stays beside the verdict.
    fn document(&self) -> Value {
        json!({
            "name": self.name, "verdict": self.verdict.as_str(), "ok": self.verdict != Verdict::Fail,
            "detail": self.detail, "fix": self.fix,
        })
    }
}

/// `{checks: [{name, verdict, ok, detail, fix}]}`.
pub fn document(findings: &[Finding]) -> Value {
    json!({ "checks": findings.iter().map(Finding::document).collect::<Vec<_>>() })
}

/// A line each, its fix below it. Nothing is cut: what helps must be whole.
pub fn text(findings: &[Finding], look: Look) -> String {
    let names = findings.iter().map(|finding| columns(&finding.name)).max().unwrap_or(0);
    let mut lines = Vec::new();
    for finding in findings {
        let verdict = finding.verdict.as_str();
        let name = format!("{:<names$}", finding.name);
        let painted = look.paint(Tone::of_status(verdict), &format!("{verdict:<4}"));
        lines.push(
            format!("{painted}  {name}  {}", harmless(&finding.detail))
                .trim_end()
                .to_owned(),
        );
        if let Some(fix) = &finding.fix {
            lines.push(format!(
                "{:width$}fix: {}",
                "",
                harmless(fix),
                width = 4 + 2 + names + 2
            ));
        }
    }
    lines.join("\n")
}

/// How many there are of each verdict that needs somebody.
pub fn count(findings: &[Finding], verdict: Verdict) -> usize {
    findings.iter().filter(|finding| finding.verdict == verdict).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_stands_with_what_helps() {
        let findings = [
            Finding::ok("nats-server", "2.15.1"),
            Finding::warn("disk", "3.0 GB free", "make reset"),
            Finding::fail("model gpt", "401\x1b[2J", "set OPENAI_API_KEY"),
        ];
        assert_eq!(
            text(&findings, Look::PLAIN),
            "ok    nats-server  2.15.1\n\
             warn  disk         3.0 GB free\n                   fix: make reset\n\
             fail  model gpt    401\u{fffd}[2J\n                   fix: set OPENAI_API_KEY"
        );
        assert_eq!(
            (count(&findings, Verdict::Fail), count(&findings, Verdict::Warn)),
            (1, 1)
        );
        assert_eq!(document(&findings)["checks"][1]["ok"], true);
    }
}
