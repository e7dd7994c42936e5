//! Schemas that lead back to themselves without going into a value.
//!
//! `A: {allOf: [A]}` asks the same question of the same value for ever: a validator would run out of
//! stack on the first request. A loop through a property or an item ends with the value and is fine.

/// A node of some loop, if the graph given by `edges` has one.
pub(super) fn first(edges: &[Vec<usize>]) -> Option<usize> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        Unseen,
        Open,
        Done,
    }
    let mut marks = vec![Mark::Unseen; edges.len()];
    for start in 0..edges.len() {
        let mut path = vec![(start, 0)];
        while let Some((node, next)) = path.pop() {
            if next == 0 && marks.get(node) == Some(&Mark::Done) {
                continue;
            }
            if let Some(mark) = marks.get_mut(node) {
                *mark = Mark::Open;
            }
            match edges.get(node).and_then(|targets| targets.get(next)) {
                Some(target) => {
                    path.push((node, next + 1));
                    match marks.get(*target) {
                        Some(Mark::Open) => return Some(*target),
                        Some(Mark::Unseen) => path.push((*target, 0)),
                        Some(Mark::Done) | None => {}
                    }
                }
                None => {
                    if let Some(mark) = marks.get_mut(node) {
                        *mark = Mark::Done;
                    }
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::first;

    #[test]
    fn only_a_way_back_is_a_loop() {
        assert_eq!(first(&[vec![1, 2], vec![3], vec![3], vec![]]), None);
        assert_eq!(first(&[vec![0]]), Some(0));
        assert_eq!(first(&[vec![1], vec![2], vec![1]]), Some(1));
        assert_eq!(first(&[]), None);
    }
}
