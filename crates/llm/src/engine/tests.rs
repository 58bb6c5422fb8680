//! Plans, texts and judgements of a scripted model.

mod judging;
mod planning;
mod scripted;
mod writing;
