//! Reading and shaping text: words, sentences, Markdown blocks, phrases.

pub mod markdown;
pub mod phrases;
pub mod sentences;
pub mod similarity;
pub mod tokens;
