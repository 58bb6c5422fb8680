//! A step in a line, with errors that remember (segmented regression; Newey and West's standard error).

use super::quantile::student_p;

/// Parameters: level, slope, step.
const K: usize = 3;
type Row = [f64; K];

/// The step at the beginning of `after`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// In the unit of the series.
    pub height: f64,
    /// Standard error.
    pub error: f64,
    /// Of no step.
    pub p: f64,
}

/// Fits one line with a step; days without a value are passed over. None where the days do not tell.
pub fn step(before: &[Option<f64>], after: &[Option<f64>]) -> Option<Step> {
    let days = before
        .iter()
        .map(|day| (day, 0.0))
        .chain(after.iter().map(|day| (day, 1.0)));
    let total = (before.len() + after.len()) as f64;
    let rows: Vec<(f64, Row, f64)> = days
        .enumerate()
        .filter_map(|(at, (day, stepped))| {
            // Centred and scaled, so that the equations are well conditioned.
            let time = at as f64 / total - 0.5;
            Some((at as f64, [1.0, time, stepped], (*day)?))
        })
        .collect();
    let n = rows.len();
    if n < 4 * K {
        return None;
    }
    let inverse = inverse(gram(rows.iter().map(|(_, row, _)| row)))?;
    let mut moments = [0.0; K];
    for (_, row, value) in &rows {
        for (moment, x) in moments.iter_mut().zip(row) {
            *moment += x * value;
        }
    }
    let fitted = times(&inverse, &moments);
    let scores: Vec<(f64, Row)> = rows
        .iter()
        .map(|(at, row, value)| {
            let residual = value - dot(row, &fitted);
            (*at, row.map(|x| x * residual))
        })
        .collect();
    let [.., height] = fitted;
    let direction = inverse.last()?;
    // Only along the step: the sandwich's corner.
    let along: Vec<(f64, f64)> = scores.iter().map(|(at, score)| (*at, dot(score, direction))).collect();
    let variance = long_run(&along, bandwidth(n)) * n as f64 / (n - K) as f64;
    let error = variance.max(0.0).sqrt();
    let t = if error > 0.0 {
        height / error
    } else {
        f64::INFINITY.copysign(height)
    };
    Some(Step {
        height,
        error,
        p: student_p(t, (n - K) as f64)?,
    })
}

/// As wide as daily figures remember: more than the usual rule, which is made for short memories.
fn bandwidth(n: usize) -> usize {
    (1.3 * (n as f64).sqrt()).ceil() as usize
}

/// Variance of the sum, with Bartlett's weights over the days between.
fn long_run(along: &[(f64, f64)], bandwidth: usize) -> f64 {
    let mut sum = 0.0;
    for (place, (at, one)) in along.iter().enumerate() {
        sum += one * one;
        for (later, other) in along.iter().skip(place + 1) {
            let lag = later - at;
            if lag > bandwidth as f64 {
                break;
            }
            sum += 2.0 * (1.0 - lag / (bandwidth as f64 + 1.0)) * one * other;
        }
    }
    sum
}

fn dot(one: &Row, other: &Row) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn times(matrix: &[Row; K], vector: &Row) -> Row {
    matrix.map(|row| dot(&row, vector))
}

fn gram<'r>(rows: impl Iterator<Item = &'r Row>) -> [Row; K] {
    let mut gram = [[0.0; K]; K];
    for row in rows {
        for (line, a) in gram.iter_mut().zip(row) {
            for (cell, b) in line.iter_mut().zip(row) {
                *cell += a * b;
            }
        }
    }
    gram
}

/// By cofactors; none of a matrix that has none.
fn inverse([a, b, c]: [Row; K]) -> Option<[Row; K]> {
    let cross = |u: Row, v: Row| {
        let ([u0, u1, u2], [v0, v1, v2]) = (u, v);
        [u1 * v2 - u2 * v1, u2 * v0 - u0 * v2, u0 * v1 - u1 * v0]
    };
    let columns = [cross(b, c), cross(c, a), cross(a, b)];
    let [first, ..] = &columns;
    let determinant = dot(&a, first);
    // Symmetric: rows are columns.
    (determinant.abs() > 1e-9).then(|| columns.map(|column| column.map(|x| x / determinant)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_in_a_line_is_found_whole() {
        let line = |from: usize, step: f64| -> Vec<Option<f64>> {
            (from..from + 20)
                .map(|day| Some(3.0 + 0.5 * day as f64 + step + [0.1, -0.1][day % 2]))
                .collect()
        };
        let found = step(&line(0, 0.0), &line(20, 4.0)).unwrap();
        assert!((found.height - 4.0).abs() < 0.05 && found.p < 1e-6, "{found:?}");
        let none = step(&line(0, 0.0), &line(20, 0.0)).unwrap();
        assert!(none.height.abs() < 0.05 && none.p > 0.05, "a line is no step: {none:?}");
        assert_eq!(step(&[None; 20], &line(20, 0.0)), None);
    }

    #[test]
    fn without_memory_it_is_whites_error() {
        // One product for each day alone.
        let along: Vec<_> = [0.5, -1.0, 2.0]
            .into_iter()
            .enumerate()
            .map(|(at, v)| (at as f64, v))
            .collect();
        assert_eq!(long_run(&along, 0), 5.25);
        // Lag 1 counts half: 2 * 0.5 * (-0.5 - 2).
        assert_eq!(long_run(&along, 1), 2.75);
    }
}
