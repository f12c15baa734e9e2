//! ntpool-image
