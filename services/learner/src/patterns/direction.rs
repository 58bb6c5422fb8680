//! Directions of vectors, a byte a dimension. Pure.
//!
//! A cosine does not ask for lengths, so that the largest part may always be 127: what is lost is less than what
//! servers of embeddings differ by, and thousands are read while a planning waits.

/// The largest vector that is kept or compared.
pub const MAX_DIMENSIONS: usize = 4096;

/// Where a vector points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direction(Vec<u8>);

impl Direction {
    /// Of a vector of any length but 0; none: it has too many dimensions, or what is no number.
    pub fn of(vector: &[f32]) -> Option<Self> {
        let largest = vector.iter().fold(0.0_f32, |largest, part| largest.max(part.abs()));
        let sound = vector.len() <= MAX_DIMENSIONS && vector.iter().all(|part| part.is_finite());
        if !sound || !largest.is_normal() {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "from -127 to 127")]
        let byte = |part: &f32| ((part / largest * 127.0).round() as i8).cast_unsigned();
        Some(Self(vector.iter().map(byte).collect()))
    }

    /// As it was kept.
    pub fn kept(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// To keep it.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// How near two are, -1 to 1; none: they have different dimensions, and cannot be compared.
    pub fn cosine(&self, other: &Self) -> Option<f32> {
        if self.0.len() != other.0.len() {
            return None;
        }
        let product = |a: &u8, b: &u8| i32::from(a.cast_signed()) * i32::from(b.cast_signed());
        let (mut both, mut one, mut two) = (0_i32, 0_i32, 0_i32);
        for (a, b) in self.0.iter().zip(&other.0) {
            both += product(a, b);
            one += product(a, a);
            two += product(b, b);
        }
        let lengths = f64::from(one).sqrt() * f64::from(two).sqrt();
        #[expect(clippy::cast_possible_truncation, reason = "from -1 to 1")]
        let cosine = (f64::from(both) / lengths) as f32;
        cosine.is_finite().then_some(cosine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Dice;

    #[test]
    fn a_byte_a_dimension_tells_cosines_to_a_hundredth() {
        let mut dice = Dice::new(7);
        for dimensions in [3, 384, 1536, MAX_DIMENSIONS] {
            let mut vector = || (0..dimensions).map(|_| dice.roll() as f32 - 0.5).collect::<Vec<f32>>();
            let (one, other) = (vector(), vector());
            let near: Vec<f32> = one.iter().zip(&other).map(|(a, b)| a + b * 0.7).collect();
            for vector in [&other, &near, &one] {
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
                let exact = dot(&one, vector) / (dot(&one, &one) * dot(vector, vector)).sqrt();
                let kept = Direction::kept(Direction::of(vector).unwrap().bytes().to_vec());
                let found = f64::from(Direction::of(&one).unwrap().cosine(&kept).unwrap());
                assert!((found - exact).abs() < 0.01, "{dimensions}: {found} for {exact}");
            }
        }
    }

    #[test]
    fn what_has_no_direction_is_none_and_other_dimensions_are_not_compared() {
        let wrong: [&[f32]; 5] = [
            &[],
            &[0.0, 0.0],
            &[1.0, f32::NAN],
            &[f32::INFINITY, 1.0],
            &[1.0; MAX_DIMENSIONS + 1],
        ];
        for vector in wrong {
            assert_eq!(Direction::of(vector), None);
        }
        let plane = Direction::of(&[1.0, 0.0]).unwrap();
        assert_eq!(plane.cosine(&Direction::of(&[1.0, 0.0, 0.0]).unwrap()), None);
        assert_eq!(plane.cosine(&Direction::kept(vec![0, 0])), None);
        assert_eq!(plane.cosine(&Direction::of(&[-1e30, 0.0]).unwrap()), Some(-1.0));
    }
}
