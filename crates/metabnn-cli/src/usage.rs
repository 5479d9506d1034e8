//! What clap has to say of a command line, with the words that recipes have for it.

use std::env;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use metabnn::text;
use metabnn_lab::recipe::keys_called;

use crate::arguments::Arguments;
use crate::output;

/// Ends the program with what clap has to say, which repeats arguments as they are.
pub fn usage(mut error: clap::Error) -> ! {
    suggest_settings(&mut error);
    let said = error.to_string();
    if said.contains(|character| text::is_acting(character) && character != '\n') {
        output::note(&said);
        std::process::exit(error.exit_code());
    }
    error.exit()
}

/// Where a setting was given as if it were a flag, names the way to give it. Another flag that looks like it is none.
fn suggest_settings(error: &mut clap::Error) {
    if error.kind() != ErrorKind::UnknownArgument {
        return;
    }
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg).cloned() else { return };
    let arguments: Vec<String> = env::args_os().map(|one| one.to_string_lossy().into_owned()).collect();
    let keys = keys_called(flag.trim_start_matches('-').split('=').next().unwrap_or_default());
    if keys.is_empty() || !takes_settings(&arguments) {
        return;
    }
    let value = value_of(&flag, &arguments).unwrap_or("VALUE");
    let ways: Vec<String> = keys.iter().map(|key| format!("'--set {key}={value}'")).collect();
    let tip = format!("a setting of recipes is given as {}", ways.join(" or "));
    error.remove(ContextKind::SuggestedArg);
    // It would show the flag that looked like it.
    error.remove(ContextKind::Usage);
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
}

/// Whether the command that `arguments` call takes settings.
fn takes_settings(arguments: &[String]) -> bool {
    let called = arguments.iter().skip(1).find(|one| !one.starts_with('-'));
    let command = Arguments::command();
    let command = called.and_then(|name| command.find_subcommand(name));
    command.is_some_and(|command| command.get_arguments().any(|one| one.get_long() == Some("set")))
}

/// The value that `flag` was given, if a shell leaves it as it is.
fn value_of<'a>(flag: &str, arguments: &'a [String]) -> Option<&'a str> {
    let own = arguments.iter().position(|one| one.split('=').next() == flag.split('=').next())?;
    let value = match arguments[own].split_once('=') {
        Some((_, value)) => value,
        None => arguments.get(own + 1).filter(|next| !next.starts_with("--"))?,
    };
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-+_.,".contains(character);
    (!value.is_empty() && value.chars().all(is_plain)).then_some(value)
}
