//! A stream that gives one piece each time it is asked.

use futures::Stream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The form's reader takes whatever is ready, however much that is; of this one it gets a piece and has to ask again, so that
/// what it holds stays small, and others get their turn.
pub struct Steady<S> {
    pieces: S,
    gave: bool,
}

impl<S> Steady<S> {
    /// Of a stream.
    pub fn new(pieces: S) -> Self {
        Self { pieces, gave: false }
    }
}

impl<S: Stream + Unpin> Stream for Steady<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        if std::mem::take(&mut self.gave) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = ready!(Pin::new(&mut self.pieces).poll_next(context));
        self.gave = piece.is_some();
        Poll::Ready(piece)
    }
}
