//! ntpool-driver
