//! Questions on a terminal that cannot move its cursor (`TERM=dumb`): numbered lines, answered by typing a line.
//!
//! What an answer means is pure; [`pick`] and [`confirm`] are the terminal.

use std::io::{self, BufRead as _, Write as _};

use super::line::Refuses;
use super::picker::Mode;
use super::sanitize::{one_path, sanitize};
use super::screens::wrapped;
use crate::ops::report::Choice;

/// How many columns a line has: a terminal that cannot move its cursor seldom knows its size.
const COLUMNS: usize = 80;
/// How many choices are printed at once.
const SHOWN: usize = 20;

/// What a typed line means.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// These were taken; empty: none.
    Taken(Vec<usize>),
    /// The list was left.
    Left,
    /// Show the choices with this text.
    Filter(String),
    /// It is no answer, and this is why.
    Not(String),
}

/// Shows a list until it is answered; `None`: it was left.
pub(super) fn pick(
    question: &str,
    choices: &[Choice],
    mode: Mode,
    default: usize,
) -> io::Result<Option<Vec<usize>>> {
    let mut filter = String::new();
    loop {
        let mut lines = wrapped(&format!("{}:", sanitize(question)), COLUMNS);
        lines.extend(listed(choices, &filter));
        lines.extend(wrapped(keys(mode, default), COLUMNS));
        for line in lines {
            print(&format!("{}\n", line.trim_end()))?;
        }
        loop {
            print("> ")?;
            let Some(line) = line()? else {
                return Ok(None);
            };
            match meant(&line, choices, mode, default) {
                Answer::Taken(taken) => return Ok(Some(taken)),
                Answer::Left => return Ok(None),
                Answer::Filter(text) => {
                    filter = text;
                    break;
                }
                Answer::Not(why) => print(&format!("{why}\n"))?,
            }
        }
    }
}

/// Asks for yes or no; `None`: the input ended.
pub(super) fn confirm(question: &str, default: bool) -> io::Result<Option<bool>> {
    let keys = if default { "Y/n" } else { "y/N" };
    loop {
        print(&format!("{} [{keys}] ", sanitize(question)))?;
        let Some(line) = line()? else {
            return Ok(None);
        };
        match line.trim().to_lowercase().as_str() {
            "" => return Ok(Some(default)),
            "y" | "yes" => return Ok(Some(true)),
            "n" | "no" => return Ok(Some(false)),
            _ => {}
        }
    }
}

/// Asks for a line of text; `None`: the input ended.
pub(super) fn text(
    question: &str,
    proposed: &str,
    refuses: Refuses<'_>,
) -> io::Result<Option<String>> {
    loop {
        print(&format!("{} [{}] ", sanitize(question), sanitize(proposed)))?;
        let Some(line) = line()? else {
            return Ok(None);
        };
        let text = match line.trim() {
            "" => proposed,
            text => text,
        };
        match refuses(text) {
            None => return Ok(Some(text.to_owned())),
            Some(why) => print(&format!("{}\n", sanitize(&why)))?,
        }
    }
}

/// How to answer.
fn keys(mode: Mode, default: usize) -> &'static str {
    match mode {
        Mode::One if default == 0 => "Type a number; enter takes the first.",
        Mode::One => "Type a number.",
        Mode::Some => "Type one or more numbers, or a text to filter; enter leaves.",
        Mode::Many => "Type numbers, `all`, or a text to filter; enter takes none.",
    }
}

/// The choices with a text in them, by number.
fn listed(choices: &[Choice], filter: &str) -> Vec<String> {
    let all = choices.iter().enumerate();
    let matching: Vec<String> = all
        .filter(|(_, choice)| {
            let text = format!("{} {}", choice.label, choice.detail).to_lowercase();
            text.contains(filter)
        })
        .map(|(index, choice)| {
            let label = sanitize(&choice.label).replace(['\n', '\t'], " ");
            let number = format!("{:4}  ", index + 1);
            format!("{number}{}", one_path(&label, COLUMNS - number.len()))
        })
        .collect();
    if matching.is_empty() {
        return vec!["      nothing matches".to_owned()];
    }
    let more = matching.len().saturating_sub(SHOWN);
    let mut lines: Vec<String> = matching.into_iter().take(SHOWN).collect();
    if more > 0 {
        lines.push(format!("      and {more} more"));
    }
    lines
}

/// What a typed line means.
fn meant(line: &str, choices: &[Choice], mode: Mode, default: usize) -> Answer {
    let line = line.trim();
    if line.is_empty() {
        return match mode {
            Mode::One => Answer::Taken(vec![default]),
            Mode::Some => Answer::Left,
            Mode::Many => Answer::Taken(Vec::new()),
        };
    }
    if mode == Mode::Many && line == "all" {
        return Answer::Taken((0..choices.len()).collect());
    }
    let words = line.split([',', ' ']).filter(|word| !word.is_empty());
    let numbers: Result<Vec<usize>, _> = words.map(str::parse).collect();
    let Ok(numbers) = numbers else {
        if mode == Mode::One {
            return Answer::Not("type a number".to_owned());
        }
        return Answer::Filter(line.to_lowercase());
    };
    if numbers.len() > 1 && mode == Mode::One {
        return Answer::Not("type one number".to_owned());
    }
    match numbers
        .iter()
        .find(|number| !(1..=choices.len()).contains(number))
    {
        Some(number) => Answer::Not(format!("there is no {number}")),
        None => Answer::Taken(numbers.iter().map(|number| number - 1).collect()),
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut stderr = anstream::stderr();
    stderr.write_all(text.as_bytes())?;
    stderr.flush()
}

/// The line that is typed; `None`: the input ended.
fn line() -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line)?;
    Ok((read > 0).then_some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_means_numbers_or_a_filter() {
        let choices = ["one", "two", "three"].map(Choice::plain);
        let meant = |line: &str, mode| meant(line, &choices, mode, 1);
        let taken = |numbers: &[usize]| Answer::Taken(numbers.to_vec());
        for (line, one, some, many) in [
            ("\n", taken(&[1]), Answer::Left, taken(&[])),
            ("3\n", taken(&[2]), taken(&[2]), taken(&[2])),
            (
                "1, 3",
                Answer::Not("type one number".to_owned()),
                taken(&[0, 2]),
                taken(&[0, 2]),
            ),
            (
                "4",
                Answer::Not("there is no 4".to_owned()),
                Answer::Not("there is no 4".to_owned()),
                Answer::Not("there is no 4".to_owned()),
            ),
            (
                "Tw",
                Answer::Not("type a number".to_owned()),
                Answer::Filter("tw".to_owned()),
                Answer::Filter("tw".to_owned()),
            ),
        ] {
            assert_eq!(meant(line, Mode::One), one, "{line:?}");
            assert_eq!(meant(line, Mode::Some), some, "{line:?}");
            assert_eq!(meant(line, Mode::Many), many, "{line:?}");
        }
        assert_eq!(meant("all", Mode::Many), taken(&[0, 1, 2]));
        assert_eq!(listed(&choices, "tw"), ["   2  two"]);
    }
}
