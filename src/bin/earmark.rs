//! The command-line tool; all of it is in `earmark::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    earmark::cli::main()
}
