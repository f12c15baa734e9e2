//! ntpool-report
