//! YAML read with diagnostics.
