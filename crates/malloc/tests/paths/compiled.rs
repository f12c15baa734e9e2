//! What the fast paths were compiled to.

use crate::disassembly::{Function, places_of};
use crate::shipped;
use std::path::Path;

/// What a function may do on its stack, and whether its slow ways are jumps.
struct Allowed {
    name: &'static str,
    /// Pushes from the entry to the first return.
    pushes: usize,
    /// Pushes in the whole function.
    pushes_of_all: usize,
    /// Calls in the whole function after which it goes on and returns.
    calls: usize,
}

/// The library as it is.
const ALLOWED: [Allowed; 3] = [
    Allowed { name: "malloc", pushes: 0, pushes_of_all: 0, calls: 0 },
    // The push is before a call that never returns.
    Allowed { name: "calloc", pushes: 0, pushes_of_all: 1, calls: 0 },
    // A block outside the pool's first span is freed by a call that answers whether there was one; if not, the address
    // is needed for the message. So it is kept from the beginning on.
    Allowed { name: "free", pushes: 1, pushes_of_all: 1, calls: 1 },
];

/// What no part of a function with a fast way may do, in sentences.
fn faults_anywhere(library: &Path, function: &Function) -> Vec<String> {
    let mut faults = Vec::new();
    let places = places_of(library, "__tls_get_addr");
    for instruction in function.instructions() {
        if instruction.names("__tls_get_addr", &places) {
            faults.push(format!("a thread-local word is reached by a function: {instruction}"));
        }
        if instruction.is_locked() {
            faults.push(format!("an instruction locks: {instruction}"));
        }
    }
    faults
}

/// What is wrong with a function, in sentences.
fn faults(library: &Path, allowed: &Allowed) -> Vec<String> {
    let function = Function::of(library, allowed.name);
    let all = function.instructions();
    let Some(path) = function.straight_path() else {
        return vec!["the straight path does not return".to_string()];
    };
    let mut faults = faults_anywhere(library, &function);
    faults.extend(
        path.iter().filter(|it| it.is_call()).map(|it| format!("the straight path has a call: {it}")),
    );
    let calls = function.calls_that_return();
    if calls.len() > allowed.calls {
        let calls: Vec<_> = calls.iter().map(ToString::to_string).collect();
        faults.push(format!("more than {} calls return here: {}", allowed.calls, calls.join("; ")));
    }
    for (part, instructions, most) in
        [("the straight path", &path[..], allowed.pushes), ("the function", all, allowed.pushes_of_all)]
    {
        let pushes = instructions.iter().filter(|it| it.grows_the_stack()).count();
        if pushes > most {
            faults.push(format!("{part} takes room on the stack {pushes} times instead of {most}"));
        }
    }
    faults
}

#[track_caller]
fn holds(name: &str) {
    let Some(library) = shipped::library() else { return };
    let allowed = ALLOWED.iter().find(|allowed| allowed.name == name).expect("it is in the table");
    let faults = faults(library, allowed);
    assert!(faults.is_empty(), "{name}: {}\n{}", faults.join("\n"), Function::of(library, name));
}

#[test]
fn malloc_calls_pushes_and_locks_nothing() {
    holds("malloc");
}

#[test]
fn calloc_calls_and_locks_nothing_and_pushes_nothing_on_its_way() {
    holds("calloc");
}

#[test]
fn free_calls_and_locks_nothing_on_its_way_and_pushes_once() {
    holds("free");
}

#[test]
fn the_fast_ways_of_aligned_requests_lock_nothing_and_call_nobody_for_a_thread_local_word() {
    let Some(library) = shipped::library() else { return };
    for name in ["aligned_alloc", "memalign", "posix_memalign"] {
        let function = Function::of(library, name);
        let faults = faults_anywhere(library, &function);
        assert!(faults.is_empty(), "{name}: {}\n{function}", faults.join("\n"));
    }
}

#[test]
fn the_cold_ways_are_jumped_to_so_that_they_find_the_caller_on_the_stack() {
    let Some(library) = shipped::library() else { return };
    for name in ["malloc", "calloc", "realloc", "aligned_alloc", "memalign", "posix_memalign"] {
        let function = Function::of(library, name);
        let cold = format!("cold_{name}");
        let (calls, jumps): (Vec<_>, Vec<_>) =
            function.instructions().iter().filter(|it| it.names(&cold, &[])).partition(|it| it.is_call());
        assert!(calls.is_empty() && jumps.len() == 1, "{name}: {function}");
    }
}

#[test]
fn a_library_that_does_all_of_it_is_found_out() {
    let library = shipped::compile("slow.c", "libslow.so", &["-shared", "-fPIC", "-fcf-protection=none"]);
    let found = |name| {
        let allowed = Allowed { name, pushes: 0, pushes_of_all: 0, calls: 0 };
        faults(&library, &allowed).join("\n")
    };
    let expected = [
        ("malloc", "a thread-local word is reached by a function"),
        ("malloc", "the straight path has a call"),
        ("malloc", "more than 0 calls return here"),
        ("calloc", "the straight path takes room on the stack"),
        ("calloc", "memset"),
        ("free", "an instruction locks"),
        ("free", "xchg"),
    ];
    for (name, fault) in expected {
        let found = found(name);
        assert!(found.contains(fault), "{fault}: {name}: {found}\n{}", Function::of(&library, name));
    }
}
