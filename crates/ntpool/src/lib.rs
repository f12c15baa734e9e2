//! ntpool
