//! ntpool-pool
