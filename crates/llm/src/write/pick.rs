//! Choices that differ from request to request and never from run to run.

/// Chooses by a hash of what it was made from.
#[derive(Clone, Copy, Debug)]
pub struct Picker {
    seed: u64,
}

impl Picker {
    /// Seeded by the texts, in order.
    pub fn new(parts: &[&str]) -> Self {
        let mut seed = 0xcbf2_9ce4_8422_2325;
        for part in parts {
            seed = fold(seed, part.as_bytes());
            seed = fold(seed, &[0xff]);
        }
        Self { seed }
    }

    /// One of `options`, by label.
    pub fn one<'a>(&self, label: &str, options: &[&'a str]) -> &'a str {
        let place = (mix(fold(self.seed, label.as_bytes())) % options.len().max(1) as u64) as usize;
        options.get(place).copied().unwrap_or("")
    }

    /// All of `options` in an order of its own.
    pub fn order<T: Copy>(&self, label: &str, options: &[T]) -> Vec<T> {
        let mut keyed: Vec<(u64, T)> = options
            .iter()
            .enumerate()
            .map(|(i, option)| {
                (
                    mix(fold(self.seed, label.as_bytes()) ^ (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
                    *option,
                )
            })
            .collect();
        keyed.sort_by_key(|(key, _)| *key);
        keyed.into_iter().map(|(_, option)| option).collect()
    }
}

/// FNV-1a.
fn fold(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// SplitMix64's finaliser.
fn mix(value: u64) -> u64 {
    let a = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    b ^ (b >> 31)
}

/// Sentences drawn without repeats until none is left, then again from the beginning.
#[derive(Clone, Debug)]
pub struct Deck {
    cards: Vec<&'static str>,
    next: usize,
}

impl Deck {
    pub fn new(picker: &Picker, label: &str, cards: &[&'static str]) -> Self {
        Self {
            cards: picker.order(label, cards),
            next: 0,
        }
    }

    pub fn draw(&mut self) -> &'static str {
        let card = self
            .cards
            .get(self.next % self.cards.len().max(1))
            .copied()
            .unwrap_or("");
        self.next += 1;
        card
    }

    /// Every card has been drawn.
    pub fn spent(&self) -> bool {
        self.next >= self.cards.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Deck, Picker};

    #[test]
    fn the_same_seed_chooses_the_same_and_another_one_differs() {
        let options: Vec<u32> = (0..20).collect();
        let order = Picker::new(&["a"]).order("x", &options);
        assert_eq!(order, Picker::new(&["a"]).order("x", &options));
        assert_ne!(order, Picker::new(&["b"]).order("x", &options));
        assert_eq!(order.iter().sum::<u32>(), 190);
    }

    #[test]
    fn a_deck_gives_every_card_before_it_repeats_one() {
        let mut deck = Deck::new(&Picker::new(&["a"]), "d", &["1", "2", "3"]);
        let mut drawn = vec![deck.draw(), deck.draw(), deck.draw()];
        assert!(deck.spent());
        drawn.sort_unstable();
        assert_eq!(drawn, ["1", "2", "3"]);
    }
}
