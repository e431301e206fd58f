//! Attacks on the guarantee that a command changes everything or nothing, and that a person's text is never lost.
//!
//! | module | attack |
//! |---|---|
//! | `kill` | the program is killed at each system call that changes something, also during recovery |
//! | `fault` | each of these calls fails: no space, a damaged disk, no permission, a signal |
//! | `save` | another program saves a file while a command replaces it |
//! | `edit` | a file is edited between a kill and the recovery |
//! | `together` | sixteen commands at once on one project, some of them killed |
//!
//! `scenario` is the table of the commands, `stage` the place they run in, `trace` lets strace record and disturb their system calls,
//! `judge` decides which states a project may be in afterwards, `saver` saves files as editors do. Everything random has a fixed seed. A
//! normal run takes a sample that is spread evenly over each command. With `AGENTPKG_FULL=1`, each call is attacked; only the recoveries to
//! interrupt are still a selection, because each command has thousands.

/// Makes a test for each scenario, so that one can be run alone, and all run in parallel.
macro_rules! for_each_scenario {
    ($attack:path) => {
        for_each_scenario! { $attack:
            init install_one install_one_from_git install_builtin install_twenty install_twenty_from_a_folder
            install_over_a_foreign_file install_with_servers install_over_http update_edited update_with_markers
            update_over_http resolve_with_theirs resolve_by_giving_up remove_clean remove_edited undo_update
            undo_over_an_edit check_and_fix registry_add registry_remove registry_refresh registry_refresh_over_http
        }
    };
    ($attack:path: $($name:ident)*) => {
        $(#[test]
        fn $name() {
            $attack(stringify!($name));
        })*

        #[test]
        fn no_scenario_is_left_out() {
            assert_eq!([$(stringify!($name)),*].to_vec(), $crate::trust::scenario::names());
        }
    };
}

mod edit;
mod fault;
mod judge;
mod kill;
mod save;
mod saver;
mod scenario;
mod stage;
mod together;
mod trace;

/// Whether everything is run, not only a sample.
fn is_full() -> bool {
    std::env::var_os("AGENTPKG_FULL").is_some_and(|value| value == "1")
}

/// All of `items` in a full run; otherwise at most `count`, spread evenly.
fn sample<T>(items: Vec<T>, count: usize) -> Vec<T> {
    if is_full() || items.len() <= count {
        return items;
    }
    let length = items.len();
    let chosen: Vec<usize> = (0..count).map(|index| index * length / count).collect();
    items
        .into_iter()
        .enumerate()
        .filter(|(index, _)| chosen.contains(index))
        .map(|(_, item)| item)
        .collect()
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    /// A number below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        // Splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// Fails if anything went wrong, and shows the first failures, one line each.
#[track_caller]
fn assert_none(wrong: &[String], tried: usize) {
    let first: Vec<String> = wrong
        .iter()
        .take(8)
        .map(|what| what.replace('\n', " / "))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} things went wrong in {tried} runs:\n{}",
        wrong.len(),
        first.join("\n")
    );
}

/// Reports how much was run; the test harness shows it with `--nocapture`.
fn count(what: &str) {
    eprintln!("{what}");
}
