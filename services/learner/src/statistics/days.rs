//! Daily values: the week taken out, and the same weekdays compared.

use super::mean;

const WEEK: usize = 7;

/// What the days before and after come to over the weekdays that stand on both sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Mean of the weekdays' means before.
    pub before: f64,
    /// And after.
    pub after: f64,
    /// Days that count.
    pub days: usize,
}

/// Compares the same weekdays; `after` follows `before` without a gap. None where they share none.
pub fn change(before: &[Option<f64>], after: &[Option<f64>]) -> Option<Change> {
    let (mut earlier, mut later, mut days) = (Vec::new(), Vec::new(), 0);
    for weekday in 0..WEEK {
        let one = of_weekday(before, weekday);
        let shifted = (weekday + WEEK - before.len() % WEEK) % WEEK;
        let other = of_weekday(after, shifted);
        if let (Some(a), Some(b)) = (mean(&one), mean(&other)) {
            earlier.push(a);
            later.push(b);
            days += one.len() + other.len();
        }
    }
    Some(Change {
        before: mean(&earlier)?,
        after: mean(&later)?,
        days,
    })
}

fn of_weekday(days: &[Option<f64>], weekday: usize) -> Vec<f64> {
    days.iter().skip(weekday).step_by(WEEK).flatten().copied().collect()
}

/// Days with a value.
pub fn known(days: &[Option<f64>]) -> usize {
    days.iter().flatten().count()
}

/// The days less what is usual for their weekday, as learned from the first `fit` of them. A weekday that never occurs
/// there is left out.
pub fn without_week(days: &[Option<f64>], fit: usize) -> Vec<Option<f64>> {
    let learned = days.get(..fit).unwrap_or(days);
    let usual: Vec<Option<f64>> = (0..WEEK).map(|weekday| mean(&of_weekday(learned, weekday))).collect();
    let usual = usual.iter().cycle();
    days.iter()
        .zip(usual)
        .map(|(day, usual)| Some((*day)? - (*usual)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_weekdays_of_both_sides_are_compared() {
        // Two weeks of 0-6, then three days of the same weekdays, each ten more.
        let before: Vec<_> = (0..14).map(|day| Some(f64::from(day % 7))).collect();
        let after = [10.0, 11.0, 12.0].map(Some);
        let found = change(&before, &after).unwrap();
        assert_eq!((found.before, found.after, found.days), (1.0, 11.0, 9));
        // Before began on a Wednesday, so to speak: after is matched by weekday, not by place.
        let found = change(before.get(2..).unwrap(), &after).unwrap();
        assert_eq!((found.before, found.after), (1.0, 11.0));
        assert_eq!(change(&[Some(1.0)], &[Some(1.0)]), None);
    }

    #[test]
    fn a_week_is_taken_out_as_it_was_before() {
        let days: Vec<_> = (0..21).map(|day| Some(f64::from(day % 7 + day / 14 * 5))).collect();
        let found = without_week(&days, 14);
        assert!(found.iter().take(14).all(|day| *day == Some(0.0)));
        assert!(found.iter().skip(14).all(|day| *day == Some(5.0)));
    }
}
