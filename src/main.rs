//! Arguments in, exit code out.

fn main() -> std::process::ExitCode {
    vigie::cli::main()
}
