//! ntpool-memory
