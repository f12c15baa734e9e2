//! What a driver imports, and how well this machine serves it.

use ntpool_driver::exports;
use ntpool_image::{Import, ImportSymbol};
use serde::Serialize;
use std::fmt;

/// How well an imported routine is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// As documented.
    Faithful,
    /// With a stated deviation.
    Simplified,
    /// Known and not carried out.
    Refused,
    /// Not there.
    Missing,
}

impl Grade {
    /// Whether a driver that calls the routine gets on.
    #[must_use]
    pub const fn is_served(self) -> bool {
        matches!(self, Grade::Faithful | Grade::Simplified)
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Grade::Faithful => "faithful",
            Grade::Simplified => "simplified",
            Grade::Refused => "refused",
            Grade::Missing => "missing",
        })
    }
}

/// How a driver names what it imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportedSymbol {
    /// By name.
    Name(String),
    /// By number.
    Ordinal(u16),
}

impl fmt::Display for ImportedSymbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImportedSymbol::Name(name) => f.write_str(name),
            ImportedSymbol::Ordinal(ordinal) => write!(f, "#{ordinal}"),
        }
    }
}

/// A routine that a driver imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportedRoutine {
    /// The image it comes from, as the driver spells it.
    pub dll: String,
    /// The routine.
    pub symbol: ImportedSymbol,
    /// How well it is served.
    pub grade: Grade,
    /// The deviation, or the reason why it is refused.
    pub remark: Option<&'static str>,
}

pub(crate) fn imported(import: &Import) -> ImportedRoutine {
    let (symbol, export, is_variable) = match &import.symbol {
        ImportSymbol::Name(name) => {
            let is_variable = exports::variable_place(&import.dll, name).is_some();
            (ImportedSymbol::Name(name.clone()), exports::find(&import.dll, name), is_variable)
        }
        ImportSymbol::Ordinal(ordinal) => (ImportedSymbol::Ordinal(*ordinal), None, false),
    };
    let grade = match export.map(|export| export.grade) {
        Some(exports::Grade::Faithful) => Grade::Faithful,
        Some(exports::Grade::Simplified(_)) => Grade::Simplified,
        Some(exports::Grade::Refused(_)) => Grade::Refused,
        None if is_variable => Grade::Faithful,
        None => Grade::Missing,
    };
    let remark = export.and_then(|export| export.grade.remark());
    ImportedRoutine { dll: import.dll.to_string(), symbol, grade, remark }
}
