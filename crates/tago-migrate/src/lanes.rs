use futures_util::stream::{self, StreamExt, TryStreamExt};

/// Does all of it, so many at once, and answers in the order of the work.
///
/// The work is a list and not an iterator, so that what borrows can move between threads.
pub(crate) async fn in_lanes<T, E, F>(lanes: usize, work: Vec<F>) -> Result<Vec<T>, E>
where
    F: Future<Output = Result<T, E>>,
{
    stream::iter(work).buffered(lanes.max(1)).try_collect().await
}
