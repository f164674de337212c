use std::fs;

use levelfield_reports::json;

use crate::common::three_targets;

#[test]
fn a_record_is_written_and_reads_back() {
    let record = three_targets("r1").record();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    json::write(&record, &path).unwrap();
    assert_eq!(json::read(&path).unwrap(), record);
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    let read = || json::read(&path).unwrap_err().to_string().replace(&folder.path().display().to_string(), "RUN");
    insta::assert_snapshot!(read(), @"reading the record RUN/run.json: No such file or directory (os error 2); name the run's folder, which holds `run.json`");
    fs::write(&path, "{\"format\": 1").unwrap();
    insta::assert_snapshot!(read(), @"reading the record RUN/run.json: EOF while parsing an object at line 1 column 12; write it again from the journal with `levelfield report`");
    let mut record = three_targets("r1").record();
    record.format = 9;
    json::write(&record, &path).unwrap();
    insta::assert_snapshot!(read(), @"reading the record RUN/run.json: its format is 9, this version reads 1; use a later levelfield");
}

/// `LEVELFIELD_BLESS=1` writes the file anew.
#[test]
fn the_schema_that_is_checked_in_is_current() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/run.schema.json");
    let schema = serde_json::to_string_pretty(&json::schema()).unwrap() + "\n";
    if std::env::var_os("LEVELFIELD_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &schema).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(checked_in == schema, "{} is not current; run the test with LEVELFIELD_BLESS=1", path.display());
}
