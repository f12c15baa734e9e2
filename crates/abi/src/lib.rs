//! ntpool-abi
