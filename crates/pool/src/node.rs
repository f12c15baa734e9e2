//! Nodes: memory that is near to some processors and far from others.

/// The number of a node of a machine with non-uniform memory access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeNumber(pub u8);

impl NodeNumber {
    /// How many nodes a pool knows at most.
    pub const LIMIT: usize = 8;

    /// The number's place in a table of nodes.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// From which node a block shall come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeChoice {
    /// From the caller's, else from the nearest that has memory (POOL-024, POOL-025).
    #[default]
    Local,
    /// From this one, else from the one nearest to it (POOL-069).
    Preferred(NodeNumber),
    /// From this one or not at all (POOL-070).
    Only(NodeNumber),
}

/// The nodes of a machine, and how far they are from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nodes {
    count: usize,
    /// For each node, all nodes from the nearest to the farthest.
    order: [[u8; NodeNumber::LIMIT]; NodeNumber::LIMIT],
}

impl Nodes {
    /// One node.
    pub const ONE: Nodes = Nodes { count: 1, order: [[0; NodeNumber::LIMIT]; NodeNumber::LIMIT] };

    /// `count` nodes with these distances; equally far ones are taken in the order of their numbers.
    ///
    /// # Panics
    /// When there is no node, or more than [`NodeNumber::LIMIT`].
    #[must_use]
    pub fn new(count: usize, distance: impl Fn(NodeNumber, NodeNumber) -> u32) -> Nodes {
        assert!((1..=NodeNumber::LIMIT).contains(&count), "a pool has 1 to 8 nodes, not {count}");
        let mut nodes = Nodes { count, ..Nodes::ONE };
        for from in 0..count {
            let order = &mut nodes.order[from];
            for (place, to) in order.iter_mut().enumerate().take(count) {
                *to = place as u8;
            }
            // The node itself is nearest, whatever the table says.
            order[..count].sort_unstable_by_key(|&to| {
                let far = distance(NodeNumber(from as u8), NodeNumber(to));
                (usize::from(to) != from, far, to)
            });
        }
        nodes
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The nodes that a choice allows, in the order in which they are asked; `None` for a node that is not there.
    pub(crate) fn candidates(
        &self,
        choice: NodeChoice,
        local: NodeNumber,
    ) -> Option<impl Iterator<Item = NodeNumber> + '_> {
        let (first, only) = match choice {
            NodeChoice::Local => (local, false),
            NodeChoice::Preferred(node) => (node, false),
            NodeChoice::Only(node) => (node, true),
        };
        let order = self.order.get(first.index()).filter(|_| first.index() < self.count)?;
        let taken = if only { 1 } else { self.count };
        Some(order[..taken].iter().map(|&node| NodeNumber(node)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn nearer_nodes_come_first_and_a_node_is_nearest_to_itself() {
        let nodes = Nodes::new(4, |from, to| u32::from(from.0.abs_diff(to.0)) % 3);
        let order = |choice| -> Vec<u8> {
            nodes.candidates(choice, NodeNumber(1)).expect("it is there").map(|node| node.0).collect()
        };
        assert_eq!(order(NodeChoice::Local), [1, 0, 2, 3]);
        assert_eq!(order(NodeChoice::Preferred(NodeNumber(3))), [3, 0, 2, 1]);
        assert_eq!(order(NodeChoice::Only(NodeNumber(2))), [2]);
        assert!(nodes.candidates(NodeChoice::Only(NodeNumber(4)), NodeNumber(0)).is_none());
        assert!(nodes.candidates(NodeChoice::Local, NodeNumber(200)).is_none());
    }
}
