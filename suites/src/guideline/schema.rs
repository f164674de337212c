//! JSON Schemas of a guideline's files, for editors that complete and check while one types.
//!
//! They are checked in beside the guidelines. What they can't say (ids are unique, suites are listed, filters parse) is checked
//! when a guideline is read.

use schemars::{JsonSchema, generate::SchemaSettings};

use super::model::{EditionFile, SuiteFile};

/// The schema of `edition.yaml`.
pub fn edition() -> serde_json::Value {
    schema_of::<EditionFile>("A Levelfield guideline: the edition")
}

/// The schema of `<suite>.yaml`.
pub fn suite() -> serde_json::Value {
    schema_of::<SuiteFile>("A Levelfield guideline: the behaviours of one suite")
}

fn schema_of<T: JsonSchema>(title: &str) -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}
