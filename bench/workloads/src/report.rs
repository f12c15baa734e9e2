//! What a workload prints: a line of JSON for each figure.

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// One figure over another of the same kind.
    Ratio,
    /// Hundredths; the only unit of which more is better.
    Percent,
    /// 2^20 bytes.
    Mebibytes,
}

impl Unit {
    /// How it is written.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Unit::Nanoseconds => "ns",
            Unit::Microseconds => "us",
            Unit::Ratio => "x",
            Unit::Percent => "%",
            Unit::Mebibytes => "MiB",
        }
    }
}

/// Prints a figure.
pub fn emit(name: &str, unit: Unit, value: f64) {
    println!("{{\"figure\":\"{name}\",\"unit\":\"{}\",\"value\":{value:.4}}}", unit.symbol());
}
