//! Short names for what module and glue have in common. wasm-bindgen's are long and hold hashes,
//! which do not compress, and each stands in both files: short ones save 2.7 KB of gzip.

use std::collections::HashMap;

/// The names as `wasm-opt` prints them when it has shortened them in the module:
/// `["module", "name", "short"]` for an import, `["name", "short"]` for an export, one a line.
#[derive(Default)]
pub struct Names {
    modules: HashMap<String, String>,
    imports: HashMap<String, String>,
    exports: HashMap<String, String>,
}

/// What `wasm-opt` calls the one module that imports are from.
const MODULE: &str = "a";
/// How the glue reaches an export.
const EXPORT: &str = "wasm.";

impl Names {
    /// Reads what `wasm-opt` printed.
    pub fn read(printed: &str) -> Self {
        let mut names = Self::default();
        for line in printed.lines() {
            let texts: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
            match texts.as_slice() {
                [module, name, short] => {
                    names.modules.insert((*module).into(), MODULE.into());
                    names.imports.insert((*name).into(), (*short).into());
                }
                [name, short] => {
                    names.exports.insert((*name).into(), (*short).into());
                }
                _ => {}
            }
        }
        names
    }

    /// Puts the short names into the glue. An error if the name of an import is not there.
    pub fn shorten(&self, glue: &str) -> Result<String, String> {
        let mut glue = glue.to_owned();
        for (module, short) in &self.modules {
            glue = replaced(&glue, &format!("\"{module}\":"), &format!("\"{short}\":"))?;
        }
        for (name, short) in &self.imports {
            glue = replaced(&glue, &format!(" {name}: "), &format!(" {short}: "))?;
        }
        // The long ones first: a name may be the beginning of another one.
        let mut exports: Vec<(&String, &String)> = self.exports.iter().collect();
        exports.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        for (name, short) in exports {
            // Marked until all are replaced: a short name may be the beginning of a long one.
            let marked = format!("wasm!{short}");
            glue = glue.replace(&format!("{EXPORT}{name}"), &marked);
        }
        Ok(glue.replace("wasm!", EXPORT))
    }
}

fn replaced(glue: &str, from: &str, to: &str) -> Result<String, String> {
    if !glue.contains(from) {
        return Err(format!("wasm-bindgen's glue has no `{from}`"));
    }
    Ok(glue.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::Names;

    const PRINTED: &str = r#"{
 "imports": [
  ["./x_bg.js", "__wbg_get_20", "$"]
 ],
 "exports": [
  ["memory", "a"],
  ["host_new", "b"],
  ["host_new_1", "memory2"]
 ]
}"#;

    #[test]
    fn each_name_is_replaced_and_no_other() {
        let glue = "\"./x_bg.js\": { __wbg_get_20: function() { wasm.memory.x; host_new; } }\n\
                    wasm.host_new(wasm.host_new_1);";
        let short = Names::read(PRINTED).shorten(glue).expect("all are there");
        assert_eq!(
            short,
            "\"a\": { $: function() { wasm.a.x; host_new; } }\nwasm.b(wasm.memory2);"
        );
    }

    #[test]
    fn an_import_that_the_glue_lacks_is_an_error() {
        assert!(Names::read(PRINTED).shorten("wasm.memory").is_err());
    }
}
