//! Statistics: pure functions over plain numbers, one file a method. Nothing in here knows what the numbers mean.

pub mod autocorrelation;
pub mod betting;
pub mod confidence_sequence;
pub mod days;
pub mod fdr;
pub mod hac;
pub mod own_past;
pub mod placebo;
pub mod quantile;
pub mod randomised;
pub mod sample_ratio;
pub mod spearman;
pub mod stratified;

/// The mean; none of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Standard deviation of a sample; none of fewer than two values.
pub fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() as f64 - 1.0)).sqrt())
}
