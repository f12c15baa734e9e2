//! ntpool-machine
