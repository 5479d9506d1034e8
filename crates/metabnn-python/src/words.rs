//! Messages that were written for the command, in the words of Python.

/// Flags of the command, and the arguments that do the same.
const FLAGS: [(&str, &str); 3] =
    [("--fresh", "fresh=True"), ("--resume", "resume=True"), ("the same command", "the same call")];

/// A message without flags: settings go by their keys, and what advises a flag advises the argument.
pub fn in_python(message: &str) -> String {
    message.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn line(line: &str) -> String {
    let mut said = with_settings(without_origin(line));
    for (flag, argument) in FLAGS {
        said = said.replace(flag, argument);
    }
    said
}

/// What is wrong with a setting, without the flag that it would have been given by: `--set KEY=VALUE: KEY: ...`.
fn without_origin(line: &str) -> &str {
    let key = match line.strip_prefix("--set ") {
        Some(rest) => rest.split('=').next().unwrap_or(rest),
        None if line.starts_with("--seed ") => "seed",
        None => return line,
    };
    line.find(&format!(": {key}: ")).map_or(line, |at| &line[at + 2..])
}

/// `--set KEY=VALUE` as `settings={"KEY": "VALUE"}`.
fn with_settings(line: &str) -> String {
    let mut parts = line.split("--set ");
    let mut said = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find([' ', ',', ';', ')']).unwrap_or(part.len());
        match part[..end].split_once('=') {
            Some((key, value)) => said += &format!("settings={{{key:?}: {value:?}}}{}", &part[end..]),
            None => said += part,
        }
    }
    said
}
