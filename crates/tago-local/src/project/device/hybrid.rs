use std::collections::HashSet;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::{Anchored, Input, util::primitives::StateID};

use crate::project::call::Refused;

/// Characters of a variable's name, and how many it has at most.
const NAME: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789_";
const LONGEST: usize = 100;

/// Whether a hybrid device can be divided by that rule: some variables match it and some do not.
pub(super) fn check(regex: &str) -> Result<(), Refused> {
    const RULE: &str = "mutable_variable_regex must be a regular expression";
    regex::Regex::new(regex).map_err(|error| Refused::bad(format!("{RULE}: {error}")))?;
    let automaton = dense::Builder::new()
        .configure(dense::Config::new().start_kind(StartKind::Unanchored).dfa_size_limit(Some(LARGEST)))
        .configure(dense::Config::new().determinize_size_limit(Some(LARGEST)))
        .build(regex)
        .map_err(|_| Refused::bad(format!("{RULE} that is simpler")))?;
    let (some, other) =
        outcomes(&automaton).ok_or_else(|| Refused::bad(format!("{RULE} on plain characters")))?;
    match (some, other) {
        (true, true) => Ok(()),
        (false, _) => Err(Refused::bad("mutable_variable_regex must match some variables, and matches none")),
        (_, false) => {
            Err(Refused::bad("mutable_variable_regex must leave some variables out, and matches all"))
        }
    }
}

const LARGEST: usize = 4 << 20;

/// Whether there is a name that matches, and one that does not: a walk through all names at once.
fn outcomes(automaton: &dense::DFA<Vec<u32>>) -> Option<(bool, bool)> {
    let start = automaton.start_state_forward(&Input::new("").anchored(Anchored::No)).ok()?;
    let (mut matches, mut differs) = (false, false);
    let mut seen: HashSet<(StateID, bool)> = HashSet::new();
    let mut states = vec![(start, automaton.is_match_state(start))];
    for _ in 0..LONGEST {
        let mut next = Vec::new();
        for (state, matched) in states {
            for byte in NAME {
                let after = automaton.next_state(state, *byte);
                if automaton.is_quit_state(after) {
                    return None;
                }
                let matched = matched || automaton.is_match_state(after);
                if seen.insert((after, matched)) {
                    next.push((after, matched));
                    let ended = matched || automaton.is_match_state(automaton.next_eoi_state(after));
                    matches |= ended;
                    differs |= !ended;
                }
            }
        }
        states = next;
    }
    Some((matches, differs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_must_match_some_names_and_not_all() {
        for divides in
            ["^cfg_", "temperature", "_setpoint$", "[0-9]", "^[a-m]", "^.{5,}$", "a{100}", "^(a|b)$"]
        {
            assert_eq!(check(divides), Ok(()), "{divides}");
        }
        for all in ["", ".*", "^", "[a-z0-9_]", "^.+$", "x*", "a|[^a]", "^.{1,100}$", "(?i)[A-Z]|[0-9_]"] {
            assert!(check(all).unwrap_err().to_string().contains("matches all"), "{all}");
        }
        for none in ["^$", "Temperature", "-", "^a^b", "a{101}", "$a"] {
            assert!(check(none).unwrap_err().to_string().contains("matches none"), "{none}");
        }
        for broken in ["(", "[z-a]", r"\p{Nope}"] {
            assert!(check(broken).unwrap_err().to_string().contains("regular expression"), "{broken}");
        }
    }
}
