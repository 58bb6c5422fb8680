//! Business metrics as words, and what simple arithmetic says about them.

use std::collections::BTreeMap;

/// A figure that can be quoted.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// As people would say it.
    pub name: String,
    /// As text.
    pub value: String,
}

const PERIODS: [&str; 8] = [
    "monthly",
    "weekly",
    "daily",
    "yearly",
    "annual",
    "quarterly",
    "hourly",
    "total",
];
const SHARES: [&str; 7] = [
    "rate",
    "ratio",
    "share",
    "percentage",
    "percent",
    "margin",
    "probability",
];

/// Every metric as a figure, in name order.
pub fn figures(metrics: &BTreeMap<String, f64>) -> Vec<Figure> {
    metrics
        .iter()
        .map(|(name, value)| Figure {
            name: spoken(name),
            value: shown(name, *value),
        })
        .collect()
}

/// Sentences that follow from the metrics by one multiplication or division.
pub fn derived(metrics: &BTreeMap<String, f64>) -> Vec<String> {
    let mut found = Vec::new();
    let revenue = metric(metrics, &["revenue", "sales"]);
    let traffic = metric(metrics, &["traffic", "visits", "visitors", "sessions"]);
    let rate = metric(metrics, &["conversion"]).filter(|(_, value)| (0.0..=1.0).contains(value));
    let spend = metric(metrics, &["spend", "cost", "budget"]);
    if let (Some((r, revenue)), Some((t, traffic))) = (revenue, traffic)
        && traffic > 0.0
        && same_period(r, t)
    {
        let each = amount(revenue / traffic);
        found.push(format!(
            "Divided by each other, {} and {} come to {each} per visit.",
            spoken(r),
            spoken(t)
        ));
    }
    if let (Some((t, traffic)), Some((c, rate))) = (traffic, rate) {
        let conversions = amount((traffic * rate).round());
        found.push(format!(
            "At this {}, {} implies about {conversions} conversions.",
            spoken(c),
            spoken(t)
        ));
        if let Some((r, revenue)) = revenue
            && traffic * rate >= 1.0
            && same_period(r, t)
        {
            let each = amount(revenue / (traffic * rate));
            found.push(format!(
                "Spread over those conversions, {} is about {each} for each one.",
                spoken(r)
            ));
        }
    }
    if let (Some((r, revenue)), Some((s, spend))) = (revenue, spend)
        && revenue > 0.0
        && spend > 0.0
        && same_period(r, s)
    {
        let share = amount(spend / revenue * 100.0);
        found.push(format!("Set against {}, {} makes up {share}%.", spoken(r), spoken(s)));
    }
    found
}

fn metric<'a>(metrics: &'a BTreeMap<String, f64>, names: &[&str]) -> Option<(&'a str, f64)> {
    let found = names.iter().find_map(|wanted| {
        metrics.iter().find(|(name, _)| {
            name.to_lowercase()
                .split(['_', '-', ' ', '.'])
                .any(|part| part == *wanted)
        })
    });
    found.map(|(name, value)| (name.as_str(), *value))
}

/// Two metrics may be set against each other unless they name different periods.
fn same_period(a: &str, b: &str) -> bool {
    let period = |name: &str| {
        PERIODS
            .iter()
            .copied()
            .find(|period| name.to_lowercase().contains(*period))
    };
    period(a) == period(b)
}

/// `revenue_monthly` is `monthly revenue`.
fn spoken(name: &str) -> String {
    let lower = name.to_lowercase();
    let parts: Vec<&str> = lower
        .split(['_', '-', '.', ' '])
        .filter(|part| !part.is_empty())
        .collect();
    let (periods, rest): (Vec<&str>, Vec<&str>) = parts.into_iter().partition(|part| PERIODS.contains(part));
    [periods, rest].concat().join(" ")
}

fn shown(name: &str, value: f64) -> String {
    let lower = name.to_lowercase();
    let is_share = (0.0..=1.0).contains(&value) && SHARES.iter().any(|word| lower.contains(word));
    if is_share {
        format!("{}%", amount(value * 100.0))
    } else {
        amount(value)
    }
}

/// With thousands separators and at most two decimals.
pub fn amount(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    let text = format!("{:.2}", rounded.abs());
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let decimals = decimals.trim_end_matches('0');
    let sign = if rounded < 0.0 { "-" } else { "" };
    if decimals.is_empty() {
        format!("{sign}{grouped}")
    } else {
        format!("{sign}{grouped}.{decimals}")
    }
}

#[cfg(test)]
mod tests {
    use super::{amount, derived, figures};

    #[test]
    fn figures_are_said_as_people_say_them_and_derivations_are_true() {
        let metrics = [
            ("revenue_monthly", 50_000.0),
            ("traffic_monthly", 25_000.0),
            ("conversion_rate", 0.04),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let said: Vec<String> = figures(&metrics)
            .iter()
            .map(|f| format!("{} {}", f.name, f.value))
            .collect();
        assert_eq!(
            said,
            ["conversion rate 4%", "monthly revenue 50,000", "monthly traffic 25,000"]
        );
        let sentences = derived(&metrics).join(" ");
        for fact in ["come to 2 per visit", "about 1,000 conversions", "about 50 for each"] {
            assert!(sentences.contains(fact), "{sentences}");
        }
    }

    #[test]
    fn different_periods_are_not_set_against_each_other() {
        let metrics = [("revenue_yearly".to_owned(), 10.0), ("traffic_daily".to_owned(), 5.0)].into();
        assert!(derived(&metrics).is_empty());
        assert_eq!(amount(-1234.5), "-1,234.5");
    }
}
