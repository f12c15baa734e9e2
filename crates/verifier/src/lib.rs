//! ntpool-verifier
