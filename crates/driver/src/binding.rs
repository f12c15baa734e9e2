//! Import binding: every import gets the address of a thunk, and every thunk knows what it stands for.

use crate::call::Call;
use crate::exports::{self, Export, Grade};
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_finding::LimitKind;
use ntpool_image::{Image, Import, ImportSymbol};
use ntpool_types::{Irql, NtStatus, Rule, WindowsVersion};
use std::collections::BTreeMap;
use std::fmt;

/// What a thunk stands for.
#[derive(Clone)]
pub(crate) enum Binding {
    /// A routine of the machine.
    Bound(&'static Export),
    /// A routine that the machine does not have, as the import names it.
    Missing(String),
    /// The dispatch routine of requests that a driver does not handle.
    InvalidRequest,
}

impl Binding {
    /// What to do when driver code jumps to a thunk that nobody made.
    pub(crate) fn unknown(index: u32) -> Stop {
        Stop::Limit {
            kind: LimitKind::MissingExport,
            message: format!("driver code jumped to import thunk {index}, which does not exist"),
        }
    }

    /// Whether a call at this IRQL is told of as one at too high a level.
    pub(crate) fn is_too_high(&self, irql: Irql) -> bool {
        matches!(self, Binding::Bound(export) if export.is_too_high(irql))
    }

    /// Whether it is the machine's handler for exceptions in C.
    pub(crate) fn is_c_handler(&self) -> bool {
        matches!(self, Binding::Bound(export) if export.is_c_handler())
    }

    /// Carries out a call.
    pub(crate) fn serve(&self, session: &Session, call: &Call<'_>) -> Answer {
        match self {
            Binding::Bound(export) => serve_export(session, call, export),
            Binding::InvalidRequest => Ok(u64::from(NtStatus::INVALID_DEVICE_REQUEST.0)),
            Binding::Missing(name) => Err(Stop::Limit {
                kind: LimitKind::MissingExport,
                message: format!(
                    "{name} was called, which this machine does not have; `ntpool imports` lists what a driver needs"
                ),
            }),
        }
    }
}

fn serve_export(session: &Session, call: &Call<'_>, export: &Export) -> Answer {
    let irql = session.irql();
    if export.is_too_high(irql) {
        let message =
            format!("{} was called at {irql}; it may be called up to {}", export.name, export.ceiling);
        session.report_rule(call, Rule::IrqlTooHigh, &message);
    }
    match export.grade {
        Grade::Refused(why) => Err(Stop::Limit {
            kind: LimitKind::RefusedExport,
            message: format!("{} was called, which this machine refuses: {why}", export.name),
        }),
        Grade::Faithful | Grade::Simplified(_) => (export.routine)(session, call),
    }
}

/// The bindings of an image: first every routine of the table, in its order, then what is missing.
pub(crate) struct Bindings {
    pub(crate) bindings: Vec<Binding>,
    /// For each import of the image, what its slot points to.
    pub(crate) targets: Vec<Target>,
}

/// What the slot of an import points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The thunk of the binding at this place.
    Routine(usize),
    /// The variable at this place among those that the system exports.
    Variable(usize),
}

/// Finds what each import of an image stands for.
pub(crate) fn bind(image: &Image, version: WindowsVersion) -> Bindings {
    let mut bindings: Vec<Binding> = exports::table().iter().map(Binding::Bound).collect();
    bindings.push(Binding::InvalidRequest);
    let mut missing: BTreeMap<String, usize> = BTreeMap::new();
    let targets = image
        .imports()
        .iter()
        .map(|import| match (find(import, version), find_variable(import)) {
            (Some(place), _) => Target::Routine(place),
            (None, Some(place)) => Target::Variable(place),
            (None, None) => {
                let missing = missing.entry(Named(import).to_string());
                Target::Routine(*missing.or_insert_with_key(|name| {
                    bindings.push(Binding::Missing(name.clone()));
                    bindings.len() - 1
                }))
            }
        })
        .collect();
    Bindings { bindings, targets }
}

fn find(import: &Import, version: WindowsVersion) -> Option<usize> {
    match &import.symbol {
        ImportSymbol::Name(name) => {
            exports::place(&import.dll, name).filter(|&place| exports::table()[place].is_in(version))
        }
        ImportSymbol::Ordinal(_) => None,
    }
}

fn find_variable(import: &Import) -> Option<usize> {
    match &import.symbol {
        ImportSymbol::Name(name) => exports::variable_place(&import.dll, name),
        ImportSymbol::Ordinal(_) => None,
    }
}

/// An import as a report names it: `ntoskrnl.exe!RoutineName`, or with an ordinal `fltmgr.sys!#12`.
struct Named<'a>(&'a Import);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.symbol {
            ImportSymbol::Name(name) => write!(f, "{}!{name}", self.0.dll),
            ImportSymbol::Ordinal(ordinal) => write!(f, "{}!#{ordinal}", self.0.dll),
        }
    }
}
