//! `check`: every file to its end, every record, and whether records say the same.

use crate::agree::disagreements;
use crate::folder::Folder;
use crate::survey::Survey;
use crate::{DAMAGED, Failure, TORN, WHOLE};
use std::io::Write;

/// Writes every problem to `out`.
pub fn check(folder: Folder, out: &mut dyn Write) -> Result<u8, Failure> {
    let mut survey = Survey::read(folder)?;
    let disagreements = disagreements(&mut survey)?;
    for problem in survey.problems.iter().chain(&disagreements) {
        writeln!(out, "damaged: {problem}")?;
    }
    for torn in &survey.torn {
        let (file, bytes) = (&torn.file, torn.bytes);
        writeln!(
            out,
            "torn: {file}: {bytes} bytes at the end were never finished"
        )?;
    }
    let problems = survey.problems.len() + disagreements.len();
    let files = survey.files.len();
    if problems > 0 {
        writeln!(out, "{files} files, {problems} problems")?;
        return Ok(DAMAGED);
    }
    let is_torn = !survey.torn.is_empty();
    let state = if is_torn {
        "whole up to a torn tail"
    } else {
        "whole"
    };
    writeln!(out, "{files} files, {state}")?;
    Ok(if is_torn { TORN } else { WHOLE })
}
