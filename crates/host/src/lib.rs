//! ntpool-host
