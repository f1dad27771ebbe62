//! `docs/man` is what the command line says, or this test fails.
//!
//! With `NDSHM_BLESS=1` the pages are written instead of compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};

use crate::args::Args;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/man")
}

/// The pages by their file names: the command's, and one for each thing it does.
fn pages() -> BTreeMap<String, String> {
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    let title = command.get_name().to_string();
    let subcommands = command.get_subcommands().map(|sub| page(sub.clone(), &title));
    let mut pages: BTreeMap<_, _> = subcommands.collect();
    pages.extend([page(command, &title)]);
    pages
}

/// One page. It has no date, and the version of the whole command.
fn page(command: Command, title: &str) -> (String, String) {
    let name = command.get_display_name().unwrap_or(title).to_string();
    let source = format!("{title} {}", env!("CARGO_PKG_VERSION"));
    let page = clap_mangen::Man::new(command);
    let mut text = Vec::new();
    page.title(name.to_uppercase()).source(source).manual("ndshm").render(&mut text).unwrap();
    (format!("{name}.1"), in_order(&String::from_utf8(text).unwrap()))
}

/// A page with headings that readers of manuals know, and with the date that it does not have as
/// an empty word: without one, groff takes the version for the date.
fn in_order(page: &str) -> String {
    let page = page.replacen(" 1  \"", " 1 \"\" \"", 1);
    let page = page.replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n");
    page.replace(".SH EXTRA\nExit status: ", ".SH \"EXIT STATUS\"\n")
}

#[test]
fn manual_is_what_the_command_line_says() {
    let made = pages();
    assert!(made.contains_key("ndshm.1") && made.contains_key("ndshm-convert.1"), "{made:?}");
    if std::env::var_os("NDSHM_BLESS").is_some() {
        let _ = fs::remove_dir_all(folder());
        fs::create_dir_all(folder()).unwrap();
        for (name, text) in made {
            fs::write(folder().join(name), text).unwrap();
        }
        return;
    }
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let there: BTreeMap<_, _> = entries
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
    let again = "make the pages again with NDSHM_BLESS=1 cargo test --bin ndshm manual";
    assert_eq!(names(&there), names(&made), "docs/man is out of date; {again}");
    for (name, text) in &made {
        assert!(there[name] == *text, "docs/man/{name} is out of date; {again}");
    }
}
