//! The library as C sees it: the header, the example, and every function.
mod compiler;
mod example;
mod functions;
mod header;
