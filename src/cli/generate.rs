//! `portcullis generate`: manual pages and completions, for who makes packages. Both come from the same description of the command line as `--help`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;

use super::say;

/// Write manual pages or completions for shells into a directory
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct Generate {
    /// What to write
    #[arg(value_enum)]
    what: What,

    /// Where; it is made where it is not there
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Pages for man(1), one for each command
    Man,
    /// Completions for bash, zsh and fish
    Completions,
}

impl Generate {
    /// Writes them for the command line `root`.
    pub fn run(self, root: &Command) -> ExitCode {
        match self.write(root) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                say("error", format_args!("cannot write to {}: {error}", self.dir.display()));
                ExitCode::FAILURE
            }
        }
    }

    fn write(&self, root: &Command) -> std::io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let mut root = root.clone();
        match self.what {
            What::Man => {
                root.build();
                pages(&root, "portcullis", &self.dir)
            }
            What::Completions => {
                let shells = [Shell::Bash, Shell::Zsh, Shell::Fish];
                shells
                    .into_iter()
                    .try_for_each(|shell| clap_complete::generate_to(shell, &mut root, "portcullis", &self.dir).map(drop))
            }
        }
    }
}

/// The page of a command, and those of the commands below it: `portcullis-rules-check.1`.
fn pages(command: &Command, name: &str, dir: &Path) -> std::io::Result<()> {
    let page = clap_mangen::Man::new(command.clone()).title(name.to_uppercase()).manual("Portcullis");
    let mut text = Vec::new();
    page.render(&mut text)?;
    fs::write(dir.join(format!("{name}.1")), text)?;
    let below = command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help");
    below.into_iter().try_for_each(|sub| pages(sub, &format!("{name}-{}", sub.get_name()), dir))
}
