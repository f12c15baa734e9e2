//! Where a block is placed beyond what every block gets: on a cache line, on a node.

use ntpool_abi::MM_ANY_NODE_OK;
use ntpool_pool::{NodeChoice, NodeNumber, Placement};
use ntpool_types::Bytes;

/// At the beginning of a line of the processor's data cache.
pub(crate) const ON_CACHE_LINE: Placement = Placement { alignment: Bytes(64), node: NodeChoice::Local };

/// The nodes of the machine, numbered from 0.
const NODE_COUNT: u32 = 1;

/// Where a request gets its memory that prefers this node, or any other as well where its highest bit is set; `None` for
/// a node that is not there (POOL-068 to POOL-071).
pub(crate) fn node_choice(preferred: u32) -> Option<NodeChoice> {
    let any = preferred & MM_ANY_NODE_OK != 0;
    let number = preferred & !MM_ANY_NODE_OK;
    let node = u8::try_from(number).ok().filter(|_| number < NODE_COUNT).map(NodeNumber);
    match (node, any) {
        (Some(node), true) => Some(NodeChoice::Preferred(node)),
        (Some(node), false) => Some(NodeChoice::Only(node)),
        (None, true) => Some(NodeChoice::Local),
        (None, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // POOL-068 POOL-069 POOL-070
    #[test]
    fn pool_068_069_070_a_node_is_preferred_or_demanded_and_one_that_is_not_there_can_only_be_preferred() {
        assert_eq!(node_choice(0), Some(NodeChoice::Only(NodeNumber(0))));
        assert_eq!(node_choice(MM_ANY_NODE_OK), Some(NodeChoice::Preferred(NodeNumber(0))));
        assert_eq!(node_choice(MM_ANY_NODE_OK | 5), Some(NodeChoice::Local));
        for absent in [1, 0x100, 0x4000_0000] {
            assert_eq!(node_choice(absent), None, "{absent:#x}");
        }
    }
}
